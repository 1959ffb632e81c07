/* Which keys there are. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#include "engines/cache/redis/commands/keys.h"
#include "engines/cache/redis/db_impl.h"
#include "engines/cache/redis/evict.h"
#include "engines/cache/redis/type.h"

/* ---- KEYS ---- */

struct matching {
	struct redis_call *c;
	struct slice pattern;
	size_t n;
};

static int match_key(void *arg, struct slice name, const struct redis_key *key, struct err *err)
{
	struct matching *m = arg;

	(void)key;
	(void)err;
	if (redis_glob(m->pattern, name)) {
		redis_reply_bulk(m->c->out, name);
		m->n++;
	}
	return 0;
}

int redis_run_keys(struct redis_call *c, struct err *err)
{
	struct matching m = {.c = c, .pattern = c->argv[1]};
	size_t at = redis_reply_begin(c->out);
	int rc = redis_key_each(c->t, NULL, match_key, &m, err);

	redis_reply_end(c->out, at, m.n);
	return rc;
}

/* ---- SCAN ---- */

/* The cursor is the row that was looked at last. A key keeps its row while there is one of its
 * name, new ones come behind all: what is there throughout is met once. */
struct scan {
	uint64_t cursor;
	int64_t count;
	struct slice pattern;
	struct slice type;
	bool any_type, any_name;
};

/* As strtoull() takes it: "" is 0, -1 is behind all. */
static int parse_cursor(struct slice arg, uint64_t *out, struct err *err)
{
	char text[32] = "";
	char *end = text;

	if (arg.n < sizeof(text) && (arg.n == 0 || !isspace((unsigned char)arg.p[0]))) {
		memcpy(text, arg.n > 0 ? arg.p : "", arg.n);
		errno = 0;
		*out = strtoull(text, &end, 10);
	}
	if (end == NULL || (size_t)(end - text) != arg.n || (arg.n > 0 && errno == ERANGE)) {
		return err_set(err, EINVAL, "ERR invalid cursor");
	}
	*out = *out <= INT64_MAX ? *out : INT64_MAX;
	return 0;
}

static int parse_option(struct redis_call *c, unsigned i, struct scan *s, struct err *err)
{
	if (i + 1 >= c->argc) {
		return redis_syntax_error(err);
	}
	if (redis_arg_is(c->argv[i], "match")) {
		s->pattern = c->argv[i + 1];
		s->any_name = slice_is(s->pattern, "*");
		return 0;
	}
	if (redis_arg_is(c->argv[i], "type")) {
		s->type = c->argv[i + 1];
		s->any_type = false;
		return 0;
	}
	if (!redis_arg_is(c->argv[i], "count")) {
		return redis_syntax_error(err);
	}
	int rc = redis_arg_int(c->argv[i + 1], &s->count, err);
	return rc == 0 && s->count < 1 ? redis_syntax_error(err) : rc;
}

static int parse_scan(struct redis_call *c, struct scan *s, struct err *err)
{
	*s = (struct scan){.count = 10, .any_type = true, .any_name = true};
	int rc = parse_cursor(c->argv[1], &s->cursor, err);

	for (unsigned i = 2; rc == 0 && i < c->argc; i += 2) {
		rc = parse_option(c, i, s, err);
	}
	return rc;
}

static bool wanted(const struct scan *s, struct slice name, const struct redis_key *key)
{
	const struct redis_type_ops *ops = redis_types[key->type];

	return (s->any_type || (ops != NULL && redis_arg_is(s->type, ops->name))) &&
	       (s->any_name || redis_glob(s->pattern, name));
}

/* The cursor that goes on: 0, all were seen. */
static int scan_rows(struct redis_call *c, const struct scan *s, sqlite3_stmt *stmt,
	struct buf *out, size_t *n, uint64_t *cursor, struct err *err)
{
	struct redis_key key;
	int64_t seen = 0;
	int rc;

	*cursor = 0;
	while ((rc = redis_row(c->t, stmt, err)) == 1) {
		struct slice name = store_column_slice(stmt, REDIS_KEY_VALUE);
		rc = redis_key_from(c->t, stmt, &key, err);
		if (rc < 0) {
			break;
		}
		if (!redis_key_expired(c->t, &key) && wanted(s, name, &key)) {
			redis_reply_bulk(out, name);
			++*n;
		}
		if (++seen == s->count) {
			*cursor = (uint64_t)key.row;
			break;
		}
	}
	sqlite3_reset(stmt);
	return rc < 0 ? rc : buf_check(out, err);
}

int redis_run_scan(struct redis_call *c, struct err *err)
{
	CLEANUP(buf_free) struct buf names = BUF_INIT;
	struct scan s;
	uint64_t cursor = 0;
	size_t n = 0;
	int rc = parse_scan(c, &s, err);
	sqlite3_stmt *stmt = rc < 0 ? NULL
				    : redis_stmt(c->t,
					      "SELECT " REDIS_KEY_COLUMNS
					      ",name FROM key WHERE row>?1 ORDER BY row",
					      err);

	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(stmt, 1, (sqlite3_int64)s.cursor);
	rc = scan_rows(c, &s, stmt, &names, &n, &cursor, err);
	char text[24];
	snprintf(text, sizeof(text), "%llu", (unsigned long long)cursor);
	redis_reply_array(c->out, 2);
	redis_reply_text(c->out, text);
	redis_reply_array(c->out, n);
	buf_append_slice(c->out, buf_slice(&names));
	return rc;
}

/* ---- one, how many ---- */

#define TRIES 100

/* One that has expired is drawn again, within reason: those are about to be deleted. */
int redis_run_randomkey(struct redis_call *c, struct err *err)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	struct redis_key key;
	int rc = 1;

	for (unsigned i = 0; rc == 1 && i < TRIES; i++) {
		rc = redis_key_random(c->t, false, &name, &key, err);
		if (rc == 1 && !redis_key_expired(c->t, &key)) {
			redis_reply_bulk(c->out, buf_slice(&name));
			return 0;
		}
	}
	redis_reply_nil(c->out);
	return rc < 0 ? rc : 0;
}

int redis_run_dbsize(struct redis_call *c, struct err *err)
{
	uint64_t n = 0;
	int rc = redis_keys_count(c->t, &n, err);
	sqlite3_stmt *stmt = redis_stmt(c->t, "SELECT count(*) FROM key WHERE expires <= ?1", err);

	if (rc < 0 || stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(stmt, 1, c->t->now_ms);
	rc = store_step(stmt, err);
	if (rc == 1) { /* those that have expired count, until they are deleted */
		redis_reply_int(c->out, (int64_t)n - sqlite3_column_int64(stmt, 0));
	}
	sqlite3_reset(stmt);
	return rc < 0 ? rc : 0;
}
