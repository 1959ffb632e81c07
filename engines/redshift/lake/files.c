/* Addresses as paths, and what lies below a prefix. */
#include "engines/redshift/lake/files.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "engines/common/cleanup.h"

static const char s3[] = "s3://";

/* ---- addresses ---- */

/* A step ".." could lead out of the lake. */
static bool leads_out(const char *key)
{
	for (const char *step = key; step != NULL;) {
		const char *end = strchr(step, '/');
		size_t n = end != NULL ? (size_t)(end - step) : strlen(step);
		if (n == 2 && memcmp(step, "..", 2) == 0) {
			return true;
		}
		step = end != NULL ? end + 1 : NULL;
	}
	return false;
}

static int no_lake(const struct rs_catalog *c, struct slice name, struct err *err)
{
	CLEANUP(buf_free) struct buf known = BUF_INIT;
	for (unsigned i = 0; i < c->n_lakes; i++) {
		buf_printf(&known, "%s%s", i > 0 ? ", " : "", c->lakes[i].name);
	}
	return err_set(err, ENOENT,
		"no directory is mapped as s3://%.*s (map NAME DIRECTORY in .lake/.control); there "
		"is %s",
		(int)name.n, name.p, c->n_lakes > 0 ? buf_cstr(&known) : "none yet");
}

static int path_in_lake(
	const struct rs_catalog *c, const char *address, struct buf *path, struct err *err)
{
	const char *name = address + sizeof(s3) - 1;
	const char *slash = strchr(name, '/');
	size_t n = slash != NULL ? (size_t)(slash - name) : strlen(name);
	CLEANUP(buf_free) struct buf bucket = BUF_INIT;
	buf_append(&bucket, name, n);
	const struct rs_lake *lake = rs_catalog_lake(c, buf_cstr(&bucket));
	if (lake == NULL) {
		return no_lake(c, slice_make(name, n), err);
	}
	if (leads_out(name + n)) {
		return err_set(err, EINVAL, "%s: '..' leads nowhere in a bucket", address);
	}
	buf_puts(path, lake->directory);
	buf_puts(path, name + n);
	return buf_check(path, err);
}

int rs_file_path(const struct rs_catalog *c, const char *address, struct buf *path, struct err *err)
{
	if (strncmp(address, s3, sizeof(s3) - 1) == 0) {
		return path_in_lake(c, address, path, err);
	}
	if (strncmp(address, "file:///", 8) == 0) {
		address += 7;
	}
	if (address[0] != '/') {
		return err_set(err, EINVAL,
			"'%s' is no place of files; s3://NAME/… of a mapped directory, or /PATH of "
			"this "
			"machine is expected",
			address);
	}
	buf_puts(path, address);
	return buf_check(path, err);
}

/* ---- lists ---- */

void rs_files_clear(struct rs_files *f)
{
	for (unsigned i = 0; i < f->n; i++) {
		free(f->file[i].address);
		free(f->file[i].path);
	}
	free(f->file);
	*f = (struct rs_files){0};
}

static int add(struct rs_files *f, const char *address, const char *path, const struct stat *st,
	struct err *err)
{
	struct rs_file *more = realloc(f->file, (f->n + 1) * sizeof(*more));
	if (more == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	f->file = more;
	more[f->n] = (struct rs_file){.address = strdup(address),
		.path = strdup(path),
		.size = (uint64_t)st->st_size,
		.mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec,
		.mandatory = true};
	f->n++;
	return more[f->n - 1].address != NULL && more[f->n - 1].path != NULL
		       ? 0
		       : err_set(err, ENOMEM, "out of memory");
}

static int by_address(const void *a, const void *b)
{
	return strcmp(((const struct rs_file *)a)->address, ((const struct rs_file *)b)->address);
}

struct walk {
	struct rs_files *out;
	bool folder; /* leave out what Spectrum does not read */
	struct buf path;
	struct buf address;
};

bool rs_file_is_left_out(const char *name)
{
	size_t n = strlen(name);
	return strchr("._#", name[0]) != NULL || name[n - 1] == '~';
}

static int walk_directory(struct walk *w, const char *prefix, struct err *err);

/* One name of the directory that w stands at. */
static int walk_name(struct walk *w, const char *name, struct err *err)
{
	struct stat st;
	size_t path_n = w->path.n;
	size_t address_n = w->address.n;
	int rc = 0;
	buf_printf(&w->path, "/%s", name);
	buf_printf(&w->address, "/%s", name);
	/* One that vanished meanwhile is not there. */
	if (stat(buf_cstr(&w->path), &st) == 0) {
		rc = S_ISDIR(st.st_mode) ? walk_directory(w, "", err)
		     : S_ISREG(st.st_mode)
			     ? add(w->out, buf_cstr(&w->address), buf_cstr(&w->path), &st, err)
			     : 0;
	}
	w->path.n = path_n;
	w->address.n = address_n;
	return rc;
}

/* All below whose name begins with `prefix`. A directory that is not there has nothing. */
static int walk_directory(struct walk *w, const char *prefix, struct err *err)
{
	DIR *d = opendir(buf_cstr(&w->path));
	struct dirent *e;
	int rc = 0;
	if (d == NULL) {
		return errno == ENOENT || errno == ENOTDIR
			       ? 0
			       : err_errno(err, "%s", buf_cstr(&w->path));
	}
	while (rc == 0 && (e = readdir(d)) != NULL) {
		bool itself = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
		if (!itself && strncmp(e->d_name, prefix, strlen(prefix)) == 0 &&
			!(w->folder && rs_file_is_left_out(e->d_name))) {
			rc = walk_name(w, e->d_name, err);
		}
	}
	closedir(d);
	return rc;
}

/* Cuts the last step off; gives it. */
static const char *cut(struct buf *b)
{
	char *slash = strrchr((char *)buf_cstr(b), '/');
	if (slash == NULL) {
		return "";
	}
	*slash = '\0';
	b->n = (size_t)(slash - b->p);
	return slash + 1;
}

int rs_files_list(const struct rs_catalog *c, const char *prefix, bool folder, struct rs_files *out,
	struct err *err)
{
	struct walk w = {.out = out, .folder = folder};
	CLEANUP(buf_free) struct buf last = BUF_INIT;
	*out = (struct rs_files){0};
	int rc = rs_file_path(c, prefix, &w.path, err);
	buf_puts(&w.address, prefix);
	if (folder) {
		/* s3://b/folder and s3://b/folder/ are the same one. */
		while (rc == 0 && w.path.n > 1 && w.path.p[w.path.n - 1] == '/') {
			w.path.n--;
			w.address.n--;
		}
	} else {
		buf_puts(&last, cut(&w.path));
		cut(&w.address);
	}
	rc = rc == 0 && (w.path.failed || w.address.failed || last.failed)
		     ? err_set(err, ENOMEM, "out of memory")
		     : rc;
	rc = rc == 0 ? walk_directory(&w, buf_cstr(&last), err) : rc;
	buf_free(&w.path);
	buf_free(&w.address);
	if (rc < 0) {
		rs_files_clear(out);
		return rc;
	}
	if (out->n > 0) {
		qsort(out->file, out->n, sizeof(*out->file), by_address);
	}
	return 0;
}

/* ---- manifests ---- */

static int add_entry(const struct rs_catalog *c, const char *manifest, const json_t *entry,
	struct rs_files *out, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	struct stat st;
	const char *url = json_string_value(json_object_get(entry, "url"));
	bool mandatory = json_is_true(json_object_get(entry, "mandatory"));
	if (url == NULL) {
		return err_set(err, EINVAL,
			"%s: each entry is {\"url\": \"s3://…\", \"mandatory\": true|false}",
			manifest);
	}
	int rc = rs_file_path(c, url, &path, err);
	if (rc < 0) {
		return rc;
	}
	if (stat(buf_cstr(&path), &st) != 0 || !S_ISREG(st.st_mode)) {
		return mandatory ? err_set(err, ENOENT, "%s names %s, which is not there", manifest,
					   url)
				 : 0;
	}
	rc = add(out, url, buf_cstr(&path), &st, err);
	if (rc == 0) {
		out->file[out->n - 1].mandatory = mandatory;
	}
	return rc;
}

int rs_files_manifest(
	const struct rs_catalog *c, const char *address, struct rs_files *out, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	json_error_t why;
	size_t i;
	json_t *entry;
	*out = (struct rs_files){0};
	int rc = rs_file_path(c, address, &path, err);
	if (rc < 0) {
		return rc;
	}
	json_auto_t *all = json_load_file(buf_cstr(&path), JSON_REJECT_DUPLICATES, &why);
	if (all == NULL) {
		return json_error_code(&why) == json_error_cannot_open_file
			       ? err_set(err, ENOENT, "the manifest %s is not there", address)
			       : err_set(err, EINVAL, "%s: line %d: %s", address, why.line,
					 why.text);
	}
	const json_t *entries = json_object_get(all, "entries");
	if (!json_is_array(entries)) {
		return err_set(err, EINVAL,
			"%s is no manifest: {\"entries\": [{\"url\": …}]} is expected", address);
	}
	json_array_foreach (entries, i, entry) {
		rc = rc == 0 ? add_entry(c, address, entry, out, err) : rc;
	}
	if (rc < 0) {
		rs_files_clear(out);
	}
	return rc;
}
