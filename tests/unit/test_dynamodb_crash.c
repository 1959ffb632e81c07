/* DynamoDB on SQLite: kill -9 in the middle of the steps that span files. After
 * each kill every step has either happened or not, what was acknowledged has,
 * and no file is left that the catalog does not know. */
#include "tests/unit/dynamodb_fixture.h"

#include <dirent.h>
#include <unistd.h>

#define ROUNDS 25

/* A round's table, its backup, and the table restored from it. */
struct state {
	bool table;
	bool backup;
	bool restored;
};

/* What is there after so many steps. */
static const struct state after[] = {
	{false, false, false}, {true, false, false}, /* create */
	{true, true, false},			     /* backup */
	{true, true, true},			     /* restore */
	{false, true, true},			     /* delete the table */
	{false, false, true},			     /* delete the backup */
	{false, false, false},			     /* delete the restored table */
};
#define N_STEPS (sizeof(after) / sizeof(after[0]) - 1)

static int run(const struct epath *path, const char *const *argv, unsigned argc)
{
	struct buf out = BUF_INIT;
	struct engine_call call = {path, argc, (char *const *)argv, &out, NULL};
	const struct engine_command *c = OPS->commands;
	while (strcmp(c->name, argv[0]) != 0) {
		c++;
	}
	int rc = c->run(ctx, &call, &err);
	buf_free(&out);
	return rc;
}

#define RUN(path, ...)                                                                             \
	run(path, (const char *const[]){__VA_ARGS__},                                              \
		sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void names_of(unsigned long n, char table[32], char restored[32])
{
	snprintf(table, 32, "table-%lu", n);
	snprintf(restored, 32, "restored-%lu", n);
}

static int step(unsigned long n, unsigned which)
{
	char table[32];
	char restored[32];
	names_of(n, table, restored);
	switch (which) {
	case 0: return RUN(ROOT, "create-table", table, "pk:S", "sk:S");
	case 1:
		return put(PATH(table, "p", "s"), "{\"x\":1}") < 0
			       ? -1
			       : RUN(PATH(table), "backup", "kept");
	case 2: return RUN(PATH(table), "restore", "kept", "as", restored);
	case 3: return RUN(PATH(table), "delete-table");
	case 4: {
		char full[64];
		snprintf(full, sizeof(full), "%s:kept", table);
		return RUN(ROOT, "delete-backup", full);
	}
	default: return RUN(PATH(restored), "delete-table");
	}
}

static int begin(void)
{
	return OPS->open(&config, &ctx, &err);
}

static const struct crash_work work = {begin, step, N_STEPS, &err};

static bool backup_exists(const char *table)
{
	char full[64];
	void *view;
	struct err why = {0};
	snprintf(full, sizeof(full), "%s:kept", table);
	if (OPS->view_open(ctx, ROOT, ENGINE_VIEW_SNAPSHOT, slice_of(full), &view, &why) < 0) {
		ck_assert_int_eq(why.code, ENOENT);
		return false;
	}
	void *live = ctx;
	ctx = view;
	expect_list(PATH(table, "p"), "s");
	engine_down();
	ctx = live;
	return true;
}

static struct state state_of(unsigned long n)
{
	char table[32];
	char restored[32];
	names_of(n, table, restored);
	struct state s = {exists(PATH(table)), backup_exists(table), exists(PATH(restored))};
	if (s.restored) {
		expect_list(PATH(restored, "p"), "s");
	}
	return s;
}

static bool same(struct state a, struct state b)
{
	return a.table == b.table && a.backup == b.backup && a.restored == b.restored;
}

static unsigned count_files(void)
{
	DIR *dir = opendir(site);
	const struct dirent *entry;
	unsigned n = 0;
	while ((entry = readdir(dir)) != NULL) {
		const char *name = entry->d_name;
		bool database = strlen(name) > 3 && strcmp(name + strlen(name) - 3, ".db") == 0;
		n += database && strcmp(name, "catalog.db") != 0;
	}
	closedir(dir);
	return n;
}

START_TEST(kill_at_any_time)
{
	unsigned long first = 0;
	unsigned seed = (unsigned)getpid();
	unsigned left = 0;
	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned long done =
			work_and_kill(&work, first, 2000 + (unsigned)rand_r(&seed) % 40000);
		unsigned long last = first + done / N_STEPS;
		engine_up();
		struct state s = state_of(last);
		const struct state *want = &after[done % N_STEPS];
		ck_assert_msg(same(s, want[0]) || same(s, want[1]),
			"round %u: %d%d%d after %lu steps", round, s.table, s.backup, s.restored,
			done % N_STEPS);
		for (unsigned long n = first; n < last; n++) {
			ck_assert(same(state_of(n), after[N_STEPS]));
		}
		left += (unsigned)(s.table + s.backup + s.restored);
		ck_assert_uint_eq(count_files(), left);
		engine_down();
		first = last + 1;
	}
}
END_TEST

static void setup_site(void)
{
	setup();
	engine_down();
}

static Suite *suite(void)
{
	Suite *s = suite_create("dynamodb crash");
	TCase *c = tcase_create("all");
	tcase_add_checked_fixture(c, setup_site, teardown);
	tcase_set_timeout(c, 100);
	tcase_add_test(c, kill_at_any_time);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
