/* The table of options, and everything that is read off it. */
#include "mountopts/mountopts.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "engines/common/cleanup.h"
#include "engines/common/suggest.h"
#include "mountopts/mountopts_impl.h"

#define AT(field) offsetof(struct mountopts, field)
#define KIB	  UINT64_C(1024)
#define MIB	  (KIB * KIB)
#define GIB	  (KIB * MIB)

static const char *const sync_words[] = {"close", "fsync", "interval", NULL};
static const char *const driver_words[] = {"auto", "duckdb", "sqlite", NULL};
static const char *const json_words[] = {"plain", "typed", NULL};

_Static_assert(sizeof(enum mountopts_sync) == sizeof(int), "OPTION_CHOICE stores an int");
_Static_assert(sizeof(enum mountopts_driver) == sizeof(int), "and so does this one");
_Static_assert(sizeof(uid_t) == sizeof(uint32_t) && sizeof(gid_t) == sizeof(uint32_t),
	"OPTION_UID and OPTION_GID store 32 bits");

const struct option option_table[] = {
	{"ro", OPTION_RO, AT(read_only), "[=SERVICE]",
		"nothing can be changed; with =SERVICE only there, may be repeated", NULL, 0, 0},
	{"allow_other", OPTION_FLAG, AT(allow_other), "",
		"other users may enter, as far as the file modes let them", NULL, 0, 0},
	{"default_permissions", OPTION_FLAG, AT(default_permissions), "",
		"the kernel checks file modes (always with allow_other)", NULL, 0, 0},
	{"uid", OPTION_UID, AT(uid), "USER", "owner of all files [yours]", NULL, 0, 0},
	{"gid", OPTION_GID, AT(gid), "GROUP", "group of all files [yours]", NULL, 0, 0},
	{"umask", OPTION_UMASK, AT(umask), "OCTAL",
		"bits taken off the file modes [077, with allow_other 022]", NULL, 0, 0},
	{"debug", OPTION_FLAG, AT(debug), "", "as -d", NULL, 0, 0},
	{"show_reserved", OPTION_FLAG, AT(show_reserved), "",
		"list .control, .status and the like, too", NULL, 0, 0},
	{"xattr", OPTION_FLAG, AT(xattr), "",
		"version, TTL and last error as user.dbmount.* (slows ls -l)", NULL, 0, 0},
	{"sync", OPTION_CHOICE, AT(sync), "close|fsync|interval",
		"saved means on disk: at close, at fsync, within a second [close]", sync_words, 0,
		0},
	{"dynamodb_json", OPTION_CHOICE_FLAG, AT(dynamodb_typed), "plain|typed",
		"which form of an item is listed [plain]", json_words, 0, 0},
	{"max_file_size", OPTION_SIZE, AT(max_file_size), "SIZE",
		"of a file while it is being written [64M]", NULL, KIB, 64 * GIB},
	{"scratch_size", OPTION_SIZE, AT(scratch_size), "SIZE",
		"of all editors' scratch files together [256M]", NULL, 0, 1024 * GIB},
	{"scratch_files", OPTION_COUNT, AT(scratch_files), "N",
		"scratch files in one directory [1000]", NULL, 0, 1000000},
	{"rejected_files", OPTION_COUNT, AT(rejected_files), "N",
		"refused texts kept in one .rejected/ [100]", NULL, 0, 100000},
	{"threads", OPTION_SMALL, AT(threads), "N", "requests worked on at once [8]", NULL, 1, 64},
	{"spin_us", OPTION_SMALL, AT(spin_us), "N",
		"microseconds a thread polls before it sleeps [50]", NULL, 0, 1000},
	{"log", OPTION_PATH, AT(log_file), "FILE", "the daemon's log [SITE/dbmount.log]", NULL, 0,
		0},
	{"az.a", OPTION_PATH, AT(az_a), "DIR",
		"where the first availability zone keeps its files [SITE/az-a]", NULL, 0, 0},
	{"az.b", OPTION_PATH, AT(az_b), "DIR", "and the second: best another disk [SITE/az-b]",
		NULL, 0, 0},
	{"docdb.ttl_interval", OPTION_SMALL, AT(docdb_ttl_interval), "SECONDS",
		"between two looks for documents that have expired [60]", NULL, 1, 86400},
	{"redshift_driver", OPTION_CHOICE, AT(redshift_driver), "auto|duckdb|sqlite",
		"what runs new clusters [auto: the best here]", driver_words, 0, 0},
	{"rds.NAME", OPTION_NAMED, 0, "FILE",
		"an SQLite file, used where it is, as the instance /rds/NAME", NULL, 0, 0},
	{NULL, OPTION_FLAG, 0, NULL, NULL, NULL, 0, 0},
};

/* ---- words of mount(8) ---- */

/* Words that only mount(8) and /etc/fstab mean something by, and the kernel's
 * words for access times, which no file here has. A name ending in '*' or '='
 * stands for all that begin so. */
static const char *const ignored_words[] = {"rw", "defaults", "auto", "noauto", "user", "nouser",
	"users", "nousers", "owner", "group", "nofail", "_netdev", "async", "diratime",
	"nodiratime", "relatime", "norelatime", "strictatime", "nostrictatime", "lazytime",
	"nolazytime", "x-*", "X-*", "comment=", NULL};

/* Words for the kernel and libfuse. */
static const char *const kernel_words[] = {"dev", "nodev", "suid", "nosuid", "exec", "noexec",
	"atime", "noatime", "dirsync", "auto_unmount", "fsname=", "subtype=", NULL};

static bool matches(const char *word, const char *text)
{
	size_t n = strlen(word);
	if (word[n - 1] == '*') {
		return strncmp(word, text, n - 1) == 0;
	}
	if (word[n - 1] == '=') {
		return strncmp(word, text, n) == 0 && text[n] != '\0';
	}
	return strcmp(word, text) == 0;
}

static bool is_one_of(const char *const *words, const char *text)
{
	for (; *words != NULL; words++) {
		if (matches(*words, text)) {
			return true;
		}
	}
	return false;
}

/* The list is read by libfuse, which splits at commas again. */
static int add_kernel_option(struct mountopts *o, const char *text, struct err *err)
{
	CLEANUP(buf_free) struct buf all = BUF_INIT;
	buf_puts(&all, o->kernel_options);
	if (all.n > 0) {
		buf_putc(&all, ',');
	}
	for (; *text != '\0'; text++) {
		if (*text == ',' || *text == '\\') {
			buf_putc(&all, '\\');
		}
		buf_putc(&all, *text);
	}
	char *copy = strdup(buf_cstr(&all));
	if (copy == NULL || all.failed) {
		free(copy);
		return err_set(err, ENOMEM, "out of memory");
	}
	free(o->kernel_options);
	o->kernel_options = copy;
	return 0;
}

/* ---- one option ---- */

/* All words worth suggesting, the table's first. */
static const char *next_known(const void *arg, unsigned i)
{
	(void)arg;
	unsigned n_kernel = sizeof(kernel_words) / sizeof(kernel_words[0]) - 1;
	unsigned n = 0;
	while (option_table[n].key != NULL) {
		n++;
	}
	if (i < n) {
		return option_table[i].key;
	}
	return i - n < n_kernel ? kernel_words[i - n] : NULL;
}

static const char *next_named(const void *arg, unsigned i)
{
	const struct option *opt = arg;
	return i == 0 ? opt->key : NULL;
}

static int refuse_unknown(const char *key, struct err *err)
{
	if (strcmp(key, "remount") == 0) {
		return err_set(err, EINVAL,
			"a mount cannot be changed with remount: unmount it and mount it again");
	}
	/* Of "rdb.shop" only what stands before the name can be near to anything. */
	const char *dot = strchr(key, '.');
	const char *near = suggest(key, next_known, NULL);
	for (const struct option *opt = option_table; near == NULL && dot != NULL; opt++) {
		CLEANUP(buf_free) struct buf word = BUF_INIT;
		if (opt->key == NULL) {
			break;
		}
		buf_append(&word, key, (size_t)(dot - key));
		buf_puts(&word, ".NAME");
		if (opt->kind == OPTION_NAMED &&
			suggest(buf_cstr(&word), next_named, opt) != NULL) {
			near = opt->key;
		}
	}
	if (near == NULL) {
		return err_set(err, EINVAL, "unknown option '%s'; --help lists the options", key);
	}
	return err_set(err, EINVAL, "unknown option '%s'; did you mean '%.*s'?", key,
		(int)strcspn(near, "="), near);
}

static int apply_known(struct options_parse *p, unsigned n, const char *value, struct err *err)
{
	const struct option *opt = &option_table[n];
	bool in_file = p->conf_line > 0;
	/* Several services may be read-only; each is said on its own. */
	bool once = opt->kind != OPTION_RO;

	if (in_file && once && p->line[n] != 0) {
		return err_set(
			err, EINVAL, "%s is set twice, first in line %u", opt->key, p->line[n]);
	}
	if (in_file && once && (p->from_argv & (UINT64_C(1) << n)) != 0) {
		/* The command line wins, but a bad line is refused all the same. */
		struct mountopts ignored = {0};
		int r = option_store(opt, value, p->base, &ignored, err);
		mountopts_finish(&ignored);
		return r;
	}
	int r = option_store(opt, value, p->base, p->o, err);
	if (r == 0 && in_file) {
		p->line[n] = p->conf_line;
	} else if (r == 0) {
		p->from_argv |= UINT64_C(1) << n;
	}
	return r;
}

int option_apply(struct options_parse *p, struct slice text, struct err *err)
{
	CLEANUP(buf_free) struct buf copy = BUF_INIT;
	if (text.n == 0) {
		return err_set(err, EINVAL, "an option is empty");
	}
	if (memchr(text.p, '\0', text.n) != NULL) {
		return err_set(err, EINVAL, "an option holds a NUL byte");
	}
	buf_append_slice(&copy, text);
	buf_putc(&copy, '\0');
	if (copy.failed) {
		return err_set(err, ENOMEM, "out of memory");
	}
	char *key = copy.p;
	if (is_one_of(ignored_words, key)) {
		return 0;
	}
	if (is_one_of(kernel_words, key)) {
		return add_kernel_option(p->o, key, err);
	}
	const char *value = NULL;
	char *equals = strchr(key, '=');
	if (equals != NULL) {
		*equals = '\0';
		value = equals + 1;
	} else if (strcmp(key, "sync") == 0) {
		value = "close"; /* mount(8)'s word for what is our default */
	}
	for (unsigned n = 0; option_table[n].key != NULL; n++) {
		const struct option *opt = &option_table[n];
		if (opt->kind == OPTION_NAMED && strncmp(opt->key, key, option_prefix(opt)) == 0) {
			return option_store_named(p, key, value, err);
		}
		if (strcmp(opt->key, key) == 0) {
			return apply_known(p, n, value, err);
		}
	}
	return refuse_unknown(key, err);
}

void mountopts_finish(struct mountopts *o)
{
	free(o->site);
	free(o->mountpoint);
	free(o->log_file);
	free(o->az_a);
	free(o->az_b);
	for (unsigned i = 0; i < o->n_named; i++) {
		free(o->named[i].key);
		free(o->named[i].value);
	}
	free(o->named);
	free(o->kernel_options);
	for (unsigned i = 0; i < o->n_read_only_services; i++) {
		free(o->read_only_services[i]);
	}
	memset(o, 0, sizeof(*o));
}

/* ---- text ---- */

void mountopts_help(struct buf *out)
{
	buf_puts(out,
		"usage: dbmount [options] SITE MOUNTPOINT\n\n"
		"Mounts database services as files. SITE is a directory that holds all data;\n"
		"it is created if missing. End with: umount MOUNTPOINT\n\n"
		"  -f             stay in the foreground\n"
		"  -d             as -f, with debug lines\n"
		"  -s             one thread, as -o threads=1\n"
		"  -o OPTION,...  the options below; \\, is a comma inside a value\n"
		"  -h, --help     this text\n"
		"  -V, --version  the version\n\n"
		"Options, for -o and as lines of SITE/dbmount.conf (-o wins):\n");
	for (const struct option *opt = option_table; opt->key != NULL; opt++) {
		CLEANUP(buf_free) struct buf name = BUF_INIT;
		bool has_value = opt->value[0] != '\0' && opt->value[0] != '[';
		buf_printf(&name, "%s%s%s", opt->key, has_value ? "=" : "", opt->value);
		if (name.n > 20) {
			buf_printf(out, "  %s\n  %20s  %s\n", buf_cstr(&name), "", opt->help);
		} else {
			buf_printf(out, "  %-20s  %s\n", buf_cstr(&name), opt->help);
		}
	}
	buf_puts(out,
		"\nA relative FILE or DIR is one of SITE in dbmount.conf, else of the working "
		"directory.\n"
		"The words of mount(8) and fstab (noauto, nofail, nosuid, noatime, ...) are "
		"accepted.\nA flag of dbmount.conf is taken back with -o FLAG=no.\n");
}

/* Kernel words stand one a line; a comma inside one is escaped in the list. */
static void print_kernel_words(const char *list, struct buf *out)
{
	for (; *list != '\0'; list++) {
		if (*list == ',') {
			buf_putc(out, '\n');
			continue;
		}
		if (*list == '\\' && list[1] != '\0') {
			list++;
		}
		buf_putc(out, *list);
	}
	buf_putc(out, '\n');
}

static void print_named(const struct option *opt, const struct mountopts *o, struct buf *out)
{
	for (unsigned i = 0; i < o->n_named; i++) {
		if (strncmp(o->named[i].key, opt->key, option_prefix(opt)) == 0) {
			buf_printf(out, "%s=%s\n", o->named[i].key, o->named[i].value);
		}
	}
}

static bool is_of_service(const char *key, const char *service)
{
	size_t n = strlen(service);
	return strncmp(key, "az.", 3) == 0 ||
	       (strncmp(key, service, n) == 0 && (key[n] == '.' || key[n] == '_'));
}

static void put_setting(const char *key, const char *value, struct buf *out)
{
	buf_append(out, key, strlen(key) + 1);
	buf_append(out, value, strlen(value) + 1);
}

int mountopts_settings(
	const struct mountopts *o, const char *service, struct buf *out, struct err *err)
{
	for (const struct option *opt = option_table; opt->key != NULL; opt++) {
		CLEANUP(buf_free) struct buf value = BUF_INIT;
		if (opt->kind != OPTION_NAMED && is_of_service(opt->key, service)) {
			option_print(opt, o, &value);
			put_setting(opt->key, buf_cstr(&value), out);
		}
	}
	for (unsigned i = 0; i < o->n_named; i++) {
		if (is_of_service(o->named[i].key, service)) {
			put_setting(o->named[i].key, o->named[i].value, out);
		}
	}
	return buf_check(out, err);
}

void mountopts_print(const struct mountopts *o, struct buf *out)
{
	for (const struct option *opt = option_table; opt->key != NULL; opt++) {
		if (opt->kind == OPTION_NAMED) {
			print_named(opt, o, out);
			continue;
		}
		if (opt->kind != OPTION_RO) {
			buf_printf(out, "%s=", opt->key);
			option_print(opt, o, out);
			buf_putc(out, '\n');
			continue;
		}
		if (o->read_only) {
			buf_puts(out, "ro\n");
		}
		for (unsigned i = 0; i < o->n_read_only_services; i++) {
			buf_printf(out, "ro=%s\n", o->read_only_services[i]);
		}
	}
	if (o->kernel_options != NULL && o->kernel_options[0] != '\0') {
		print_kernel_words(o->kernel_options, out);
	}
}
