/* The command line: letters, -o lists, SITE and MOUNTPOINT. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engines/common/cleanup.h"
#include "mountopts/mountopts_impl.h"

#define USAGE "usage: dbmount [options] SITE MOUNTPOINT"

/* Where we are in argv. */
struct argv {
	int n;
	char *const *v;
	int i;
	const char *site;
	const char *mountpoint;
};

/* The next item of an -o list, unescaped: "\," is a comma, "\\" a backslash. */
static const char *next_item(const char *list, struct buf *out)
{
	buf_clear(out);
	for (; *list != '\0' && *list != ','; list++) {
		if (list[0] == '\\' && (list[1] == ',' || list[1] == '\\')) {
			list++;
		}
		buf_putc(out, *list);
	}
	return *list == ',' ? list + 1 : NULL;
}

static int read_list(struct options_parse *p, const char *list, struct err *err)
{
	CLEANUP(buf_free) struct buf item = BUF_INIT;
	const char *rest = list;
	while (rest != NULL) {
		rest = next_item(rest, &item);
		int r = buf_check(&item, err);
		if (r == 0) {
			r = option_apply(p, buf_slice(&item), err);
		}
		if (r != 0) {
			return err_wrap(err, "-o %s", list);
		}
	}
	return 0;
}

/* A cluster of letters: "-fd", "-fo ro", "-oro". */
static int read_letters(struct options_parse *p, struct argv *a, struct err *err)
{
	int r = 0;
	for (const char *letter = a->v[a->i] + 1; *letter != '\0' && r == 0; letter++) {
		switch (*letter) {
		case 'f': p->o->foreground = true; break;
		case 'd': r = option_apply(p, slice_of("debug"), err); break;
		case 's': r = option_apply(p, slice_of("threads=1"), err); break;
		case 'h': p->o->action = MOUNTOPTS_HELP; return 0;
		case 'V': p->o->action = MOUNTOPTS_VERSION; return 0;
		case 'o':
			if (letter[1] != '\0') {
				return read_list(p, letter + 1, err);
			}
			if (a->i + 1 >= a->n) {
				return err_set(err, EINVAL, "-o needs a list of options behind it");
			}
			return read_list(p, a->v[++a->i], err);
		default:
			return err_set(err, EINVAL,
				"unknown option -%c; known are -f, -d, -s, -o, -h and -V", *letter);
		}
	}
	return r;
}

static int read_long(struct options_parse *p, const char *word, struct err *err)
{
	if (strcmp(word, "--help") == 0) {
		p->o->action = MOUNTOPTS_HELP;
	} else if (strcmp(word, "--version") == 0) {
		p->o->action = MOUNTOPTS_VERSION;
	} else {
		return err_set(err, EINVAL,
			"unknown option %s; known are --help and --version, others go behind -o",
			word);
	}
	return 0;
}

static int read_operand(struct argv *a, struct err *err)
{
	const char *word = a->v[a->i];
	if (word[0] == '\0') {
		return err_set(err, EINVAL, "an argument is empty; " USAGE);
	}
	if (a->site == NULL) {
		a->site = word;
	} else if (a->mountpoint == NULL) {
		a->mountpoint = word;
	} else {
		return err_set(err, EINVAL, "'%s' is one argument too many; " USAGE, word);
	}
	return 0;
}

static int read_argv(struct options_parse *p, struct argv *a, struct err *err)
{
	bool ended = false;
	for (; a->i < a->n && p->o->action == MOUNTOPTS_MOUNT; a->i++) {
		const char *word = a->v[a->i];
		int r = 0;
		if (ended || word[0] != '-') {
			r = read_operand(a, err);
		} else if (strcmp(word, "--") == 0) {
			ended = true;
		} else if (word[1] == '\0') {
			r = err_set(err, EINVAL, "'-' is no argument here; " USAGE);
		} else if (word[1] == '-') {
			r = read_long(p, word, err);
		} else {
			r = read_letters(p, a, err);
		}
		if (r != 0) {
			return r;
		}
	}
	return 0;
}

static int set_paths(struct mountopts *o, const struct argv *a, struct err *err)
{
	if (a->site == NULL) {
		return err_set(err, EINVAL, "SITE and MOUNTPOINT are missing; " USAGE);
	}
	if (a->mountpoint == NULL) {
		return err_set(err, EINVAL, "MOUNTPOINT is missing; " USAGE);
	}
	struct err own = {0};
	o->site = path_absolute(NULL, a->site, &own);
	if (o->site != NULL) {
		o->mountpoint = path_absolute(NULL, a->mountpoint, &own);
	}
	return own.code != 0 ? err_set(err, own.code, "%s", own.msg) : 0;
}

#define UMASK_UNSET ((mode_t)-1)

static void set_defaults(struct mountopts *o)
{
	memset(o, 0, sizeof(*o));
	o->uid = getuid();
	o->gid = getgid();
	o->umask = UMASK_UNSET;
	o->max_file_size = UINT64_C(64) << 20;
	o->scratch_size = UINT64_C(256) << 20;
	o->scratch_files = 1000;
	o->rejected_files = 100;
	o->threads = 8;
	o->spin_us = 50;
	o->docdb_ttl_interval = 60;
}

static int set_path(char **path, const char *site, const char *name, struct err *err)
{
	if (*path == NULL) {
		*path = path_absolute(site, name, err);
	}
	return *path == NULL ? -ENOMEM : 0;
}

/* Defaults that hang on other options. */
static int set_dependent(struct mountopts *o, struct err *err)
{
	if (o->umask == UMASK_UNSET) {
		o->umask = o->allow_other ? 022 : 077;
	}
	o->foreground = o->foreground || o->debug;
	o->default_permissions = o->default_permissions || o->allow_other;
	int r = set_path(&o->log_file, o->site, "dbmount.log", err);
	r = r == 0 ? set_path(&o->az_a, o->site, "az-a", err) : r;
	return r == 0 ? set_path(&o->az_b, o->site, "az-b", err) : r;
}

int mountopts_parse(struct mountopts *o, int argc, char *const *argv, struct err *err)
{
	struct options_parse p = {.o = o};
	struct argv a = {.n = argc, .v = argv, .i = 1};

	set_defaults(o);
	o->kernel_options = strdup("");
	if (o->kernel_options == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int r = read_argv(&p, &a, err);
	if (r != 0 || o->action != MOUNTOPTS_MOUNT) {
		return r;
	}
	r = set_paths(o, &a, err);
	if (r == 0) {
		r = config_read(&p, err);
	}
	return r == 0 ? set_dependent(o, err) : r;
}
