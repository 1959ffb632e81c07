#include "engines/common/datadir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engines/common/buf.h"
#include "engines/common/cleanup.h"
#include "engines/common/log.h"

/* ---- files named by a number ---- */

bool datadir_numbered(
	const char *name, const char *kinds, char *kind, uint64_t *id, const char **rest)
{
	char *end;

	if (name[0] == '\0' || strchr(kinds, name[0]) == NULL || name[1] < '1' || name[1] > '9') {
		return false;
	}
	*kind = name[0];
	*id = strtoull(name + 1, &end, 10);
	*rest = end;
	return true;
}

int datadir_each(const char *dir, datadir_parse *parse, datadir_fn *fn, void *arg, struct err *err)
{
	DIR *d = opendir(dir);
	const struct dirent *entry;
	char kind;
	uint64_t id;
	int rc = 0;

	if (d == NULL) {
		return errno == ENOENT ? 0 : err_errno(err, "%s", dir);
	}
	while (rc == 0 && (entry = readdir(d)) != NULL) {
		if (parse(entry->d_name, &kind, &id)) {
			rc = fn(arg, entry->d_name, kind, id, err);
		}
	}
	closedir(d);
	return rc;
}

void datadir_remove_database(const char *path, const char *service)
{
	static const char *const beside[] = {"", "-wal", "-shm", "-journal", ".part"};

	for (size_t k = 0; k < sizeof(beside) / sizeof(beside[0]); k++) {
		CLEANUP(buf_free) struct buf name = BUF_INIT;
		buf_printf(&name, "%s%s", path, beside[k]);
		const char *file =
			path[0] != '\0' ? buf_cstr(&name) : ""; /* "": no memory for it */
		if (unlink(file) < 0 && errno != ENOENT) {
			log_warn("%s: cannot remove %s: %s", service, file, strerror(errno));
		}
	}
}

/* ---- the catalog ---- */

struct lost {
	const char *dir;
	const char *what;
};

static int refuse_file(void *arg, const char *name, char kind, uint64_t id, struct err *err)
{
	const struct lost *lost = arg;

	(void)kind;
	(void)id;
	return err_set(err, EIO,
		"%s holds %s but no catalog.db, which names the %s: nothing was changed; put "
		"catalog.db back, or move the files away",
		lost->dir, name, lost->what);
}

int datadir_check_catalog(const char *dir, datadir_parse *parse, const char *what, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	struct lost lost = {dir, what};
	struct stat st;

	buf_printf(&path, "%s/catalog.db", dir);
	buf_cstr(&path);
	int rc = buf_check(&path, err);
	if (rc < 0 || stat(path.p, &st) == 0) {
		return rc;
	}
	return datadir_each(dir, parse, refuse_file, &lost, err);
}

/* ---- temporary files ---- */

static void empty(int dir_fd)
{
	int fd = openat(dir_fd, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;

	if (dir == NULL) {
		cleanup_close(&fd);
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
			unlinkat(dirfd(dir), entry->d_name, 0);
		}
	}
	closedir(dir);
}

int datadir_make_tmp(int dir_fd, const char *dir, struct err *err)
{
	if (mkdirat(dir_fd, "tmp", 0700) < 0 && errno != EEXIST) {
		return err_errno(err, "%s/tmp", dir);
	}
	empty(dir_fd);
	return 0;
}

int datadir_open_unnamed(const char *dir, struct err *err)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0) {
		return fd;
	}
	/* Not every file system can make a file without a name. */
	buf_printf(&name, "%s/unnamed-XXXXXX", dir);
	buf_cstr(&name);
	int rc = buf_check(&name, err);
	if (rc < 0) {
		return rc;
	}
	fd = mkostemp(name.p, O_CLOEXEC);
	if (fd < 0) {
		return err_errno(err, "%s", dir);
	}
	unlink(name.p);
	return fd;
}
