#include "tests/unit/redshift_sql.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

char *test_file(const char *name)
{
	char path[512];
	char *text;
	long n;
	snprintf(path, sizeof path, "%s/tests/data/redshift/%s", SOURCE_ROOT, name);
	FILE *f = fopen(path, "r");
	ck_assert_msg(f != NULL, "%s", path);
	fseek(f, 0, SEEK_END);
	n = ftell(f);
	rewind(f);
	text = calloc(1, (size_t)n + 1);
	ck_assert(text != NULL && fread(text, 1, (size_t)n, f) == (size_t)n);
	fclose(f);
	return text;
}

static struct sql_type type_of(const char *name)
{
	static const struct {
		const char *name;
		enum sql_kind kind;
	} names[] = {{"boolean", SQL_BOOLEAN}, {"smallint", SQL_SMALLINT}, {"integer", SQL_INTEGER},
		{"bigint", SQL_BIGINT}, {"real", SQL_REAL}, {"double", SQL_DOUBLE},
		{"numeric", SQL_DECIMAL}, {"char", SQL_CHAR}, {"varchar", SQL_VARCHAR},
		{"date", SQL_DATE}, {"timestamp", SQL_TIMESTAMP}};
	struct sql_type t = {0};
	size_t n = strcspn(name, "(");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (strlen(names[i].name) == n && strncmp(names[i].name, name, n) == 0) {
			t.kind = names[i].kind;
			sscanf(name + n, "(%u,%u)", &t.size, &t.scale);
			return t;
		}
	}
	ck_abort_msg("type %s", name);
	return t;
}

static void read_head(struct test_table *t, char *line)
{
	char *save = NULL;
	char *word = strtok_r(line, " ", &save);
	word = strtok_r(NULL, " ", &save);
	snprintf(t->name, sizeof t->name, "%s", word);
	unsigned n = 0;
	while ((word = strtok_r(NULL, " ", &save)) != NULL) {
		char *colon = strchr(word, ':');
		ck_assert(colon != NULL && n < COLUMNS_MAX);
		*colon = 0;
		snprintf(t->names[n], sizeof t->names[n], "%s", word);
		t->columns[n].name = t->names[n];
		t->columns[n].type = type_of(colon + 1);
		n++;
	}
	t->relation = (struct rs_relation){
		.schema = "public", .name = t->name, .columns = t->columns, .n_columns = n};
}

void test_tables_read(struct test_tables *t)
{
	char *save = NULL;
	memset(t, 0, sizeof *t);
	t->text = test_file("tables.txt");
	for (char *line = strtok_r(t->text, "\n", &save); line != NULL;
		line = strtok_r(NULL, "\n", &save)) {
		if (line[0] == '#') {
			continue;
		}
		if (strncmp(line, "table ", 6) == 0) {
			read_head(&t->of[t->n++], line);
		} else {
			struct test_table *last = &t->of[t->n - 1];
			last->rows[last->n_rows++] = line;
		}
	}
}

void test_tables_free(struct test_tables *t)
{
	free(t->text);
}

static int find(void *arg, const char *schema, const char *name, const struct rs_relation **out,
	struct err *err)
{
	struct test_tables *t = arg;
	for (unsigned i = 0; i < t->n; i++) {
		if (strcmp(t->of[i].name, name) == 0 &&
			(schema == NULL || strcmp(schema, "public") == 0)) {
			*out = &t->of[i].relation;
			return 0;
		}
	}
	return err_set(err, ENOENT, "relation \"%s\" does not exist", name);
}

struct rs_resolver test_resolver(struct test_tables *t)
{
	/* 2009-06-15 10:11:12 */
	return (struct rs_resolver){
		.find = find, .now_micros = INT64_C(1245060672) * 1000000, .arg = t};
}

json_t *test_parse(const char *text, struct err *err)
{
	struct rs_statement *s = NULL;
	json_t *tree = NULL;
	size_t at = 0;
	int rc = rs_statement_next(slice_of(text), &at, &s, err);
	if (rc == 1 && s->kind == RS_SELECT) {
		tree = json_incref(s->tree);
	} else if (rc == 1) {
		err_set(err, EINVAL, "no SELECT");
	}
	rs_statement_free(s);
	return tree;
}
