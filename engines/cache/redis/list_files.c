/* A list as a directory: the files 0, 1, .. hold its elements. */
#include <errno.h>
#include <stdio.h>

#include "engines/cache/redis/json_text.h"
#include "engines/cache/redis/list.h"
#include "engines/cache/redis/type.h"
#include "engines/common/cleanup.h"

#define INDEX_DIGITS 10 /* 2^32 - 1 elements at most */

static bool parse_index(struct slice element, uint64_t *out)
{
	if (element.n == 0 || element.n > INDEX_DIGITS || (element.n > 1 && element.p[0] == '0')) {
		return false;
	}
	*out = 0;
	for (size_t i = 0; i < element.n; i++) {
		if (element.p[i] < '0' || element.p[i] > '9') {
			return false;
		}
		*out = *out * 10 + (uint64_t)(element.p[i] - '0');
	}
	return *out < UINT32_MAX;
}

static int list_check(struct slice element, struct err *err)
{
	uint64_t index;

	return parse_index(element, &index)
		       ? 0
		       : err_set(err, EINVAL,
				 "an element of a list is called by its index: 0, 1, 2, ...");
}

static int list_check_text(struct slice element, struct slice text, struct err *err)
{
	(void)element;
	return text.n <= ((size_t)512 << 20)
		       ? 0
		       : err_set(err, EFBIG, "an element of a list has at most 512 MiB");
}

/* The file's row: version, time, length; with the value where `sql` asks for it. ENOENT. */
static int find(struct redis_txn *t, const struct redis_key *key, struct slice element,
	const char *sql, sqlite3_stmt **row, struct engine_info *out, struct err *err)
{
	uint64_t index;

	if (!parse_index(element, &index) || index >= key->n) {
		return err_set(
			err, ENOENT, "the list has %llu elements", (unsigned long long)key->n);
	}
	*row = redis_stmt(t, sql, err);
	if (*row == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(*row, 1, key->id);
	sqlite3_bind_int64(*row, 2, key->a + (int64_t)index);
	int rc = store_step(*row, err);
	if (rc == 1) {
		*out = (struct engine_info){
			.kind = ENGINE_FILE,
			.version = (uint64_t)sqlite3_column_int64(*row, 0),
			.mtime_ns = sqlite3_column_int64(*row, 1),
			.size = (uint64_t)sqlite3_column_int64(*row, 2),
		};
		return 0;
	}
	sqlite3_reset(*row);
	return rc < 0 ? rc
		      : err_set(err, EIO, "the list lacks its element %llu",
				(unsigned long long)index);
}

static const char size_sql[] =
	"SELECT version, mtime, LENGTH(value) FROM list WHERE key = ?1 AND pos = ?2";
static const char value_sql[] =
	"SELECT version, mtime, LENGTH(value), value FROM list WHERE key = ?1 AND pos = ?2";

static int list_stat(struct redis_txn *t, const struct redis_key *key, struct slice element,
	struct engine_info *out, struct err *err)
{
	sqlite3_stmt *row = NULL;
	int rc = find(t, key, element, size_sql, &row, out, err);

	if (rc == 0) {
		sqlite3_reset(row);
	}
	return rc;
}

static int list_read(struct redis_txn *t, const struct redis_key *key, struct slice element,
	struct buf *out, struct engine_info *info, struct err *err)
{
	sqlite3_stmt *row = NULL;
	int rc = find(t, key, element, value_sql, &row, info, err);

	if (rc < 0) {
		return rc;
	}
	buf_append_slice(out, store_column_slice(row, 3));
	sqlite3_reset(row);
	return buf_check(out, err);
}

/* From the last to the first, so that who removes what is listed, one by one, removes all: what
 * stands behind an element moves when it goes. */
static int list_list(struct redis_txn *t, const struct redis_key *key, const struct slice *after,
	engine_emit *emit, void *arg, struct err *err)
{
	sqlite3_stmt *row = redis_stmt(t,
		"SELECT pos, version, mtime, LENGTH(value) FROM list"
		" WHERE key = ?1 AND pos < ?2 ORDER BY pos DESC",
		err);
	uint64_t end = key->n;

	if (row == NULL) {
		return -err->code;
	}
	if (after != NULL && !parse_index(*after, &end)) {
		end = key->n;
	}
	sqlite3_bind_int64(row, 1, key->id);
	sqlite3_bind_int64(row, 2, key->a + (int64_t)end);
	int rc;
	while ((rc = store_step(row, err)) == 1) {
		char name[24];
		int n = snprintf(name, sizeof(name), "%lld",
			(long long)(sqlite3_column_int64(row, 0) - key->a));
		const struct engine_info info = {
			.kind = ENGINE_FILE,
			.version = (uint64_t)sqlite3_column_int64(row, 1),
			.mtime_ns = sqlite3_column_int64(row, 2),
			.size = (uint64_t)sqlite3_column_int64(row, 3),
		};
		if (emit(arg, slice_make(name, (size_t)n), &info) != 0) {
			break;
		}
	}
	sqlite3_reset(row);
	return rc < 0 ? rc : 0;
}

/* ---- changes ---- */

static int list_append(struct redis_txn *t, struct slice name, struct redis_key *key,
	const struct redis_put *put, struct engine_info *out, struct err *err)
{
	if (put->expect != ENGINE_VERSION_ANY && put->expect != ENGINE_VERSION_ABSENT) {
		return err_set(err, EBUSY,
			"the element was removed since it was read; read the list again");
	}
	int rc = redis_list_push(t, key, false, put->text, err);
	rc = rc < 0 ? rc : redis_key_save(t, name, key, NULL, err);
	return rc < 0 ? rc : list_stat(t, key, put->element, out, err);
}

static int list_replace(struct redis_txn *t, struct slice name, struct redis_key *key,
	uint64_t index, const struct redis_put *put, struct engine_info *out, struct err *err)
{
	sqlite3_stmt *row = NULL;
	int rc = find(t, key, put->element, value_sql, &row, out, err);

	if (rc < 0) {
		return rc;
	}
	bool same = slice_equal(store_column_slice(row, 3), put->text);
	sqlite3_reset(row);
	if (put->expect == ENGINE_VERSION_ABSENT) {
		return err_set(err, EEXIST, "the list has this element already");
	}
	if (put->expect != ENGINE_VERSION_ANY && put->expect != out->version) {
		return err_set(err, EBUSY,
			"the element was changed, or another moved to its index, since it was read;"
			" read it again");
	}
	if (same) {
		return 0;
	}
	rc = redis_list_set(t, key, index, put->text, err);
	rc = rc < 0 ? rc : redis_key_save(t, name, key, &put->element, err);
	return rc < 0 ? rc : list_stat(t, key, put->element, out, err);
}

static int list_write(struct redis_txn *t, struct slice name, struct redis_key *key,
	const struct redis_put *put, struct engine_info *out, struct err *err)
{
	uint64_t index;

	if (!parse_index(put->element, &index)) {
		return list_check(put->element, err);
	}
	if (index > key->n) {
		return err_set(err, EINVAL, "the list has %llu elements: the next to write is %llu",
			(unsigned long long)key->n, (unsigned long long)key->n);
	}
	return index == key->n ? list_append(t, name, key, put, out, err)
			       : list_replace(t, name, key, index, put, out, err);
}

static int list_remove(struct redis_txn *t, struct slice name, struct redis_key *key,
	struct slice element, uint64_t expect, struct err *err)
{
	struct engine_info info = {0};
	uint64_t index = 0;
	int rc = list_stat(t, key, element, &info, err);

	if (rc < 0) {
		return rc;
	}
	if (expect != ENGINE_VERSION_ANY && expect != info.version) {
		return err_set(err, EBUSY,
			"the element was changed, or another moved to its index, since it was "
			"read");
	}
	parse_index(element, &index);
	rc = redis_list_remove(t, key, &index, 1, err);
	return rc < 0 ? rc : redis_key_save(t, name, key, NULL, err);
}

/* `mv --exchange` is the one renaming that says what becomes of the others. */
static int list_exchange(struct redis_txn *t, struct redis_key *key, struct slice from,
	struct slice to, struct err *err)
{
	CLEANUP(buf_free) struct buf first = BUF_INIT;
	CLEANUP(buf_free) struct buf second = BUF_INIT;
	struct engine_info info = {0};
	uint64_t i = 0, j = 0;
	int rc = list_read(t, key, from, &first, &info, err);

	rc = rc < 0 ? rc : list_read(t, key, to, &second, &info, err);
	if (rc < 0) {
		return rc;
	}
	parse_index(from, &i);
	parse_index(to, &j);
	rc = redis_list_set(t, key, i, buf_slice(&second), err);
	return rc < 0 ? rc : redis_list_set(t, key, j, buf_slice(&first), err);
}

static int list_rename(struct redis_txn *t, struct slice name, struct redis_key *key,
	struct slice from, struct slice to, unsigned flags, struct err *err)
{
	if (!(flags & RENAME_EXCHANGE)) {
		return err_set(err, EINVAL,
			"an element of a list has no name but its index: write a new one, remove "
			"the"
			" old one");
	}
	int rc = list_exchange(t, key, from, to, err);
	return rc < 0 ? rc : redis_key_save(t, name, key, NULL, err);
}

/* ---- scripts ---- */

static const struct engine_script list_scripts[] = {
	{".rpush", "each line written is an element, added behind the last one", true},
	{".lpush", "each line written is an element, added before the first one", true},
	{0},
};

static int list_script(struct redis_txn *t, struct slice name, struct redis_key *key,
	const char *format, struct slice text, struct buf *report, struct err *err)
{
	bool left = strcmp(format, "lpush") == 0;
	int rc = 0;

	if (text.n == 0) {
		return err_set(err, EINVAL, "nothing was written: each line is an element");
	}
	while (rc == 0 && text.n > 0) {
		const char *end = memchr(text.p, '\n', text.n);
		size_t n = end != NULL ? (size_t)(end - text.p) : text.n;
		rc = redis_list_push(t, key, left, slice_make(text.p, n), err);
		n += end != NULL;
		text = slice_make(text.p + n, text.n - n);
	}
	rc = rc < 0 ? rc : redis_key_save(t, name, key, NULL, err);
	if (rc == 0) {
		buf_printf(report, "%llu\n", (unsigned long long)key->n);
	}
	return rc;
}

/* ---- as a whole ---- */

static int list_drop(struct redis_txn *t, const struct redis_key *key, struct err *err)
{
	return redis_run(t, err, "DELETE FROM list WHERE key = ?1", "i", key->id);
}

/* Each gets a version of its own: two that come to stand at the same index must differ. */
static int copy_one(struct redis_txn *t, int64_t to, sqlite3_stmt *row, struct err *err)
{
	return redis_run(t, err, "INSERT INTO list VALUES(?1, ?2, ?3, ?4, ?5)", "iiiib", to,
		(int64_t)sqlite3_column_int64(row, 0), (int64_t)redis_version(t), redis_time_ns(t),
		store_column_slice(row, 1));
}

static int list_copy(struct redis_txn *t, const struct redis_key *from, int64_t to, struct err *err)
{
	sqlite3_stmt *row =
		redis_stmt(t, "SELECT pos, value FROM list WHERE key = ?1 ORDER BY pos", err);

	if (row == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(row, 1, from->id);
	int rc;
	while ((rc = store_step(row, err)) == 1) {
		rc = copy_one(t, to, row, err);
		if (rc < 0) {
			break;
		}
	}
	sqlite3_reset(row);
	return rc;
}

static int export_one(void *arg, uint64_t index, struct slice value, struct err *err)
{
	struct buf *out = arg;

	buf_puts(out, index == 0 ? "" : ",\n ");
	redis_json_text_put(out, value);
	return buf_check(out, err);
}

static int list_export(
	struct redis_txn *t, const struct redis_key *key, struct buf *out, struct err *err)
{
	buf_putc(out, '[');
	int rc = redis_list_each(t, key, 0, false, key->n, export_one, out, err);
	buf_puts(out, "]\n");
	return rc < 0 ? rc : buf_check(out, err);
}

struct import {
	struct redis_txn *t;
	struct redis_key *key;
	struct redis_json_text text;
	bool begun;
	uint64_t n;
};

static int import_event(
	void *arg, enum json_event event, struct slice text, struct json_pos pos, struct err *err)
{
	struct import *im = arg;
	struct slice value;

	if (!im->begun) {
		im->begun = true;
		return event == JSON_EV_ARRAY_BEGIN
			       ? 0
			       : redis_json_expected(pos, "an array of the elements", err);
	}
	if (event == JSON_EV_ARRAY_END && im->text.at == JSON_TEXT_NONE) {
		return 0;
	}
	int rc = redis_json_text_feed(&im->text, event, text, pos, &value, err);
	if (rc == 1) {
		im->n++;
		rc = redis_list_push(im->t, im->key, false, value, err);
	}
	return rc;
}

static int list_import(struct redis_txn *t, struct slice name, struct redis_key *key,
	struct slice text, bool fresh, uint64_t *n, struct err *err)
{
	struct import im = {.t = t, .key = key};
	struct json_reader *r = json_reader_new(import_event, &im, 0, false);

	(void)fresh; /* what is added stands behind what is there, it never is that */
	int rc = r != NULL ? json_feed(r, text, err) : err_set(err, ENOMEM, "out of memory");
	rc = rc < 0 ? rc : json_finish(r, err);
	json_reader_free(r);
	redis_json_text_finish(&im.text);
	if (rc == 0 && key->n == 0) {
		rc = err_set(err, EINVAL, "a list has at least one element");
	}
	*n = im.n;
	return rc < 0 ? rc : redis_key_save(t, name, key, NULL, err);
}

const struct redis_type_ops redis_list_type = {
	.name = "list",
	.suffix = ".list",
	.noun = "element",
	.help = "The elements are the files 0, 1, 2, ...: writing the next index appends one, "
		"removing"
		" one moves those\nbehind it up. Lines written to .rpush and .lpush are added "
		"behind"
		" and before them.",
	.scripts = list_scripts,
	.check = list_check,
	.check_text = list_check_text,
	.stat = list_stat,
	.list = list_list,
	.read = list_read,
	.write = list_write,
	.remove = list_remove,
	.rename = list_rename,
	.script = list_script,
	.drop = list_drop,
	.copy = list_copy,
	.export_json = list_export,
	.import_json = list_import,
};
