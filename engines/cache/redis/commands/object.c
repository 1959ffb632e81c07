/* OBJECT: how Redis would keep a key, and how it is used. */
#include <errno.h>

#include "engines/cache/redis/commands/keys.h"
#include "engines/cache/redis/db_impl.h"
#include "engines/cache/redis/evict.h"

/* Redis' own limits for what it keeps packed. */
#define PACKED_ELEMENTS 128
#define PACKED_BYTES	64
#define INTSET_ELEMENTS 512
#define EMBEDDED_BYTES	44

/* 1, or 0 with nil as the reply. */
static int find(struct redis_call *c, struct redis_key *key, struct err *err)
{
	int rc = redis_key_peek(c->t, c->argv[2], key, err);

	if (rc == 0) {
		redis_reply_nil(c->out);
	}
	return rc;
}

static int encoding_of_string(
	struct redis_call *c, const struct redis_key *key, const char **out, struct err *err)
{
	CLEANUP(buf_free) struct buf value = BUF_INIT;
	int64_t number;

	*out = key->n <= EMBEDDED_BYTES ? "embstr" : "raw";
	if (key->n > 20) {
		return 0;
	}
	int rc = redis_string_get(c->t, key, &value, err);
	if (rc == 0 && redis_arg_int(buf_slice(&value), &number, NULL) == 0) {
		*out = "int";
	}
	return rc;
}

/* The longest of its elements' names and values. */
static int longest(struct redis_call *c, const struct redis_key *key, const char *sql, int64_t *out,
	struct err *err)
{
	sqlite3_stmt *stmt = redis_stmt(c->t, sql, err);

	*out = 0;
	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(stmt, 1, key->id);
	int rc = redis_row(c->t, stmt, err);
	if (rc == 1) {
		*out = sqlite3_column_int64(stmt, 0);
		sqlite3_reset(stmt);
	}
	return rc < 0 ? rc : 0;
}

static int encoding_packed(struct redis_call *c, const struct redis_key *key, const char *sql,
	const char *otherwise, const char **out, struct err *err)
{
	int64_t bytes = 0;
	int rc = key->n > PACKED_ELEMENTS ? 0 : longest(c, key, sql, &bytes, err);

	*out = key->n <= PACKED_ELEMENTS && bytes <= PACKED_BYTES ? "listpack" : otherwise;
	return rc;
}

static int encoding_of_set(
	struct redis_call *c, const struct redis_key *key, const char **out, struct err *err)
{
	sqlite3_stmt *stmt = redis_stmt(c->t, "SELECT member FROM member WHERE key=?1", err);
	int64_t number;
	int rc = 1;

	if (stmt == NULL) {
		return -err->code;
	}
	*out = key->n <= INTSET_ELEMENTS ? "intset" : "hashtable";
	sqlite3_bind_int64(stmt, 1, key->id);
	while (key->n <= INTSET_ELEMENTS && (rc = redis_row(c->t, stmt, err)) == 1) {
		if (redis_arg_int(store_column_slice(stmt, 0), &number, NULL) < 0) {
			*out = "hashtable";
			break;
		}
	}
	sqlite3_reset(stmt);
	return rc < 0 ? rc : 0;
}

static int encoding(
	struct redis_call *c, const struct redis_key *key, const char **out, struct err *err)
{
	switch (key->type) {
	case REDIS_STRING: return encoding_of_string(c, key, out, err);
	case REDIS_SET: return encoding_of_set(c, key, out, err);
	case REDIS_HASH:
		return encoding_packed(c, key,
			"SELECT max(max(length(field)),max(length(value))) FROM hash WHERE key=?1",
			"hashtable", out, err);
	case REDIS_ZSET:
		return encoding_packed(c, key, "SELECT max(length(member)) FROM score WHERE key=?1",
			"skiplist", out, err);
	default: *out = key->type == REDIS_LIST ? "quicklist" : "stream"; return 0;
	}
}

int redis_run_object_encoding(struct redis_call *c, struct err *err)
{
	struct redis_key key;
	const char *name = "";
	int rc = find(c, &key, err);

	if (rc == 1) {
		rc = encoding(c, &key, &name, err);
		redis_reply_text(c->out, name);
	}
	return rc;
}

/* ---- use ---- */

#define SWITCHING                                                                                  \
	" Please note that when switching between policies at runtime LRU and LFU data will take " \
	"some time to adjust."

static bool is_lfu(const struct redis_call *c)
{
	const struct redis_limits *limits = c->t->db->limits;
	int policy = limits != NULL ? atomic_load(&limits->policy) : REDIS_NOEVICTION;

	return policy == REDIS_ALLKEYS_LFU || policy == REDIS_VOLATILE_LFU;
}

int redis_run_object_freq(struct redis_call *c, struct err *err)
{
	struct redis_key key;
	int rc = find(c, &key, err);

	if (rc == 1 && !is_lfu(c)) {
		return err_set(err, EINVAL,
			"ERR An LFU maxmemory policy is not selected, access frequency not "
			"tracked." SWITCHING);
	}
	if (rc == 1) {
		redis_reply_int(c->out, redis_frequency(c->t, c->argv[2]));
	}
	return rc < 0 ? rc : 0;
}

int redis_run_object_idletime(struct redis_call *c, struct err *err)
{
	struct redis_key key;
	int rc = find(c, &key, err);

	if (rc == 1 && is_lfu(c)) {
		return err_set(err, EINVAL,
			"ERR An LFU maxmemory policy is selected, idle time not "
			"tracked." SWITCHING);
	}
	if (rc == 1) {
		redis_reply_int(c->out, redis_idle_s(c->t, c->argv[2], &key));
	}
	return rc < 0 ? rc : 0;
}

int redis_run_object_refcount(struct redis_call *c, struct err *err)
{
	struct redis_key key;
	int rc = find(c, &key, err);

	if (rc == 1) {
		redis_reply_int(c->out, 1);
	}
	return rc < 0 ? rc : 0;
}

int redis_run_object_help(struct redis_call *c, struct err *err)
{
	static const char *const lines[] = {
		"OBJECT <subcommand> <key>. What is known of a key besides its value:",
		"ENCODING <key>",
		"    How Redis would keep the value in memory.",
		"FREQ <key>",
		"    The counter that the LFU policies compare.",
		"IDLETIME <key>",
		"    Seconds since the key was last used.",
		"REFCOUNT <key>",
		"    How many share the value: 1.",
		"HELP",
		"    These lines.",
	};
	size_t n = sizeof(lines) / sizeof(lines[0]);

	(void)err;
	redis_reply_array(c->out, n);
	for (size_t i = 0; i < n; i++) {
		redis_reply_status(c->out, lines[i]);
	}
	return 0;
}
