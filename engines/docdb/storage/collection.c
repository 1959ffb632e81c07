/* Collections: their rows, and what removes or renames them as a whole. */
#include <assert.h>
#include <errno.h>
#include <stdio.h> /* RENAME_EXCHANGE, RENAME_NOREPLACE */

#include "engines/docdb/storage/index.h"

/* ---- names ---- */

static int bad_name(struct slice name, const char *rule, struct err *err)
{
	CLEANUP(buf_free) struct buf shown = BUF_INIT;

	name_escape(name, &shown);
	return err_set(err, EINVAL,
		"InvalidNamespace (73): Invalid namespace specified '" DOCDB_DATABASE
		".%.150s': a collection's name %s",
		buf_cstr(&shown), rule);
}

int docdb_collection_check(struct slice name, struct err *err)
{
	static const char system[] = "system.";
	char first = '\0';

	if (name.n == 0) {
		return bad_name(name, "is not empty", err);
	}
	first = name.p[0];
	if (name.n > DOCDB_COLLECTION_MAX) {
		return bad_name(name, "has at most 120 bytes", err);
	}
	if (memchr(name.p, '$', name.n) != NULL) {
		return bad_name(name, "has no '$'", err);
	}
	if (memchr(name.p, '\0', name.n) != NULL || !utf8_valid(name)) {
		return bad_name(name, "is UTF-8 without NUL bytes", err);
	}
	if (name.n >= sizeof(system) - 1 && memcmp(name.p, system, sizeof(system) - 1) == 0) {
		return bad_name(name, "does not begin with 'system.'", err);
	}
	/* Letters of any script: what is no ASCII may be one. */
	if (first != '_' && (first & 0x80) == 0 &&
		!((first | 0x20) >= 'a' && (first | 0x20) <= 'z')) {
		return bad_name(name, "begins with a letter or an underscore", err);
	}
	return 0;
}

int docdb_no_collection(struct slice name, struct err *err)
{
	CLEANUP(buf_free) struct buf shown = BUF_INIT;

	name_escape(name, &shown);
	return err_set(err, ENOENT, "there is no collection '%.200s'", buf_cstr(&shown));
}

/* ---- rows ---- */

/* What COLLECTION_COLUMNS names. */
static void take_row(sqlite3_stmt *stmt, struct docdb_collection *out, uint64_t *feed)
{
	struct slice name = store_column_slice(stmt, 1);

	*out = (struct docdb_collection){
		.id = sqlite3_column_int64(stmt, 0),
		.created_ns = sqlite3_column_int64(stmt, 2),
		.mtime_ns = sqlite3_column_int64(stmt, 3),
		.documents = (uint64_t)sqlite3_column_int64(stmt, 4),
		.bytes = (uint64_t)sqlite3_column_int64(stmt, 5),
		.changes = sqlite3_column_int(stmt, 6) != 0,
	};
	*feed = (uint64_t)sqlite3_column_int64(stmt, 7);
	snprintf(out->name, sizeof(out->name), "%.*s", (int)name.n, name.p);
}

/* 1, 0, -errno: as stored. */
static int load_row(struct docdb_conn *c, struct slice name, struct docdb_collection *out,
	uint64_t *feed, struct err *err)
{
	sqlite3_stmt *stmt = docdb_stmt(c, COLLECTION_FIND, err);

	if (stmt == NULL) {
		return -err->code;
	}
	store_bind_slice(stmt, 1, name);
	int rc = store_step(stmt, err);
	if (rc == 1) {
		take_row(stmt, out, feed);
	}
	sqlite3_reset(stmt);
	return rc;
}

int docdb_collection_find(
	struct docdb_conn *c, struct slice name, struct docdb_collection *out, struct err *err)
{
	const struct docdb_touched *t = docdb_touched_find(c, name);
	uint64_t feed;

	if (t != NULL) {
		*out = t->c;
		return 0;
	}
	int rc = load_row(c, name, out, &feed, err);
	return rc == 0 ? docdb_no_collection(name, err) : (rc < 0 ? rc : 0);
}

int docdb_touch(
	struct docdb_conn *c, struct slice name, struct docdb_touched **out, struct err *err)
{
	struct docdb_collection row;
	uint64_t feed = 0;

	*out = docdb_touched_find(c, name);
	if (*out != NULL) {
		return 0;
	}
	int rc = load_row(c, name, &row, &feed, err);
	if (rc == 0) {
		return docdb_no_collection(name, err);
	}
	rc = rc < 0 ? rc : docdb_touch_row(c, &row, feed, out, err);
	assert(rc < 0 || *out != NULL);
	return rc;
}

int docdb_collection_each(struct docdb_conn *c, const struct slice *after, docdb_collection_fn *fn,
	void *arg, struct err *err)
{
	struct docdb_collection row;
	uint64_t feed;

	/* Rows that this write has touched are listed as they will be saved. */
	int rc = c->changed != NULL ? docdb_changed_save(c, err) : 0;
	sqlite3_stmt *stmt = rc < 0 ? NULL : docdb_stmt(c, COLLECTION_LIST, err);
	if (stmt == NULL) {
		return -err->code;
	}
	store_bind_slice(stmt, 1, after != NULL ? *after : slice_of(""));
	while ((rc = store_step(stmt, err)) == 1) {
		take_row(stmt, &row, &feed);
		rc = fn(arg, &row, err);
		if (rc != 0) {
			break;
		}
	}
	sqlite3_reset(stmt);
	return rc < 0 ? rc : 0;
}

int docdb_database_stat(struct docdb_conn *c, struct engine_info *out, struct err *err)
{
	sqlite3_stmt *stmt = docdb_stmt(c, STATE_GET, err);

	if (stmt == NULL) {
		return -err->code;
	}
	int rc = store_step(stmt, err);
	if (rc == 1) {
		int64_t mtime = sqlite3_column_int64(stmt, 0);
		*out = (struct engine_info){
			.kind = ENGINE_DIR,
			.version = mtime != 0 ? (uint64_t)mtime : 1,
			.size = (uint64_t)sqlite3_column_int64(stmt, 3),
			.mtime_ns = mtime,
		};
	}
	sqlite3_reset(stmt);
	return rc == 0 ? err_set(err, EIO, "%s: it is damaged: its state is missing", c->label)
		       : (rc < 0 ? rc : 0);
}

/* ---- changes of the list ---- */

static int list_changed(struct docdb_conn *c, struct err *err)
{
	int rc = docdb_state(c, err);

	if (rc == 0) {
		c->changed->state_mtime = docdb_time_ns(c);
		c->changed->state_dirty = true;
		docdb_note_list(c);
	}
	return rc;
}

static int collection_exists(struct slice name, struct err *err)
{
	CLEANUP(buf_free) struct buf shown = BUF_INIT;

	name_escape(name, &shown);
	return err_set(err, EEXIST,
		"NamespaceExists (48): Collection " DOCDB_DATABASE ".%.200s already exists.",
		buf_cstr(&shown));
}

static int add_row(
	struct docdb_conn *c, struct slice name, struct docdb_collection *row, struct err *err)
{
	sqlite3_stmt *stmt = docdb_stmt(c, COLLECTION_ADD, err);

	if (stmt == NULL) {
		return -err->code;
	}
	*row = (struct docdb_collection){
		.created_ns = docdb_time_ns(c), .mtime_ns = docdb_time_ns(c), .changes = true};
	snprintf(row->name, sizeof(row->name), "%.*s", (int)name.n, name.p);
	store_bind_slice(stmt, 1, name);
	sqlite3_bind_int64(stmt, 2, row->created_ns);
	int rc = docdb_run(stmt, err);
	row->id = sqlite3_last_insert_rowid(c->db);
	return rc;
}

int docdb_collection_create(
	struct docdb_conn *c, struct slice name, struct docdb_collection *out, struct err *err)
{
	struct docdb_collection row;
	struct docdb_touched *t;

	int rc = docdb_collection_check(name, err);
	if (rc < 0) {
		return rc;
	}
	rc = docdb_collection_find(c, name, &row, err);
	if (rc == 0) {
		return collection_exists(name, err);
	}
	if (rc != -ENOENT) {
		return rc;
	}
	err_clear(err);
	rc = add_row(c, name, &row, err);
	rc = rc < 0 ? rc : list_changed(c, err);
	/* Its feed begins where the cluster's is: behind that of any before it of this name. */
	rc = rc < 0 ? rc : docdb_touch_row(c, &row, c->changed->feed, &t, err);
	if (rc < 0) {
		return rc;
	}
	t->dirty = true;
	if (out != NULL) {
		*out = row;
	}
	return 0;
}

/* Statements that remove everything of a collection, in this order. */
static int drop_rows(struct docdb_conn *c, int64_t id, struct err *err)
{
	static const enum docdb_sql steps[] = {ENTRIES_DROP_ALL, INDEXES_DROP, LONGS_DROP,
		BODIES_DROP, DOCS_DROP, COLLECTION_DROP};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		sqlite3_stmt *stmt = docdb_stmt(c, steps[i], err);
		if (stmt == NULL) {
			return -err->code;
		}
		sqlite3_bind_int64(stmt, 1, id);
		int rc = docdb_run(stmt, err);
		if (rc < 0) {
			return rc;
		}
	}
	return 0;
}

/* The collection's rows go, and what is known of its indexes. */
static int drop_touched(struct docdb_conn *c, struct docdb_touched *t, struct err *err)
{
	int rc = docdb_changes_collection(c, t, "drop", slice_of(""), err);

	rc = rc < 0 ? rc : drop_rows(c, t->c.id, err);
	rc = rc < 0 ? rc : list_changed(c, err);
	if (rc == 0) {
		docdb_note_collection(c, slice_of(t->c.name));
		t->gone = true;
	}
	return rc < 0 ? rc : docdb_indexes_moved(c, err);
}

int docdb_collection_drop(struct docdb_conn *c, struct slice name, bool force, struct err *err)
{
	struct docdb_touched *t;

	int rc = docdb_touch(c, name, &t, err);
	if (rc < 0) {
		return rc;
	}
	if (!force && t->c.documents > 0) {
		return err_set(err, ENOTEMPTY, "the collection holds %llu document%s",
			(unsigned long long)t->c.documents, t->c.documents == 1 ? "" : "s");
	}
	return drop_touched(c, t, err);
}

/* ---- rename ---- */

/* Tells of a rename, before it is one. */
static int note_rename(
	struct docdb_conn *c, struct docdb_touched *t, struct slice name, struct err *err)
{
	assert(t != NULL);
	docdb_note_collection(c, slice_of(t->c.name));
	docdb_note_collection(c, name);
	return docdb_changes_collection(c, t, "rename", name, err);
}

static int set_name(
	struct docdb_conn *c, struct docdb_touched *t, struct slice name, struct err *err)
{
	snprintf(t->c.name, sizeof(t->c.name), "%.*s", (int)name.n, name.p);
	buf_clear(&t->ns);
	t->dirty = true;
	return docdb_changed_save(c, err);
}

/* Names are unique at every moment: one waits under a name that no collection can have. */
static int exchange(
	struct docdb_conn *c, struct docdb_touched *a, struct docdb_touched *b, struct err *err)
{
	char a_name[sizeof(a->c.name)];
	char b_name[sizeof(b->c.name)];

	assert(a != NULL && b != NULL);
	memcpy(a_name, a->c.name, sizeof(a_name));
	memcpy(b_name, b->c.name, sizeof(b_name));
	int rc = note_rename(c, a, slice_of(b_name), err);
	rc = rc < 0 ? rc : note_rename(c, b, slice_of(a_name), err);
	rc = rc < 0 ? rc : set_name(c, a, slice_of("$exchanged"), err);
	rc = rc < 0 ? rc : set_name(c, b, slice_of(a_name), err);
	rc = rc < 0 ? rc : set_name(c, a, slice_of(b_name), err);
	return rc < 0 ? rc : list_changed(c, err);
}

/* What stands under the new name: an empty collection gives way. */
static int make_room(struct docdb_conn *c, struct slice to, unsigned flags, struct err *err)
{
	struct docdb_collection row;

	int rc = docdb_collection_find(c, to, &row, err);
	if (rc == -ENOENT) {
		err_clear(err);
		return 0;
	}
	if (rc < 0) {
		return rc;
	}
	return (flags & RENAME_NOREPLACE) != 0 ? collection_exists(to, err)
					       : docdb_collection_drop(c, to, false, err);
}

int docdb_collection_rename(
	struct docdb_conn *c, struct slice from, struct slice to, unsigned flags, struct err *err)
{
	struct docdb_touched *t;
	struct docdb_touched *other;

	int rc = docdb_touch(c, from, &t, err);
	rc = rc < 0 ? rc : docdb_collection_check(to, err);
	if (rc < 0) {
		return rc;
	}
	if ((flags & RENAME_EXCHANGE) != 0) {
		rc = docdb_touch(c, to, &other, err);
		return rc < 0 || other == t ? rc : exchange(c, t, other, err);
	}
	if (slice_equal(from, to)) {
		return (flags & RENAME_NOREPLACE) != 0 ? collection_exists(to, err) : 0;
	}
	rc = make_room(c, to, flags, err);
	rc = rc < 0 ? rc : note_rename(c, t, to, err);
	rc = rc < 0 ? rc : set_name(c, t, to, err);
	return rc < 0 ? rc : list_changed(c, err);
}
