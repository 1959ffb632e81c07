/* Every step of every kind of change fails once: SQLite is interrupted at its n-th instruction, for
 * n from 1 until the command gets through. What failed has changed nothing, nothing stays held, and
 * the next try works. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/redis_cases.h"
#include "tests/unit/stride.h"

static struct redis_fixture f;

static const char *const fill[] = {
	"SET s value",
	"SET n 5 EX 1000",
	"SETBIT b 7 1",
	"HSET h f1 v1 f2 v2",
	"RPUSH l a b c d",
	"SADD set a b 3",
	"ZADD z 1 a 2 b 3 c",
	"XADD x 1-1 f v",
	"XADD x 2-1 f v",
	"XGROUP CREATE x g 0",
	"SET keeper 1",
};

static const char *const steps[] = {
	"SET new value",
	"SET s other EX 100",
	"SET h string",
	"SET n 7",
	"APPEND s more",
	"INCR n",
	"SETRANGE s 10 x",
	"BITOP NOT d b",
	"MSET s 1 t 2 u 3",
	"GETDEL s",
	"GETEX n PERSIST",
	"DEL s n h l set z x",
	"EXPIRE s 1000",
	"EXPIRE h -1",
	"PERSIST n",
	"RENAME h s",
	"RENAME s h",
	"RENAMENX l k",
	"COPY z s REPLACE",
	"COPY x y",
	"FLUSHALL",
	"HSET h f1 other f3 v3",
	"HDEL h f1 f2",
	"LPUSH l x",
	"LREM l 0 b",
	"LPOP l 4",
	"SADD set c",
	"SREM set a b 3",
	"ZADD z 5 a 1 d",
	"ZREM z a b c",
	"XADD x 3-1 f v",
	"XTRIM x MAXLEN 1",
	"GET s",
	"KEYS *",
	"SCAN 0",
	"OBJECT ENCODING h",
	"TYPE z",
};
#define N_STEPS (int)(sizeof(steps) / sizeof(steps[0]))

/* ---- failing ---- */

struct failing {
	const char *line;
	unsigned n; /* instructions left */
	bool fired;
};

static int tick(void *arg)
{
	struct failing *x = arg;

	if (--x->n > 0) {
		return 0;
	}
	x->fired = true;
	x->n = 1; /* whatever is tried then fails, too */
	return 1;
}

/* What the store does around it is the store's to test. */
static void before_command(struct redis_txn *t, void *arg)
{
	struct failing *x = arg;

	sqlite3_progress_handler(t->sql, 1, tick, x);
}

static void after_command(struct redis_txn *t, void *arg)
{
	(void)arg;
	sqlite3_progress_handler(t->sql, 0, NULL, NULL);
}

/* ---- all there is, to compare ---- */

static int dump_fn(struct redis_txn *t, void *arg, struct err *err)
{
	static const char *const tables[] = {
		"SELECT group_concat(quote(row)||quote(name)||id||type||quote(expires)) FROM key",
		"SELECT group_concat(version||' '||mtime||' '||n||' '||bytes) FROM key",
		"SELECT group_concat(a||' '||b||' '||c||quote(value)) FROM key",
		"SELECT group_concat(key||quote(field)||quote(value)||version) FROM hash",
		"SELECT group_concat(key||' '||pos||quote(value)||version) FROM list",
		"SELECT group_concat(key||quote(member)||version) FROM member",
		"SELECT group_concat(key||quote(member)||score||version) FROM score",
		"SELECT group_concat(key||quote(id)||quote(fields)) FROM entry",
		"SELECT group_concat(key||quote(name)||quote(last)) FROM consumer_group",
		"SELECT offset||' '||bytes||' '||keys||' '||last_id||' '||mtime FROM state",
	};
	struct buf *out = arg;

	buf_clear(out);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		sqlite3_stmt *stmt = redis_stmt(t, tables[i], err);
		ck_assert_msg(stmt != NULL && sqlite3_step(stmt) == SQLITE_ROW, "%s", err->msg);
		const char *text = (const char *)sqlite3_column_text(stmt, 0);
		buf_puts(out, text != NULL ? text : "-");
		buf_putc(out, '\n');
		sqlite3_reset(stmt);
	}
	return 0;
}

static void take_state(struct buf *out)
{
	redis_ok(&f, redis_fixture_read(&f, dump_fn, out));
	buf_cstr(out);
}

static void setup(void)
{
	redis_fixture_start(&f);
	for (size_t i = 0; i < sizeof(fill) / sizeof(fill[0]); i++) {
		ck_assert_msg(strstr(redis_answer(&f, fill[i]), "error") == NULL, "%s", fill[i]);
	}
}

static void teardown(void)
{
	redis_fixture_end(&f);
}

START_TEST(test_a_command_that_fails_changes_nothing)
{
	struct failing x = {.line = steps[_i]};
	struct redis_hooks hooks = {before_command, after_command, &x};
	struct buf before = BUF_INIT;
	struct buf after = BUF_INIT;
	unsigned n_failed = 0;

	take_state(&before);
	for (unsigned n = 1;; n += stride_or(7)) {
		x.fired = false;
		x.n = n;
		buf_clear(&f.told);
		int rc = redis_try(&f, x.line, &hooks);
		if (!x.fired) {
			ck_assert_msg(rc == 0, "%s: %s", x.line, f.err.msg);
			break;
		}
		n_failed++;
		ck_assert_msg(rc < 0, "%s, instruction %u: no failure", x.line, n);
		ck_assert_msg(f.told.n == 0, "%s: %s", x.line, buf_cstr(&f.told));
		take_state(&after);
		ck_assert_msg(strcmp(before.p, after.p) == 0, "%s, instruction %u: %s -> %s",
			x.line, n, before.p, after.p);
	}
	ck_assert_uint_gt(n_failed, 0);
	buf_free(&before);
	buf_free(&after);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("redis_fault");
	TCase *t = tcase_create("fault");

	tcase_set_timeout(t, 100);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, test_a_command_that_fails_changes_nothing, 0, N_STEPS);
	suite_add_tcase(suite, t);
	return run_suite(suite);
}
