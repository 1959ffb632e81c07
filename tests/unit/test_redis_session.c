/* Sessions: text to commands, MULTI and WATCH, batches. Lists are what is written, since
 * a session knows nothing of types. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "engines/cache/redis/channels.h"
#include "engines/cache/redis/db_impl.h"
#include "engines/common/cleanup.h"
#include "tests/unit/redis_talk.h"

static struct talk t;

static void start(void)
{
	talk_start(&t);
}

static void end(void)
{
	talk_end(&t);
}

/* ---- text ---- */

START_TEST(test_words_are_quoted_as_redis_cli_takes_them)
{
	talk_is(&t, "echo plain", "\"plain\"\n");
	talk_is(&t, "  ECHO\t'a b'  \r\n", "\"a b\"\n");
	talk_is(&t, "echo \"\\x00\\xfF\\n\\t\\\"\\q\"", "\"\\x00\\xff\\n\\t\\\"q\"\n");
	talk_is(&t, "echo 'it\\'s \\n'", "\"it's \\\\n\"\n");
	talk_is(&t, "echo \"\"", "\"\"\n");
	talk_is(&t, "# echo this\n\n   # nor this\necho '#'", "\"#\"\n");
	talk_is(&t, "echo a#b", "\"a#b\"\n");
}
END_TEST

static const struct {
	const char *text, *message;
} broken[] = {
	{"ping\necho \"open\n", "line 2: unbalanced quotes in request"},
	{"echo 'a'b\n", "line 1: unbalanced quotes in request"},
	{"*x\r\n", "line 1: invalid multibulk length"},
	{"*2\n", "line 1: invalid multibulk length"},
	{"*9999999\r\n", "line 1: invalid multibulk length"},
	{"*1\r\nping\r\n", "line 2: expected '$' and the length of the next word"},
	{"*1\r\n$-1\r\n", "line 2: invalid bulk length"},
	{"*1\r\n$4\r\npingx\r\n", "line 3: a word is longer than its length says"},
};

START_TEST(test_text_that_nothing_can_mend_is_refused_with_its_line)
{
	struct err err = {0};
	ck_assert_int_eq(redis_session_feed(t.session, slice_of(broken[_i].text), &err), -EINVAL);
	const char *found = err.msg;
	ck_assert(strstr(found, strchr(broken[_i].message, ':')) != NULL);
	ck_assert_int_eq(strncmp(found, "line ", 5), 0);
	/* and nothing of a batch is run then */
	CLEANUP(buf_free) struct buf replies = BUF_INIT;
	struct err again = {0};
	ck_assert_int_eq(redis_session_batch(t.session, &replies, &again), -EINVAL);
	ck_assert_str_eq(again.msg, err.msg);
	ck_assert_uint_eq(replies.n, 0);
}
END_TEST

static const char mixed[] = "*2\r\n$4\r\necho\r\n$6\r\na\r\nb\r\n\r\n"
			    "ping\n*0\r\n*-1\r\n*1\r\n$4\r\nPING\r\necho 'x y'\n";

START_TEST(test_text_comes_in_pieces_of_any_size)
{
	for (size_t piece = 1; piece < sizeof(mixed); piece++) {
		CLEANUP(buf_free) struct buf replies = BUF_INIT;
		for (size_t at = 0; at < sizeof(mixed) - 1; at += piece) {
			size_t left = sizeof(mixed) - 1 - at;
			redis_ok(&t, redis_session_feed(t.session,
					     slice_make(mixed + at, left < piece ? left : piece),
					     &t.err));
			redis_ok(&t, redis_session_run(t.session, &replies, &t.err));
		}
		ck_assert_str_eq(
			buf_cstr(&replies), "$6\r\na\r\nb\r\n\r\n+PONG\r\n+PONG\r\n$3\r\nx y\r\n");
	}
}
END_TEST

START_TEST(test_unknown_commands_and_wrong_numbers_of_arguments)
{
	talk_is(&t, "foo a 'b c'",
		"(error) ERR unknown command 'foo', with args beginning with: 'a' 'b c' \n");
	talk_is(&t, "echo", "(error) ERR wrong number of arguments for 'echo' command\n");
	talk_is(&t, "client", "(error) ERR wrong number of arguments for 'client' command\n");
	talk_is(&t, "client foo", "(error) ERR unknown subcommand 'foo'. Try CLIENT HELP.\n");
	talk_is(&t, "client getname x",
		"(error) ERR wrong number of arguments for 'client|getname' command\n");
	talk_is(&t, "client|getname",
		"(error) ERR unknown command 'client|getname', with args beginning with: \n");
	talk_is(&t, "config get maxmemory",
		"(error) ERR unknown command 'config', with args beginning with: 'get' "
		"'maxmemory' \n");
}
END_TEST

/* ---- MULTI ---- */

START_TEST(test_multi_queues_and_exec_runs)
{
	talk_is(&t, "multi\nrpush l a\nrpush l b\nexec\n",
		"OK\nQUEUED\nQUEUED\n1) (integer) 1\n2) (integer) 2\n");
	talk_is(&t, "multi\nexec\n", "OK\n(empty array)\n");
	talk_is(&t, "exec", "(error) ERR EXEC without MULTI\n");
	talk_is(&t, "discard", "(error) ERR DISCARD without MULTI\n");
	talk_is(&t, "multi\nmulti\nwatch l\nexec\n",
		"OK\n(error) ERR MULTI calls can not be nested\n"
		"(error) ERR WATCH inside MULTI is not allowed\n(empty array)\n");
	talk_is(&t, "multi\nrpush l c\ndiscard\nllen l\n", "OK\nQUEUED\nOK\n(integer) 2\n");
}
END_TEST

START_TEST(test_what_can_not_be_queued_discards_all)
{
	talk_is(&t, "multi\nrpush l a\nfoo\nexec\nllen l\n",
		"OK\nQUEUED\n"
		"(error) ERR unknown command 'foo', with args beginning with: \n"
		"(error) EXECABORT Transaction discarded because of previous errors.\n"
		"(integer) 0\n");
	talk_is(&t, "multi\nexec x\nping\n",
		"OK\n(error) EXECABORT Transaction discarded because of: wrong number of "
		"arguments for 'exec' command\nPONG\n");
}
END_TEST

START_TEST(test_what_fails_when_run_undoes_nothing)
{
	ck_assert_int_eq(keys_put(&t.f, "s", "text"), 0);
	talk_is(&t, "multi\nrpush l a\nrpush s x\nrpush l b\nexec\n",
		"OK\nQUEUED\nQUEUED\nQUEUED\n1) (integer) 1\n2) (error) WRONGTYPE Operation "
		"against a key holding the wrong kind of value\n3) (integer) 2\n");
}
END_TEST

/* ---- WATCH ---- */

static const char *other(const char *text)
{
	struct redis_session *mine = t.session;
	t.session = NULL;
	talk_anew(&t);
	const char *said = talk(&t, text);
	redis_session_close(t.session);
	t.session = mine;
	return said;
}

START_TEST(test_exec_is_nil_when_a_watched_key_was_changed)
{
	talk_is(&t, "watch l\nmulti\nping\nexec\n", "OK\nOK\nQUEUED\n1) PONG\n");
	talk_is(&t, "watch l\nrpush l a\nmulti\nping\nexec\n",
		"OK\n(integer) 1\nOK\nQUEUED\n(nil)\n");
	talk_is(&t, "watch k l", "OK\n");
	other("rpush l b");
	talk_is(&t, "multi\nping\nexec\n", "OK\nQUEUED\n(nil)\n");
	/* and not watched any more */
	talk_is(&t, "rpush l c\nmulti\nping\nexec\n", "(integer) 3\nOK\nQUEUED\n1) PONG\n");
}
END_TEST

START_TEST(test_a_key_made_and_deleted_counts_as_changed)
{
	talk_is(&t, "watch l\nrpush l a\nlpop l\nmulti\nping\nexec\n",
		"OK\n(integer) 1\n\"a\"\nOK\nQUEUED\n(nil)\n");
}
END_TEST

START_TEST(test_a_watched_key_that_expires_counts_as_changed)
{
	ck_assert_int_eq(keys_put(&t.f, "s", "x"), 0);
	talk_is(&t, "watch s", "OK\n");
	ck_assert_int_eq(keys_expire_at(&t.f, "s", 1), 0);
	talk_is(&t, "multi\nping\nexec\n", "OK\nQUEUED\n(nil)\n");
	/* one that had expired when it was watched is as it was */
	talk_is(&t, "watch s\nmulti\nping\nexec\n", "OK\nOK\nQUEUED\n1) PONG\n");
}
END_TEST

START_TEST(test_unwatch_discard_and_reset_forget)
{
	talk_is(&t, "watch l\nrpush l a\nunwatch\nmulti\nping\nexec\n",
		"OK\n(integer) 1\nOK\nOK\nQUEUED\n1) PONG\n");
	talk_is(&t, "watch l\nmulti\ndiscard\nrpush l a\nmulti\nping\nexec\n",
		"OK\nOK\nOK\n(integer) 2\nOK\nQUEUED\n1) PONG\n");
	talk_is(&t, "watch l\nmulti\nreset\nrpush l a\nmulti\nping\nexec\n",
		"OK\nOK\nRESET\n(integer) 3\nOK\nQUEUED\n1) PONG\n");
	/* inside MULTI it is queued */
	talk_is(&t, "multi\nunwatch\nexec\n", "OK\nQUEUED\n1) OK\n");
}
END_TEST

START_TEST(test_a_version_is_watched_that_was_seen_before)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct redis_key key;
	talk_is(&t, "object version l\nrpush l a\n", "(integer) 0\n(integer) 1\n");
	ck_assert_int_eq(keys_of(&t.f, "l", &key), 1);
	buf_printf(&text, "(integer) %llu\n", (unsigned long long)key.version);
	talk_is(&t, "object version l\n", buf_cstr(&text));
	buf_clear(&text);
	buf_printf(&text, "watchversion l %llu x 0\nmulti\nping\nexec\n",
		(unsigned long long)key.version);
	talk_is(&t, buf_cstr(&text), "OK\nOK\nQUEUED\n1) PONG\n");
	talk_is(&t, "watchversion l 0\nmulti\nping\nexec\n", "OK\nOK\nQUEUED\n(nil)\n");
	talk_is(&t, "watchversion l\n",
		"(error) ERR wrong number of arguments for 'watchversion' command\n");
	talk_is(&t, "watchversion l x\n", "(error) ERR value is not an integer or out of range\n");
}
END_TEST

/* ---- batches ---- */

START_TEST(test_a_batch_is_one_transaction)
{
	ck_assert_str_eq(talk_batch(&t, "# two\nrpush l a\nrpush l b\nllen l"),
		"(integer) 1\n(integer) 2\n(integer) 2\n");
	ck_assert_str_eq(talk_batch(&t, ""), "");
	ck_assert_str_eq(talk_batch(&t, "watch l\nrpush l c\n"), "OK\n(integer) 3\n");
	ck_assert_str_eq(talk_batch(&t, "ping\nquit\nrpush l d\n"), "PONG\nOK\n");
	talk_is(&t, "llen l", "(integer) 3\n");
}
END_TEST

START_TEST(test_a_batch_with_one_wrong_command_runs_none)
{
	ck_assert_str_eq(talk_batch(&t, "rpush l a\n\nfoo b\nbar\n"),
		"(failed) EXECABORT line 3: ERR unknown command 'foo', with args beginning "
		"with: 'b' : nothing was run\n");
	ck_assert_int_eq(t.err.code, EINVAL);
	ck_assert_str_eq(talk_batch(&t, "rpush l a\nexec\n"),
		"(failed) EXECABORT line 2: ERR EXEC without MULTI: nothing was run\n");
	ck_assert_str_eq(talk_batch(&t, "rpush l a\necho \"x\n"),
		"(failed) line 2: unbalanced quotes in request\n");
	talk_is(&t, "llen l", "(integer) 0\n");
}
END_TEST

START_TEST(test_a_batch_goes_by_the_version_it_names)
{
	ck_assert_str_eq(talk_batch(&t, "watchversion l 0\nrpush l a\n"), "OK\n(integer) 1\n");
	ck_assert_str_eq(talk_batch(&t, "watchversion l 0\nrpush l b\n"),
		"(failed) EXECABORT a key has another version than WATCHVERSION says: nothing "
		"was run\n");
	ck_assert_int_eq(t.err.code, EBUSY);
	talk_is(&t, "llen l", "(integer) 1\n");
}
END_TEST

START_TEST(test_a_batch_that_says_multi_is_a_connection)
{
	ck_assert_str_eq(talk_batch(&t, "rpush l a\nmulti\nrpush l b\nexec\nfoo\nllen l"),
		"(integer) 1\nOK\nQUEUED\n1) (integer) 2\n(error) ERR unknown command 'foo', "
		"with args beginning with: \n(integer) 2\n");
	/* what is not executed is discarded */
	ck_assert_str_eq(talk_batch(&t, "multi\nrpush l c\n"), "OK\nQUEUED\n");
	talk_is(&t, "llen l", "(integer) 2\n");
}
END_TEST

START_TEST(test_what_a_session_began_goes_on_in_its_last_text)
{
	CLEANUP(buf_free) struct buf replies = BUF_INIT;
	talk_is(&t, "multi\nrpush l a\n", "OK\nQUEUED\n");
	redis_ok(&t, redis_session_feed(t.session, slice_of("exec"), &t.err));
	redis_ok(&t, redis_session_batch(t.session, &replies, &t.err));
	ck_assert_str_eq(buf_cstr(&replies), "*1\r\n:1\r\n");
}
END_TEST

START_TEST(test_text_that_waits_is_bounded)
{
	CLEANUP(buf_free) struct buf piece = BUF_INIT;
	int rc = redis_session_feed(t.session, slice_of("echo "), &t.err);
	ck_assert(buf_resize(&piece, 1 << 20));
	memset(piece.p, 'x', piece.n);
	for (unsigned i = 0; i < 64 && rc == 0; i++) {
		rc = redis_session_feed(t.session, buf_slice(&piece), &t.err);
	}
	ck_assert_int_eq(rc, -EFBIG);
}
END_TEST

/* ---- the server ---- */

START_TEST(test_commands_about_the_session)
{
	talk_is(&t, "ping\nping x\nselect 0\nselect 1\nselect x\n",
		"PONG\n\"x\"\nOK\n(error) ERR DB index is out of range\n"
		"(error) ERR value is not an integer or out of range\n");
	talk_is(&t, "client getname\nclient setname me\nclient getname\nclient setname 'a b'\n",
		"(nil)\nOK\n\"me\"\n(error) ERR Client names cannot contain spaces, newlines or "
		"special characters.\n");
	talk_is(&t, "hello 3\nhello x\n",
		"(error) NOPROTO unsupported protocol version\n"
		"(error) ERR Protocol version is not an integer or out of range\n");
	talk_is(&t, "role\nwait 0 0\nmemory usage nokey\n",
		"1) \"master\"\n2) (integer) 0\n3) (empty array)\n(integer) 0\n(nil)\n");
	talk_is(&t, "ping\nquit\nping\n", "PONG\nOK\n");
	talk_is(&t, "ping", "");
}
END_TEST

START_TEST(test_info_has_the_sections_asked_for)
{
	const char *all = talk(&t, "info");
	static const char *const titles[] = {"# Server\\r\\n", "# Clients\\r\\n", "# Memory\\r\\n",
		"# Persistence\\r\\n", "# Stats\\r\\n", "# Replication\\r\\n", "# Keyspace\\r\\n",
		"role:master\\r\\n"};
	for (unsigned i = 0; i < sizeof(titles) / sizeof(titles[0]); i++) {
		ck_assert_msg(strstr(all, titles[i]) != NULL, "%s not in %s", titles[i], all);
	}
	talk(&t, "rpush l a\ninfo keyspace clients\n");
	const char *some = buf_cstr(&t.shown);
	ck_assert(strstr(some, "connected_clients:1\\r\\n") != NULL);
	ck_assert(strstr(some, "db0:keys=1,expires=0,avg_ttl=0\\r\\n") != NULL);
	ck_assert(strstr(some, "Server") == NULL);
	talk_is(&t, "info nosuch", "\"\"\n");
}
END_TEST

START_TEST(test_commands_say_what_there_is)
{
	talk_is(&t, "command getkeys rpush k v\ncommand getkeys eval x 2 a b c\n",
		"1) \"k\"\n1) \"a\"\n2) \"b\"\n");
	talk_is(&t, "command getkeys foo x\ncommand getkeys rpush x\ncommand getkeys ping x\n",
		"(error) ERR Invalid command specified\n"
		"(error) ERR Invalid number of arguments specified for command\n"
		"(error) ERR The command has no key arguments\n");
	talk_is(&t, "command info nosuch\n", "1) (nil)\n");
	talk_is(&t, "command list filterby pattern watch*\n",
		"1) \"watch\"\n2) \"watchversion\"\n");
}
END_TEST

START_TEST(test_a_copy_takes_no_writes)
{
	talk_is(&t, "rpush l a", "(integer) 1\n");
	struct redis_db *db = NULL;
	char path[128];
	snprintf(path, sizeof(path), "%s/copy.db", t.f.dir);
	redis_ok(&t, instance_copy(t.f.store, path, NULL, NULL, &t.err));
	struct redis_db_config config = {.label = "copy", .limits = &t.f.limits};
	redis_ok(&t, redis_db_file(path, &config, &db, &t.err));
	struct redis_db *whole = t.server->db;
	t.server->db = db;
	talk_is(&t, "lrange l 0 -1\nrpush l b\n",
		"1) \"a\"\n(error) READONLY You can't write against a read only replica.\n");
	ck_assert_str_eq(talk_batch(&t, "llen l\nrpush l b\n"),
		"(failed) EXECABORT line 2: READONLY You can't write against a read only "
		"replica.: nothing was run\n");
	ck_assert_int_eq(t.err.code, EROFS);
	talk_is(&t, "multi\nrpush l b\nexec\n",
		"OK\n(error) READONLY You can't write against a read only replica.\n"
		"(error) EXECABORT Transaction discarded because of previous errors.\n");
	t.server->db = whole;
	redis_db_close(db);
}
END_TEST

START_TEST(test_flushall_leaves_nothing_of_a_stream)
{
	talk_is(&t, "xadd s 1-1 a b\nxadd s 2-1 a b\nxdel s 1-1\nflushall\n",
		"\"1-1\"\n\"2-1\"\n(integer) 1\nOK\n");
	redis_fixture_check(&t.f);
}
END_TEST

START_TEST(test_replies_that_grow_beyond_measure_end_the_transaction)
{
	static const char too_much[] = "(error) ERR the replies take more than 1 MiB";

	t.server->replies_max = 1 << 20;
	talk_is(&t, "sadd s member", "(integer) 1\n");
	const char *said = talk(&t, "srandmember s -9223372036854775807");
	ck_assert_msg(strncmp(said, too_much, strlen(too_much)) == 0, "%s", said);
	said = talk(&t, "multi\nrpush l x\nsrandmember s -100000\nexec\n");
	ck_assert_msg(strstr(said, too_much) != NULL, "%s", said);
	talk_is(&t, "exists l\n", "(integer) 0\n");
	said = talk(&t, "eval \"redis.call('rpush', 'l', 'x') "
			"redis.pcall('srandmember', 's', -100000)\" 0");
	ck_assert_msg(strncmp(said, too_much, strlen(too_much)) == 0, "%s", said);
	talk_is(&t, "exists l\n", "(integer) 0\n");
}
END_TEST

/* ---- PUBLISH ---- */

static void listen_to(const char *name)
{
	redis_ok(&t,
		redis_channels_listen(t.server->channels, REDIS_CHANNEL, slice_of(name), &t.err));
}

static const char *heard(const char *name)
{
	uint64_t start;
	uint64_t stop;
	buf_clear(&t.shown);
	redis_channels_bounds(t.server->channels, REDIS_CHANNEL, slice_of(name), &start, &stop);
	redis_ok(&t, redis_channels_read(t.server->channels, REDIS_CHANNEL, slice_of(name), start,
			     (size_t)(stop - start), &t.shown, &t.err));
	return buf_cstr(&t.shown);
}

START_TEST(test_messages_of_a_transaction_go_out_once_in_order)
{
	talk_is(&t, "publish c nobody", "(integer) 0\n");
	listen_to("c");
	listen_to("c");
	talk_is(&t, "publish c one", "(integer) 2\n");
	talk_is(&t, "multi\npublish c two\nrpush l x\npublish c ''\n",
		"OK\nQUEUED\nQUEUED\nQUEUED\n");
	ck_assert_str_eq(heard("c"), "one\n");
	talk_is(&t, "exec", "1) (integer) 2\n2) (integer) 1\n3) (integer) 2\n");
	ck_assert_str_eq(
		talk_batch(&t, "publish c three\nrpush l y\n"), "(integer) 2\n(integer) 2\n");
	ck_assert_str_eq(heard("c"), "one\ntwo\n\nthree\n");
}
END_TEST

START_TEST(test_messages_of_a_script_that_is_stopped_go_nowhere)
{
	listen_to("c");
	t.server->script_ms = 50;
	talk(&t, "multi\npublish c one\n"
		 "eval \"redis.call('publish', 'c', 'two') while true do end\" 0\n"
		 "publish c three\nexec\n");
	ck_assert_str_eq(heard("c"), "one\nthree\n");
}
END_TEST

/* A db whose writes are run once more, as when a node fails over; `failure` ends them. */
static const struct redis_db_ops *once;
static int failure;

struct again {
	redis_fn *fn;
	void *arg;
};

static int run_again(struct redis_txn *txn, void *arg, struct err *err)
{
	const struct again *a = arg;
	int rc = a->fn(txn, a->arg, err);
	rc = rc < 0 ? rc : a->fn(txn, a->arg, err);
	return rc < 0 || failure == 0 ? rc : err_set(err, failure, "the disk fails");
}

static int write_again(struct redis_db *db, redis_fn *fn, void *arg, struct err *err)
{
	struct again a = {fn, arg};
	return once->write(db, run_again, &a, err);
}

START_TEST(test_messages_wait_for_the_commit)
{
	struct redis_db_ops again = *t.f.db->ops;
	once = t.f.db->ops;
	again.write = write_again;
	t.f.db->ops = &again;
	failure = 0;
	listen_to("c");
	talk(&t, "multi\nrpush l x\npublish c one\nexec\n");
	ck_assert_str_eq(heard("c"), "one\n");
	failure = EIO;
	talk(&t, "multi\nrpush l x\npublish c two\nexec\n");
	ck_assert_str_eq(heard("c"), "one\n");
	failure = 0;
	talk_batch(&t, "rpush l x\npublish c three\n");
	ck_assert_str_eq(heard("c"), "one\nthree\n");
	t.f.db->ops = once;
}
END_TEST

int main(void)
{
	Suite *s = suite_create("redis_session");
	TCase *c = tcase_create("redis_session");
	tcase_add_checked_fixture(c, start, end);
	tcase_add_test(c, test_words_are_quoted_as_redis_cli_takes_them);
	tcase_add_loop_test(c, test_text_that_nothing_can_mend_is_refused_with_its_line, 0,
		sizeof(broken) / sizeof(broken[0]));
	tcase_add_test(c, test_text_comes_in_pieces_of_any_size);
	tcase_add_test(c, test_unknown_commands_and_wrong_numbers_of_arguments);
	tcase_add_test(c, test_multi_queues_and_exec_runs);
	tcase_add_test(c, test_what_can_not_be_queued_discards_all);
	tcase_add_test(c, test_what_fails_when_run_undoes_nothing);
	tcase_add_test(c, test_exec_is_nil_when_a_watched_key_was_changed);
	tcase_add_test(c, test_a_key_made_and_deleted_counts_as_changed);
	tcase_add_test(c, test_a_watched_key_that_expires_counts_as_changed);
	tcase_add_test(c, test_unwatch_discard_and_reset_forget);
	tcase_add_test(c, test_a_version_is_watched_that_was_seen_before);
	tcase_add_test(c, test_a_batch_is_one_transaction);
	tcase_add_test(c, test_a_batch_with_one_wrong_command_runs_none);
	tcase_add_test(c, test_a_batch_goes_by_the_version_it_names);
	tcase_add_test(c, test_a_batch_that_says_multi_is_a_connection);
	tcase_add_test(c, test_what_a_session_began_goes_on_in_its_last_text);
	tcase_add_test(c, test_text_that_waits_is_bounded);
	tcase_add_test(c, test_commands_about_the_session);
	tcase_add_test(c, test_info_has_the_sections_asked_for);
	tcase_add_test(c, test_commands_say_what_there_is);
	tcase_add_test(c, test_a_copy_takes_no_writes);
	tcase_add_test(c, test_flushall_leaves_nothing_of_a_stream);
	tcase_add_test(c, test_replies_that_grow_beyond_measure_end_the_transaction);
	tcase_add_test(c, test_messages_of_a_transaction_go_out_once_in_order);
	tcase_add_test(c, test_messages_of_a_script_that_is_stopped_go_nowhere);
	tcase_add_test(c, test_messages_wait_for_the_commit);
	suite_add_tcase(s, c);
	return run_suite(s);
}
