/* What the system's views say of a cluster, with both drivers. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/system/system.h"
#include "tests/unit/redshift_run_fixture.h"

static struct run_fixture x;

static void begin(int driver)
{
	rf_start(&x, sql_drivers[driver], 2);
	rf_run(&x,
		"create table sales (salesid integer not null, listid bigint distkey sortkey, "
		"price "
		"decimal(8,2) encode az64, note varchar(30) default 'none');"
		"create table kinds (kind char(3) not null) diststyle all;"
		"create table bare (b boolean) diststyle even;"
		"insert into sales values (1, 1, 1.5, 'a'), (2, 2, 2.5, 'b'), (3, 3, null, null);"
		"insert into kinds values ('x'), ('y');"
		"create view names as select note from sales");
}

START_TEST(tables_and_columns)
{
	begin(_i);
	rf_is(&x,
		"select \"schema\", \"table\", diststyle, sortkey1, max_varchar, tbl_rows from "
		"svv_table_info order by 2",
		"public|kinds|ALL|-|0|2\npublic|sales|KEY(listid)|listid|30|3\n");
	rf_is(&x,
		"select \"column\", type, distkey, sortkey, \"notnull\" from pg_table_def where "
		"tablename = 'sales'",
		"salesid|integer|f|0|t\nlistid|bigint|t|1|f\nprice|numeric(8,2)|f|0|f\n"
		"note|character varying(30)|f|0|f\n");
	rf_is(&x, "select table_name, table_type from svv_tables order by 1",
		"bare|BASE TABLE\nkinds|BASE TABLE\nnames|VIEW\nsales|BASE TABLE\n");
	rf_is(&x, "select tablename from pg_tables order by 1", "bare\nkinds\nsales\n");
	rf_is(&x,
		"select column_name, ordinal_position, is_nullable, data_type, "
		"character_maximum_length, numeric_precision, numeric_scale from svv_columns where "
		"table_name = 'sales' order by 2",
		"salesid|1|NO|integer|-|32|0\nlistid|2|YES|bigint|-|64|0\nprice|3|YES|numeric|-|8|"
		"2\n"
		"note|4|YES|character varying|30|-|-\n");
	rf_is(&x, "select count(*) from information_schema.tables", "4\n");
	rf_end(&x);
}
END_TEST

START_TEST(nodes_and_slices)
{
	begin(_i);
	rf_is(&x, "select node, count(*) from stv_slices group by node order by node",
		"0|2\n1|2\n");
	rf_is(&x, "select name, sum(rows) from stv_tbl_perm group by name order by name",
		"bare|0\nkinds|4\nsales|3\n");
	rf_is(&x,
		"select count(distinct col), sum(num_values) from stv_blocklist b join "
		"svv_table_info t on b.tbl = t.table_id where t.\"table\" = 'sales'",
		"4|12\n");
	rf_end(&x);
}
END_TEST

START_TEST(every_view_can_be_read)
{
	static const char *const views[] = {"svv_external_schemas", "svv_external_tables",
		"svv_external_columns", "svv_external_partitions", "stl_load_errors",
		"stl_loaderror_detail", "sys_load_error_detail", "stl_query", "svl_qlog",
		"stv_recents", "svv_table_info", "information_schema.columns"};
	begin(_i);
	for (unsigned i = 0; i < sizeof(views) / sizeof(*views); i++) {
		CLEANUP(buf_free) struct buf sql = BUF_INIT;
		buf_printf(&sql, "select * from %s", views[i]);
		rf_ask(&x, NULL, buf_cstr(&sql));
	}
	rf_end(&x);
}
END_TEST

START_TEST(a_table_in_numbers)
{
	struct rs_look look;
	struct rs_table_facts f;
	struct err err = {0};
	uint64_t sum = 0;
	CLEANUP(buf_free) struct buf text = BUF_INIT;

	begin(_i);
	ck_assert_int_eq(rs_look_begin(x.c, &look, &err), 0);
	const struct rs_table *t = rs_catalog_table(look.catalog, NULL, "sales");
	ck_assert_int_eq(rs_table_facts(&look, t, &f, &err), 0);
	ck_assert_uint_eq(f.rows, 3);
	ck_assert_uint_eq(f.n_slices, 4);
	for (unsigned i = 0; i < f.n_slices; i++) {
		sum += f.slice_rows[i];
	}
	ck_assert_uint_eq(sum, 3);
	ck_assert_uint_ge(f.blocks, 1);
	free(f.slice_rows);
	ck_assert_int_eq(rs_table_stats_json(&look, t, &text, &err), 0);
	json_auto_t *o = json_loadb(text.p, text.n, 0, NULL);
	ck_assert_int_eq(json_integer_value(json_object_get(o, "rows")), 3);
	ck_assert_str_eq(json_string_value(json_object_get(o, "diststyle")), "KEY(listid)");
	ck_assert_uint_eq(json_array_size(json_object_get(o, "columns")), 4);
	rs_look_end(&look);
	rf_end(&x);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("redshift_system");
	TCase *tc = tcase_create("system");
	int drivers = 0;
	while (sql_drivers[drivers] != NULL) {
		drivers++;
	}
	tcase_set_timeout(tc, 110);
	tcase_add_loop_test(tc, tables_and_columns, 0, drivers);
	tcase_add_loop_test(tc, nodes_and_slices, 0, drivers);
	tcase_add_loop_test(tc, every_view_can_be_read, 0, drivers);
	tcase_add_loop_test(tc, a_table_in_numbers, 0, drivers);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
