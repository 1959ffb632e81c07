#include "tests/unit/redshift_run_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void must(const struct run_fixture *f, int rc)
{
	ck_assert_msg(rc == 0, "%d: %s", rc, f->err.msg);
}

static void note_changed(void *arg, const struct slice *key)
{
	struct run_fixture *f = arg;

	buf_append_slice(&f->changed, key == NULL ? slice_of("*") : *key);
	buf_putc(&f->changed, ' ');
}

void rf_adopt(struct run_fixture *f, const struct sql_driver *driver, const char *dir)
{
	static const char *const parts[] = {"a", "b", "leader", "na", "nb", "tmp"};

	*f = (struct run_fixture){0};
	snprintf(f->dir, sizeof(f->dir), "%s", dir);
	for (unsigned i = 0; i < 6; i++) {
		snprintf(f->path[i], sizeof(f->path[i]), "%s/%s", f->dir, parts[i]);
		ck_assert(mkdir(f->path[i], 0700) == 0 || errno == EEXIST);
	}
	f->leader = (struct instance_config){.id = "wh",
		.dir = f->path[2],
		.zone = {{"a", f->path[0]}, {"b", f->path[1]}},
		.label = "cluster wh"};
	f->config = (struct rs_cluster_config){.driver = driver,
		.label = "cluster wh",
		.tmp = f->path[5],
		.leader = &f->leader,
		.dir = f->path[3],
		.mirror = f->path[4],
		.changed = note_changed,
		.arg = f};
}

void rf_start(struct run_fixture *f, const struct sql_driver *driver, unsigned nodes)
{
	char dir[SITE_MAX];

	make_site(dir);
	rf_adopt(f, driver, dir);
	must(f, rs_cluster_create(&f->config, nodes, 2, &f->err));
	rf_open(f);
}

void rf_open(struct run_fixture *f)
{
	must(f, rs_cluster_open(&f->config, &f->c, &f->err));
}

void rf_close(struct run_fixture *f)
{
	rs_cluster_close(f->c);
	f->c = NULL;
}

void rf_end(struct run_fixture *f)
{
	rf_close(f);
	buf_free(&f->report);
	buf_free(&f->answer);
	buf_free(&f->changed);
	remove_site(f->dir);
}

void rf_lose_zone(struct run_fixture *f, unsigned zone)
{
	DIR *d = opendir(f->path[3 + zone]);
	const struct dirent *entry;

	ck_assert_ptr_nonnull(d);
	while ((entry = readdir(d)) != NULL) {
		if (entry->d_name[0] == 'g') {
			ck_assert_int_eq(unlinkat(dirfd(d), entry->d_name, 0), 0);
		}
	}
	closedir(d);
}

/* ---- scripts ---- */

const char *rf_run(struct run_fixture *f, const char *script)
{
	buf_clear(&f->report);
	int rc = rs_run_script(f->c, slice_of(script), &f->report, &f->err);
	ck_assert_msg(rc == 0, "%s\n%d: %s", script, rc, f->err.msg);
	return buf_cstr(&f->report);
}

void rf_refuse(struct run_fixture *f, const char *script, int code, const char *part)
{
	buf_clear(&f->report);
	int rc = rs_run_script(f->c, slice_of(script), &f->report, &f->err);
	ck_assert_msg(rc == -code, "%s\n%d instead of %d: %s", script, rc, -code, f->err.msg);
	ck_assert_msg(strstr(f->err.msg, part) != NULL, "%s\n\"%s\" is not in: %s", script, part,
		f->err.msg);
	err_clear(&f->err);
}

/* ---- questions ---- */

static void add_row(struct run_fixture *f, const struct rs_rows *rows, const struct sql_value *row)
{
	for (unsigned i = 0; i < rows->n_columns; i++) {
		buf_puts(&f->answer, i > 0 ? "|" : "");
		if (row[i].null) {
			buf_puts(&f->answer, "-");
		} else {
			sql_value_print(&row[i], rows->types[i], &f->answer);
		}
	}
	buf_puts(&f->answer, "\n");
}

const char *rf_ask(struct run_fixture *f, struct rs_look *l, const char *select)
{
	const struct sql_value *row;
	struct rs_look own;
	struct rs_rows rows;
	int rc;

	buf_clear(&f->answer);
	if (l == NULL) {
		must(f, rs_look_begin(f->c, &own, &f->err));
	}
	rc = rs_rows_begin(l == NULL ? &own.sight : &l->sight, slice_of(select), &rows, &f->err);
	ck_assert_msg(rc == 0, "%s\n%d: %s", select, rc, f->err.msg);
	while ((rc = rs_rows_step(&rows, &row, &f->err)) > 0) {
		add_row(f, &rows, row);
	}
	must(f, rc);
	rs_rows_end(&rows);
	if (l == NULL) {
		rs_look_end(&own);
	}
	return buf_cstr(&f->answer);
}

void rf_is(struct run_fixture *f, const char *select, const char *answer)
{
	const char *got = rf_ask(f, NULL, select);

	ck_assert_msg(strcmp(got, answer) == 0, "%s\ngave\n%sinstead of\n%s", select, got, answer);
}
