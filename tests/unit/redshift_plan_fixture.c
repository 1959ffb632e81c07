#include "tests/unit/redshift_plan_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/sql/print.h"
#include "tests/unit/random.h"

#define MUST(call)                                                                                 \
	do {                                                                                       \
		struct err must_err = {0};                                                         \
		int must_rc = (call);                                                              \
		ck_assert_msg(must_rc >= 0, "%s: %d %s", #call, must_rc, must_err.msg);            \
	} while (0)
#define ERR (&must_err)

static const struct pf_table tables[] = {
	{"create table sales (salesid integer not null, listid integer not null distkey, sellerid "
	 "integer, buyerid integer, eventid integer, dateid smallint sortkey, qtysold smallint, "
	 "pricepaid decimal(8,2), commission decimal(8,2), saletime timestamp)",
		"ULSSEDqppt", 600, false},
	{"create table listing (listid integer not null distkey, sellerid integer, eventid bigint, "
	 "dateid smallint, numtickets smallint, priceperticket decimal(8,2), listtime timestamp)",
		"USEDqpt", 400, false},
	{"create table event (eventid integer not null distkey, venueid smallint, catid smallint, "
	 "dateid smallint, eventname varchar(200), starttime timestamp)",
		"UVCDnt", 100, false},
	{"create table eventnote (eventid bigint distkey, note varchar(40), weight double "
	 "precision)",
		"Enf", 120, false},
	{"create table category (catid smallint not null, catgroup varchar(20), catname "
	 "varchar(20)) "
	 "diststyle all",
		"Unn", 12, true},
	{"create table venue (venueid smallint not null, venuename varchar(100), seats integer, "
	 "open "
	 "boolean) diststyle even",
		"Unqb", 12, true},
	{"create table users (userid integer not null, username char(20), city varchar(30), likes "
	 "boolean, "
	 "born date) diststyle even",
		"Unnbd", 150, false},
	{"create table dates (dateid smallint not null, caldate date, month varchar(20)) diststyle "
	 "all",
		"Udn", 12, true},
};
#define N_TABLES (sizeof(tables) / sizeof(*tables))
#define FEW	 12

static const char *const words[] = {
	"", "a", "b", "Musicals", "Pop", "O'Hara", "x y", "Zürich", "Pop "};

static unsigned rows_of(const struct pf_table *made, unsigned scale)
{
	return made->fixed ? made->rows : made->rows * scale;
}

static void key_or_null(struct sql_value *v, unsigned below)
{
	v->null = rng() % 20 == 0;
	v->integer = rng() % (int)(below + below / 8 + 1);
}

static void fill_value(struct sql_value *v, char kind, unsigned row, unsigned scale)
{
	*v = (struct sql_value){0};
	v->null = rng() % 12 == 0;
	switch (kind) {
	case 'U': *v = (struct sql_value){.integer = row}; break;
	case 'L': *v = (struct sql_value){.integer = rng() % (int)(400 * scale + 20)}; break;
	case 'S': key_or_null(v, 150 * scale); break;
	case 'E': key_or_null(v, 100 * scale); break;
	case 'V':
	case 'C':
	case 'D': key_or_null(v, FEW); break;
	case 'q': v->integer = rng() % 9 - 1; break;
	case 'p': v->decimal = rng() % 50000; break;
	case 'm': v->decimal = rng() % 12 * 50; break;
	case 'n':
		v->text = slice_of(words[(unsigned)rng() % (sizeof(words) / sizeof(*words) - 1)]);
		break;
	case 't':
		v->micros = INT64_C(1199145600000000) + (int64_t)(rng() % 500000) * 60000000;
		break;
	case 'd': v->days = 13879 + rng() % 366; break;
	case 'b': v->boolean = rng() % 2 == 0; break;
	default: v->real = (rng() % 4000 - 2000) / 8.0; break;
	}
}

/* ---- the cluster ---- */

static struct rs_table *make_table(struct plan_fixture *f, const struct pf_table *made)
{
	struct rs_statement *s = NULL;
	struct rs_table *t = NULL;
	size_t at = 0;

	MUST(rs_statement_next(slice_of(made->ddl), &at, &s, ERR));
	MUST(rs_table_of_create(f->catalog, &s->create, 0, &t, ERR));
	if (t->placement == RS_DIST_AUTO) {
		t->placement = RS_DIST_EVEN;
	}
	MUST(rs_catalog_add_table(f->catalog, t, ERR));
	MUST(rs_nodes_create_table(f->nodes, t, ERR));
	rs_statement_free(s);
	return t;
}

static void make_relation(struct plan_fixture *f, const struct rs_table *t)
{
	struct rs_relation_column *columns = calloc(t->n_columns + 1, sizeof(*columns));

	for (unsigned i = 0; i < t->n_columns; i++) {
		columns[i] = (struct rs_relation_column){
			.name = t->columns[i].name, .type = t->columns[i].type};
	}
	columns[t->n_columns] = (struct rs_relation_column){
		.name = "_id", .type = {.kind = SQL_BIGINT}, .hidden = true};
	f->relations[f->n_relations++] = (struct rs_relation){.kind = RS_RELATION_TABLE,
		.schema = t->schema,
		.name = t->name,
		.columns = columns,
		.n_columns = t->n_columns + 1,
		.table = t};
}

static struct sql_append *plain_table(
	struct plan_fixture *f, const struct rs_table *t, const struct sql_type *types)
{
	CLEANUP(buf_free) struct buf ddl = BUF_INIT;
	struct sql_append *a = NULL;

	buf_puts(&ddl, "CREATE TEMP TABLE \"temp\".");
	sql_quote(slice_of(t->name), &ddl);
	for (unsigned i = 0; i < t->n_columns; i++) {
		buf_puts(&ddl, i == 0 ? " (" : ", ");
		sql_quote(slice_of(t->columns[i].name), &ddl);
		buf_putc(&ddl, ' ');
		sql_column_type(f->driver->dialect, types[i], &ddl);
	}
	buf_puts(&ddl, ")");
	MUST(sql_run(f->plain, buf_cstr(&ddl), NULL, ERR));
	MUST(sql_append_new(f->plain, "temp", t->name, types, t->n_columns, &a, ERR));
	return a;
}

static void load(
	struct plan_fixture *f, struct rs_table *t, const struct pf_table *made, unsigned scale)
{
	struct sql_type types[16];
	struct sql_value row[16];
	struct rs_insert *insert = NULL;
	uint64_t rows;

	for (unsigned k = 0; k < t->n_columns; k++) {
		types[k] = t->columns[k].type;
	}
	struct sql_append *plain = plain_table(f, t, types);
	MUST(rs_insert_new(f->nodes, t, 1, &insert, ERR));
	for (unsigned r = 0; r < rows_of(made, scale); r++) {
		for (unsigned k = 0; k < t->n_columns; k++) {
			fill_value(&row[k], made->kinds[k], r, scale);
		}
		MUST(rs_insert_row(insert, row, ERR));
		MUST(sql_append_row(plain, row, ERR));
	}
	MUST(rs_insert_end(insert, true, &rows, ERR));
	MUST(sql_append_end(plain, true, ERR));
	t->rows = rows;
}

static int find(void *arg, const char *schema, const char *name, const struct rs_relation **out,
	struct err *err)
{
	struct plan_fixture *f = arg;

	(void)schema;
	for (unsigned i = 0; i < f->n_relations; i++) {
		if (strcmp(f->relations[i].name, name) == 0) {
			*out = &f->relations[i];
			return 0;
		}
	}
	return err_set(err, ENOENT, "relation \"%s\" does not exist", name);
}

static void open_cluster(struct plan_fixture *f, unsigned nodes, unsigned slices)
{
	struct sql_site_config site = {.tmp = f->tmp, .threads = 2, .memory = UINT64_C(512) << 20};

	MUST(sql_site_open(f->driver, &site, &f->site, ERR));
	f->config = (struct rs_nodes_config){.site = f->site,
		.dir = f->node_dir,
		/* One shape of the tests is enough to pay for two copies of everything. */
		.mirror = nodes == 2 ? f->mirror_dir : NULL,
		.generation = 1,
		.nodes = nodes,
		.slices = slices,
		.alias = ""};
	f->catalog = rs_catalog_new(nodes, slices);
	MUST(rs_nodes_create(&f->config, ERR));
	MUST(rs_nodes_open(&f->config, f->catalog, &f->nodes, ERR));
}

void pf_init(struct plan_fixture *f, const struct sql_driver *driver, unsigned nodes,
	unsigned slices, unsigned scale)
{
	pf_init_of(f, driver, nodes, slices, scale, tables, N_TABLES);
}

void pf_init_of(struct plan_fixture *f, const struct sql_driver *driver, unsigned nodes,
	unsigned slices, unsigned scale, const struct pf_table *made, unsigned n)
{
	*f = (struct plan_fixture){.driver = driver};
	make_site(f->dir);
	snprintf(f->node_dir, sizeof(f->node_dir), "%s/a", f->dir);
	snprintf(f->mirror_dir, sizeof(f->mirror_dir), "%s/b", f->dir);
	snprintf(f->tmp, sizeof(f->tmp), "%s/tmp", f->dir);
	mkdir(f->node_dir, 0700);
	mkdir(f->mirror_dir, 0700);
	mkdir(f->tmp, 0700);
	open_cluster(f, nodes, slices);
	CLEANUP(buf_free) struct buf file = BUF_INIT;
	rs_nodes_file(f->nodes, 0, &file);
	file.p[file.n - 1] = '\0';
	const char *names[] = {file.p + 1};
	MUST(sql_session_new(f->site, names, 1, &f->plain, ERR));
	for (unsigned i = 0; i < n; i++) {
		struct rs_table *t = make_table(f, &made[i]);
		load(f, t, &made[i], scale);
		make_relation(f, t);
	}
	f->catalog->xid = 1;
	f->sight = (struct rs_sight){.nodes = f->nodes,
		.catalog = f->catalog,
		.xid = 1,
		.tmp = f->tmp,
		.resolver = {.find = find, .arg = f, .now_micros = INT64_C(1200000000000000)}};
}

void pf_end(struct plan_fixture *f)
{
	sql_session_close(f->plain);
	rs_nodes_unref(f->nodes);
	sql_site_close(f->site);
	rs_catalog_unref(f->catalog);
	for (unsigned i = 0; i < f->n_relations; i++) {
		free((void *)f->relations[i].columns);
	}
	remove_site(f->dir);
}

/* ---- queries ---- */

static void add_row(
	struct buf *out, const struct sql_value *row, const struct sql_type *types, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		buf_puts(out, i == 0 ? "" : "|");
		if (row[i].null) {
			buf_puts(out, "NULL");
		} else if (types[i].kind == SQL_DOUBLE || types[i].kind == SQL_REAL) {
			/* Sums of them depend on the order. */
			buf_printf(out, "%.7g", row[i].real == 0 ? 0.0 : row[i].real);
		} else {
			sql_value_print(&row[i], types[i], out);
		}
	}
	buf_putc(out, '\n');
}

int pf_planned(struct plan_fixture *f, const char *sql, struct buf *out, struct err *err)
{
	struct rs_rows rows;
	const struct sql_value *row;
	int rc = rs_rows_begin(&f->sight, slice_of(sql), &rows, err);

	if (rc != 0) {
		return rc;
	}
	while ((rc = rs_rows_step(&rows, &row, err)) == 1) {
		add_row(out, row, rows.types, rows.n_columns);
	}
	rs_rows_end(&rows);
	return rc;
}

static int plain_name(void *arg, const json_t *node, const struct rs_relation *r, struct buf *out,
	struct err *err)
{
	(void)arg;
	(void)node;
	buf_puts(out, "\"temp\".");
	sql_quote(slice_of(r->name), out);
	return buf_check(out, err);
}

static int run_plain(struct plan_fixture *f, const struct rs_bound *bound, const char *text,
	struct buf *out, struct err *err)
{
	struct sql_type types[64];
	const struct sql_value *row;
	struct sql_query *q = NULL;

	for (unsigned i = 0; i < bound->n_columns; i++) {
		types[i] = bound->columns[i].type;
	}
	int rc = sql_prepare(f->plain, text, types, bound->n_columns, &q, err);
	while (rc >= 0 && q != NULL && (rc = sql_step(q, &row, err)) == 1) {
		add_row(out, row, types, bound->n_columns);
	}
	sql_finish(q);
	return rc;
}

int pf_plain(struct plan_fixture *f, const char *sql, struct buf *out, struct err *err)
{
	struct rs_statement *s = NULL;
	struct rs_bound bound = {0};
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	size_t at = 0;

	int rc = rs_statement_next(slice_of(sql), &at, &s, err);
	rc = rc > 0 ? rs_bind_select(s->tree, s->text, &f->sight.resolver, &bound, err) : rc;
	struct rs_printer p = {.dialect = f->driver->dialect,
		.bound = &bound,
		.relation = plain_name,
		.now_micros = f->sight.resolver.now_micros};
	rc = rc == 0 ? rs_print_select(&p, s->tree, &text, err) : rc;
	rc = rc == 0 ? run_plain(f, &bound, buf_cstr(&text), out, err) : rc;
	rs_bound_clear(&bound);
	rs_statement_free(s);
	return rc;
}

static int compare_lines(const void *a, const void *b)
{
	return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

void pf_sort_lines(struct buf *b)
{
	CLEANUP(buf_free) struct buf sorted = BUF_INIT;
	size_t n = 0;
	size_t from = 0;
	struct slice *lines = calloc(b->n + 1, sizeof(*lines));

	for (size_t i = 0; i < b->n; i++) {
		if (b->p[i] == '\n') {
			lines[n++] = slice_make(b->p + from, i + 1 - from);
			from = i + 1;
		}
	}
	qsort(lines, n, sizeof(*lines), compare_lines);
	for (size_t i = 0; i < n; i++) {
		buf_append_slice(&sorted, lines[i]);
	}
	free(lines);
	struct buf old = *b;
	*b = sorted;
	sorted = old;
}

void pf_explain(struct plan_fixture *f, const char *sql, struct buf *out)
{
	MUST(rs_explain(&f->sight, slice_of(sql), out, ERR));
}

void pf_same(struct plan_fixture *f, const char *sql, bool ordered)
{
	CLEANUP(buf_free) struct buf planned = BUF_INIT;
	CLEANUP(buf_free) struct buf plain = BUF_INIT;
	CLEANUP(buf_free) struct buf plan = BUF_INIT;
	struct err err = {0};
	struct err plain_err = {0};

	int plain_rc = pf_plain(f, sql, &plain, &plain_err);
	int rc = pf_planned(f, sql, &planned, &err);
	ck_assert_msg(rc == plain_rc, "%s: %s\n%d %s; plain: %d %s", f->driver->name, sql, rc,
		err.msg, plain_rc, plain_err.msg);
	if (rc != 0) {
		return;
	}
	if (!ordered) {
		pf_sort_lines(&planned);
		pf_sort_lines(&plain);
	}
	if (!slice_equal(buf_slice(&planned), buf_slice(&plain))) {
		size_t at = 0;
		buf_cstr(&planned);
		buf_cstr(&plain);
		while (planned.p[at] == plain.p[at] && planned.p[at] != '\0') {
			at++;
		}
		pf_explain(f, sql, &plan);
		ck_abort_msg("%s, %u nodes: %s\nfrom byte %zu of %zu, planned:\n%.200s\nof %zu, "
			     "plain:\n%.200s\n%s",
			f->driver->name, rs_nodes_count(f->nodes), sql, at, planned.n,
			planned.p + at, plain.n, plain.p + at, buf_cstr(&plan));
	}
}
