/* A text as a script in Redshift's dialect. Whatever it is: statements lie in it one behind
 * another, what is wrong is said, and a table that was read is the same when it has been printed.
 */
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/sql/statement.h"

static void check_text(struct slice script, const struct rs_statement *s, size_t at)
{
	if (s->text.n == 0 || s->text.p < script.p || s->text.p + s->text.n > script.p + at ||
		s->line == 0) {
		abort();
	}
}

static void check_table(const struct rs_statement *s)
{
	CLEANUP(buf_free) struct buf once = BUF_INIT;
	CLEANUP(buf_free) struct buf twice = BUF_INIT;
	struct rs_statement *again = NULL;
	struct err err = {0};
	size_t at = 0;
	rs_create_print(&s->create, &once);
	if (rs_statement_next(buf_slice(&once), &at, &again, &err) != 1) {
		abort();
	}
	rs_create_print(&again->create, &twice);
	if (!slice_equal(buf_slice(&once), buf_slice(&twice))) {
		abort();
	}
	rs_statement_free(again);
}

static void read_script(struct slice script)
{
	size_t at = 0;
	size_t before = 0;
	int rc = 1;
	while (rc == 1) {
		struct err err = {0};
		struct rs_statement *s = NULL;
		rc = rs_statement_next(script, &at, &s, &err);
		if (at < before || at > script.n || (rc < 0) != (err.code != 0) ||
			(rc == 1) != (s != NULL)) {
			abort();
		}
		before = at;
		if (rc != 1) {
			break;
		}
		CLEANUP(buf_free) struct buf shown = BUF_INIT;
		check_text(script, s, at);
		rs_statement_public(s, &shown);
		if (s->kind == RS_CREATE_TABLE || s->kind == RS_CREATE_EXTERNAL_TABLE) {
			check_table(s);
		}
		rs_statement_free(s);
	}
}

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n)
{
	struct slice text = slice_make(p, n);
	struct sql_type type;
	struct err err = {0};
	json_t *tree = NULL;
	read_script(text);
	rs_script_complete(text);
	rs_type_parse(text, &type, NULL);
	if (rs_expression_parse(text, &tree, &err) == 0) {
		json_decref(tree);
	}
	return 0;
}
