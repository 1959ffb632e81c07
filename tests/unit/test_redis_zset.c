#include "tests/unit/redis_elements.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "tests/unit/random.h"

static struct redis_fixture f;
static const struct typed k = {&f, REDIS_ZSET, "k"};

static void setup(void)
{
	redis_fixture_start(&f);
}

static void teardown(void)
{
	typed_check(&k);
	redis_fixture_end(&f);
}

#define FAILS(errno_, text, call)                                                                  \
	do {                                                                                       \
		ck_assert_int_eq(call, -(errno_));                                                 \
		ck_assert_msg(strstr(f.err.msg, text) != NULL, "%s", f.err.msg);                   \
	} while (0)
#define SAYS(line, expected) ck_assert_str_eq(redis_says(&f, line), expected)

/* ---- commands ---- */

START_TEST(test_commands)
{
	redis_said_check(&f, "redis_zset_said.txt");
}
END_TEST

START_TEST(test_commands_of_a_server)
{
	redis_said_check_server("redis_zset_said.txt");
}
END_TEST

/* ---- files ---- */

static const struct {
	const char *text;
	const char *read; /* NULL: refused */
} texts[] = {{"1.5\n", "1.5\n"}, {" 17 \n\n", "17\n"}, {"inf", "inf\n"}, {"+inf\n", "inf\n"},
	{"-inf\n", "-inf\n"}, {"1e20", "1e+20\n"}, {"1.1", "1.1\n"}, {"0.1\n", "0.1\n"},
	{"0x10", "16\n"}, {"-3.25e-5\n", "-3.25e-05\n"}, {"nan", NULL}, {"", NULL}, {"\n", NULL},
	{"1 2", NULL}, {"x", NULL}, {"1e999", NULL}};

START_TEST(test_scores_as_text)
{
	struct engine_info info;

	if (texts[_i].read == NULL) {
		FAILS(EINVAL, "ERR value is not a valid float",
			typed_write(&k, "a", texts[_i].text, ENGINE_VERSION_ANY));
		return;
	}
	redis_ok(&f, typed_write(&k, "a", texts[_i].text, ENGINE_VERSION_ANY));
	ck_assert_str_eq(typed_read(&k, "a"), texts[_i].read);
	redis_ok(&f, typed_stat(&k, "a", &info));
	ck_assert_uint_eq(info.size, strlen(texts[_i].read));
	redis_ok(&f, typed_write(&k, "a", texts[_i].read, info.version));
	redis_ok(&f, typed_write(&k, "a", "2", info.version)); /* the same text changed nothing */
}
END_TEST

START_TEST(test_files)
{
	struct engine_info a;
	struct redis_key before;
	struct redis_key after;

	redis_ok(&f, typed_write(&k, "b", "1", ENGINE_VERSION_ABSENT));
	redis_ok(&f, typed_write(&k, "a", "2", ENGINE_VERSION_ABSENT));
	ck_assert_str_eq(typed_list(&k, NULL, 9), "a b "); /* by member */
	SAYS("zrange k 0 -1", "[\"b\" \"a\"]");
	keys_of(&f, "k", &before);
	redis_ok(&f, typed_stat(&k, "a", &a));
	buf_clear(&f.told);
	SAYS("zincrby k 5 a", "\"7\"");
	ck_assert_str_eq(buf_cstr(&f.told), "k/a ");
	keys_of(&f, "k", &after);
	ck_assert_int_eq(before.mtime_ns, after.mtime_ns);
	FAILS(EBUSY, "changed", typed_write(&k, "a", "3", a.version));
	FAILS(EEXIST, "exists", typed_write(&k, "a", "3", ENGINE_VERSION_ABSENT));
	FAILS(EBUSY, "changed", typed_remove(&k, "a", a.version));
	FAILS(ENOENT, "no member", typed_remove(&k, "z", ENGINE_VERSION_ANY));
	redis_ok(&f, typed_rename(&k, "a", "b", RENAME_EXCHANGE));
	SAYS("zrange k 0 -1 withscores", "[\"a\" \"1\" \"b\" \"7\"]");
	redis_ok(&f, typed_rename(&k, "a", "c", 0));
	SAYS("zrange k 0 -1 withscores", "[\"c\" \"1\" \"b\" \"7\"]");
	FAILS(EEXIST, "exists", typed_rename(&k, "c", "b", RENAME_NOREPLACE));
	redis_ok(&f, typed_rename(&k, "c", "b", 0));
	SAYS("zrange k 0 -1 withscores", "[\"b\" \"1\"]");
	redis_ok(&f, typed_remove(&k, "b", ENGINE_VERSION_ANY));
	ck_assert_str_eq(keys_names(&f), "");
}
END_TEST

/* By member, so scores that change do not move what a listing still has to give. */
START_TEST(test_list_while_scores_change)
{
	SAYS("zadd k 1 a 2 b 3 c 4 d", "4");
	ck_assert_str_eq(typed_list(&k, NULL, 2), "a b ");
	SAYS("zadd k 0 d 9 a -1 c", "0");
	SAYS("zrem k b", "1");
	ck_assert_str_eq(typed_list(&k, "b", 9), "c d ");
}
END_TEST

START_TEST(test_export_import)
{
	uint64_t n;

	SAYS("zadd k 1.1 b -inf a 1e20 c", "3");
	ck_assert_str_eq(
		typed_export(&k), "{\n  \"a\": \"-inf\",\n  \"b\": 1.1,\n  \"c\": 1e+20\n}\n");
	SAYS("zadd k 3 \"\xff\"", "1");
	SAYS("zrem k b c", "2");
	ck_assert_str_eq(
		typed_export(&k), "[\n  [\"a\", \"-inf\"],\n  [{\"$b\": \"/w==\"}, 3]\n]\n");
	SAYS("del k", "1");
	redis_ok(&f, typed_import(&k, "[[{\"$b\": \"/w==\"}, 3], [\"a\", \"-inf\"]]", true, &n));
	ck_assert_uint_eq(n, 2);
	redis_ok(&f, typed_import(&k, "{\"a\": 2.50, \"b\": 1E3}", false, &n));
	SAYS("zrange k 0 -1 withscores", "[\"a\" \"2.5\" \"\\xff\" \"3\" \"b\" \"1000\"]");
	FAILS(EINVAL, "line 1, column 7: ERR value is not a valid float",
		typed_import(&k, "{\"q\": \"nan\"}", false, &n));
	FAILS(EINVAL, "line 1, column 7: ERR value is not a valid float",
		typed_import(&k, "{\"q\": 1e999}", false, &n));
	FAILS(EINVAL, "line 2, column 1: the member 'q' stands there twice",
		typed_import(&k, "{\"q\": 1,\n\"q\": 1}", false, &n));
	FAILS(EEXIST, "the member 'a' exists already", typed_import(&k, "{\"a\": 1}", true, &n));
	SAYS("zcard k", "3");
}
END_TEST

START_TEST(test_what_would_block_answers_at_once)
{
	SAYS("bzpopmin k 0", "nil");
	SAYS("bzpopmax k k2 0", "nil");
	SAYS("bzmpop 0 1 k min", "nil");
	SAYS("zadd k 1 a 2 b 3 c", "3");
	SAYS("bzpopmax nope k 0", "[\"k\" \"c\" \"3\"]");
	SAYS("bzmpop 0 1 k min count 5", "[\"k\" [[\"a\" \"1\"] [\"b\" \"2\"]]]");
}
END_TEST

/* ---- ranges of many, which come and go in pieces ---- */

START_TEST(test_many)
{
	char line[64];

	for (int i = 0; i < 2000; i++) {
		snprintf(line, sizeof(line), "zadd k %d m%04d", i / 2, i);
		SAYS(line, "1");
	}
	SAYS("zrank k m1500", "1500");
	SAYS("zrevrank k m1500", "499");
	SAYS("zrange k 1990 1991", "[\"m1990\" \"m1991\"]");
	SAYS("zrange k 1990 1991 rev", "[\"m0009\" \"m0008\"]");
	SAYS("zrange k -3 -2", "[\"m1997\" \"m1998\"]");
	SAYS("zrange k 3 4 rev", "[\"m1996\" \"m1995\"]");
	SAYS("zcount k 100 (200", "200");
	SAYS("zremrangebyrank k 10 1209", "1200");
	SAYS("zcard k", "800");
	SAYS("zrange k 9 10", "[\"m0009\" \"m1210\"]");
	SAYS("zremrangebyscore k (4 (900", "590");
	SAYS("zrange k 9 10", "[\"m0009\" \"m1800\"]");
	SAYS("zremrangebylex k - +", "210");
	ck_assert_str_eq(keys_names(&f), "");
}
END_TEST

/* ---- at random, against an array ---- */

#define MEMBERS 12

struct model {
	double score[MEMBERS]; /* NAN: not there */
};

/* Whether `a` comes before `b`. */
static bool before(const struct model *m, int a, int b)
{
	return m->score[a] < m->score[b] || (m->score[a] == m->score[b] && a < b);
}

static int rank_of(const struct model *m, int member)
{
	int n = 0;
	for (int i = 0; i < MEMBERS; i++) {
		n += !isnan(m->score[i]) && before(m, i, member);
	}
	return n;
}

static int count(const struct model *m)
{
	int n = 0;
	for (int i = 0; i < MEMBERS; i++) {
		n += !isnan(m->score[i]);
	}
	return n;
}

static void say_ranks(const struct model *m, int from, int to, bool reverse, char *out)
{
	int n = count(m);
	char *p = out;

	p += sprintf(p, "[");
	for (int rank = from; rank <= to && rank < n; rank++) {
		for (int i = 0; i < MEMBERS; i++) {
			int at = isnan(m->score[i]) ? -1 : rank_of(m, i);
			if (at == (reverse ? n - 1 - rank : rank)) {
				p += sprintf(p, "%s\"%c\"", rank > from ? " " : "", 'a' + i);
			}
		}
	}
	sprintf(p, "]");
}

START_TEST(test_model)
{
	struct model m;
	char line[128];
	char expected[128];

	rng_seed(_i);
	for (int i = 0; i < MEMBERS; i++) {
		m.score[i] = NAN;
	}
	for (unsigned step = 0; step < 1500; step++) {
		int i = rng() % MEMBERS;
		double score = rng() % 8 - 4;
		double most = score + rng() % 4;
		int from = rng() % MEMBERS;
		int to = from + rng() % 4;
		bool reverse = rng() % 2;
		int n = 0;
		switch (rng() % 8) {
		case 0:
		case 1:
			snprintf(line, sizeof(line), "zadd k %g %c", score, 'a' + i);
			snprintf(expected, sizeof(expected), "%d", isnan(m.score[i]));
			m.score[i] = score;
			break;
		case 2:
			snprintf(line, sizeof(line), "zincrby k %g %c", score, 'a' + i);
			m.score[i] = isnan(m.score[i]) ? score : m.score[i] + score;
			snprintf(expected, sizeof(expected), "\"%g\"", m.score[i]);
			break;
		case 3:
			snprintf(line, sizeof(line), "zrem k %c", 'a' + i);
			snprintf(expected, sizeof(expected), "%d", !isnan(m.score[i]));
			m.score[i] = NAN;
			break;
		case 4:
			snprintf(line, sizeof(line), "zrank k %c", 'a' + i);
			snprintf(expected, sizeof(expected), "%d", rank_of(&m, i));
			if (isnan(m.score[i])) {
				snprintf(expected, sizeof(expected), "nil");
			}
			break;
		case 5:
			snprintf(line, sizeof(line), "zrange k %d %d%s", from, to,
				reverse ? " rev" : "");
			say_ranks(&m, from, to, reverse, expected);
			break;
		case 6:
			snprintf(line, sizeof(line), "zcount k (%g %g", score, most);
			for (int at = 0; at < MEMBERS; at++) {
				n += m.score[at] > score && m.score[at] <= most;
			}
			snprintf(expected, sizeof(expected), "%d", n);
			break;
		default:
			if (rng() % 4 != 0) {
				continue;
			}
			snprintf(line, sizeof(line), "zremrangebyscore k %g %g", score, most);
			for (int at = 0; at < MEMBERS; at++) {
				if (m.score[at] >= score && m.score[at] <= most) {
					m.score[at] = NAN;
					n++;
				}
			}
			snprintf(expected, sizeof(expected), "%d", n);
			break;
		}
		const char *said = redis_says(&f, line);
		ck_assert_msg(strcmp(said, expected) == 0, "step %u: %s: %s, not %s", step, line,
			said, expected);
		if (step % 100 == 0) {
			typed_check(&k);
			typed_list(&k, NULL, MEMBERS);
		}
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("redis_zset");
	TCase *t = tcase_create("zset");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_commands);
	tcase_add_loop_test(t, test_scores_as_text, 0, sizeof(texts) / sizeof(texts[0]));
	tcase_add_test(t, test_files);
	tcase_add_test(t, test_list_while_scores_change);
	tcase_add_test(t, test_export_import);
	tcase_add_test(t, test_what_would_block_answers_at_once);
	tcase_add_test(t, test_many);
	tcase_add_loop_test(t, test_model, 1, 4);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	TCase *server = tcase_create("server");
	tcase_add_test(server, test_commands_of_a_server);
	tcase_set_timeout(server, 60);
	suite_add_tcase(s, server);
	return run_suite(s);
}
