/* The rows go into a table that only this session sees (the driver keeps what does not fit into
 * memory in its directory for such), from which the driver writes the file. */
#include "engines/redshift/load/parquet.h"

#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"

struct rs_parquet {
	struct sql_session *session;
	struct sql_append *append; /* NULL: no row since the last file */
	struct sql_type *types;
	unsigned n;
	struct buf create;
};

/* The driver's own types, but for what it would otherwise keep as a number of days and months. */
static int create_text(struct sql_session *s, const char *const *names,
	const struct sql_type *types, unsigned n, struct buf *out, struct err *err)
{
	buf_puts(out, "CREATE OR REPLACE TEMP TABLE \"rows\" (");
	for (unsigned i = 0; i < n; i++) {
		buf_puts(out, i > 0 ? ", " : "");
		sql_quote(slice_of(names[i]), out);
		buf_putc(out, ' ');
		sql_column_type(s->driver->dialect, types[i], out);
	}
	buf_putc(out, ')');
	return buf_check(out, err);
}

int rs_parquet_new(struct sql_site *site, const char *node, const char *const *names,
	const struct sql_type *types, unsigned n, struct rs_parquet **out, struct err *err)
{
	if (!site->driver->parquet) {
		return err_set(err, ENOTSUP,
			"a cluster that %s runs writes no Parquet; DuckDB does (see README): csv, "
			"json "
			"or text is possible",
			site->driver->name);
	}
	struct rs_parquet *p = calloc(1, sizeof(*p));
	if (p == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	p->n = n;
	p->types = calloc(n > 0 ? n : 1, sizeof(*types));
	if (p->types == NULL) {
		free(p);
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = sql_session_new(site, &node, 1, &p->session, err);
	rc = rc == 0 ? create_text(p->session, names, types, n, &p->create, err) : rc;
	if (rc < 0) {
		rs_parquet_free(p);
		return rc;
	}
	memcpy(p->types, types, n * sizeof(*types));
	*out = p;
	return 0;
}

static int begin(struct rs_parquet *p, struct err *err)
{
	int rc = sql_run(p->session, buf_cstr(&p->create), NULL, err);
	return rc < 0 ? rc
		      : sql_append_new(p->session, "temp", "rows", p->types, p->n, &p->append, err);
}

int rs_parquet_row(struct rs_parquet *p, const struct sql_value *row, struct err *err)
{
	int rc = p->append == NULL ? begin(p, err) : 0;
	return rc < 0 ? rc : sql_append_row(p->append, row, err);
}

int rs_parquet_write(struct rs_parquet *p, const char *path, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	int rc = p->append == NULL ? begin(p, err) : 0;
	if (rc == 0) {
		rc = sql_append_end(p->append, true, err);
		p->append = NULL;
	}
	buf_puts(&text, "COPY \"temp\".\"rows\" TO ");
	rc = rc == 0 ? sql_quote_text(slice_of(path), &text, err) : rc;
	buf_puts(&text, " (FORMAT parquet)");
	rc = rc == 0 ? buf_check(&text, err) : rc;
	return rc == 0 ? sql_run(p->session, buf_cstr(&text), NULL, err) : rc;
}

void rs_parquet_free(struct rs_parquet *p)
{
	struct err ignored = {0};
	if (p == NULL) {
		return;
	}
	if (p->append != NULL) {
		sql_append_end(p->append, false, &ignored);
	}
	sql_session_close(p->session);
	buf_free(&p->create);
	free(p->types);
	free(p);
}
