/* A stream as a directory: a file an entry, called by its id, with a field and its value a line. */
#include <errno.h>
#include <stdlib.h>
#include <stdio.h>

#include "engines/cache/redis/json_text.h"
#include "engines/cache/redis/parse.h"
#include "engines/cache/redis/reply.h"
#include "engines/cache/redis/stream_group.h"
#include "engines/cache/redis/type.h"
#include "engines/cache/redis/words.h"
#include "engines/common/cleanup.h"

static int stream_check(struct slice element, struct err *err)
{
	struct redis_id id;

	return redis_id_parse_name(element, &id)
		       ? 0
		       : err_set(err, EINVAL,
				 "an entry of a stream is called <milliseconds>-<sequence>, as "
				 "1700000000000-0");
}

/* ---- content ---- */

/* The words of one line, two of them or (`any`) pairs, as bulks. */
static int take_line(const struct redis_words *w, bool any, struct buf *fields, struct err *err)
{
	if (any ? w->argc % 2 != 0 : w->argc != 2) {
		return err_set(err, EINVAL,
			"line %lu: expected %s, quoted where they hold spaces, found %u words",
			w->line, any ? "fields, each with its value" : "a field and its value",
			w->argc);
	}
	for (unsigned i = 0; i < w->argc; i++) {
		redis_reply_bulk(fields, w->argv[i]);
	}
	return buf_check(fields, err);
}

static void parser_free(struct redis_parser *p)
{
	redis_parser_finish(p);
}

typedef int line_fn(void *arg, const struct redis_words *w, struct err *err);

static int each_line(struct slice text, line_fn *fn, void *arg, struct err *err)
{
	CLEANUP(parser_free) struct redis_parser p = {0};
	struct redis_words *w;
	int rc = redis_parser_feed(&p, text, err);

	while (rc == 0 && (rc = redis_parser_next(&p, true, &w, err)) == 1) {
		rc = fn(arg, w, err);
		free(w);
	}
	return rc;
}

static int line_of_entry(void *arg, const struct redis_words *w, struct err *err)
{
	return take_line(w, false, arg, err);
}

/* A file's text as the bulks of an entry. */
static int parse_entry(struct slice text, struct buf *fields, struct err *err)
{
	int rc = each_line(text, line_of_entry, fields, err);

	if (rc == 0 && fields->n == 0) {
		rc = err_set(err, EINVAL,
			"an entry has at least one field: a line of a field and its value");
	}
	return rc;
}

static void print_entry(struct slice fields, struct buf *out)
{
	struct redis_reply field, value;

	while (redis_reply_next(&fields, &field) && redis_reply_next(&fields, &value)) {
		redis_word_put(out, field.text, true);
		buf_putc(out, ' ');
		redis_word_put(out, value.text, false);
		buf_putc(out, '\n');
	}
}

static int stream_check_text(struct slice element, struct slice text, struct err *err)
{
	CLEANUP(buf_free) struct buf fields = BUF_INIT;

	(void)element;
	return parse_entry(text, &fields, err);
}

/* ---- reading ---- */

/* Columns id, version, time, fields. */
static void row_info(sqlite3_stmt *row, struct buf *text, struct engine_info *out)
{
	print_entry(store_column_slice(row, 3), text);
	*out = (struct engine_info){
		.kind = ENGINE_FILE,
		.version = (uint64_t)sqlite3_column_int64(row, 1),
		.mtime_ns = sqlite3_column_int64(row, 2),
		.size = text->n,
	};
}

static int stream_read(struct redis_txn *t, const struct redis_key *key, struct slice element,
	struct buf *out, struct engine_info *info, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	unsigned char packed[REDIS_ID_BYTES];
	struct redis_id id;

	if (!redis_id_parse_name(element, &id)) {
		return err_set(err, ENOENT, "no entry has this name");
	}
	sqlite3_stmt *row = redis_stmt(
		t, "SELECT id, version, mtime, fields FROM entry WHERE key = ?1 AND id = ?2", err);
	if (row == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(row, 1, key->id);
	store_bind_slice(row, 2, redis_id_pack(id, packed));
	int rc = store_step(row, err);
	if (rc == 1) {
		row_info(row, &text, info);
		buf_append_slice(out, buf_slice(&text));
	}
	sqlite3_reset(row);
	if (rc == 0) {
		return err_set(err, ENOENT, "the stream has no such entry");
	}
	rc = rc < 0 ? rc : buf_check(&text, err);
	return rc < 0 ? rc : buf_check(out, err);
}

static int stream_stat(struct redis_txn *t, const struct redis_key *key, struct slice element,
	struct engine_info *out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;

	return stream_read(t, key, element, &text, out, err);
}

static int emit_row(
	sqlite3_stmt *row, struct buf *text, engine_emit *emit, void *arg, struct err *err)
{
	char name[REDIS_ID_TEXT];
	struct engine_info info = {0};

	buf_clear(text);
	row_info(row, text, &info);
	int rc = buf_check(text, err);
	return rc < 0 ? rc
		      : emit(arg, redis_id_print(redis_id_unpack(store_column_slice(row, 0)), name),
				&info) != 0;
}

static int stream_list(struct redis_txn *t, const struct redis_key *key, const struct slice *after,
	engine_emit *emit, void *arg, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	unsigned char packed[REDIS_ID_BYTES];
	struct redis_id from = REDIS_ID_MIN;
	sqlite3_stmt *row = redis_stmt(t,
		"SELECT id, version, mtime, fields FROM entry WHERE key = ?1 AND id > ?2"
		" ORDER BY id",
		err);

	if (row == NULL) {
		return -err->code;
	}
	if (after != NULL) {
		redis_id_parse_name(*after, &from);
	}
	sqlite3_bind_int64(row, 1, key->id);
	store_bind_slice(row, 2, redis_id_pack(from, packed)); /* 0-0 is no entry */
	int rc;
	while ((rc = store_step(row, err)) == 1) {
		rc = emit_row(row, &text, emit, arg, err);
		if (rc != 0) {
			break;
		}
	}
	sqlite3_reset(row);
	return rc < 0 ? rc : 0;
}

/* ---- changes ---- */

static int stream_again(struct redis_txn *t, const struct redis_key *key,
	const struct redis_put *put, struct engine_info *out, struct err *err)
{
	CLEANUP(buf_free) struct buf fields = BUF_INIT;
	CLEANUP(buf_free) struct buf stored = BUF_INIT;
	struct redis_id id;
	int rc = parse_entry(put->text, &fields, err);

	redis_id_parse_name(put->element, &id);
	rc = rc < 0 ? rc : redis_stream_find(t, key, id, &stored, err);
	if (rc < 0) {
		return rc;
	}
	if (put->expect == ENGINE_VERSION_ABSENT) {
		return err_set(err, EEXIST, "the stream has this entry already");
	}
	if (!slice_equal(buf_slice(&fields), buf_slice(&stored))) {
		return err_set(err, ENOTSUP,
			"an entry of a stream is never changed; remove it, or add another");
	}
	return stream_stat(t, key, put->element, out, err);
}

static int stream_write(struct redis_txn *t, struct slice name, struct redis_key *key,
	const struct redis_put *put, struct engine_info *out, struct err *err)
{
	CLEANUP(buf_free) struct buf fields = BUF_INIT;
	struct redis_id_asked asked = {.has_ms = true, .has_seq = true};

	if (!redis_id_parse_name(put->element, &asked.id)) {
		return stream_check(put->element, err);
	}
	int rc = redis_stream_find(t, key, asked.id, NULL, err);
	if (rc != 0) {
		return rc < 0 ? rc : stream_again(t, key, put, out, err);
	}
	if (put->expect != ENGINE_VERSION_ANY && put->expect != ENGINE_VERSION_ABSENT) {
		return err_set(err, EBUSY, "the entry was removed since it was read");
	}
	rc = parse_entry(put->text, &fields, err);
	if (rc == 0 && redis_id_is_zero(asked.id)) {
		rc = err_set(err, EINVAL, "ERR The ID specified in XADD must be greater than 0-0");
	}
	rc = rc < 0 ? rc : redis_stream_next_id(t, key, &asked, &asked.id, err);
	rc = rc < 0 ? rc : redis_stream_add(t, key, asked.id, buf_slice(&fields), err);
	rc = rc < 0 ? rc : redis_key_save(t, name, key, NULL, err);
	return rc < 0 ? rc : stream_stat(t, key, put->element, out, err);
}

static int stream_remove(struct redis_txn *t, struct slice name, struct redis_key *key,
	struct slice element, uint64_t expect, struct err *err)
{
	struct engine_info info = {0};
	struct redis_id id = REDIS_ID_MIN;
	int rc = stream_stat(t, key, element, &info, err);

	if (rc < 0) {
		return rc;
	}
	if (expect != ENGINE_VERSION_ANY && expect != info.version) {
		return err_set(err, EBUSY, "the entry was removed and added since it was read");
	}
	redis_id_parse_name(element, &id);
	rc = redis_stream_remove(t, key, id, err);
	return rc < 0 ? rc : redis_key_save(t, name, key, NULL, err);
}

static int stream_rename(struct redis_txn *t, struct slice name, struct redis_key *key,
	struct slice from, struct slice to, unsigned flags, struct err *err)
{
	(void)t;
	(void)name;
	(void)key;
	(void)from;
	(void)to;
	(void)flags;
	return err_set(err, ENOTSUP, "an entry of a stream keeps its id; add another");
}

/* ---- .add ---- */

static const struct engine_script stream_scripts[] = {
	{".add", "each line written, fields with their values, is added as an entry", true},
	{0},
};

struct adding {
	struct redis_txn *t;
	struct redis_key *key;
	struct buf *report;
	uint64_t n;
};

static int add_line(void *arg, const struct redis_words *w, struct err *err)
{
	CLEANUP(buf_free) struct buf fields = BUF_INIT;
	const struct redis_id_asked any = {.has_ms = false};
	struct adding *a = arg;
	struct redis_id id;
	char text[REDIS_ID_TEXT];
	int rc = take_line(w, true, &fields, err);

	rc = rc < 0 ? rc : redis_stream_next_id(a->t, a->key, &any, &id, err);
	rc = rc < 0 ? rc : redis_stream_add(a->t, a->key, id, buf_slice(&fields), err);
	if (rc == 0) {
		buf_append_slice(a->report, redis_id_print(id, text));
		buf_putc(a->report, '\n');
		a->n++;
	}
	return rc;
}

static int stream_script(struct redis_txn *t, struct slice name, struct redis_key *key,
	const char *format, struct slice text, struct buf *report, struct err *err)
{
	struct adding a = {.t = t, .key = key, .report = report};

	(void)format;
	int rc = each_line(text, add_line, &a, err);
	if (rc == 0 && a.n == 0) {
		rc = err_set(err, EINVAL, "nothing was written: each line is an entry");
	}
	return rc < 0 ? rc : redis_key_save(t, name, key, NULL, err);
}

/* ---- as a whole ---- */

static int stream_drop(struct redis_txn *t, const struct redis_key *key, struct err *err)
{
	int rc = redis_run(t, err, "DELETE FROM entry WHERE key = ?1", "i", key->id);

	rc = rc < 0 ? rc : redis_run(t, err, "DELETE FROM tombstone WHERE key = ?1", "i", key->id);
	return rc < 0 ? rc : redis_groups_drop(t, key->id, err);
}

/* Entries never change, so that one version serves for all. */
static int stream_copy(
	struct redis_txn *t, const struct redis_key *from, int64_t to, struct err *err)
{
	int rc = redis_run(t, err,
		"INSERT INTO entry SELECT ?2, id, ?3, ?4, fields FROM entry WHERE key = ?1", "iiii",
		from->id, to, (int64_t)redis_version(t), redis_time_ns(t));

	rc = rc < 0 ? rc
		    : redis_run(t, err,
			      "INSERT INTO tombstone SELECT ?2, id FROM tombstone WHERE key = ?1",
			      "ii", from->id, to);
	return rc < 0 ? rc : redis_groups_copy(t, from->id, to, err);
}

struct exporting {
	struct buf *out;
	bool more;
};

static int export_entry(void *arg, struct redis_id id, struct slice fields, struct err *err)
{
	struct exporting *x = arg;
	struct redis_reply bulk;
	char text[REDIS_ID_TEXT];

	redis_id_print(id, text);
	buf_printf(x->out, "%s{\"id\": \"%s\", \"fields\": [", x->more ? ",\n " : "", text);
	for (bool more = false; redis_reply_next(&fields, &bulk); more = true) {
		buf_puts(x->out, more ? ", " : "");
		redis_json_text_put(x->out, bulk.text);
	}
	buf_puts(x->out, "]}");
	x->more = true;
	return buf_check(x->out, err);
}

static int stream_export(
	struct redis_txn *t, const struct redis_key *key, struct buf *out, struct err *err)
{
	const struct redis_entries all = {REDIS_ID_MIN, REDIS_ID_MAX, false, -1};
	struct exporting x = {.out = out};

	buf_putc(out, '[');
	int rc = redis_stream_each(t, key, &all, export_entry, &x, err);
	buf_puts(out, "]\n");
	return rc < 0 ? rc : buf_check(out, err);
}

/* An array of {"id": .., "fields": [..]}, in any order of the two members. */
struct import {
	struct redis_txn *t;
	struct redis_key *key;
	bool fresh;
	enum { OUTSIDE, BETWEEN, MEMBER, ID, LIST, FIELDS } at;
	struct redis_json_text text;
	bool has_id;
	struct redis_id id;
	struct buf fields;
	uint64_t n;
};

static int import_entry(struct import *im, struct json_pos pos, struct err *err)
{
	struct redis_id_asked asked = {im->id, true, true};
	struct redis_id id;
	size_t words = redis_fields_count(buf_slice(&im->fields));

	im->at = BETWEEN;
	if (!im->has_id || words == 0 || words % 2 != 0) {
		return redis_json_expected(
			pos, "\"id\" and \"fields\", an array of fields each with its value", err);
	}
	int rc = redis_stream_find(im->t, im->key, im->id, NULL, err);
	if (rc > 0 && !im->fresh) {
		return 0; /* it is there, and an entry never changes */
	}
	if (rc > 0) {
		return err_set(err, EEXIST, "line %lu, column %lu: the stream has this entry",
			pos.line, pos.column);
	}
	rc = rc < 0 ? rc : redis_stream_next_id(im->t, im->key, &asked, &id, err);
	if (rc == -EINVAL) {
		return err_wrap(err, "line %lu, column %lu", pos.line, pos.column);
	}
	rc = rc < 0 ? rc : redis_stream_add(im->t, im->key, id, buf_slice(&im->fields), err);
	im->n++;
	return rc;
}

static int import_member(struct import *im, enum json_event event, struct slice text,
	struct json_pos pos, struct err *err)
{
	if (event == JSON_EV_OBJECT_END) {
		return import_entry(im, pos, err);
	}
	if (event == JSON_EV_KEY && slice_is(text, "id")) {
		im->at = ID;
		return 0;
	}
	if (event == JSON_EV_KEY && slice_is(text, "fields")) {
		im->at = LIST;
		return 0;
	}
	return redis_json_expected(pos, "\"id\" or \"fields\"", err);
}

static int import_field(struct import *im, enum json_event event, struct slice text,
	struct json_pos pos, struct err *err)
{
	struct slice value;

	if (event == JSON_EV_ARRAY_END && im->text.at == JSON_TEXT_NONE) {
		im->at = MEMBER;
		return 0;
	}
	int rc = redis_json_text_feed(&im->text, event, text, pos, &value, err);
	if (rc == 1) {
		redis_reply_bulk(&im->fields, value);
		rc = buf_check(&im->fields, err);
	}
	return rc;
}

static int import_event(
	void *arg, enum json_event event, struct slice text, struct json_pos pos, struct err *err)
{
	struct import *im = arg;

	switch (im->at) {
	case OUTSIDE:
		im->at = BETWEEN;
		return event == JSON_EV_ARRAY_BEGIN
			       ? 0
			       : redis_json_expected(pos, "an array of entries", err);
	case BETWEEN:
		if (event == JSON_EV_ARRAY_END) {
			return 0;
		}
		im->at = MEMBER;
		im->has_id = false;
		buf_clear(&im->fields);
		return event == JSON_EV_OBJECT_BEGIN
			       ? 0
			       : redis_json_expected(
					 pos, "an entry: {\"id\": .., \"fields\": [..]}", err);
	case MEMBER: return import_member(im, event, text, pos, err);
	case ID:
		im->at = MEMBER;
		im->has_id = event == JSON_EV_STRING && redis_id_parse_name(text, &im->id);
		return im->has_id ? 0 : redis_json_expected(pos, "an id: \"1700000000000-0\"", err);
	case LIST:
		im->at = FIELDS;
		return event == JSON_EV_ARRAY_BEGIN
			       ? 0
			       : redis_json_expected(pos, "an array of fields and values", err);
	case FIELDS: break;
	}
	return import_field(im, event, text, pos, err);
}

static int stream_import(struct redis_txn *t, struct slice name, struct redis_key *key,
	struct slice text, bool fresh, uint64_t *n, struct err *err)
{
	struct import im = {.t = t, .key = key, .fresh = fresh};
	struct json_reader *r = json_reader_new(import_event, &im, 0, false);
	int rc = r != NULL ? json_feed(r, text, err) : err_set(err, ENOMEM, "out of memory");

	rc = rc < 0 ? rc : json_finish(r, err);
	json_reader_free(r);
	redis_json_text_finish(&im.text);
	buf_free(&im.fields);
	*n = im.n;
	return rc < 0 ? rc : redis_key_save(t, name, key, NULL, err);
}

const struct redis_type_ops redis_stream_type = {
	.name = "stream",
	.suffix = ".stream",
	.noun = "entry",
	.help = "A file is an entry: a field and its value a line, quoted as redis-cli quotes "
		"where "
		"needed. A new one has\na greater id than all before; none is ever changed. A line "
		"of fields and values written to .add is added\nwith the time as its id.",
	.scripts = stream_scripts,
	.check = stream_check,
	.check_text = stream_check_text,
	.stat = stream_stat,
	.list = stream_list,
	.read = stream_read,
	.write = stream_write,
	.remove = stream_remove,
	.rename = stream_rename,
	.script = stream_script,
	.drop = stream_drop,
	.copy = stream_copy,
	.export_json = stream_export,
	.import_json = stream_import,
};
