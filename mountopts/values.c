/* Text of one option <-> its field. Messages say what would be accepted. */
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engines/common/cleanup.h"
#include "mountopts/mountopts_impl.h"

#define FIELD(o, opt, type)	  ((type *)(void *)((char *)(o) + (opt)->offset))
#define FIELD_CONST(o, opt, type) (*(const type *)(const void *)((const char *)(o) + (opt)->offset))

/* Digits only, in `base`; false on anything else and when it does not fit. */
static bool read_digits(const char *s, size_t n, unsigned base, uint64_t *out)
{
	uint64_t v = 0;
	if (n == 0) {
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		unsigned digit = (unsigned)((unsigned char)s[i] - (unsigned char)'0');
		if (digit >= base || v > (UINT64_MAX - digit) / base) {
			return false;
		}
		v = v * base + digit;
	}
	*out = v;
	return true;
}

/* Bits that a size's suffix shifts by; takes it off *n. */
static unsigned take_suffix(const char *s, size_t *n)
{
	static const char letters[] = "kmg";
	const char *hit = *n > 0 ? strchr(letters, s[*n - 1] | 0x20) : NULL;
	if (hit == NULL || *hit == '\0') {
		return 0;
	}
	(*n)--;
	return 10 * (unsigned)(hit - letters + 1);
}

static void print_size(uint64_t v, struct buf *out)
{
	static const char letters[] = "KMG";
	unsigned i = 0;
	while (i < 3 && v != 0 && v % 1024 == 0) {
		v /= 1024;
		i++;
	}
	buf_printf(out, "%llu", (unsigned long long)v);
	if (i > 0) {
		buf_putc(out, letters[i - 1]);
	}
}

static int read_number(const struct option *opt, const char *value, uint64_t *out, struct err *err)
{
	size_t n = strlen(value);
	bool is_size = opt->kind == OPTION_SIZE;
	unsigned shift = is_size ? take_suffix(value, &n) : 0;
	uint64_t v;
	if (read_digits(value, n, 10, &v) && v <= UINT64_MAX >> shift) {
		v <<= shift;
		if (v >= opt->min && v <= opt->max) {
			*out = v;
			return 0;
		}
	}
	CLEANUP(buf_free) struct buf range = BUF_INIT;
	if (is_size) {
		print_size(opt->min, &range);
		buf_puts(&range, " to ");
		print_size(opt->max, &range);
		return err_set(err, EINVAL,
			"%s=%s is not a size: accepted are %s, in bytes or with K, M or G",
			opt->key, value, buf_cstr(&range));
	}
	return err_set(err, EINVAL, "%s=%s is not a number from %llu to %llu", opt->key, value,
		(unsigned long long)opt->min, (unsigned long long)opt->max);
}

static int read_flag(const struct option *opt, const char *value, bool *out, struct err *err)
{
	if (value == NULL || strcmp(value, "yes") == 0) {
		*out = true;
		return 0;
	}
	if (strcmp(value, "no") == 0) {
		*out = false;
		return 0;
	}
	return err_set(err, EINVAL, "%s=%s: accepted are %s, %s=yes and %s=no", opt->key, value,
		opt->key, opt->key, opt->key);
}

static int read_choice(const struct option *opt, const char *value, int *out, struct err *err)
{
	CLEANUP(buf_free) struct buf all = BUF_INIT;
	for (int i = 0; opt->choices[i] != NULL; i++) {
		if (strcmp(opt->choices[i], value) == 0) {
			*out = i;
			return 0;
		}
		buf_printf(&all, "%s%s", i > 0 ? ", " : "", opt->choices[i]);
	}
	return err_set(err, EINVAL, "%s=%s: accepted are %s", opt->key, value, buf_cstr(&all));
}

static int read_id(const struct option *opt, const char *value, uint32_t *out, struct err *err)
{
	uint64_t v;
	/* All ones means "no id" to the kernel. */
	if (read_digits(value, strlen(value), 10, &v) && v < UINT32_MAX) {
		*out = (uint32_t)v;
		return 0;
	}
	if (opt->kind == OPTION_UID) {
		const struct passwd *user = getpwnam(value);
		if (user != NULL) {
			*out = user->pw_uid;
			return 0;
		}
		return err_set(err, EINVAL, "uid=%s: no user of this name or number", value);
	}
	const struct group *group = getgrnam(value);
	if (group != NULL) {
		*out = group->gr_gid;
		return 0;
	}
	return err_set(err, EINVAL, "gid=%s: no group of this name or number", value);
}

static int read_umask(const char *value, mode_t *out, struct err *err)
{
	uint64_t v;
	if (!read_digits(value, strlen(value), 8, &v) || v > 0777) {
		return err_set(
			err, EINVAL, "umask=%s: accepted are octal numbers from 0 to 777", value);
	}
	*out = (mode_t)v;
	return 0;
}

static int read_service(const char *value, struct mountopts *o, struct err *err)
{
	if (value == NULL) {
		o->read_only = true;
		return 0;
	}
	for (unsigned i = 0; i < o->n_read_only_services; i++) {
		if (strcmp(o->read_only_services[i], value) == 0) {
			return 0;
		}
	}
	if (o->n_read_only_services == MOUNTOPTS_SERVICES_MAX) {
		return err_set(err, EINVAL, "ro=%s: at most %d services can be named", value,
			MOUNTOPTS_SERVICES_MAX);
	}
	char *copy = strdup(value);
	if (copy == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	o->read_only_services[o->n_read_only_services++] = copy;
	return 0;
}

char *path_absolute(const char *base, const char *path, struct err *err)
{
	char cwd[PATH_MAX];
	CLEANUP(buf_free) struct buf whole = BUF_INIT;
	if (path[0] != '/') {
		if (base == NULL && getcwd(cwd, sizeof(cwd)) == NULL) {
			err_errno(err, "cannot tell the working directory that %s is relative to",
				path);
			return NULL;
		}
		buf_puts(&whole, base != NULL ? base : cwd);
		buf_putc(&whole, '/');
	}
	buf_puts(&whole, strcmp(path, ".") == 0 ? "" : path);
	while (whole.n > 1 && whole.p[whole.n - 1] == '/') {
		whole.n--;
	}
	char *copy = strdup(buf_cstr(&whole));
	if (copy == NULL || whole.failed) {
		free(copy);
		err_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	return copy;
}

size_t option_prefix(const struct option *opt)
{
	return strlen(opt->key) - strlen("NAME");
}

static struct mountopts_named *find_named(const struct mountopts *o, const char *key)
{
	for (unsigned i = 0; i < o->n_named; i++) {
		if (strcmp(o->named[i].key, key) == 0) {
			return &o->named[i];
		}
	}
	return NULL;
}

static int add_named(
	struct mountopts *o, const char *key, char *value, unsigned line, struct err *err)
{
	struct mountopts_named *all = realloc(o->named, (o->n_named + 1) * sizeof(*all));
	if (all == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	o->named = all;
	struct mountopts_named *last = &all[o->n_named];
	last->key = strdup(key);
	if (last->key == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	last->value = value;
	last->line = line;
	o->n_named++;
	return 0;
}

int option_store_named(struct options_parse *p, const char *key, const char *value, struct err *err)
{
	struct mountopts_named *old = find_named(p->o, key);
	if (key[strlen(key) - 1] == '.') {
		return err_set(
			err, EINVAL, "%s lacks a name behind the dot: %sNAME=FILE", key, key);
	}
	if (value == NULL) {
		return err_set(err, EINVAL, "%s needs a value: %s=FILE", key, key);
	}
	if (value[0] == '\0') {
		return err_set(err, EINVAL, "%s= has no value", key);
	}
	if (old != NULL && p->conf_line > 0) {
		return old->line == 0 ? 0 /* the command line wins */
				      : err_set(err, EINVAL, "%s is set twice, first in line %u",
						key, old->line);
	}
	char *path = path_absolute(p->base, value, err);
	if (path == NULL) {
		return err != NULL ? -err->code : -ENOMEM;
	}
	if (old != NULL) {
		free(old->value);
		old->value = path;
		return 0;
	}
	int r = add_named(p->o, key, path, p->conf_line, err);
	if (r != 0) {
		free(path);
	}
	return r;
}

static int read_path(const char *value, const char *base, char **out, struct err *err)
{
	char *path = path_absolute(base, value, err);
	if (path == NULL) {
		return err != NULL ? -err->code : -ENOMEM;
	}
	free(*out);
	*out = path;
	return 0;
}

static int store_number(
	const struct option *opt, const char *value, struct mountopts *o, struct err *err)
{
	uint64_t v = 0;
	int r = read_number(opt, value, &v, err);
	if (r != 0) {
		return r;
	}
	if (opt->kind == OPTION_SMALL) {
		*FIELD(o, opt, unsigned) = (unsigned)v;
	} else {
		*FIELD(o, opt, uint64_t) = v;
	}
	return 0;
}

static int store_choice(
	const struct option *opt, const char *value, struct mountopts *o, struct err *err)
{
	int choice = 0;
	int r = read_choice(opt, value, &choice, err);
	if (r != 0) {
		return r;
	}
	if (opt->kind == OPTION_CHOICE_FLAG) {
		*FIELD(o, opt, bool) = choice == 1;
	} else {
		*FIELD(o, opt, int) = choice;
	}
	return 0;
}

int option_store(const struct option *opt, const char *value, const char *base, struct mountopts *o,
	struct err *err)
{
	bool alone = opt->kind == OPTION_FLAG || opt->kind == OPTION_RO;
	if (value == NULL && !alone) {
		return err_set(
			err, EINVAL, "%s needs a value: %s=%s", opt->key, opt->key, opt->value);
	}
	if (value != NULL && value[0] == '\0') {
		return err_set(err, EINVAL, "%s= has no value", opt->key);
	}
	switch (opt->kind) {
	case OPTION_FLAG: return read_flag(opt, value, FIELD(o, opt, bool), err);
	case OPTION_RO: return read_service(value, o, err);
	case OPTION_SIZE:
	case OPTION_COUNT:
	case OPTION_SMALL: return store_number(opt, value, o, err);
	case OPTION_UID:
	case OPTION_GID: return read_id(opt, value, FIELD(o, opt, uint32_t), err);
	case OPTION_UMASK: return read_umask(value, FIELD(o, opt, mode_t), err);
	case OPTION_CHOICE:
	case OPTION_CHOICE_FLAG: return store_choice(opt, value, o, err);
	case OPTION_PATH: return read_path(value, base, FIELD(o, opt, char *), err);
	case OPTION_NAMED: break; /* option_store_named() */
	}
	return err_set(err, EINVAL, "%s cannot be set", opt->key);
}

void option_print(const struct option *opt, const struct mountopts *o, struct buf *out)
{
	switch (opt->kind) {
	case OPTION_FLAG:
	case OPTION_RO: buf_puts(out, FIELD_CONST(o, opt, bool) ? "yes" : "no"); break;
	case OPTION_SIZE: print_size(FIELD_CONST(o, opt, uint64_t), out); break;
	case OPTION_COUNT:
		buf_printf(out, "%llu", (unsigned long long)FIELD_CONST(o, opt, uint64_t));
		break;
	case OPTION_SMALL: buf_printf(out, "%u", FIELD_CONST(o, opt, unsigned)); break;
	case OPTION_UID:
	case OPTION_GID: buf_printf(out, "%u", FIELD_CONST(o, opt, uint32_t)); break;
	case OPTION_UMASK: buf_printf(out, "%03o", FIELD_CONST(o, opt, mode_t)); break;
	case OPTION_CHOICE: buf_puts(out, opt->choices[FIELD_CONST(o, opt, int)]); break;
	case OPTION_CHOICE_FLAG: buf_puts(out, opt->choices[FIELD_CONST(o, opt, bool)]); break;
	case OPTION_NAMED: break;
	case OPTION_PATH: {
		const char *path = FIELD_CONST(o, opt, char *);
		buf_puts(out, path != NULL ? path : "");
		break;
	}
	}
}
