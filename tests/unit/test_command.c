/* Command lines: words, refusals, events, --async, progress. */
#include <errno.h>
#include <unistd.h>

#include "engines/common/cleanup.h"
#include "tests/unit/fake_engine.h"
#include "tests/unit/fixture.h"

START_TEST(test_words)
{
	struct buf out = BUF_INIT;
	const struct {
		const char *line;
		const char *words;
	} cases[] = {
		{"echo a  b\tc\n", "[a][b][c]"},
		{"  echo", ""},
		{"echo 'a b' \"c d\" e\\ f", "[a b][c d][e f]"},
		{"echo '' \"\"", "[][]"},
		{"echo 'it'\\''s' \"say \\\"x\\\" \\\\ \\n\"", "[it's][say \"x\" \\ \\n]"},
		{"echo 'a\\b' a'b'c", "[a\\b][abc]"},
		{"'ec'ho x", "[x]"},
		{"echo trailing\\", "[trailing\\]"},
		{"echo \xc3\xa9", "[\xc3\xa9]"},
		{"echo --async x", "[--async][x]"},
		{"", ""},
		{" \n", ""},
	};
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ck_assert_msg(command(cases[i].line, &out) == 0, "%s: %s", cases[i].line, last.msg);
		ck_assert_str_eq(buf_cstr(&out), cases[i].words);
	}
	assert_refused(command("echo 'x", &out), EINVAL,
		"the ' at byte 6 of the command line is not closed");
	assert_refused(command("echo x\"", &out), EINVAL,
		"the \" at byte 7 of the command line is not closed");
	assert_refused(engine_command(e, &root, slice_make("echo\0x", 6), &out, fresh()), EINVAL,
		"the command line holds a NUL byte");
	buf_free(&out);
}
END_TEST

START_TEST(test_too_many_words)
{
	struct buf line = BUF_INIT;
	struct buf out = BUF_INIT;
	buf_puts(&line, "echo");
	for (unsigned i = 0; i < 63; i++) {
		buf_puts(&line, " x");
	}
	ck_assert_int_eq(command(buf_cstr(&line), &out), 0);
	buf_puts(&line, " x");
	assert_refused(
		command(buf_cstr(&line), &out), EINVAL, "a command line has at most 64 words");
	buf_free(&line);
	buf_free(&out);
}
END_TEST

START_TEST(test_what_is_no_command)
{
	struct buf out = BUF_INIT;
	assert_refused(
		command("ehco x", &out), EINVAL, "unknown command 'ehco'; did you mean 'echo'?");
	assert_refused(command("elephant", &out), EINVAL,
		"unknown command 'elephant'; known here: echo, fail, pair, slow, wait");
	assert_refused(engine_command(e, &one, slice_of("fail x"), &out, fresh()), EINVAL,
		"'fail' is not understood here: write it to the .control 1 level up");
	assert_refused(engine_command(e, &two, slice_of("elephant"), &out, fresh()), EINVAL,
		"no commands are understood here");
	assert_refused(
		command("fail", &out), EINVAL, "fail takes 1 argument, not 0; usage: fail WHAT");
	assert_refused(command("pair 1 2 3 4", &out), EINVAL,
		"pair takes 2 to 3 arguments, not 4; usage: pair A B [C]");
	assert_refused(
		command("wait x", &out), EINVAL, "wait takes no arguments, not 1; usage: wait");
	buf_free(&out);
}
END_TEST

/* Events with the times taken out: "0.012 s" becomes "T s". */
static void assert_events(const char *want)
{
	struct buf got = BUF_INIT;
	LOCKED(&fake.lock);
	for (const char *p = buf_cstr(&fake.events); *p != '\0'; p++) {
		size_t n = strspn(p, "0123456789.");
		if (n >= 5 && p[n] == ' ' && p[n + 1] == 's') {
			buf_putc(&got, 'T');
			p += n;
		}
		buf_putc(&got, *p);
	}
	ck_assert_str_eq(buf_cstr(&got), want);
	buf_free(&got);
}

START_TEST(test_events_of_a_command)
{
	struct buf out = BUF_INIT;
	ck_assert_int_eq(command("echo a 'b c' \"\n\xff\"", &out), 0);
	assert_refused(command("fail x", &out), EBUSY, "x is busy");
	ck_assert_msg(out.n == 0, "a failed command has no result");
	assert_events("fake/0: echo a \"b c\" ??: started\n"
		      "fake/0: echo a \"b c\" ??: done in T s\n"
		      "fake/0: fail x: started\n"
		      "fake/0: fail x: failed after T s: x is busy\n");
	buf_free(&out);
}
END_TEST

static bool is_running(json_t *status)
{
	json_object_clear(status);
	ck_assert_int_eq(engine_status(e, &root, status, fresh()), 0);
	return json_object_get(status, "running") != NULL;
}

START_TEST(test_async)
{
	struct buf out = BUF_INIT;
	json_auto_t *status = json_object();
	ck_assert_int_eq(command("wait --async", &out), 0);
	ck_assert_str_eq(buf_cstr(&out), "wait: started, see .events\n");
	const json_t *job = NULL;
	while (json_object_get(job, "percent") == NULL) {
		ck_assert(is_running(status));
		job = json_array_get(json_object_get(status, "running"), 0);
	}
	ck_assert_str_eq(json_string_value(json_object_get(job, "command")), "wait");
	ck_assert_int_eq(json_integer_value(json_object_get(job, "percent")), 25);
	ck_assert_str_eq(json_string_value(json_object_get(job, "unit")), "items");
	/* Elsewhere nothing runs. */
	json_auto_t *other = json_object();
	ck_assert_int_eq(engine_status(e, &one, other, fresh()), 0);
	ck_assert_uint_eq(json_object_size(other), 0);
	atomic_store(&fake.go, true);
	while (is_running(status)) {
		usleep(1000);
	}
	assert_events("fake/0: wait: started\nfake/0: wait: done in T s: waited\n");
	buf_free(&out);
}
END_TEST

static void *let_go(void *arg)
{
	usleep(50000);
	atomic_store(&fake.go, true);
	return arg;
}

START_TEST(test_closing_waits_for_async_commands)
{
	struct buf out = BUF_INIT;
	pthread_t t;
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(command("wait --async", &out), 0);
	}
	ck_assert_int_eq(command("fail x --async", &out), 0);
	assert_refused(command("fail --async", &out), EINVAL,
		"fail takes 1 argument, not 0; usage: fail WHAT");
	assert_refused(command("--async", &out), EINVAL,
		"unknown command '--async'; known here: echo, fail, pair, slow, wait");
	pthread_create(&t, NULL, let_go, NULL);
	engine_unref(e);
	ck_assert(atomic_load(&fake.go));
	ck_assert_int_eq(atomic_load(&fake.open), 0);
	pthread_join(t, NULL);
	open_engine(false);
	buf_free(&out);
}
END_TEST

START_TEST(test_progress_lines)
{
	struct buf out = BUF_INIT;
	ck_assert_int_eq(command("slow", &out), 0);
	unsigned lines = 0;
	for (const char *p = buf_cstr(&fake.events); (p = strstr(p, " %, ")) != NULL; p++) {
		lines++;
	}
	ck_assert_uint_eq(lines, 1);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&fake.events), " of 20 items, "));
	buf_free(&out);
}
END_TEST

START_TEST(test_commands_of_a_view)
{
	struct buf out = BUF_INIT;
	struct engine *view = NULL;
	ck_assert_int_eq(
		engine_view(e, &one, ENGINE_VIEW_REPLICA, slice_of("r/1"), &view, fresh()), 0);
	ck_assert_int_eq(engine_command(view, &root, slice_of("echo x"), &out, fresh()), 0);
	assert_events("fake/0: replica r%2F1: echo x: started\n"
		      "fake/0: replica r%2F1: echo x: done in T s\n");
	engine_unref(view);
	buf_free(&out);
}
END_TEST

START_TEST(test_help_of_commands)
{
	struct buf out = BUF_INIT;
	engine_commands_help(e, 0, &out);
	ck_assert_str_eq(buf_cstr(&out), "echo WORD..   says the words\n"
					 "fail WHAT     fails\n"
					 "pair A B [C]  takes two or three\n"
					 "slow          takes over a second\n"
					 "wait          waits\n");
	buf_clear(&out);
	engine_commands_help(e, 1, &out);
	ck_assert_str_eq(buf_cstr(&out), "echo WORD..  says the words\n");
	buf_free(&out);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("command");
	TCase *t = tcase_create("command");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_words);
	tcase_add_test(t, test_too_many_words);
	tcase_add_test(t, test_what_is_no_command);
	tcase_add_test(t, test_events_of_a_command);
	tcase_add_test(t, test_async);
	tcase_add_test(t, test_closing_waits_for_async_commands);
	tcase_add_test(t, test_progress_lines);
	tcase_add_test(t, test_commands_of_a_view);
	tcase_add_test(t, test_help_of_commands);
	suite_add_tcase(s, t);
	return run_suite(s);
}
