#include "fs/query.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "engines/common/cleanup.h"
#include "fs/transfer.h"

static int open_result(struct mount *m, struct node *n, int flags, const struct fuse_ctx *who,
	struct handle **out, struct handle_mode *mode, struct err *err);
static int size_result(struct mount *m, struct node *n, uint64_t *out, struct err *err);

const struct reserved reserved_result = {
	.name = "NAME.FORM",
	.place = PLACE_NONE,
	.inside = PLACE_NONE,
	.mode = 0444,
	.costly = true,
	.open = open_result,
	.size = size_result,
};

static bool ends_in(const char *name, const char *suffix)
{
	size_t n = strlen(name);
	size_t k = strlen(suffix);
	return n > k && strcmp(name + n - k, suffix) == 0;
}

/* The result form that a name ends in; -1: none. `text` becomes the name of the query.
 * The longest suffix counts: x.json is a text and x.out.json a result, where texts end
 * in .json and results in .out.json. */
static int split(const struct engine_query_names *q, const char *name, struct buf *text)
{
	int best = -1;
	size_t longest = ends_in(name, q->text_suffix) ? strlen(q->text_suffix) : 0;
	for (unsigned i = 0; i < q->n_results; i++) {
		const char *suffix = q->results[i].suffix;
		if (ends_in(name, suffix) && strlen(suffix) > longest) {
			best = (int)i;
			longest = strlen(suffix);
		}
	}
	if (best >= 0) {
		buf_append(text, name, strlen(name) - longest);
		buf_puts(text, q->text_suffix);
	}
	return best;
}

int query_find(
	struct mount *m, struct node *dir, const char *name, struct tree_found *f, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	struct engine_level level;
	int rc = tree_level(m, dir, &level, err);
	if (rc < 0 || level.query == NULL) {
		return rc < 0 ? rc : -ENOENT;
	}
	node_side_dir(&m->nodes, dir, &path);
	int form = split(level.query, name, &text);
	f->spec = form < 0 ? (struct node_spec){.type = NODE_SIDE, .kind = ENGINE_FILE}
			   : (struct node_spec){.type = NODE_RESERVED,
				     .kind = ENGINE_FILE,
				     .row = &reserved_result};
	return side_stat(&m->side, SIDE_SCRATCH, buf_cstr(&path), form < 0 ? name : buf_cstr(&text),
		&f->st, err);
}

int query_check_name(struct mount *m, struct node *dir, const char *name, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct engine_level level;
	int rc = tree_level(m, dir, &level, err);
	if (rc == 0 && engine_fixed(dir->engine)) {
		return err_set(
			err, EROFS, "queries are saved in the .query of what this is a view of");
	}
	rc = rc == 0 ? tree_refuse_fixed(dir->engine, &level, err) : rc;
	if (rc == 0 && level.query != NULL && split(level.query, name, &text) >= 0) {
		rc = err_set(err, EINVAL, "%s would be a result, which is read: the query is %s",
			name, buf_cstr(&text));
	}
	return rc;
}

/* ---- results ---- */

static int read_text(
	struct mount *m, struct node *n, const char *name, struct buf *out, struct err *err)
{
	CLEANUP(buf_free) struct buf dir = BUF_INIT;
	struct side_how how = {0};
	struct side_file *file;
	node_side_dir(&m->nodes, n->parent, &dir);
	int rc = side_open(&m->side, buf_cstr(&dir), name, &how, &file, err);
	if (rc < 0) {
		return rc;
	}
	uint64_t size = side_size(&m->side, file);
	if (size > m->opts->max_file_size) {
		rc = err_set(err, EFBIG, "the query has %llu bytes, at most %llu are taken",
			(unsigned long long)size, (unsigned long long)m->opts->max_file_size);
	}
	rc = rc == 0 ? side_read(&m->side, file, 0, (size_t)size, out, err) : rc;
	side_close(&m->side, file);
	return rc;
}

static int run(struct mount *m, struct node *n, struct engine_export **stream, uint64_t *size,
	struct err *err)
{
	CLEANUP(node_path_free) struct node_path where = {0};
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct engine_level level;
	int rc = node_path(&m->nodes, node_anchor(n), &where, err);
	rc = rc == 0 ? engine_level(where.engine, &where.path, &level, err) : rc;
	if (rc != 0) {
		return rc;
	}
	int form = level.query != NULL ? split(level.query, node_name(n), &name) : -1;
	if (form < 0) {
		return -ENOENT;
	}
	rc = read_text(m, n, buf_cstr(&name), &text, err);
	return rc < 0 ? rc
		      : engine_query_open(where.engine, &where.path, buf_slice(&text),
				(unsigned)form, stream, size, err);
}

static int open_result(struct mount *m, struct node *n, int flags, const struct fuse_ctx *who,
	struct handle **out, struct handle_mode *mode, struct err *err)
{
	(void)who;
	if ((flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC)) {
		return err_set(err, EACCES, "%s is a result, which is read", node_name(n));
	}
	return handle_open_stream(m, n, run, out, mode, err);
}

static int size_result(struct mount *m, struct node *n, uint64_t *out, struct err *err)
{
	return handle_size_stream(m, n, run, out, err);
}
