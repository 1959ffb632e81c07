/* Queries of tests/data/redshift/queries.txt: bound, written for each driver, run by it, and
 * compared with what PostgreSQL answered (record.py wrote that beside them). */
#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "tests/unit/fixture.h"
#include "tests/unit/redshift_sql.h"

static char dir[SITE_MAX];
static struct sql_site *site;
static struct sql_session *session;
static struct test_tables tables;
static struct err err;

#define OK(call)                                                                                   \
	do {                                                                                       \
		int rc_ = (call);                                                                  \
		ck_assert_msg(rc_ == 0, "%s: %d %s", #call, rc_, err.msg);                         \
	} while (0)

/* ---- the tables in a driver's file ---- */

static void create(const struct test_table *t)
{
	CLEANUP(buf_free) struct buf ddl = BUF_INIT;
	buf_printf(&ddl, "CREATE TABLE \"n0\".\"%s\" (", t->name);
	for (unsigned i = 0; i < t->relation.n_columns; i++) {
		buf_printf(&ddl, "%s\"%s\" ", i > 0 ? ", " : "", t->columns[i].name);
		sql_column_type(site->driver->dialect, t->columns[i].type, &ddl);
	}
	buf_puts(&ddl, ")");
	OK(sql_run(session, buf_cstr(&ddl), NULL, &err));
}

static void fill(const struct test_table *t)
{
	struct sql_append *a = NULL;
	struct sql_type types[COLUMNS_MAX];
	unsigned n = t->relation.n_columns;
	for (unsigned i = 0; i < n; i++) {
		types[i] = t->columns[i].type;
	}
	OK(sql_append_new(session, "n0", t->name, types, n, &a, &err));
	for (unsigned r = 0; r < t->n_rows; r++) {
		struct sql_value row[COLUMNS_MAX] = {0};
		const char *p = t->rows[r];
		for (unsigned i = 0; i < n; i++) {
			size_t length = strcspn(p, "|");
			if (length == 2 && memcmp(p, "\\N", 2) == 0) {
				row[i].null = true;
			} else {
				OK(sql_value_parse(slice_make(p, length), types[i], &row[i], &err));
			}
			p += length + (p[length] == '|');
		}
		OK(sql_append_row(a, row, &err));
	}
	OK(sql_append_end(a, true, &err));
}

static void begin(int i)
{
	struct sql_site_config config = {.tmp = dir, .threads = 2};
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	const char *name = "n0";
	err_clear(&err);
	make_site(dir);
	config.tmp = dir;
	OK(sql_site_open(sql_drivers[i], &config, &site, &err));
	buf_printf(&path, "%s/n0%s", dir, site->driver->suffix);
	OK(sql_attach(site, "n0", buf_cstr(&path), SQL_CREATE, &err));
	OK(sql_session_new(site, &name, 1, &session, &err));
	test_tables_read(&tables);
	for (unsigned t = 0; t < tables.n; t++) {
		create(&tables.of[t]);
		fill(&tables.of[t]);
	}
}

static void end(void)
{
	sql_session_close(session);
	sql_site_close(site);
	remove_site(dir);
	test_tables_free(&tables);
}

static int relation(
	void *arg, const json_t *node, const struct rs_relation *r, struct buf *out, struct err *e)
{
	(void)arg;
	(void)node;
	(void)e;
	buf_puts(out, "\"n0\".");
	sql_quote(slice_of(r->name), out);
	return 0;
}

/* ---- one query ---- */

static int run(const struct rs_bound *bound, const char *text, struct buf *out)
{
	struct sql_type types[64];
	struct sql_query *q = NULL;
	const struct sql_value *row;
	int rc;
	for (unsigned i = 0; i < bound->n_columns; i++) {
		types[i] = bound->columns[i].type;
	}
	rc = sql_prepare(session, text, types, bound->n_columns, &q, &err);
	while (rc == 0 && (rc = sql_step(q, &row, &err)) == 1) {
		rc = 0;
		for (unsigned i = 0; i < q->n_columns; i++) {
			buf_puts(out, i > 0 ? "|" : "");
			if (row[i].null) {
				buf_puts(out, "\\N");
			} else {
				sql_value_print(&row[i], types[i], out);
			}
		}
		buf_putc(out, '\n');
	}
	sql_finish(q);
	return rc;
}

/* What a query gives; 0 or -errno. */
static int answer(const char *query, struct buf *printed, struct buf *out)
{
	struct rs_resolver resolver = test_resolver(&tables);
	struct rs_bound bound = {0};
	json_t *tree = test_parse(query, &err);
	int rc = tree == NULL ? -EINVAL
			      : rs_bind_select(tree, slice_of(query), &resolver, &bound, &err);
	if (rc == 0) {
		struct rs_printer p = {.dialect = site->driver->dialect,
			.bound = &bound,
			.relation = relation,
			.now_micros = resolver.now_micros};
		rc = rs_print_select(&p, tree, printed, &err);
	}
	if (rc == 0) {
		rc = run(&bound, buf_cstr(printed), out);
	}
	rs_bound_clear(&bound);
	json_decref(tree);
	return rc;
}

/* ---- comparing ---- */

static unsigned digits_behind(const char *text)
{
	const char *point = strchr(text, '.');
	return point == NULL ? 0 : (unsigned)strspn(point + 1, "0123456789");
}

/* Numbers may be rounded to fewer digits than PostgreSQL's. */
static bool same_field(const char *a, const char *b)
{
	char *end_a;
	char *end_b;
	double x = strtod(a, &end_a);
	double y = strtod(b, &end_b);
	unsigned digits = digits_behind(a) < digits_behind(b) ? digits_behind(a) : digits_behind(b);
	if (strcmp(a, b) == 0) {
		return true;
	}
	if (*a == 0 || *b == 0 || *end_a != 0 || *end_b != 0 ||
		(strchr(a, '.') == NULL && strchr(b, '.') == NULL && strchr(a, 'e') == NULL &&
			strchr(b, 'e') == NULL)) {
		return false;
	}
	return fabs(x - y) <= 0.5000001 * pow(10, -(double)digits) || fabs(x - y) <= 1e-9 * fabs(x);
}

static bool same_line(const char *a, const char *b)
{
	CLEANUP(cleanup_free) char *x = strdup(a);
	CLEANUP(cleanup_free) char *y = strdup(b);
	char *p = x;
	char *q = y;
	for (;;) {
		char *f = strsep(&p, "|");
		char *g = strsep(&q, "|");
		if (f == NULL || g == NULL) {
			return f == g;
		}
		if (!same_field(f, g)) {
			return false;
		}
	}
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static size_t lines_of(char *text, char **out, size_t most)
{
	size_t n = 0;
	char *line;
	while ((line = strsep(&text, "\n")) != NULL && n < most) {
		if (*line != 0 || text != NULL) {
			out[n++] = line;
		}
	}
	return n;
}

static bool is_ordered(const char *query)
{
	int depth = 0;
	for (const char *p = query; *p != 0; p++) {
		depth += *p == '(' ? 1 : *p == ')' ? -1 : 0;
		if (depth == 0 && strncasecmp(p, " order by ", 10) == 0) {
			return true;
		}
	}
	return false;
}

static bool same(const char *query, char *got, char *want)
{
	char *g[1000];
	char *w[1000];
	size_t n = lines_of(got, g, 1000);
	size_t m = lines_of(want, w, 1000);
	if (!is_ordered(query)) {
		qsort(g, n, sizeof *g, by_text);
		qsort(w, m, sizeof *w, by_text);
	}
	for (size_t i = 0; n == m && i < n; i++) {
		if (!same_line(g[i], w[i])) {
			return false;
		}
	}
	return n == m;
}

/* ---- the file ---- */

struct block {
	struct buf query, want;
	char refused[64];
};

static unsigned bad;
static unsigned count;

static void check_block(struct block *b)
{
	CLEANUP(buf_free) struct buf printed = BUF_INIT;
	CLEANUP(buf_free) struct buf got = BUF_INIT;
	const char *query = buf_cstr(&b->query);
	const char *only = getenv("ONLY");
	if (b->query.n == 0 || (only != NULL && strstr(query, only) == NULL)) {
		return;
	}
	err_clear(&err);
	count++;
	int rc = answer(query, &printed, &got);
	bool refused = strstr(b->refused, site->driver->name) != NULL;
	CLEANUP(cleanup_free) char *shown = strdup(buf_cstr(&got));
	CLEANUP(cleanup_free) char *wanted = strdup(buf_cstr(&b->want));
	if (refused ? rc == -ENOTSUP
		    : rc == 0 && same(query, (char *)buf_cstr(&got), (char *)buf_cstr(&b->want))) {
		if (only != NULL) {
			printf("%s\n%s\n%s", query, buf_cstr(&printed), shown);
		}
		return;
	}
	bad++;
	printf("%s: %s\n  as %s\n  %s%d %s\n  got:\n%s  PostgreSQL's:\n%s", site->driver->name,
		query, buf_cstr(&printed), refused ? "should be refused: " : "", rc, err.msg, shown,
		wanted);
}

static void block_next(struct block *b)
{
	check_block(b);
	buf_clear(&b->query);
	buf_clear(&b->want);
	b->refused[0] = 0;
}

START_TEST(queries_answer_as_postgresql_does)
{
	begin(_i);
	char *text = test_file("queries.txt");
	char *rest = text;
	char *line;
	struct block b = {0};
	bool in_query = false;
	bad = 0;
	count = 0;
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (strncmp(line, "? ", 2) == 0) {
			block_next(&b);
			buf_puts(&b.query, line + 2);
			in_query = true;
		} else if (strncmp(line, "< ", 2) == 0 || strcmp(line, "<") == 0) {
			buf_puts(&b.want, line[1] != 0 ? line + 2 : "");
			buf_putc(&b.want, '\n');
		} else if (strncmp(line, "! ", 2) == 0) {
			snprintf(b.refused, sizeof b.refused, "%s", line + 2);
		} else if (strncmp(line, "= ", 2) == 0) {
			in_query = false;
		} else if (strncmp(line, "  ", 2) == 0 && in_query) {
			buf_putc(&b.query, '\n');
			buf_puts(&b.query, line);
		}
	}
	block_next(&b);
	buf_free(&b.query);
	buf_free(&b.want);
	free(text);
	end();
	ck_assert_uint_gt(count, 0);
	ck_assert_msg(bad == 0, "%u of %u", bad, count);
}
END_TEST

int main(void)
{
	int n = 0;
	while (sql_drivers[n] != NULL) {
		n++;
	}
	Suite *s = suite_create("redshift_print");
	TCase *t = tcase_create("queries");
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, queries_answer_as_postgresql_does, 0, n);
	suite_add_tcase(s, t);
	return run_suite(s);
}
