/* Files outside: s3://BUCKET/KEY is a file of the directory that the lake BUCKET maps; file:///path
 * and /path are files of this machine. */
#ifndef DBMOUNT_REDSHIFT_FILES_H
#define DBMOUNT_REDSHIFT_FILES_H

#include "engines/redshift/leader/catalog.h"

/* The path for an address. ENOENT: no lake of that name, named with those there are; EINVAL. A key
 * with
 * ".." that would lead out of the lake is EINVAL. */
int rs_file_path(
	const struct rs_catalog *c, const char *address, struct buf *path, struct err *err);

struct rs_file {
	char *address; /* as it is told: "s3://bucket/a/b.csv" */
	char *path;
	uint64_t size;
	int64_t mtime_ns;
	bool mandatory; /* of a manifest */
};
struct rs_files {
	struct rs_file *file;
	unsigned n;
};
/* All whose address begins with `prefix`, in byte order; with `folder` those below that folder that
 * Spectrum reads (names that begin with '.', '_', '#' or end with '~' are left out). */
int rs_files_list(const struct rs_catalog *c, const char *prefix, bool folder, struct rs_files *out,
	struct err *err);
/* Of a name in such a folder. */
bool rs_file_is_left_out(const char *name);
/* A manifest's entries. EINVAL, ENOENT: a mandatory one is not there. */
int rs_files_manifest(
	const struct rs_catalog *c, const char *address, struct rs_files *out, struct err *err);
void rs_files_clear(struct rs_files *f);

#endif
