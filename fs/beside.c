/* Files beside directories: NAME.csv is the table NAME as one text. Which formats
 * there are is the level's to say; a child whose key is all of "NAME.csv" wins. */
#include <errno.h>
#include <string.h>

#include "engines/common/cleanup.h"
#include "fs/transfer.h"
#include "fs/tree_impl.h"

const struct reserved reserved_beside = {
	.name = "NAME.FORMAT",
	.place = PLACE_NONE,
	.inside = PLACE_NONE,
	.mode = 0644,
	.costly = true,
	.open = handle_open_beside,
	.size = handle_size_export,
};

const struct reserved reserved_load = {
	.name = "NAME",
	.place = PLACE_NONE,
	.inside = PLACE_NONE,
	.mode = 0222,
	.open = handle_open_load,
};

int beside_key(const struct node_path *dir, const struct engine_level *level, const char *name,
	struct buf *key, struct err *err)
{
	CLEANUP(buf_free) struct buf raw = BUF_INIT;
	const char *dot = strrchr(name, '.');
	unsigned form;
	if (dot == NULL || dot == name || level->child != ENGINE_DIR ||
		!reserved_in_list(level->beside_formats, dot + 1)) {
		return -ENOENT;
	}
	struct slice base = slice_make(name, (size_t)(dot - name));
	enum name_kind kind = name_parse(base, &NAME_RULES_DIR, &form, &raw);
	if (kind == NAME_HASHED) {
		return engine_find_hashed(
			dir->engine, &dir->path, (const unsigned char *)raw.p, key, err);
	}
	if (kind != NAME_KEY) {
		return -ENOENT;
	}
	buf_append_slice(key, buf_slice(&raw));
	return buf_check(key, err);
}

int beside_find(const struct node_path *dir, const struct engine_level *level, const char *name,
	struct tree_found *f, struct err *err)
{
	CLEANUP(buf_free) struct buf key = BUF_INIT;
	struct engine_info info;
	int rc = beside_key(dir, level, name, &key, err);
	if (rc < 0) {
		return rc;
	}
	struct epath child = epath_child(&dir->path, buf_slice(&key));
	rc = engine_stat(dir->engine, &child, 0, &info, err);
	if (rc == 0) {
		f->spec = (struct node_spec){
			.type = NODE_RESERVED, .kind = ENGINE_FILE, .row = &reserved_beside};
	}
	return rc;
}

static int place_beside(struct transfer_place *p, const char *name, struct err *err)
{
	struct engine_level level;
	int rc = engine_level(p->where.engine, &p->where.path, &level, err);
	rc = rc == 0 ? beside_key(&p->where, &level, name, &p->key, err) : rc;
	if (rc == 0) {
		p->path = epath_child(&p->where.path, buf_slice(&p->key));
		p->format = strrchr(name, '.') + 1;
	}
	return rc;
}

/* A child file that passes through: its format is the suffix of its form. */
static int place_stream(
	struct mount *m, struct node *n, struct transfer_place *out, struct err *err)
{
	struct engine_level level;
	int rc = node_path(&m->nodes, n, &out->where, err);
	if (rc == 0) {
		struct epath dir = epath_parent(&out->where.path);
		rc = engine_level(out->where.engine, &dir, &level, err);
	}
	if (rc == 0) {
		out->path = out->where.path;
		out->format = level.forms[n->form].suffix + 1;
	}
	return rc;
}

int transfer_place(struct mount *m, struct node *n, struct transfer_place *out, struct err *err)
{
	const struct reserved *row = node_row(n);
	*out = (struct transfer_place){0};
	if (node_is_stream(n)) {
		return place_stream(m, n, out, err);
	}
	int rc = node_path(&m->nodes, node_anchor(n), &out->where, err);
	if (rc == 0 && row == &reserved_beside) {
		rc = place_beside(out, node_name(n), err);
	} else if (rc == 0 && row == &reserved_load) {
		out->path = out->where.path;
		out->format = node_name(n);
	} else if (rc == 0) {
		out->path = out->where.path;
		out->format = node_name(n) + (node_name(n)[0] == '.');
	}
	return rc;
}

void transfer_place_free(struct transfer_place *p)
{
	buf_free(&p->key);
	node_path_free(&p->where);
}

/* ---- whole texts ---- */

static int open_place(struct mount *m, struct node *dir, const char *name,
	struct transfer_place *out, struct err *err)
{
	CLEANUP(tree_found_free) struct tree_found f = {0};
	struct engine_level level = {0};
	*out = (struct transfer_place){0};
	int rc = node_path(&m->nodes, dir, &out->where, err);
	rc = rc == 0 ? engine_level(out->where.engine, &out->where.path, &level, err) : rc;
	if (rc < 0 || (level.features & (ENGINE_HAS_STREAMS | ENGINE_HAS_LOADS)) == 0) {
		return rc < 0 ? rc : place_beside(out, name, err);
	}
	if (level.features & ENGINE_HAS_LOADS) {
		out->path = out->where.path;
		out->format = name;
		return 0;
	}
	rc = tree_key_of_name(&out->where, &level, name, &f, err);
	buf_append_slice(&out->key, buf_slice(&f.key));
	out->path = epath_child(&out->where.path, buf_slice(&out->key));
	out->format = level.forms[f.spec.form].suffix + 1;
	return rc == 0 ? buf_check(&out->key, err) : rc;
}

/* How a whole text is loaded there. */
static int whole_mode(const struct transfer_place *p, const char **mode, struct err *err)
{
	struct engine_level level;
	struct engine_info info;
	int rc = engine_level(p->where.engine, &p->where.path, &level, err);
	if (rc < 0) {
		return rc;
	}
	bool create = engine_stat(p->where.engine, &p->path, 0, &info, err) == -ENOENT;
	err_clear(err);
	*mode = (level.features & ENGINE_HAS_LOADS) != 0 ? "append" : create ? "create" : "replace";
	return 0;
}

static int load(const struct transfer_place *p, const char *mode, struct slice text,
	struct buf *report, struct err *err)
{
	struct engine_import *sink = NULL;
	int rc = engine_import_open(p->where.engine, &p->path, mode, p->format, &sink, err);
	if (rc < 0) {
		return rc;
	}
	rc = engine_import_feed(sink, text, err);
	if (rc < 0) {
		engine_import_abort(sink);
		return rc;
	}
	return engine_import_finish(sink, report, err);
}

int beside_put(
	struct mount *m, struct node *dir, const char *name, struct slice text, struct err *err)
{
	CLEANUP(transfer_place_free) struct transfer_place p;
	CLEANUP(buf_free) struct buf report = BUF_INIT;
	CLEANUP(buf_free) struct buf what = BUF_INIT;
	CLEANUP(buf_free) struct buf dir_text = BUF_INIT;
	const char *mode = NULL;
	int rc = open_place(m, dir, name, &p, err);
	rc = rc == 0 ? whole_mode(&p, &mode, err) : rc;
	if (rc < 0) {
		return rc;
	}
	rc = load(&p, mode, text, &report, err);
	node_text(&m->nodes, dir, &dir_text);
	buf_printf(&what, "import %s %s", mode, name);
	import_tell(m, buf_cstr(&dir_text), buf_cstr(&what), rc, err, &report);
	m->nodes.changes++;
	notify_list_now(m->notify, dir);
	return rc;
}

int beside_get(struct mount *m, struct node *dir, const char *name, uint64_t max, struct buf *out,
	struct err *err)
{
	CLEANUP(transfer_place_free) struct transfer_place p;
	struct engine_export *x = NULL;
	uint64_t size = 0;
	int rc = open_place(m, dir, name, &p, err);
	rc = rc == 0 ? engine_export_open(p.where.engine, &p.path, p.format, &x, &size, err) : rc;
	if (rc == 0 && size > max) {
		rc = err_set(err, EFBIG, "%s has %llu bytes, at most %llu are taken", name,
			(unsigned long long)size, (unsigned long long)max);
	}
	while (rc == 0 && out->n < size) {
		rc = engine_export_read(x, out, err);
	}
	engine_export_close(x);
	return rc;
}
