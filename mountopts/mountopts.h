/* Every setting of a mount, as plain fields, after parsing. One table
 * (mountopts.c) holds name, kind, default and help of each: the command line,
 * `-o`, dbmount.conf, `--help` and the messages all come from it. */
#ifndef DBMOUNT_MOUNTOPTS_H
#define DBMOUNT_MOUNTOPTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "engines/common/buf.h"
#include "engines/common/err.h"

/* Which library runs the SQL of new clusters; auto: the better one of this build. */
enum mountopts_driver { MOUNTOPTS_AUTO, MOUNTOPTS_DUCKDB, MOUNTOPTS_SQLITE };

enum mountopts_sync { MOUNTOPTS_SYNC_CLOSE, MOUNTOPTS_SYNC_FSYNC, MOUNTOPTS_SYNC_INTERVAL };
enum mountopts_action { MOUNTOPTS_MOUNT, MOUNTOPTS_HELP, MOUNTOPTS_VERSION };

#define MOUNTOPTS_SERVICES_MAX 8

/* An option whose key holds a name of the user's: rds.NAME=FILE. */
struct mountopts_named {
	char *key;     /* "rds.shop" */
	char *value;   /* absolute path */
	unsigned line; /* of dbmount.conf; 0: the command line */
};

struct mountopts {
	enum mountopts_action action;
	char *site;	  /* absolute path */
	char *mountpoint; /* absolute path */

	bool foreground; /* -f */
	bool debug;	 /* -d: -f, and debug lines */

	bool read_only;					  /* ro */
	char *read_only_services[MOUNTOPTS_SERVICES_MAX]; /* ro=SERVICE, may be repeated */
	unsigned n_read_only_services;

	bool allow_other;
	bool default_permissions; /* set, too, when allow_other is */
	uid_t uid;		  /* owner shown; default the caller's */
	gid_t gid;
	mode_t umask; /* taken off 0666 and 0777; default 077, with allow_other 022 */

	bool show_reserved;
	bool xattr;
	enum mountopts_sync sync;
	bool dynamodb_typed; /* dynamodb_json=typed */
	enum mountopts_driver redshift_driver;

	char *az_a; /* az.a=DIR: absolute; default SITE/az-a */
	char *az_b;
	struct mountopts_named *named; /* in the order given */
	unsigned n_named;

	uint64_t max_file_size;	     /* bytes a file being written may have; default 64M */
	uint64_t scratch_size;	     /* bytes of scratch files in all; default 256M */
	uint64_t scratch_files;	     /* number in one directory; default 1000 */
	uint64_t rejected_files;     /* kept in one .rejected/; default 100 */
	unsigned threads;	     /* default 8, 1..64 */
	unsigned docdb_ttl_interval; /* seconds; default 60, 1..86400 */
	unsigned spin_us; /* how long a thread polls before it sleeps; default 50, 0..1000 */
	char *log_file;	  /* log=FILE; default SITE/dbmount.log */

	/* Standard options that only mount(8) or the kernel want (noatime, nodev, dev=...):
	 * passed through, comma-joined; "" when none. */
	char *kernel_options;
};

/* Parses argv, then SITE/dbmount.conf for what argv did not set. EINVAL names
 * what was refused, where (argument or file and line), and the nearest known
 * option or the values accepted. Frees nothing on failure but its own:
 * mountopts_finish() is fine after both. With HELP or VERSION nothing else is
 * checked. `--` ends the options; "-" alone is refused. */
int mountopts_parse(struct mountopts *o, int argc, char *const *argv, struct err *err);
void mountopts_finish(struct mountopts *o);

/* The settings of a service, appended as key NUL value NUL: the options whose key
 * begins with its name and '.' or '_', and those of all services (az.). */
int mountopts_settings(
	const struct mountopts *o, const char *service, struct buf *out, struct err *err);

/* The text of --help. */
void mountopts_help(struct buf *out);
/* The settings in force, a line "key=value" each, in the table's order; what
 * may hold a secret is blanked. For /.dbmount/config. */
void mountopts_print(const struct mountopts *o, struct buf *out);

#endif
