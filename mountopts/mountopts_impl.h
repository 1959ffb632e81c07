/* What the files of mountopts/ share. */
#ifndef DBMOUNT_MOUNTOPTS_IMPL_H
#define DBMOUNT_MOUNTOPTS_IMPL_H

#include "mountopts/mountopts.h"

#define OPTION_MAX 32 /* rows of the table */

enum option_kind {
	OPTION_FLAG,	    /* bool; alone, or =yes, =no */
	OPTION_RO,	    /* ro, ro=SERVICE */
	OPTION_SIZE,	    /* uint64_t, bytes: 64M */
	OPTION_COUNT,	    /* uint64_t */
	OPTION_SMALL,	    /* unsigned */
	OPTION_UID,	    /* uid_t: a number or a name */
	OPTION_GID,	    /* gid_t */
	OPTION_UMASK,	    /* mode_t, octal */
	OPTION_CHOICE,	    /* an int sized enum */
	OPTION_CHOICE_FLAG, /* bool: the second of two choices */
	OPTION_PATH,	    /* char *, made absolute */
	OPTION_NAMED,	    /* key ends in ".NAME", which stands for any; a path */
};

struct option {
	const char *key;
	enum option_kind kind;
	size_t offset;	   /* of the field in struct mountopts */
	const char *value; /* how --help shows it: "MODE"; "" for a flag */
	const char *help;
	const char *const *choices; /* NULL-ended */
	uint64_t min, max;
};

extern const struct option option_table[];

/* One parse: what was said where. Who comes first wins: the command line is
 * read first, then the file. */
struct options_parse {
	struct mountopts *o;
	uint64_t from_argv;	   /* bit n: option_table[n] was set by the command line */
	unsigned line[OPTION_MAX]; /* where dbmount.conf set it, 0: it did not */
	const char *base;   /* what relative paths are relative to, NULL: the working directory */
	unsigned conf_line; /* 0 while the command line is read */
};

/* One "key" or "key=value". EINVAL without the place, which the caller adds. */
int option_apply(struct options_parse *p, struct slice text, struct err *err);

/* Reads SITE/dbmount.conf if there is one. */
int config_read(struct options_parse *p, struct err *err);

/* values.c: text of one option into its field. */
int option_store(const struct option *opt, const char *value, const char *base, struct mountopts *o,
	struct err *err);
/* Of OPTION_NAMED: the length of what its keys begin with ("rds."). */
size_t option_prefix(const struct option *opt);
/* A named one; `key` is as given. */
int option_store_named(
	struct options_parse *p, const char *key, const char *value, struct err *err);
/* A field as text that option_store takes. */
void option_print(const struct option *opt, const struct mountopts *o, struct buf *out);

/* "/base/path", the working directory when base is NULL; `path` itself when it
 * is absolute. NULL with err set. */
char *path_absolute(const char *base, const char *path, struct err *err);

#endif
