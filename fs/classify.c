/* What may be made under a name. */
#include <errno.h>
#include <string.h>

#include "engines/common/cleanup.h"
#include "fs/level.h"
#include "fs/query.h"
#include "fs/reserved.h"
#include "fs/scratch_name.h"
#include "fs/transfer.h"
#include "fs/tree_impl.h"

static int refuse_canonical(const char *name, struct err *err)
{
	return err_set(err, EINVAL,
		"'%s' is not a name in canonical form: only '/', NUL, control bytes, DEL, '%%', "
		"a leading dot and bytes that are not UTF-8 are written as %%XX (upper case)",
		name);
}

/* The suffixes of those that are directories, or of the others: "NAME.hash, NAME.list". */
static void print_suffixes(const struct engine_level *level, enum engine_kind kind, struct buf *out)
{
	for (unsigned i = 0; i < level->n_forms; i++) {
		if (level_kind(level, i) == kind) {
			buf_printf(out, "%sNAME%s", out->n > 0 ? ", " : "", level->forms[i].suffix);
		}
	}
}

/* The name's form is of the other sort. */
static int refuse_form(const struct engine_level *level, const char *name, enum engine_kind wanted,
	struct err *err)
{
	CLEANUP(buf_free) struct buf suffixes = BUF_INIT;
	bool dir = wanted == ENGINE_DIR;
	print_suffixes(level, wanted, &suffixes);
	return err_set(err, EINVAL, "'%s' is a name of a %s; a %s in a %s is named %s", name,
		dir ? "file" : "directory", dir ? "directory" : "file", level->noun,
		buf_cstr(&suffixes));
}

static int classify_dir(const struct node_path *where, const struct engine_level *level,
	const char *name, struct tree_found *f, struct err *err)
{
	if (!level->tagged && level->child != ENGINE_DIR) {
		return err_set(err, EPERM, "a %s holds %ss, not directories", level->noun,
			level->child_noun);
	}
	int rc = tree_key_of_name(where, level, name, f, err);
	if (rc == -ENOENT) {
		err_clear(err);
		return refuse_canonical(name, err);
	}
	return rc == 0 && f->spec.kind != ENGINE_DIR ? refuse_form(level, name, ENGINE_DIR, err)
						     : rc;
}

static bool is_there(const struct node_path *where, const struct tree_found *f)
{
	struct engine_info info;
	struct err ignored = {0};
	struct epath child = epath_child(&where->path, f->spec.key);
	return engine_stat(where->engine, &child, f->spec.form, &info, &ignored) != -ENOENT;
}

/* Whether the name, less `before` and `behind` of its bytes, is that of an item. */
static bool is_of_item(const struct node_path *where, const struct engine_level *level,
	const char *name, size_t before, size_t behind)
{
	CLEANUP(tree_found_free) struct tree_found item = {0};
	CLEANUP(buf_free) struct buf base = BUF_INIT;
	struct err ignored = {0};
	buf_append(&base, name + before, strlen(name) - before - behind);
	return base.n > 0 &&
	       tree_key_of_name(where, level, buf_cstr(&base), &item, &ignored) == 0 &&
	       is_there(where, &item);
}

static bool has_scratch(struct mount *m, struct node *dir, const char *name)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	struct stat st;
	node_side_dir(&m->nodes, dir, &path);
	return side_stat(&m->side, SIDE_SCRATCH, buf_cstr(&path), name, &st, NULL) == 0;
}

/* Where any name may be an item's: what an editor makes while it works on one. */
static bool is_editors_own(struct mount *m, struct node *dir, const struct node_path *where,
	const struct engine_level *level, const char *name, unsigned want)
{
	size_t before;
	size_t behind;
	if (scratch_is_temporary(name, want)) {
		return true;
	}
	if (scratch_of_another(name, &before, &behind) &&
		is_of_item(where, level, name, before, behind)) {
		return true;
	}
	return has_scratch(m, dir, name);
}

/* A key that a new item may have; but where names bear no suffix, what an editor makes
 * and is not there is a scratch file. */
static int classify_key(struct mount *m, struct node *dir, const struct node_path *where,
	const struct engine_level *level, const char *name, unsigned want, enum tree_name *what,
	struct tree_found *f, struct err *err)
{
	if (scratch_names_are_bare(level) && is_editors_own(m, dir, where, level, name, want) &&
		!is_there(where, f)) {
		*what = TREE_SCRATCH;
		return 0;
	}
	struct epath child = epath_child(&where->path, f->spec.key);
	return engine_check_key(where->engine, &child, err);
}

static bool is_child(
	const struct node_path *where, const struct engine_level *level, const char *name)
{
	return is_of_item(where, level, name, 0, 0);
}

static int classify_file(struct mount *m, struct node *dir, const struct node_path *where,
	const struct engine_level *level, const char *name, unsigned want, enum tree_name *what,
	struct tree_found *f, struct err *err)
{
	if (!level->tagged && level->child == ENGINE_DIR) {
		CLEANUP(buf_free) struct buf key = BUF_INIT;
		int beside = beside_key(where, level, name, &key, err);
		if (beside != -ENOENT) {
			*what = TREE_BESIDE;
			f->spec = (struct node_spec){.type = NODE_RESERVED,
				.kind = ENGINE_FILE,
				.row = &reserved_beside};
			return beside;
		}
		err_clear(err);
		if (!scratch_looks(name)) {
			return err_set(err, EINVAL,
				"a %s holds directories (each a %s), not files: see .help",
				level->noun, level->child_noun);
		}
		*what = TREE_SCRATCH;
		return 0;
	}
	if ((level->features & ENGINE_HAS_LOADS) != 0 && !is_child(where, level, name)) {
		*what = TREE_BESIDE;
		f->spec = (struct node_spec){
			.type = NODE_RESERVED, .kind = ENGINE_FILE, .row = &reserved_load};
		return 0;
	}
	CLEANUP(buf_free) struct buf raw = BUF_INIT;
	unsigned form = 0;
	enum name_kind kind = tree_parse_name(level, name, &form, &raw);
	if (kind == NAME_OTHER) {
		*what = TREE_SCRATCH;
		return 0;
	}
	if (kind == NAME_BAD) {
		return refuse_canonical(name, err);
	}
	if (level_kind(level, form) != ENGINE_FILE) {
		return refuse_form(level, name, ENGINE_FILE, err);
	}
	*what = TREE_ITEM;
	int rc = tree_key_of_name(where, level, name, f, err);
	if (rc == -ENOENT) {
		err_clear(err);
		return err_set(err, EINVAL,
			"a key cannot be told from its hash: the name of a new "
			"%s must hold the whole key",
			level->child_noun);
	}
	if (rc == 0) {
		rc = classify_key(m, dir, where, level, name, want, what, f, err);
	}
	return rc;
}

/* -ENOENT: the name is not reserved. */
static int classify_reserved(struct node *dir, const struct engine_level *level, const char *name,
	bool dir_wanted, enum tree_name *what, struct tree_found *f, struct err *err)
{
	if (tree_find_reserved(dir, name, level, f) == 0) {
		if (reserved_is_named(f->spec.row) && !dir_wanted) {
			*what = TREE_NAMED;
			return 0;
		}
		return err_set(err, ENOTSUP, "%s belongs to the mount", name);
	}
	return reserved_known(name)
		       ? err_set(err, ENOTSUP, "%s is a reserved name, and a %s has none", name,
				 level->noun)
		       : -ENOENT;
}

int tree_classify(struct mount *m, struct node *dir, const char *name, unsigned want,
	enum tree_name *what, struct tree_found *f, struct err *err)
{
	CLEANUP(node_path_free) struct node_path where = {0};
	struct engine_level level;
	bool dir_wanted = (want & TREE_WANT_DIR) != 0;
	if (strlen(name) > NAME_MAX_BYTES) {
		return err_set(
			err, ENAMETOOLONG, "the name is longer than %d bytes", NAME_MAX_BYTES);
	}
	if (reserved_place_of(dir) == PLACE_QUERY && !dir_wanted) {
		*what = TREE_SCRATCH;
		return query_check_name(m, dir, name, err);
	}
	if (reserved_place_of(dir) != PLACE_DATA) {
		return err_set(err, EPERM, "nothing can be made here: see .help");
	}
	int rc = node_path(&m->nodes, dir, &where, err);
	rc = rc == 0 ? engine_level(where.engine, &where.path, &level, err) : rc;
	rc = rc == 0 ? tree_refuse_fixed(where.engine, &level, err) : rc;
	if (rc != 0) {
		return rc;
	}
	if (name[0] == '.') {
		rc = classify_reserved(dir, &level, name, dir_wanted, what, f, err);
		if (rc != -ENOENT) {
			return rc;
		}
	}
	if (dir_wanted) {
		*what = TREE_CONTAINER;
		return name[0] == '.' ? err_set(err, EINVAL,
						"a name that begins with a dot is "
						"written with %%2E")
				      : classify_dir(&where, &level, name, f, err);
	}
	if (name[0] == '.') {
		*what = TREE_SCRATCH;
		return 0;
	}
	return classify_file(m, dir, &where, &level, name, want, what, f, err);
}
