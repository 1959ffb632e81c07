/* Rows that are wrong, as stl_load_errors has them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/common/name.h"
#include "engines/redshift/load/loading_impl.h"

#define AT_ONCE	 1000U	 /* errors in memory */
#define KEPT_MAX 100000U /* of one load */
#define RAW_MAX	 1024U

static const char *type_name(enum sql_kind kind)
{
	switch (kind) {
	case SQL_BOOLEAN: return "bool";
	case SQL_SMALLINT: return "int2";
	case SQL_INTEGER: return "int4";
	case SQL_BIGINT: return "int8";
	case SQL_REAL: return "float4";
	case SQL_DOUBLE: return "float8";
	case SQL_DECIMAL: return "numeric";
	case SQL_CHAR: return "char";
	case SQL_DATE: return "date";
	case SQL_TIME: return "time";
	case SQL_TIMESTAMP: return "timestamp";
	case SQL_TIMESTAMPTZ: return "timestamptz";
	default: return "varchar";
	}
}

static void print_length(struct sql_type t, char *out, size_t size)
{
	if (t.kind == SQL_DECIMAL) {
		snprintf(out, size, "%u, %u", t.size, t.scale);
	} else if (sql_is_text(t.kind) && t.size > 0) {
		snprintf(out, size, "%u", t.size);
	}
}

/* Texts of the tables are UTF-8 without NUL; what was loaded is whatever it is. */
static char *shown(struct slice s)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;

	for (size_t at = 0; at < s.n && out.n < RAW_MAX;) {
		unsigned n = s.p[at] == '\0'
				     ? 0
				     : utf8_sequence((const unsigned char *)s.p + at, s.n - at);
		if (n > 0 && out.n + n > RAW_MAX) {
			break;
		}
		if (n > 0) {
			buf_append(&out, s.p + at, n);
		} else {
			buf_putc(&out, '?');
		}
		at += n > 0 ? n : 1;
	}
	return out.failed ? NULL : strdup(buf_cstr(&out));
}

static bool fill(const struct rs_loading *l, const struct load_wrong *w, struct rs_load_error *e)
{
	const struct rs_table *t = l->table;
	const struct rs_column *c = w->column < t->n_columns ? &t->columns[w->column] : NULL;
	const struct rs_field *f = w->field;
	unsigned slices = rs_nodes_slices(l->txn->look.nodes);
	char length[32] = "";

	if (c != NULL) {
		print_length(c->type, length, sizeof(length));
	}
	*e = (struct rs_load_error){.query = l->query,
		.table = t->id,
		.start_ns = l->start_ns,
		.slice = (int)((l->result.files - 1) % (slices > 0 ? slices : 1)),
		.filename = strdup(l->file),
		.line = w->record->line,
		.column = strdup(c != NULL ? c->name : ""),
		.type = strdup(c != NULL ? type_name(c->type.kind) : ""),
		.column_length = strdup(length),
		.position = (f != NULL ? f->at : 0) + w->mistake.position,
		.raw_line = shown(w->record->raw),
		.raw_field = shown(f != NULL ? f->text : slice_make("", 0)),
		.code = w->mistake.code,
		.reason = shown(slice_of(w->mistake.reason))};
	return e->filename != NULL && e->column != NULL && e->type != NULL &&
	       e->column_length != NULL && e->raw_line != NULL && e->raw_field != NULL &&
	       e->reason != NULL;
}

int rs_load_flush_errors(struct rs_loading *l, struct err *err)
{
	int rc = l->n_errors > 0 ? rs_leader_add_load_errors(
					   l->txn->cluster->leader, l->error, l->n_errors, err)
				 : 0;

	for (unsigned i = 0; i < l->n_errors; i++) {
		rs_load_error_clear(&l->error[i]);
	}
	l->n_errors = 0;
	return rc;
}

static int keep(struct rs_loading *l, const struct load_wrong *w, struct err *err)
{
	int rc = l->n_errors == AT_ONCE ? rs_load_flush_errors(l, err) : 0;

	if (rc == 0 && l->error == NULL) {
		l->error = calloc(AT_ONCE, sizeof(*l->error));
		rc = l->error == NULL ? err_set(err, ENOMEM, "out of memory") : 0;
	}
	if (rc < 0) {
		return rc;
	}
	l->kept++;
	return fill(l, w, &l->error[l->n_errors++]) ? 0 : err_set(err, ENOMEM, "out of memory");
}

static void describe(struct rs_loading *l, const struct load_wrong *w)
{
	const struct rs_table *t = l->table;

	buf_printf(&l->wrong, "%s, line %llu", l->file, (unsigned long long)w->record->line);
	if (w->column < t->n_columns) {
		buf_printf(&l->wrong, ", column \"%s\"", t->columns[w->column].name);
	}
	buf_printf(&l->wrong, ": %s (%d)", w->mistake.reason, w->mistake.code);
}

int rs_load_reject(struct rs_loading *l, const struct load_wrong *w, struct err *err)
{
	int rc = l->kept < KEPT_MAX ? keep(l, w, err) : 0;

	if (rc < 0) {
		return rc;
	}
	if (l->result.rejected++ == 0) {
		describe(l, w);
	}
	if (l->refused_at == 0 || l->result.rejected < l->refused_at) {
		return 0;
	}
	return err_set(err, EINVAL,
		"load into table '%s' stopped at %llu wrong row%s; the first: %s; all are in "
		"stl_load_errors",
		l->table->name, (unsigned long long)l->result.rejected,
		l->result.rejected == 1 ? "" : "s", buf_cstr(&l->wrong));
}
