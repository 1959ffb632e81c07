#include "engines/store/zones.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <string.h>
#include <sys/stat.h>

#include "engines/common/cleanup.h"
#include "engines/common/log.h"
#include "engines/store/disk.h"

#define SITE_BYTES ((size_t)16)
#define SITE_TEXT  (2 * SITE_BYTES)

struct site {
	char text[SITE_TEXT + 1];
};

static int read_site(const char *dir, struct site *out, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;

	buf_printf(&path, "%s/site", dir);
	int fd = disk_system.open(buf_cstr(&path), O_RDONLY);
	if (fd < 0) {
		return fd == -ENOENT ? fd : disk_error(fd, path.p, "cannot be read", err);
	}
	*out = (struct site){0};
	ssize_t n = disk_system.read(fd, out->text, SITE_TEXT, 0);
	disk_system.close(fd);
	return n < 0 ? disk_error((int)n, path.p, "cannot be read", err) : 0;
}

/* All of it or nothing, durably. */
static int write_site(const char *dir, const struct site *site, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	CLEANUP(buf_free) struct buf temp = BUF_INIT;

	buf_printf(&path, "%s/site", dir);
	buf_printf(&temp, "%s/site.part", dir);
	buf_cstr(&path);
	buf_cstr(&temp);
	int rc = buf_check(&path, err) < 0 ? -ENOMEM : buf_check(&temp, err);
	if (rc < 0) {
		return rc;
	}
	int fd = disk_system.open(temp.p, O_RDWR | O_CREAT | O_TRUNC);
	rc = fd < 0 ? fd : disk_system.write(fd, site->text, SITE_TEXT, 0);
	if (fd >= 0) {
		disk_system.close(fd);
	}
	return rc < 0 ? disk_error(rc, temp.p, "cannot be written", err)
		      : disk_publish(&disk_system, temp.p, path.p, err);
}

static int make_site(const struct zones *z, struct site *out, struct err *err)
{
	unsigned char bytes[SITE_BYTES];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes)) {
		return err_errno(err, "%s: no random bytes", z->service);
	}
	for (size_t i = 0; i < SITE_BYTES; i++) {
		snprintf(out->text + 2 * i, 3, "%02x", bytes[i]);
	}
	return write_site(z->dir, out, err);
}

static int own_site(const struct zones *z, struct site *out, struct err *err)
{
	int rc = read_site(z->dir, out, err);

	return rc == -ENOENT && !z->read_only ? make_site(z, out, err) : rc;
}

/* ---- one zone ---- */

static bool holds_some(const struct zones *z, const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	bool found = false;

	while (dir != NULL && !found && (entry = readdir(dir)) != NULL) {
		found = entry->d_name[0] == z->kind && entry->d_name[1] >= '1' &&
			entry->d_name[1] <= '9';
	}
	if (dir != NULL) {
		closedir(dir);
	}
	return found;
}

static int refuse(const struct zones *z, unsigned zone, struct err *err)
{
	return err_set(err, EINVAL,
		"az.%c: %s holds the %s of another site, and nothing was changed there: "
		"each site needs directories of its own (or remove that one, if nobody needs it)",
		'a' + (int)zone, z->zone_dir[zone], z->what);
}

static void make_dirs(const char *path)
{
	CLEANUP(buf_free) struct buf part = BUF_INIT;

	for (const char *p = path; *p != '\0'; p++) {
		if (*p == '/' && part.n > 0) {
			mkdir(buf_cstr(&part), 0700);
		}
		buf_putc(&part, *p);
	}
	mkdir(buf_cstr(&part), 0700);
}

/* One whose disk is away does not keep the rest from being served. */
static void take(const struct zones *z, unsigned zone, const struct site *own)
{
	struct err why = {0};

	make_dirs(z->zone_dir[zone]);
	if (write_site(z->zone_dir[zone], own, &why) < 0) {
		log_warn("%s: %s", z->service, why.msg);
	}
}

static int claim(const struct zones *z, unsigned zone, const struct site *own, struct err *err)
{
	struct site found;
	struct err why = {0};

	int rc = read_site(z->zone_dir[zone], &found, &why);
	if (rc == 0) {
		return strcmp(found.text, own->text) == 0 ? 0 : refuse(z, zone, err);
	}
	if (rc != -ENOENT) {
		log_warn("%s: %s", z->service, why.msg);
		return 0;
	}
	if (!z->has_own && holds_some(z, z->zone_dir[zone])) {
		return refuse(z, zone, err);
	}
	if (!z->read_only) {
		take(z, zone, own);
	}
	return 0;
}

/* A standby built in the primary's own directory would begin by emptying it. */
static int check_two(const struct zones *z, struct err *err)
{
	struct stat a;
	struct stat b;
	bool same = strcmp(z->zone_dir[0], z->zone_dir[1]) == 0;

	if (stat(z->zone_dir[0], &a) == 0 && stat(z->zone_dir[1], &b) == 0) {
		same = a.st_dev == b.st_dev && a.st_ino == b.st_ino;
	}
	return same ? err_set(err, EINVAL, "az.a and az.b are one directory, %s: two are needed",
			      z->zone_dir[0])
		    : 0;
}

int zones_claim(const struct zones *z, struct err *err)
{
	struct site own = {0};

	int rc = own_site(z, &own, err);
	if (rc == -ENOENT) {
		return check_two(z, err);
	}
	for (unsigned zone = 0; rc == 0 && zone < INSTANCE_ZONES; zone++) {
		rc = claim(z, zone, &own, err);
	}
	return rc < 0 ? rc : check_two(z, err);
}
