/* Scripts in Lua: what they may do, how values come and go, what stops them. */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "engines/cache/redis/script_impl.h"
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

/* ---- values ---- */

static const struct {
	const char *script, *shown;
} values[] = {
	{"return 1", "(integer) 1\n"},
	{"return 3.99", "(integer) 3\n"},
	{"return -3.99", "(integer) -3\n"},
	{"return 1/0", "(integer) -9223372036854775808\n"},
	{"return true", "(integer) 1\n"},
	{"return false", "(nil)\n"},
	{"return nil", "(nil)\n"},
	{"", "(nil)\n"},
	{"return 'a\\0b'", "\"a\\x00b\"\n"},
	{"return {1,2,nil,4}", "1) (integer) 1\n2) (integer) 2\n"},
	{"return {{},{{}}}", "1) (empty array)\n2) 1) (empty array)\n"},
	{"return {ok='fine'}", "fine\n"},
	{"return {ok='a\\nb'}", "a b\n"},
	{"return {err='x y'}", "(error) x y\n"},
	{"return {double=1.5}", "\"1.5\"\n"},
	{"return {map={a=1}}", "1) \"a\"\n2) (integer) 1\n"},
	{"return {set={a=true}}", "1) \"a\"\n"},
	{"return print == nil", NULL},
	{"return redis.error_reply('My Err')", "(error) My Err\n"},
	{"return redis.error_reply('foo')", "(error) ERR foo\n"},
	{"return redis.error_reply('-BAR foo')", "(error) BAR foo\n"},
	{"return redis.status_reply('foo')", "foo\n"},
	{"return redis.status_reply(1)", "(error) ERR wrong number or type of arguments\n"},
	{"return redis.sha1hex('')", "\"da39a3ee5e6b4b0d3255bfef95601890afd80709\"\n"},
	{"return redis.call('ping')", "PONG\n"},
	{"return redis.call('echo', 3.0)", "\"3\"\n"},
	{"return redis.call('echo', 10/3)", "\"3.3333333333333335\"\n"},
	{"return redis.call('echo', 1e100)", "\"1e+100\"\n"},
	{"return type(redis.call('ping'))", "\"table\"\n"},
	{"return redis.call('ping').ok", "\"PONG\"\n"},
	{"return type(redis.call('lpop', 'no'))", "\"boolean\"\n"},
	{"return redis.pcall('foo')", "(error) ERR Unknown Redis command called from script\n"},
	{"return redis.pcall('foo').err", "\"ERR Unknown Redis command called from script\"\n"},
	{"local ok, e = pcall(redis.call, 'foo') return e",
		"\"ERR Unknown Redis command called from script\"\n"},
	{"return cjson.encode({1, 'a', {x=true}, cjson.null})",
		"\"[1,\\\"a\\\",{\\\"x\\\":true},null]\"\n"},
	{"return cjson.encode({})", "\"{}\"\n"},
	{"return cjson.decode('{\"a\":[1,2.5,null,\"x\"]}').a[4]", "\"x\"\n"},
	{"return cjson.decode('[null]')[1] == cjson.null", "(integer) 1\n"},
	{"return {pcall(cjson.decode, '{')}", NULL},
	{"return unpack({7})", "(integer) 7\n"},
	{"return loadstring('return 5')()", "(integer) 5\n"},
	{"return #table.concat({('x'):rep(3), string.rep('', 1e15)})", "(integer) 3\n"},
	{"return {('key = value'):match('^(%w+)%s*=%s*(%w+)$')}", "1) \"key\"\n2) \"value\"\n"},
	{"return {('a,b,,c'):gsub(',', ';')}", "1) \"a;b;;c\"\n2) (integer) 3\n"},
	{"return {('THE (quick) fox'):find('%((%a+)%)')}",
		"1) (integer) 5\n2) (integer) 11\n3) \"quick\"\n"},
	{"return (('x'):rep(400) .. 'y'):find(('x'):rep(400) .. '[y]$')", "(integer) 1\n"},
	{"return {pcall(string.find, 'a', '[a')}", NULL},
	{"return {('a.b.c'):find('.', 3, true)}", "1) (integer) 4\n2) (integer) 4\n"},
	{"return {('abc'):find('')}", "1) (integer) 1\n2) (integer) 0\n"},
	{"return {('abc'):find('bc', -2)}", "1) (integer) 2\n2) (integer) 3\n"},
	{"return ('abc'):find('', 5)", "(nil)\n"},
	{"local n = 0 for w in ('one two'):gmatch('%f[%w]%w+') do n = n + #w end return n",
		"(integer) 6\n"},
	{"#!lua name=x\nreturn 4", "(integer) 4\n"},
};

/* As the words of one command. */
static const char *eval_words(unsigned n, const char *const *words)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	buf_printf(&text, "*%u\r\n", n);
	for (unsigned i = 0; i < n; i++) {
		buf_printf(&text, "$%zu\r\n%s\r\n", strlen(words[i]), words[i]);
	}
	return talk(&t, buf_cstr(&text));
}

static const char *eval(const char *script)
{
	return eval_words(3, (const char *const[]){"eval", script, "0"});
}

START_TEST(test_values)
{
	const char *shown = eval(values[_i].script);
	if (values[_i].shown != NULL) {
		ck_assert_str_eq(shown, values[_i].shown);
	}
}
END_TEST

/* ---- errors ---- */

static const struct {
	const char *script, *text; /* before " script: " */
} errors[] = {
	{"return redis.call('foo')", "ERR Unknown Redis command called from script"},
	{"return redis.call('echo')", "ERR Wrong number of args calling Redis command from script"},
	{"return redis.call()", "ERR Please specify at least one argument for this redis lib call"},
	{"return redis.call('echo', {})",
		"ERR Lua redis lib command arguments must be strings or integers"},
	{"return redis.call('multi')", "ERR This Redis command is not allowed from script"},
	{"return redis.call('eval', 'x', 0)", "ERR This Redis command is not allowed from script"},
	{"return redis.call('lpop', 's')",
		"WRONGTYPE Operation against a key holding the wrong kind of value"},
	{"x = 1", "ERR user_script:1: Attempt to modify a readonly table"},
	{"_G.x = 1", "ERR user_script:1: Attempt to modify a readonly table"},
	{"rawset(_G, 'x', 1)", "ERR Attempt to modify a readonly table"},
	{"return x",
		"ERR user_script:1: Script attempted to access nonexistent global variable 'x'"},
	{"return print",
		"ERR user_script:1: Script attempted to access nonexistent global variable "
		"'print'"},
	{"return os",
		"ERR user_script:1: Script attempted to access nonexistent global variable 'os'"},
	{"return io",
		"ERR user_script:1: Script attempted to access nonexistent global variable 'io'"},
	{"return dofile",
		"ERR user_script:1: Script attempted to access nonexistent global variable "
		"'dofile'"},
	{"return require",
		"ERR user_script:1: Script attempted to access nonexistent global variable "
		"'require'"},
	{"error('boom')", "ERR user_script:1: boom"},
	{"error({err='boom x'})", "boom x"},
	{"error()", "ERR nil"},
	{"redis.sha1hex()", "ERR wrong number of arguments"},
	{"redis.log('x')", "ERR redis.log() requires two arguments or more."},
};

START_TEST(test_errors)
{
	CLEANUP(buf_free) struct buf expected = BUF_INIT;
	char sha[SCRIPT_SHA_MAX];
	ck_assert_int_eq(keys_put(&t.f, "s", "text"), 0);
	redis_script_sha(slice_of(errors[_i].script), sha);
	buf_printf(&expected, "(error) %s script: %s, on @user_script:1.\n", errors[_i].text, sha);
	ck_assert_str_eq(eval(errors[_i].script), buf_cstr(&expected));
}
END_TEST

START_TEST(test_what_does_not_compile)
{
	const char *said = eval("\nfoo bar");
	ck_assert_msg(strstr(said, "(error) ERR Error compiling script (new function): "
				   "user_script:2: ") == said,
		"%s", said);
	talk_is(&t, "eval '\x1bLua' 0",
		"(error) ERR Error compiling script (new function): attempt to load a binary "
		"chunk (mode is 't')\n");
	ck_assert(strstr(talk(&t, "script load 'x y'"), "user_script:1: ") != NULL);
}
END_TEST

START_TEST(test_keys_and_arguments)
{
	talk_is(&t, "eval 'return {#KEYS, KEYS[1], #ARGV, ARGV[2]}' 1 k a b\n",
		"1) (integer) 1\n2) \"k\"\n3) (integer) 2\n4) \"b\"\n");
	talk_is(&t, "eval 'return 1' -1\neval 'return 1' 3 a\neval 'return 1' x\n",
		"(error) ERR Number of keys can't be negative\n"
		"(error) ERR Number of keys can't be greater than number of args\n"
		"(error) ERR value is not an integer or out of range\n");
}
END_TEST

/* ---- EVALSHA, SCRIPT ---- */

START_TEST(test_scripts_by_their_sha)
{
	talk_is(&t, "evalsha e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0\n",
		"(error) NOSCRIPT No matching script. Please use EVAL.\n");
	talk_is(&t, "script load 'return 1'\n", "\"e0e1f9fabfc9d4800c877a703b823ac0578ff8db\"\n");
	talk_is(&t, "evalsha E0E1F9FABFC9D4800C877A703B823AC0578FF8DB 0\n", "(integer) 1\n");
	talk_is(&t, "script exists e0e1f9fabfc9d4800c877a703b823ac0578ff8db x\n",
		"1) (integer) 1\n2) (integer) 0\n");
	talk_is(&t, "script flush foo\nscript flush sync\n",
		"(error) ERR SCRIPT FLUSH only support SYNC|ASYNC option\nOK\n");
	talk_is(&t, "evalsha e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0\n",
		"(error) NOSCRIPT No matching script. Please use EVAL.\n");
	talk_is(&t, "eval 'return 1' 0\nevalsha e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0\n",
		"(integer) 1\n(integer) 1\n");
	talk_is(&t, "script kill\n", "(error) NOTBUSY No scripts in execution right now.\n");
}
END_TEST

START_TEST(test_few_of_the_scripts_of_eval_are_kept)
{
	struct redis_scripts *s = t.server->scripts;
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	talk(&t, "script load 'return 1'\n");
	for (int i = 0; i < 600; i++) {
		buf_clear(&text);
		buf_printf(&text, "eval 'return %d' 0\n", 1000 + i);
		talk(&t, buf_cstr(&text));
	}
	ck_assert_uint_eq(s->n, 501);
	ck_assert(redis_scripts_has(s, "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"));
}
END_TEST

START_TEST(test_a_script_that_reads_only)
{
	ck_assert(strstr(talk(&t, "eval_ro \"return redis.call('rpush','l','a')\" 0\n"),
			  "(error) ERR Write commands are not allowed from read-only scripts. "
			  "script: ") != NULL);
	talk_is(&t, "eval_ro \"return redis.call('llen','l')\" 0\n", "(integer) 0\n");
}
END_TEST

/* ---- what it does is one transaction ---- */

START_TEST(test_an_error_undoes_nothing)
{
	eval("redis.call('rpush','l','a') error('x')");
	talk_is(&t, "llen l", "(integer) 1\n");
}
END_TEST

static const struct {
	const char *script, *text;
} stopped[] = {
	{"while true do end", "ran for more than 50 ms"},
	{"while true do pcall(function() while true do end end) end", "ran for more than 50 ms"},
	{"local function f() while true do end end while true do xpcall(f, f) end",
		"ran for more than 50 ms"},
	{"while true do redis.pcall('lpop', 'x') end", "ran for more than 50 ms"},
	{"while true do local x <close> = setmetatable({}, {__close = function() end}) end",
		"ran for more than 50 ms"},
	{"local function loop() while true do end end local x <close> = setmetatable({}, {__close "
	 "= loop}) local y <close> = x loop()",
		"ran for more than 50 ms"},
	{"local t = {} while true do t[#t + 1] = ('x'):rep(1e6) .. #t end", "MiB of memory"},
	{"local s = 'x' while true do s = s .. s end", "MiB of memory"},
	{"return string.rep('x', 1e9)", "MiB of memory"},
	{"return string.find(string.rep('a', 3000), '.-.-.-b')", "ran for more than 50 ms"},
	{"return ('a'):rep(3000):match('.-.-.-b', 1, true)", "ran for more than 50 ms"},
	{"return ('a'):rep(3000):match('(a*)(a*)(a*)%1b')", "ran for more than 50 ms"},
	{"for x in ('a'):rep(3000):gmatch('.-.-.-b') do end", "ran for more than 50 ms"},
	{"return (('a'):rep(3000):gsub('a?a*a*a+b', ''))", "ran for more than 50 ms"},
	{"return #load(collectgarbage)", "ran for more than 50 ms"},
	{"while true do string.rep('x', 3e7) end", "ran for more than 50 ms"},
	{"local t = {'x'} for i = 1, 60 do t = {t, t} end return t", "ran for more than 50 ms"},
	{"local t = {('x'):rep(3e7)} for i = 1, 4 do t = {t, t} end return t", "MiB of memory"},
	{"while true do pcall(string.rep, 'x', 1e9) end", "MiB of memory"},
};

START_TEST(test_a_script_that_is_stopped_has_done_nothing)
{
	CLEANUP(buf_free) struct buf script = BUF_INIT;
	talk(&t, "rpush l a");
	t.server->script_ms = strstr(stopped[_i].text, "MiB") != NULL ? 600000 : 50;
	buf_puts(&script, "redis.call('rpush', 'l', 'b') redis.call('rpush', 'm', 'c') ");
	buf_puts(&script, stopped[_i].script);
	const char *said = eval(buf_cstr(&script));
	ck_assert_msg(strstr(said, stopped[_i].text) != NULL, "%s", said);
	ck_assert_msg(strstr(said, ": what it wrote is undone\n") != NULL, "%s", said);
	talk_is(&t, "llen l\nllen m\nrpush l z\n", "(integer) 1\n(integer) 0\n(integer) 2\n");
}
END_TEST

START_TEST(test_what_else_is_in_its_transaction_stays)
{
	t.server->script_ms = 50;
	const char *said = talk(&t, "multi\nrpush l a\neval \"redis.call('rpush','l','b') while "
				    "true do end\" 0\nrpush l c\nexec\nlrange l 0 -1\n");
	ck_assert(strstr(said, "3) (integer) 2\n1) \"a\"\n2) \"c\"\n") != NULL);
}
END_TEST

static const char *const refused[] = {"setmetatable({}, {__gc = function() end})",
	"table.insert(setmetatable({}, {__len = function() return 1 end}), 1, 1)",
	"table.move({}, 1, 1e15, 2)",
	"table.sort(setmetatable({}, {__len = function() return 1e9 end, __index = type}))",
	"local t = {1, 2, 3, 4} for i = 3, 60 do t[1 << i] = 1 end t[9] = 1 table.remove(t, 1)",
	"return string.dump(error)", "return load('\\27Lua')()",
	"return cjson.encode({[10000] = 1})", "local a = {} a.a = a return cjson.encode(a)"};

START_TEST(test_what_would_not_end_is_refused)
{
	const char *said = eval(refused[_i]);
	ck_assert_msg(strncmp(said, "(error) ERR ", 12) == 0, "%s", said);
	ck_assert(strstr(said, "ms") == NULL);
}
END_TEST

START_TEST(test_what_is_no_longer_used_is_collected_first)
{
	t.server->script_ms = 600000;
	ck_assert_str_eq(eval("local k = string.rep('x', 1000) "
			      "for i = 1, 3 do local s = string.rep(k, 25000) end return 1"),
		"(integer) 1\n");
}
END_TEST

START_TEST(test_a_reply_that_is_nested_too_deeply)
{
	ck_assert_str_eq(
		eval("local a = {} a[1] = a return a"), "(error) ERR reached lua stack limit\n");
}
END_TEST

START_TEST(test_nothing_leaks_from_one_script_to_the_next)
{
	eval("string.leak = 1 redis.leak = 2 KEYS.leak = 3 math.random()");
	ck_assert_str_eq(eval("return tostring(string.leak) .. tostring(redis.leak) .. "
			      "tostring(KEYS.leak)"),
		"\"nilnilnil\"\n");
}
END_TEST

static void *kill_script(void *arg)
{
	(void)arg;
	struct redis_session *s;
	struct err err = {0};
	CLEANUP(buf_free) struct buf replies = BUF_INIT;
	ck_assert_int_eq(redis_session_open(t.server, &s, &err), 0);
	do {
		buf_clear(&replies);
		redis_session_feed(s, slice_of("script kill\n"), &err);
		redis_session_run(s, &replies, &err);
	} while (replies.p[0] == '-');
	redis_session_close(s);
	return NULL;
}

START_TEST(test_a_script_is_killed)
{
	pthread_t killer;
	t.server->script_ms = 600000;
	ck_assert_int_eq(pthread_create(&killer, NULL, kill_script, NULL), 0);
	const char *said = eval("redis.call('rpush', 'l', 'x') while true do end");
	pthread_join(killer, NULL);
	ck_assert_msg(strstr(said, "was ended by SCRIPT KILL: what it wrote is undone") != NULL,
		"%s", said);
	talk_is(&t, "llen l", "(integer) 0\n");
}
END_TEST

/* ---- files ---- */

static struct cache_tree *room;

static int put(const char *name, const char *text, uint64_t expect)
{
	struct epath path = {.depth = 1, .key = {slice_of(name)}};
	struct engine_info info;
	t.err = (struct err){0};
	return room->ops->ops.write(room, &path, 0, slice_of(text), expect, &info, &t.err);
}

static int note_name(void *arg, struct slice key, const struct engine_info *info)
{
	buf_append_slice(arg, key);
	buf_printf(arg, ":%llu ", (unsigned long long)info->size);
	return 0;
}

static const char *list(void)
{
	struct epath path = {0};
	buf_clear(&t.shown);
	redis_ok(&t, room->ops->ops.list(room, &path, NULL, 0, note_name, &t.shown, &t.err));
	return buf_cstr(&t.shown);
}

START_TEST(test_files_are_run_by_name_and_by_sha)
{
	redis_ok(&t, redis_scripts_room(t.server, &room, &t.err));
	redis_ok(&t, put("one", "return 1", ENGINE_VERSION_ABSENT));
	talk_is(&t, "fcall one 0\nfcall_ro one 0\nfcall two 0\nfcall one x\n",
		"(integer) 1\n(integer) 1\n(error) ERR Function not found\n"
		"(error) ERR Bad number of keys provided\n");
	talk_is(&t, "evalsha e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0\n", "(integer) 1\n");
	redis_ok(&t, put("bad", "\n\nerror('x')", ENGINE_VERSION_ANY));
	talk_is(&t, "fcall bad 0\n", "(error) ERR bad.lua:3: x script: bad, on @bad.lua:3.\n");
	cache_tree_close(room);
}
END_TEST

START_TEST(test_files_are_written_renamed_removed)
{
	struct epath one = {.depth = 1, .key = {slice_of("one")}};
	struct epath two = {.depth = 1, .key = {slice_of("two")}};
	struct engine_info info;
	struct engine_info root;
	struct epath top = {0};
	redis_ok(&t, redis_scripts_room(t.server, &room, &t.err));
	const struct engine_ops *ops = &room->ops->ops;
	redis_ok(&t, put("one", "return 1", ENGINE_VERSION_ABSENT));
	ck_assert_int_eq(put("one", "return 2", ENGINE_VERSION_ABSENT), -EEXIST);
	ck_assert_int_eq(put("one", "return 2", 12345), -EBUSY);
	ck_assert_int_eq(put("two", "return 2", 12345), -ENOENT);
	ck_assert_int_eq(put("one", "x\ny z", ENGINE_VERSION_ANY), -EINVAL);
	ck_assert_int_eq(strncmp(t.err.msg, "line 2: ", 8), 0);
	redis_ok(&t, ops->stat(room, &one, 0, &info, &t.err));
	redis_ok(&t, put("one", "return 1", info.version));
	struct engine_info again;
	redis_ok(&t, ops->stat(room, &one, 0, &again, &t.err));
	ck_assert_uint_eq(again.version, info.version); /* the same text is no change */
	redis_ok(&t, ops->stat(room, &top, 0, &root, &t.err));
	redis_ok(&t, put("two", "return 22", ENGINE_VERSION_ANY));
	ck_assert_str_eq(list(), "one:8 two:9 ");
	struct engine_info later;
	redis_ok(&t, ops->stat(room, &top, 0, &later, &t.err));
	ck_assert_uint_ne(later.version, root.version);
	ck_assert_int_eq(ops->rename(room, &one, &two, RENAME_NOREPLACE, &t.err), -EEXIST);
	t.err = (struct err){0};
	redis_ok(&t, ops->rename(room, &one, &two, RENAME_EXCHANGE, &t.err));
	ck_assert_str_eq(list(), "one:9 two:8 ");
	redis_ok(&t, ops->rename(room, &one, &two, 0, &t.err));
	ck_assert_str_eq(list(), "two:9 ");
	ck_assert_int_eq(ops->remove(room, &one, ENGINE_VERSION_ANY, &t.err), -ENOENT);
	t.err = (struct err){0};
	redis_ok(&t, ops->remove(room, &two, ENGINE_VERSION_ANY, &t.err));
	ck_assert_str_eq(list(), "");
	cache_tree_close(room);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("redis_script");
	TCase *c = tcase_create("redis_script");
	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, start, end);
	tcase_add_loop_test(c, test_values, 0, sizeof(values) / sizeof(values[0]));
	tcase_add_loop_test(c, test_errors, 0, sizeof(errors) / sizeof(errors[0]));
	tcase_add_test(c, test_what_does_not_compile);
	tcase_add_test(c, test_keys_and_arguments);
	tcase_add_test(c, test_scripts_by_their_sha);
	tcase_add_test(c, test_few_of_the_scripts_of_eval_are_kept);
	tcase_add_test(c, test_a_script_that_reads_only);
	tcase_add_test(c, test_an_error_undoes_nothing);
	tcase_add_loop_test(c, test_a_script_that_is_stopped_has_done_nothing, 0,
		sizeof(stopped) / sizeof(stopped[0]));
	tcase_add_test(c, test_what_else_is_in_its_transaction_stays);
	tcase_add_loop_test(
		c, test_what_would_not_end_is_refused, 0, sizeof(refused) / sizeof(refused[0]));
	tcase_add_test(c, test_what_is_no_longer_used_is_collected_first);
	tcase_add_test(c, test_a_reply_that_is_nested_too_deeply);
	tcase_add_test(c, test_nothing_leaks_from_one_script_to_the_next);
	tcase_add_test(c, test_a_script_is_killed);
	tcase_add_test(c, test_files_are_run_by_name_and_by_sha);
	tcase_add_test(c, test_files_are_written_renamed_removed);
	suite_add_tcase(s, c);
	return run_suite(s);
}
