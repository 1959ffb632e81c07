#include "fs/tree.h"

#include <errno.h>
#include <string.h>

#include "engines/common/cleanup.h"
#include "fs/level.h"
#include "fs/reserved.h"
#include "fs/query.h"
#include "fs/scratch_name.h"
#include "fs/transfer.h"
#include "fs/tree_impl.h"
#include "fs/view.h"

void tree_found_free(struct tree_found *f)
{
	engine_unref(f->view);
	buf_free(&f->key);
}

int tree_level(struct mount *m, struct node *dir, struct engine_level *out, struct err *err)
{
	CLEANUP(node_path_free) struct node_path where = {0};
	int rc = node_path(&m->nodes, dir, &where, err);
	return rc < 0 ? rc : engine_level(where.engine, &where.path, out, err);
}

int tree_refuse_fixed(const struct engine *e, const struct engine_level *level, struct err *err)
{
	if (engine_read_only(e)) {
		return err_set(err, EROFS, "this part of %s is read-only", engine_service(e));
	}
	if (engine_fixed(e) || (level->features & ENGINE_IS_FIXED) != 0) {
		return err_set(err, EROFS, "this %s takes no writes, only commands: see .help",
			level->noun);
	}
	return 0;
}

int tree_writable(struct mount *m, struct node *dir, struct err *err)
{
	struct engine_level level;
	if (dir->engine == NULL) {
		return 0;
	}
	int rc = tree_level(m, dir, &level, err);
	return rc < 0 ? rc : tree_refuse_fixed(dir->engine, &level, err);
}

int tree_find_reserved(
	struct node *dir, const char *name, const struct engine_level *level, struct tree_found *f)
{
	struct reserved_scope scope = {.level = level, .engine = dir->engine};
	const struct reserved *row = reserved_find(reserved_place_of(dir), name, &scope);
	if (row == NULL) {
		return -ENOENT;
	}
	f->spec = (struct node_spec){.type = NODE_RESERVED,
		.row = row,
		/* In a view it shows what is written elsewhere. */
		.uncached = row->inside == PLACE_QUERY,
		.kind = reserved_is_dir(row) ? ENGINE_DIR : ENGINE_FILE};
	return 0;
}

static int find_service(struct mount *m, const char *name, struct tree_found *f, struct err *err)
{
	for (unsigned i = 0; i < m->n_services; i++) {
		struct engine *e = m->services[i];
		if (strcmp(engine_service(e), name) != 0) {
			continue;
		}
		struct epath top = {0};
		f->spec = (struct node_spec){
			.type = NODE_KEY, .kind = ENGINE_DIR, .engine = e, .own_engine = true};
		return engine_stat(e, &top, 0, &f->info, err);
	}
	return -ENOENT;
}

static int find_side(struct mount *m, struct node *dir, const char *name, enum side_kind kind,
	struct tree_found *f, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	node_side_dir(&m->nodes, dir, &path);
	f->spec = (struct node_spec){.type = NODE_SIDE, .kind = ENGINE_FILE, .row = node_row(dir)};
	return side_stat(&m->side, kind, buf_cstr(&path), name, &f->st, err);
}

/* The key whose name is cut short: its hash alone says neither what stands before it in
 * the name nor of what form it is. */
static int key_of_hash(const struct node_path *where, const struct engine_level *level,
	unsigned form, const char *name, const struct buf *hash, struct buf *key, struct err *err)
{
	CLEANUP(buf_free) struct buf again = BUF_INIT;
	int rc = engine_find_hashed(
		where->engine, &where->path, (const unsigned char *)hash->p, key, err);
	if (rc < 0) {
		return rc;
	}
	level_print(level, level_kind(level, form), buf_slice(key), form, &again);
	return strcmp(buf_cstr(&again), name) == 0 ? 0 : -ENOENT;
}

enum name_kind tree_parse_name(
	const struct engine_level *level, const char *name, unsigned *form, struct buf *out)
{
	return name_parse(slice_of(name), level_rules(level, level->child), form, out);
}

int tree_key_of_name(const struct node_path *where, const struct engine_level *level,
	const char *name, struct tree_found *f, struct err *err)
{
	CLEANUP(buf_free) struct buf raw = BUF_INIT;
	unsigned form = 0;
	enum name_kind kind = tree_parse_name(level, name, &form, &raw);
	if (kind == NAME_HASHED) {
		int rc = key_of_hash(where, level, form, name, &raw, &f->key, err);
		if (rc < 0) {
			buf_clear(&f->key);
			return rc;
		}
	} else if (kind == NAME_KEY) {
		if (level->tagged) {
			buf_putc(&f->key, (char)form);
		}
		buf_append_slice(&f->key, buf_slice(&raw));
	} else {
		f->scratch_name = kind == NAME_OTHER;
		return -ENOENT;
	}
	f->named = true;
	f->spec = (struct node_spec){.type = NODE_KEY,
		.kind = level_kind(level, form),
		.form = form,
		.listed_form = level->tagged ? form : level->listed_form,
		.feed = level_is_feed(level, level_kind(level, form)),
		.stream = level_is_stream(level, level_kind(level, form)),
		.key = buf_slice(&f->key)};
	return buf_check(&f->key, err);
}

static int find_key(const struct node_path *where, const struct engine_level *level,
	const char *name, struct tree_found *f, struct err *err)
{
	int rc = tree_key_of_name(where, level, name, f, err);
	if (rc < 0) {
		return rc;
	}
	struct epath child = epath_child(&where->path, f->spec.key);
	rc = engine_stat(where->engine, &child, f->spec.form, &f->info, err);
	if (rc == 0 && f->info.kind == ENGINE_FILE) {
		f->spec.version = f->info.version;
	}
	f->spec.uncached = rc == 0 && f->info.moves;
	return rc;
}

/* A scratch file where there is no item or container of the name. What f says of
 * that name stays when there is none. */
static int find_scratch(struct mount *m, struct node *dir, const char *name,
	const struct engine_level *level, struct tree_found *f, struct err *err)
{
	struct node_spec spec = f->spec;
	if (f->named && !scratch_may_be(level, name)) {
		return -ENOENT;
	}
	err_clear(err);
	int rc = find_side(m, dir, name, SIDE_SCRATCH, f, err);
	if (rc < 0) {
		f->spec = spec;
	}
	return rc;
}

/* The directory of an item's members: its key without a suffix. Whether it is there
 * or not is never remembered, for the item may come and go. */
static int find_members(const struct node_path *where, const struct engine_level *level,
	const char *name, struct tree_found *f, struct err *err)
{
	static const struct engine_level bare = {.child = ENGINE_DIR};
	struct tree_found members = {0};
	int rc = tree_key_of_name(where, &bare, name, &members, err);
	if (rc == 0) {
		struct epath item = epath_child(&where->path, members.spec.key);
		rc = engine_stat(where->engine, &item, level->listed_form, &f->info, err);
	}
	if (rc == 0) {
		f->info.kind = ENGINE_DIR;
		buf_append_slice(&f->key, members.spec.key);
		f->spec = (struct node_spec){.type = NODE_KEY,
			.kind = ENGINE_DIR,
			.members = true,
			.key = buf_slice(&f->key)};
		rc = buf_check(&f->key, err);
	}
	tree_found_free(&members);
	f->scratch_name = false;
	return rc;
}

static int find_in_data(
	struct mount *m, struct node *dir, const char *name, struct tree_found *f, struct err *err)
{
	CLEANUP(node_path_free) struct node_path where = {0};
	struct engine_level level;
	int rc = node_path(&m->nodes, dir, &where, err);
	rc = rc == 0 ? engine_level(where.engine, &where.path, &level, err) : rc;
	if (rc != 0) {
		return rc;
	}
	if (name[0] == '.') {
		rc = tree_find_reserved(dir, name, &level, f);
		f->scratch_name = !reserved_known(name);
		if (rc == 0 && reserved_is_room(f->spec.row)) {
			rc = view_find_room(m, dir, name, &where, f, err);
		}
	} else {
		rc = find_key(&where, &level, name, f, err);
		if (rc == -ENOENT && level.beside_formats != NULL) {
			err_clear(err);
			rc = beside_find(&where, &level, name, f, err);
		} else if (rc == -ENOENT && !f->named && (level.features & ENGINE_HAS_MEMBERS)) {
			err_clear(err);
			rc = find_members(&where, &level, name, f, err);
		}
	}
	return rc == -ENOENT ? find_scratch(m, dir, name, &level, f, err) : rc;
}

static int find_anywhere(
	struct mount *m, struct node *dir, const char *name, struct tree_found *f, struct err *err)
{
	struct engine_level level;
	int rc;
	switch (reserved_place_of(dir)) {
	case PLACE_DATA: return find_in_data(m, dir, name, f, err);
	case PLACE_VIEWS: return view_find(m, dir, name, f, err);
	case PLACE_QUERY: return query_find(m, dir, name, f, err);
	case PLACE_REJECTED: return find_side(m, dir, name, SIDE_REJECTED, f, err);
	case PLACE_ROOT:
		rc = find_service(m, name, f, err);
		return rc == -ENOENT ? tree_find_reserved(dir, name, NULL, f) : rc;
	case PLACE_DBMOUNT:
	case PLACE_IMPORT: return tree_find_reserved(dir, name, NULL, f);
	case PLACE_IMPORT_MODE:
	case PLACE_EXPORT:
		rc = tree_level(m, dir, &level, err);
		return rc < 0 ? rc : tree_find_reserved(dir, name, &level, f);
	case PLACE_NONE: break;
	}
	return -ENOENT;
}

int tree_find(
	struct mount *m, struct node *dir, const char *name, struct tree_found *f, struct err *err)
{
	f->changes = m->nodes.changes;
	int rc =
		strlen(name) > NAME_MAX_BYTES ? -ENAMETOOLONG : find_anywhere(m, dir, name, f, err);
	if (rc == -ENOENT) {
		err_clear(err);
	}
	return rc;
}
