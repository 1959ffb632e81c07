#include "tests/unit/redis_fixture.h"

#include <check.h>
#include <stdio.h>

static void note_told(void *arg, const struct slice *key, const struct slice *element)
{
	struct buf *told = arg;

	buf_append_slice(told, key != NULL ? *key : slice_of("*"));
	if (element != NULL) {
		buf_putc(told, '/');
		buf_append_slice(told, *element);
	}
	buf_putc(told, ' ');
}

/* ---- lifetime ---- */

void redis_fixture_init(struct redis_fixture *f)
{
	static const char *const parts[] = {"az/a", "az/b", "cache"};

	*f = (struct redis_fixture){0};
	make_site(f->dir);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(f->path[i], sizeof(f->path[i]), "%s/%s", f->dir, parts[i]);
	}
	f->config = (struct instance_config){
		.id = "keys",
		.dir = f->path[2],
		.zone = {{"a", f->path[0]}, {"b", f->path[1]}},
		.label = "cluster keys",
	};
	redis_instance_config(&f->config);
}

void redis_fixture_open(struct redis_fixture *f)
{
	struct redis_db_config config = {"keys", &f->limits, note_told, &f->told};

	redis_ok(f, instance_open(&f->config, &f->store, &f->err));
	redis_ok(f, redis_db_instance(f->store, &config, &f->db, &f->err));
}

void redis_fixture_close(struct redis_fixture *f)
{
	redis_db_close(f->db);
	instance_close(f->store);
	f->db = NULL;
	f->store = NULL;
}

void redis_fixture_start(struct redis_fixture *f)
{
	struct instance_settings settings = {0};

	redis_fixture_init(f);
	redis_ok(f, instance_create(&f->config, &settings, NULL, &f->err));
	redis_fixture_open(f);
}

void redis_fixture_end(struct redis_fixture *f)
{
	redis_fixture_check(f);
	redis_fixture_close(f);
	buf_free(&f->told);
	remove_site(f->dir);
}

int redis_fixture_read(struct redis_fixture *f, redis_fn *fn, void *arg)
{
	err_clear(&f->err);
	int rc = redis_read(f->db, fn, arg, &f->err);
	ck_assert_int_eq(rc, -f->err.code);
	return rc;
}

int redis_fixture_write(struct redis_fixture *f, redis_fn *fn, void *arg)
{
	err_clear(&f->err);
	int rc = redis_write(f->db, fn, arg, &f->err);
	ck_assert_int_eq(rc, -f->err.code);
	return rc;
}

/* ---- keys ---- */

struct call {
	struct slice name;
	struct slice value;
	int64_t expires_ms;
	struct redis_key *key;
	int found;
	struct buf *out;
};

static int put_fn(struct redis_txn *t, void *arg, struct err *err)
{
	const struct call *c = arg;
	struct redis_key key;

	return redis_string_set(t, c->name, c->value, false, 0, &key, err);
}

int keys_put(struct redis_fixture *f, const char *name, const char *value)
{
	struct call c = {.name = slice_of(name), .value = slice_of(value)};

	return redis_fixture_write(f, put_fn, &c);
}

static struct buf *text_room(void)
{
	static struct buf text;

	buf_clear(&text);
	return &text;
}

static int value_fn(struct redis_txn *t, void *arg, struct err *err)
{
	struct call *c = arg;
	struct redis_key key;

	buf_clear(c->out);
	c->found = redis_string_read(t, c->name, &key, c->out, err);
	return c->found;
}

const char *keys_value(struct redis_fixture *f, const char *name)
{
	struct call c = {.name = slice_of(name), .out = text_room()};

	err_clear(&f->err);
	redis_ok(f, redis_read_key(f->db, c.name, value_fn, &c, &f->err));
	return c.found == 1 ? buf_cstr(c.out) : "(none)";
}

static int name_fn(void *arg, struct slice name, const struct redis_key *key, struct err *err)
{
	struct buf *out = arg;

	(void)key;
	(void)err;
	buf_append_slice(out, name);
	buf_putc(out, ' ');
	return 0;
}

static int names_fn(struct redis_txn *t, void *arg, struct err *err)
{
	buf_clear(arg);
	return redis_key_each(t, NULL, name_fn, arg, err);
}

const char *keys_names(struct redis_fixture *f)
{
	struct buf *out = text_room();

	redis_ok(f, redis_fixture_read(f, names_fn, out));
	return buf_cstr(out);
}

static int key_fn(struct redis_txn *t, void *arg, struct err *err)
{
	struct call *c = arg;

	c->found = redis_key_peek(t, c->name, c->key, err);
	return c->found;
}

int keys_of(struct redis_fixture *f, const char *name, struct redis_key *out)
{
	struct call c = {.name = slice_of(name), .key = out};

	redis_ok(f, redis_fixture_read(f, key_fn, &c));
	return c.found;
}

static int drop_fn(struct redis_txn *t, void *arg, struct err *err)
{
	const struct call *c = arg;
	struct redis_key key;
	int rc = redis_key_find(t, c->name, &key, err);

	return rc == 1 ? redis_key_delete(t, c->name, &key, err) : rc;
}

int keys_drop(struct redis_fixture *f, const char *name)
{
	struct call c = {.name = slice_of(name)};

	return redis_fixture_write(f, drop_fn, &c);
}

static int expire_fn(struct redis_txn *t, void *arg, struct err *err)
{
	const struct call *c = arg;
	struct redis_key key;
	int rc = redis_key_find(t, c->name, &key, err);

	return rc == 1 ? redis_key_expire(t, c->name, &key, c->expires_ms, err) : rc;
}

int keys_expire_at(struct redis_fixture *f, const char *name, int64_t expires_ms)
{
	struct call c = {.name = slice_of(name), .expires_ms = expires_ms};

	return redis_fixture_write(f, expire_fn, &c);
}

/* ---- whether all agrees ---- */

static int64_t number(struct redis_txn *t, const char *sql, struct err *err)
{
	sqlite3_stmt *stmt = redis_stmt(t, sql, err);

	ck_assert_msg(stmt != NULL && sqlite3_step(stmt) == SQLITE_ROW, "%s: %s", sql, err->msg);
	int64_t value = sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	return value;
}

static int check_fn(struct redis_txn *t, void *arg, struct err *err)
{
	static const char *const orphans[] = {
		"SELECT count(*) FROM hash WHERE key NOT IN (SELECT id FROM key)",
		"SELECT count(*) FROM list WHERE key NOT IN (SELECT id FROM key)",
		"SELECT count(*) FROM member WHERE key NOT IN (SELECT id FROM key)",
		"SELECT count(*) FROM score WHERE key NOT IN (SELECT id FROM key)",
		"SELECT count(*) FROM entry WHERE key NOT IN (SELECT id FROM key)",
		"SELECT count(*) FROM tombstone WHERE key NOT IN (SELECT id FROM key)",
		"SELECT count(*) FROM consumer_group WHERE key NOT IN (SELECT id FROM key)",
		"SELECT count(*) FROM consumer WHERE key NOT IN (SELECT id FROM key)",
		"SELECT count(*) FROM pending WHERE key NOT IN (SELECT id FROM key)",
		"SELECT count(*) FROM long WHERE owner<>0 AND owner NOT IN (SELECT id FROM key)",
		"SELECT count(*) FROM long WHERE owner=0 AND name NOT IN (SELECT name FROM key)",
		"SELECT count(*) FROM key WHERE n=0 AND type NOT IN (0,5)",
		"SELECT count(*) FROM key WHERE type=0 AND n<>length(value)",
		"SELECT count(*) FROM key WHERE type=0 AND bytes<>length(value)+length(name)",
		"SELECT count(*) FROM key WHERE id>(SELECT last_id FROM state)",
		"SELECT count(*)-count(DISTINCT id) FROM key",
	};

	(void)arg;
	ck_assert_int_eq(number(t, "SELECT keys FROM state", err),
		number(t, "SELECT count(*) FROM key", err));
	ck_assert_int_eq(number(t, "SELECT bytes FROM state", err),
		number(t,
			"SELECT coalesce(sum(bytes+64+CASE type WHEN 0 THEN 0 ELSE n*32 END),0)"
			" FROM key",
			err));
	for (size_t i = 0; i < sizeof(orphans) / sizeof(orphans[0]); i++) {
		ck_assert_msg(number(t, orphans[i], err) == 0, "%s", orphans[i]);
	}
	return 0;
}

void redis_fixture_check(struct redis_fixture *f)
{
	redis_ok(f, redis_fixture_read(f, check_fn, NULL));
}
