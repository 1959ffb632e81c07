/* Hashes, sets and sorted sets as directories: what stands in their tables of functions. */
#include <errno.h>
#include <stdio.h> /* RENAME_EXCHANGE, RENAME_NOREPLACE */

#include "engines/cache/redis/elements.h"
#include "engines/common/cleanup.h"

static const char *noun(const struct redis_elements *e)
{
	return e->type == REDIS_HASH ? "field" : "member";
}

static int missing(const struct redis_elements *e, struct slice name, struct err *err)
{
	CLEANUP(buf_free) struct buf shown = BUF_INIT;

	name_escape(name, &shown);
	return err_set(err, ENOENT, "there is no %s '%.300s'", noun(e), buf_cstr(&shown));
}

/* The length of what print() gives. */
static uint64_t file_size(const struct redis_elements *e, const struct redis_element *element)
{
	char room[64];
	struct buf text = {.p = room, .cap = sizeof(room)};

	if (e->type == REDIS_HASH) {
		return element->bytes;
	}
	e->print(&element->value, &text);
	return text.n;
}

static struct engine_info info_of(
	const struct redis_elements *e, const struct redis_element *element)
{
	return (struct engine_info){
		.kind = ENGINE_FILE,
		.version = element->version,
		.size = file_size(e, element),
		.mtime_ns = element->mtime_ns,
	};
}

/* ENOENT. */
static int find(struct redis_txn *t, const struct redis_elements *e, const struct redis_key *key,
	struct slice name, struct buf *text, struct redis_element *out, struct err *err)
{
	int rc = redis_element_find(t, e, key->id, name, text, out, err);
	return rc == 0 ? missing(e, name, err) : rc < 0 ? rc : 0;
}

int redis_elements_stat(struct redis_txn *t, const struct redis_key *key, struct slice element,
	struct engine_info *out, struct err *err)
{
	const struct redis_elements *e = redis_elements_of(key->type);
	struct redis_element found;
	int rc = find(t, e, key, element, NULL, &found, err);

	if (rc == 0) {
		*out = info_of(e, &found);
	}
	return rc;
}

int redis_elements_list(struct redis_txn *t, const struct redis_key *key, const struct slice *after,
	engine_emit *emit, void *arg, struct err *err)
{
	const struct redis_elements *e = redis_elements_of(key->type);
	/* Behind nothing would leave out the empty name. */
	sqlite3_stmt *row = redis_stmt(t, after != NULL ? e->list : e->list_all, err);

	if (row == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(row, 1, key->id);
	if (after != NULL) {
		store_bind_slice(row, 2, *after);
	}
	int rc;
	while ((rc = store_step(row, err)) == 1) {
		struct redis_element element;
		redis_element_row(e, true, row, &element);
		struct engine_info info = info_of(e, &element);
		if (emit(arg, element.name, &info) != 0) {
			break;
		}
	}
	sqlite3_reset(row);
	return rc < 0 ? rc : 0;
}

int redis_elements_read(struct redis_txn *t, const struct redis_key *key, struct slice element,
	struct buf *out, struct engine_info *info, struct err *err)
{
	const struct redis_elements *e = redis_elements_of(key->type);
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct redis_element found;
	int rc = find(t, e, key, element, &text, &found, err);

	if (rc < 0) {
		return rc;
	}
	e->print(&found.value, out);
	*info = info_of(e, &found);
	return buf_check(out, err);
}

/* ---- writing ---- */

int redis_elements_check_text(
	const struct redis_elements *e, struct slice element, struct slice text, struct err *err)
{
	struct redis_value value;

	(void)element;
	return e->parse(text, &value, err);
}

/* `found`: whether there is one, of this version. */
static int expect(const struct redis_elements *e, bool found, uint64_t version, uint64_t expected,
	struct err *err)
{
	if (expected == ENGINE_VERSION_ANY || (found ? version : 0) == expected) {
		return 0;
	}
	if (expected == ENGINE_VERSION_ABSENT) {
		return err_set(err, EEXIST, "the %s exists already", noun(e));
	}
	return err_set(err, EBUSY,
		found ? "the %s changed since it was read; nothing was saved"
		      : "the %s was removed since it was read; nothing was saved",
		noun(e));
}

static bool same(
	const struct redis_elements *e, const struct redis_value *a, const struct redis_value *b)
{
	switch (e->type) {
	case REDIS_HASH: return slice_equal(a->text, b->text);
	case REDIS_ZSET: return a->score == b->score;
	default: return true;
	}
}

int redis_elements_write(struct redis_txn *t, struct slice name, struct redis_key *key,
	const struct redis_put *put, struct engine_info *out, struct err *err)
{
	const struct redis_elements *e = redis_elements_of(key->type);
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct redis_element old;
	struct redis_element now;
	struct redis_value value;
	int rc = e->parse(put->text, &value, err);

	rc = rc < 0 ? rc : redis_element_find(t, e, key->id, put->element, &text, &old, err);
	if (rc < 0) {
		return rc;
	}
	bool found = rc == 1;
	rc = expect(e, found, found ? old.version : 0, put->expect, err);
	if (rc < 0) {
		return rc;
	}
	if (found && same(e, &old.value, &value)) {
		*out = info_of(e, &old);
		return 0;
	}
	rc = redis_element_put(t, e, key, found ? &old : NULL, put->element, &value, &now, err);
	rc = rc < 0 ? rc : redis_key_save(t, name, key, found ? &put->element : NULL, err);
	if (rc == 0) {
		*out = info_of(e, &now);
	}
	return rc;
}

int redis_elements_remove(struct redis_txn *t, struct slice name, struct redis_key *key,
	struct slice element, uint64_t expected, struct err *err)
{
	const struct redis_elements *e = redis_elements_of(key->type);
	struct redis_element old;
	int rc = find(t, e, key, element, NULL, &old, err);

	rc = rc < 0 ? rc : expect(e, true, old.version, expected, err);
	rc = rc < 0 ? rc : redis_element_remove(t, e, key, &old, err);
	return rc < 0 ? rc : redis_key_save(t, name, key, NULL, err);
}

/* ---- renaming ---- */

static int move(struct redis_txn *t, const struct redis_elements *e, struct redis_key *key,
	struct slice from, struct slice to, struct err *err)
{
	int rc = redis_run(t, err, e->move, "ibiib", key->id, from, (int64_t)redis_version(t),
		redis_time_ns(t), to);

	key->bytes += to.n;
	key->bytes -= from.n;
	rc = rc < 0 ? rc : redis_long_remove(t, key->id, from, err);
	return rc < 0 ? rc : redis_long_add(t, key->id, to, err);
}

/* Each gets what the other's name stood for. */
static int exchange(struct redis_txn *t, const struct redis_elements *e, struct redis_key *key,
	struct slice from, struct slice to, struct err *err)
{
	CLEANUP(buf_free) struct buf a_text = BUF_INIT;
	CLEANUP(buf_free) struct buf b_text = BUF_INIT;
	struct redis_element a;
	struct redis_element b;
	int rc = find(t, e, key, from, &a_text, &a, err);

	rc = rc < 0 ? rc : find(t, e, key, to, &b_text, &b, err);
	rc = rc < 0 ? rc : redis_element_put(t, e, key, &a, from, &b.value, NULL, err);
	return rc < 0 ? rc : redis_element_put(t, e, key, &b, to, &a.value, NULL, err);
}

static int replace(struct redis_txn *t, const struct redis_elements *e, struct redis_key *key,
	struct slice from, struct slice to, unsigned flags, struct err *err)
{
	struct redis_element there;
	int rc = redis_element_find(t, e, key->id, to, NULL, &there, err);

	if (rc == 1 && (flags & RENAME_NOREPLACE) != 0) {
		return err_set(err, EEXIST, "the %s exists already", noun(e));
	}
	rc = rc == 1 ? redis_element_remove(t, e, key, &there, err) : rc;
	return rc < 0 ? rc : move(t, e, key, from, to, err);
}

int redis_elements_rename(struct redis_txn *t, struct slice name, struct redis_key *key,
	struct slice from, struct slice to, unsigned flags, struct err *err)
{
	const struct redis_elements *e = redis_elements_of(key->type);
	struct redis_element old;
	int rc = find(t, e, key, from, NULL, &old, err);

	if (rc < 0) {
		return rc;
	}
	if (slice_equal(from, to)) {
		return (flags & RENAME_NOREPLACE) != 0
			       ? err_set(err, EEXIST, "both names are the same")
			       : 0;
	}
	rc = (flags & RENAME_EXCHANGE) != 0 ? exchange(t, e, key, from, to, err)
					    : replace(t, e, key, from, to, flags, err);
	return rc < 0 ? rc : redis_key_save(t, name, key, NULL, err);
}

/* ---- the whole ---- */

int redis_elements_drop(struct redis_txn *t, const struct redis_key *key, struct err *err)
{
	return redis_run(t, err, redis_elements_of(key->type)->drop, "i", key->id);
}

int redis_elements_copy(
	struct redis_txn *t, const struct redis_key *from, int64_t to, struct err *err)
{
	const struct redis_elements *e = redis_elements_of(from->type);

	/* Long names are key_move.c's. */
	return redis_run(
		t, err, e->copy, "iiii", from->id, to, (int64_t)redis_version(t), redis_time_ns(t));
}
