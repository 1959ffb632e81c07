/* The catalogue and the leader's file (engines/redshift/leader). */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/leader/catalog_impl.h"
#include "engines/redshift/leader/leader.h"
#include "tests/unit/fixture.h"

static struct err e;

static void ok(int rc)
{
	ck_assert_msg(rc == 0, "%d: %s", rc, e.msg);
}

static void is_error(int rc, int code, const char *part)
{
	ck_assert_int_eq(rc, -code);
	ck_assert_int_eq(e.code, code);
	ck_assert_msg(strstr(e.msg, part) != NULL, "\"%s\" is not in: %s", part, e.msg);
	err_clear(&e);
}

/* ---- tables ---- */

#define COLUMNS 4

/* sales(id bigint identity, venue varchar(30), price numeric(8,2), day date) */
struct fixture {
	struct rs_create def;
	struct rs_column_def column[COLUMNS];
	char *sort[3];
};

static void fill(struct fixture *f)
{
	*f = (struct fixture){0};
	f->column[0] = (struct rs_column_def){.name = (char *)"id",
		.type = {SQL_BIGINT, 0, 0},
		.identity = true,
		.identity_seed = 1,
		.identity_step = 2};
	f->column[1] = (struct rs_column_def){.name = (char *)"venue",
		.type = {SQL_VARCHAR, 30, 0},
		.not_null = true,
		.encode = (char *)"lzo"};
	f->column[2] = (struct rs_column_def){.name = (char *)"price",
		.type = {SQL_DECIMAL, 8, 2},
		.default_text = (char *)"1.5",
		.line = 7};
	f->column[3] = (struct rs_column_def){.name = (char *)"day", .type = {SQL_DATE, 0, 0}};
	f->sort[0] = (char *)"day";
	f->sort[1] = (char *)"venue";
	f->def = (struct rs_create){.name = {(char *)"", (char *)"sales"},
		.columns = f->column,
		.n_columns = COLUMNS,
		.distkey = (char *)"venue",
		.sortkeys = f->sort,
		.n_sortkeys = 2};
}

static struct rs_table *make(struct rs_catalog *c, const struct rs_create *def)
{
	struct rs_table *t = NULL;

	ok(rs_table_of_create(c, def, 42, &t, &e));
	return t;
}

static struct rs_catalog *with_sales(void)
{
	struct fixture f;
	struct rs_catalog *c = rs_catalog_new(2, 2);

	fill(&f);
	ok(rs_catalog_add_table(c, make(c, &f.def), &e));
	return c;
}

START_TEST(test_a_table_of_create)
{
	struct rs_catalog *c = with_sales();
	const struct rs_table *t = rs_catalog_table(c, NULL, "sales");

	ck_assert_ptr_nonnull(t);
	ck_assert_str_eq(t->schema, "public");
	ck_assert_int_eq(t->diststyle, RS_DIST_KEY);
	ck_assert_int_eq(t->placement, RS_DIST_KEY);
	ck_assert_uint_eq(rs_table_distkey_index(t), 1);
	ck_assert_int_eq(t->sortstyle, RS_SORT_COMPOUND);
	ck_assert_uint_eq(rs_table_column(t, "day")->sort_position, 1);
	ck_assert_uint_eq(rs_table_column(t, "venue")->sort_position, 2);
	ck_assert(rs_table_column(t, "id")->not_null);
	ck_assert_uint_eq(t->next_row, 1);
	ck_assert_ptr_eq(rs_catalog_table_id(c, t->id), t);
	ck_assert_ptr_eq(rs_table_column_id(t, t->distkey), rs_table_column(t, "venue"));
	ck_assert_ptr_null(rs_catalog_table(c, "other", "sales"));
	ck_assert_ptr_null(rs_catalog_table_id(c, 9999));
	rs_catalog_unref(c);
}
END_TEST

START_TEST(test_numbers_are_new_ones)
{
	struct fixture f;
	struct rs_catalog *c = with_sales();
	struct rs_table *t;
	uint64_t before = c->next_id;

	fill(&f);
	f.def.name.name = (char *)"other";
	t = make(c, &f.def);
	ck_assert_uint_ge(t->id, before);
	ck_assert_uint_gt(t->storage, t->id);
	ck_assert_uint_eq(c->next_id, before + 2 + COLUMNS);
	rs_table_free(t);
	rs_catalog_unref(c);
}
END_TEST

/* What is refused: each spoils the definition of sales in one way. */
struct refused {
	void (*spoil)(struct fixture *f);
	int code;
	const char *part;
};

static char long_name[200];

static void spoil_name(struct fixture *f)
{
	memset(long_name, 'x', 128);
	f->def.name.name = long_name;
}

static void spoil_point(struct fixture *f)
{
	f->def.name.name = (char *)".x";
}

static void spoil_columns(struct fixture *f)
{
	f->def.n_columns = 0;
}

static void spoil_twice(struct fixture *f)
{
	f->column[2].name = (char *)"venue";
}

static void spoil_reserved(struct fixture *f)
{
	f->column[2].name = (char *)"ctid";
}

static void spoil_size(struct fixture *f)
{
	f->column[1].type.size = 70000;
}

static void spoil_char(struct fixture *f)
{
	f->column[1].type = (struct sql_type){SQL_CHAR, 4097, 0};
}

static void spoil_scale(struct fixture *f)
{
	f->column[2].type.scale = 9;
}

static void spoil_interval(struct fixture *f)
{
	f->column[2].type.kind = SQL_INTERVAL;
}

static void spoil_identity(struct fixture *f)
{
	f->column[0].type.kind = SQL_DECIMAL;
	f->column[0].type.size = 10;
}

static void spoil_step(struct fixture *f)
{
	f->column[0].identity_step = 0;
}

static void spoil_default(struct fixture *f)
{
	f->column[0].default_text = (char *)"1";
}

static void spoil_distkey(struct fixture *f)
{
	f->def.distkey = (char *)"nowhere";
}

static void spoil_two_keys(struct fixture *f)
{
	f->column[3].distkey = true;
}

static void spoil_no_key(struct fixture *f)
{
	f->def.distkey = NULL;
	f->def.has_diststyle = true;
	f->def.diststyle = RS_DIST_KEY;
}

static void spoil_even_key(struct fixture *f)
{
	f->def.has_diststyle = true;
	f->def.diststyle = RS_DIST_EVEN;
}

static void spoil_sort(struct fixture *f)
{
	f->sort[1] = (char *)"nowhere";
}

static void spoil_sort_twice(struct fixture *f)
{
	f->sort[1] = f->sort[0];
}

static void spoil_temporary(struct fixture *f)
{
	f->def.temporary = true;
}

static const struct refused refused[] = {
	{spoil_name, EINVAL, "127"},
	{spoil_point, EINVAL, "point"},
	{spoil_columns, EINVAL, "no column"},
	{spoil_twice, EINVAL, "\"venue\" (line 7) specified more than once"},
	{spoil_reserved, EINVAL, "reserved"},
	{spoil_size, EINVAL, "65535"},
	{spoil_char, EINVAL, "4096"},
	{spoil_scale, EINVAL, "numeric(8,9)"},
	{spoil_interval, EINVAL, "no column can have"},
	{spoil_identity, EINVAL, "INTEGER or BIGINT"},
	{spoil_step, EINVAL, "step"},
	{spoil_default, EINVAL, "both DEFAULT and IDENTITY"},
	{spoil_distkey, EINVAL, "nowhere"},
	{spoil_two_keys, EINVAL, "only one column"},
	{spoil_no_key, EINVAL, "no DISTKEY"},
	{spoil_even_key, EINVAL, "DISTSTYLE EVEN"},
	{spoil_sort, EINVAL, "nowhere"},
	{spoil_sort_twice, EINVAL, "twice"},
	{spoil_temporary, ENOTSUP, "TEMPORARY"},
};

START_TEST(test_what_is_refused)
{
	struct fixture f;
	struct rs_table *t = NULL;
	struct rs_catalog *c = rs_catalog_new(1, 2);

	fill(&f);
	refused[_i].spoil(&f);
	is_error(rs_table_of_create(c, &f.def, 1, &t, &e), refused[_i].code, refused[_i].part);
	rs_catalog_unref(c);
}
END_TEST

START_TEST(test_too_many_sort_keys)
{
	struct rs_column_def columns[401] = {0};
	char *sort[401], names[401][8];
	struct rs_table *t = NULL;
	struct rs_catalog *c = rs_catalog_new(1, 2);

	for (unsigned i = 0; i < 401; i++) {
		snprintf(names[i], sizeof(names[i]), "c%u", i);
		columns[i] = (struct rs_column_def){.name = names[i], .type = {SQL_INTEGER, 0, 0}};
		sort[i] = names[i];
	}
	struct rs_create def = {.name = {NULL, (char *)"t"},
		.columns = columns,
		.n_columns = 401,
		.sortkeys = sort,
		.n_sortkeys = 401};
	is_error(rs_table_of_create(c, &def, 1, &t, &e), EINVAL, "400");
	def.n_sortkeys = 9;
	def.sortstyle = RS_SORT_INTERLEAVED;
	is_error(rs_table_of_create(c, &def, 1, &t, &e), EINVAL, "8");
	def.n_sortkeys = 8;
	t = make(c, &def);
	ck_assert_int_eq(t->diststyle, RS_DIST_AUTO);
	ck_assert_int_eq(t->placement, RS_DIST_ALL);
	rs_table_free(t);
	rs_catalog_unref(c);
}
END_TEST

START_TEST(test_a_table_and_back)
{
	struct rs_create def;
	struct rs_catalog *c = with_sales();
	struct rs_table *again;

	ok(rs_create_of_table(rs_catalog_table(c, "", "sales"), &def, &e));
	ck_assert_str_eq(def.distkey, "venue");
	ck_assert_uint_eq(def.n_sortkeys, 2);
	ck_assert_str_eq(def.sortkeys[0], "day");
	ck_assert_str_eq(def.columns[2].default_text, "1.5");
	ck_assert(def.columns[0].identity);
	again = make(c, &def);
	ck_assert_int_eq(again->diststyle, RS_DIST_KEY);
	is_error(rs_catalog_add_table(c, again, &e), EEXIST, "already exists");
	rs_create_clear(&def);
	rs_catalog_unref(c);
}
END_TEST

START_TEST(test_a_table_as_json)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	CLEANUP(buf_free) struct buf again = BUF_INIT;
	struct rs_catalog *c = with_sales();
	struct rs_table *t = rs_catalog_table_mut(c, NULL, "sales"), *back;

	t->rows = 12;
	t->columns[0].identity_next = 4;
	t->stats = json_pack("{s:{s:i}}", "venue", "distinct", 3);
	ok(rs_table_to_json(t, &text, &e));
	ok(rs_table_of_json(buf_slice(&text), &back, &e));
	ok(rs_table_to_json(back, &again, &e));
	ck_assert_str_eq(buf_cstr(&text), buf_cstr(&again));
	ck_assert_uint_eq(back->columns[0].identity_next, 4);
	rs_table_free(back);
	is_error(rs_table_of_json(slice_of("{\"id\":1}"), &back, &e), EIO, "damaged");
	is_error(rs_table_of_json(slice_of("x"), &back, &e), EIO, "damaged");
	rs_catalog_unref(c);
}
END_TEST

/* ---- names of directories ---- */

static void add_named(struct rs_catalog *c, const char *schema, const char *name)
{
	struct fixture f;

	fill(&f);
	f.def.name.schema = (char *)schema;
	f.def.name.name = (char *)name;
	ok(rs_catalog_add_table(c, make(c, &f.def), &e));
}

START_TEST(test_keys)
{
	static const char *const names[][3] = {{"public", "b", "b"}, {"s", "b", "s.b"},
		{"public", "s.b", "public.s.b"}, {"s", "x.y", "s.x.y"}};
	struct rs_catalog *c = rs_catalog_new(1, 2);

	for (unsigned i = 0; i < 4; i++) {
		add_named(c, names[i][0], names[i][1]);
	}
	for (unsigned i = 0; i < 4; i++) {
		CLEANUP(buf_free) struct buf key = BUF_INIT;
		const struct rs_table *t = rs_catalog_table(c, names[i][0], names[i][1]);
		rs_table_key(t, &key);
		ck_assert_str_eq(buf_cstr(&key), names[i][2]);
		ck_assert_ptr_eq(rs_catalog_by_key(c, buf_slice(&key)), t);
	}
	ck_assert_ptr_null(rs_catalog_by_key(c, slice_of("public.b")));
	ck_assert_ptr_null(rs_catalog_by_key(c, slice_of("nothing")));
	ck_assert_ptr_null(rs_catalog_by_key(c, slice_of("")));
	for (unsigned i = 1; i < c->n_tables; i++) {
		int order = strcmp(c->tables[i - 1]->schema, c->tables[i]->schema);
		ck_assert(order < 0 ||
			  (order == 0 && strcmp(c->tables[i - 1]->name, c->tables[i]->name) < 0));
	}
	rs_catalog_drop_table(c, rs_catalog_table_mut(c, "s", "b"));
	ck_assert_uint_eq(c->n_tables, 3);
	ck_assert_ptr_null(rs_catalog_table(c, "s", "b"));
	rs_catalog_unref(c);
}
END_TEST

START_TEST(test_a_copy_is_its_own)
{
	struct rs_catalog *c = with_sales(), *copy = rs_catalog_copy(c);

	rs_catalog_table_mut(copy, NULL, "sales")->rows = 5;
	ck_assert_uint_eq(rs_catalog_table(c, NULL, "sales")->rows, 0);
	rs_catalog_drop_table(copy, rs_catalog_table_mut(copy, NULL, "sales"));
	ck_assert_uint_eq(c->n_tables, 1);
	rs_catalog_unref(copy);
	rs_catalog_unref(c);
}
END_TEST

/* ---- the leader ---- */

struct site {
	char dir[SITE_MAX];
	char path[3][SITE_MAX + 8];
	struct instance_config config;
	struct rs_leader *l;
};

static void open_leader(struct site *s)
{
	ok(rs_leader_open(&s->config, &s->l, &e));
}

static void start(struct site *s)
{
	struct rs_catalog *first = rs_catalog_new(2, 4);

	*s = (struct site){0};
	make_site(s->dir);
	snprintf(s->path[0], sizeof(s->path[0]), "%s/a", s->dir);
	snprintf(s->path[1], sizeof(s->path[1]), "%s/b", s->dir);
	snprintf(s->path[2], sizeof(s->path[2]), "%s/c", s->dir);
	s->config = (struct instance_config){.id = "leader",
		.dir = s->path[2],
		.zone = {{"a", s->path[0]}, {"b", s->path[1]}},
		.label = "cluster wh"};
	ok(rs_leader_create(&s->config, first, NULL, &e));
	rs_catalog_unref(first);
	open_leader(s);
}

static void end(struct site *s)
{
	rs_leader_close(s->l);
	remove_site(s->dir);
}

static void *grown(void *list, unsigned *n, size_t size)
{
	char *more = reallocarray(list, *n + 1, size);

	memset(more + *n * size, 0, size);
	++*n;
	return more;
}

/* Everything a catalogue can hold. */
static void fill_catalog(struct rs_catalog *c)
{
	add_named(c, "public", "sales");
	add_named(c, "s", "other");
	c->schemas = reallocarray(c->schemas, 2, sizeof(char *));
	c->schemas[c->n_schemas++] = strdup("s");
	c->views = grown(c->views, &c->n_views, sizeof(*c->views));
	c->views[0] = (struct rs_user_view){strdup("s"), strdup("v"), strdup("select 1"), 3};
	c->lakes = grown(c->lakes, &c->n_lakes, sizeof(*c->lakes));
	c->lakes[0] = (struct rs_lake){strdup("tickit"), strdup("/data")};
	c->external_schemas =
		grown(c->external_schemas, &c->n_external_schemas, sizeof(*c->external_schemas));
	c->external_schemas[0] = (struct rs_external_schema){strdup("x"), strdup("d"), NULL};
	c->external = grown(c->external, &c->n_external, sizeof(*c->external));
	struct rs_external_table *t = &c->external[0];
	t->schema = strdup("x");
	t->def.name = (struct rs_name){strdup("x"), strdup("events")};
	t->def.location = strdup("s3://tickit/events/");
	t->def.skip_lines = 1;
	t->def.partitions = calloc(1, sizeof(*t->def.partitions));
	t->def.partitions[0].name = strdup("day");
	t->def.partitions[0].type.kind = SQL_DATE;
	t->def.n_partitions = 1;
	t->partitions = calloc(1, sizeof(*t->partitions));
	t->n_partitions = 1;
	t->partitions[0].values = calloc(1, sizeof(char *));
	t->partitions[0].values[0] = strdup("2008-01-02");
	t->partitions[0].location = strdup("s3://tickit/events/day=2008-01-02/");
}

static void commit_all(struct site *s, uint64_t xid)
{
	struct rs_catalog *now = rs_leader_catalog(s->l), *next = rs_catalog_copy(now);

	rs_catalog_unref(now);
	next->xid = xid;
	fill_catalog(next);
	ok(rs_leader_commit(s->l, next, &e));
}

static void check_all(struct rs_leader *l, uint64_t xid)
{
	struct rs_catalog *c = rs_leader_catalog(l);

	ck_assert_uint_eq(c->xid, xid);
	ck_assert_uint_eq(c->nodes, 2);
	ck_assert_uint_eq(c->slices, 4);
	ck_assert_uint_eq(c->n_schemas, 2);
	ck_assert_ptr_nonnull(rs_catalog_table(c, "", "sales"));
	ck_assert_ptr_nonnull(rs_catalog_table(c, "s", "other"));
	ck_assert_str_eq(rs_catalog_view(c, "s", "v")->body, "select 1");
	ck_assert_str_eq(rs_catalog_lake(c, "tickit")->directory, "/data");
	ck_assert_str_eq(c->external_schemas[0].database, "d");
	ck_assert_ptr_null(c->external_schemas[0].lake);
	const struct rs_external_table *t = rs_catalog_external(c, "x", "events");
	ck_assert_ptr_nonnull(t);
	ck_assert_uint_eq(t->def.skip_lines, 1);
	ck_assert_str_eq(t->def.partitions[0].name, "day");
	ck_assert_str_eq(t->partitions[0].values[0], "2008-01-02");
	ck_assert_ptr_null(rs_catalog_external(c, "x", "none"));
	ck_assert_ptr_null(rs_catalog_view(c, "", "v"));
	ck_assert_ptr_null(rs_catalog_lake(c, "none"));
	rs_catalog_unref(c);
}

START_TEST(test_the_catalogue_is_kept)
{
	struct site s;

	start(&s);
	commit_all(&s, 1);
	check_all(s.l, 1);
	rs_leader_close(s.l);
	open_leader(&s);
	check_all(s.l, 1);
	end(&s);
}
END_TEST

START_TEST(test_what_goes_is_gone)
{
	struct site s;

	start(&s);
	commit_all(&s, 1);
	struct rs_catalog *now = rs_leader_catalog(s.l), *next = rs_catalog_copy(now);
	rs_catalog_drop_table(next, rs_catalog_table_mut(next, "s", "other"));
	rs_lake_clear(&next->lakes[0]);
	next->n_lakes = 0;
	next->xid = 2;
	ok(rs_leader_commit(s.l, next, &e));
	/* Who looked before still sees it. */
	ck_assert_ptr_nonnull(rs_catalog_table(now, "s", "other"));
	rs_catalog_unref(now);
	rs_leader_close(s.l);
	open_leader(&s);
	now = rs_leader_catalog(s.l);
	ck_assert_uint_eq(now->xid, 2);
	ck_assert_uint_eq(now->n_tables, 1);
	ck_assert_uint_eq(now->n_lakes, 0);
	rs_catalog_unref(now);
	end(&s);
}
END_TEST

START_TEST(test_a_lost_file_is_no_loss)
{
	struct site s;
	char path[SITE_MAX + 40];

	start(&s);
	commit_all(&s, 1);
	rs_leader_close(s.l);
	snprintf(path, sizeof(path), "%s/leader", s.path[0]);
	remove_site(path);
	open_leader(&s);
	check_all(s.l, 1);
	end(&s);
}
END_TEST

START_TEST(test_a_copy_as_a_file)
{
	struct site s;
	char path[SITE_MAX + 40], again[SITE_MAX + 40];
	struct rs_leader *file;

	start(&s);
	commit_all(&s, 1);
	snprintf(path, sizeof(path), "%s/leader.db", s.dir);
	snprintf(again, sizeof(again), "%s/again.db", s.dir);
	ok(rs_leader_copy(s.l, path, &e));
	ok(rs_leader_open_file(path, &file, &e));
	check_all(file, 1);
	ck_assert_ptr_null(rs_leader_instance(file));
	struct rs_catalog *now = rs_leader_catalog(file);
	is_error(rs_leader_commit(file, rs_catalog_copy(now), &e), EROFS, "read-only");
	rs_catalog_unref(now);
	ok(rs_leader_copy(file, again, &e));
	rs_leader_close(file);
	rs_leader_close(s.l);
	ok(instance_destroy(&s.config, &e));
	ok(rs_leader_create(&s.config, NULL, again, &e));
	open_leader(&s);
	check_all(s.l, 1);
	end(&s);
}
END_TEST

START_TEST(test_no_such_leader)
{
	struct rs_leader *l = NULL;

	is_error(rs_leader_open_file("/nowhere/leader.db", &l, &e), ENOENT, "");
}
END_TEST

/* ---- what happened ---- */

static int count_record(void *arg, const struct rs_query_record *r, struct err *err)
{
	struct buf *out = arg;

	(void)err;
	buf_printf(out, "%llu %s %s %d\n", (unsigned long long)r->query, r->label, r->text,
		r->aborted);
	return 0;
}

START_TEST(test_queries)
{
	CLEANUP(buf_free) struct buf told = BUF_INIT;
	struct site s;
	uint64_t first, second;
	int64_t now = 4000000000 * INT64_C(1000000000); /* not too old for a long time */

	start(&s);
	ok(rs_leader_next_query(s.l, &first, &e));
	ok(rs_leader_next_query(s.l, &second, &e));
	ck_assert_uint_eq(second, first + 1);
	struct rs_query_record r = {.query = first,
		.start_ns = now,
		.text = (char *)"select 1",
		.label = (char *)"select"};
	rs_leader_add_query(s.l, &r);
	r.query = second;
	r.aborted = true;
	rs_leader_add_query(s.l, &r);
	ok(rs_leader_queries(s.l, count_record, &told, &e));
	ck_assert_str_eq(buf_cstr(&told), "1 select select 1 0\n2 select select 1 1\n");
	rs_leader_close(s.l);
	open_leader(&s);
	ok(rs_leader_next_query(s.l, &first, &e));
	ck_assert_uint_gt(first, second);
	buf_clear(&told);
	ok(rs_leader_queries(s.l, count_record, &told, &e));
	ck_assert_str_eq(buf_cstr(&told), "1 select select 1 0\n2 select select 1 1\n");
	end(&s);
}
END_TEST

START_TEST(test_queries_are_not_kept_for_ever)
{
	CLEANUP(buf_free) struct buf told = BUF_INIT;
	CLEANUP(cleanup_free) char *text = calloc(1, 6001);
	struct site s;
	struct rs_query_record r = {.query = 1, .start_ns = 1, .text = text};

	start(&s);
	memset(text, 'x', 6000);
	memcpy(text + 3999, "ä", 2); /* cut before it */
	rs_leader_add_query(s.l, &r);
	r.query = 20000;
	r.start_ns = 4000000000 * INT64_C(1000000000);
	rs_leader_add_query(s.l, &r);
	ok(rs_leader_queries(s.l, count_record, &told, &e));
	ck_assert_uint_eq(told.n, strlen("20000  ") + 3999 + strlen(" 0\n"));
	end(&s);
}
END_TEST

static int note_error(void *arg, const struct rs_load_error *x, struct err *err)
{
	struct buf *out = arg;

	(void)err;
	buf_printf(out, "%llu/%llu %s:%llu %s \"%s\" %d %s\n", (unsigned long long)x->query,
		(unsigned long long)x->table, x->filename, (unsigned long long)x->line, x->column,
		x->raw_line, x->code, x->reason);
	return 0;
}

START_TEST(test_load_errors)
{
	CLEANUP(buf_free) struct buf told = BUF_INIT;
	struct site s;
	int64_t now = 4000000000 * INT64_C(1000000000);
	struct rs_load_error errors[2] = {{.query = 3,
						  .table = 7,
						  .start_ns = now,
						  .filename = (char *)"a.csv",
						  .line = 2,
						  .column = (char *)"price",
						  .raw_line = (char *)"1|x\xff",
						  .code = 1207,
						  .reason = (char *)"Invalid digit"},
		{.query = 4,
			.table = 8,
			.start_ns = now,
			.filename = (char *)"b.csv",
			.code = 1202}};

	start(&s);
	ok(rs_leader_add_load_errors(s.l, errors, 2, &e));
	ok(rs_leader_load_errors(s.l, 0, 0, note_error, &told, &e));
	ck_assert_str_eq(buf_cstr(&told), "4/8 b.csv:0  \"\" 1202 \n"
					  "3/7 a.csv:2 price \"1|x\xff\" 1207 Invalid digit\n");
	buf_clear(&told);
	ok(rs_leader_load_errors(s.l, 0, 7, note_error, &told, &e));
	ok(rs_leader_load_errors(s.l, 3, 8, note_error, &told, &e));
	ck_assert_str_eq(buf_cstr(&told), "3/7 a.csv:2 price \"1|x\xff\" 1207 Invalid digit\n");
	end(&s);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("redshift_catalog");
	TCase *t = tcase_create("catalog");
	tcase_add_test(t, test_a_table_of_create);
	tcase_add_test(t, test_numbers_are_new_ones);
	tcase_add_loop_test(
		t, test_what_is_refused, 0, (int)(sizeof(refused) / sizeof(refused[0])));
	tcase_add_test(t, test_too_many_sort_keys);
	tcase_add_test(t, test_a_table_and_back);
	tcase_add_test(t, test_a_table_as_json);
	tcase_add_test(t, test_keys);
	tcase_add_test(t, test_a_copy_is_its_own);
	suite_add_tcase(s, t);
	t = tcase_create("leader");
	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_the_catalogue_is_kept);
	tcase_add_test(t, test_what_goes_is_gone);
	tcase_add_test(t, test_a_lost_file_is_no_loss);
	tcase_add_test(t, test_a_copy_as_a_file);
	tcase_add_test(t, test_no_such_leader);
	tcase_add_test(t, test_queries);
	tcase_add_test(t, test_queries_are_not_kept_for_ever);
	tcase_add_test(t, test_load_errors);
	suite_add_tcase(s, t);
	return run_suite(s);
}
