/* A text as a script, fed whole and in pieces: the same statements either way, and
 * whatever they are, the database is whole afterwards. Then the same bytes as csv and
 * as tsv. */
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/rds/dialect.h"
#include "engines/rds/import.h"

static struct spill *spilled(struct slice text)
{
	struct err err = {0};
	struct spill *s = spill_new("/tmp");
	if (s == NULL || spill_add(s, text, &err) < 0) {
		abort();
	}
	return s;
}

static void split(struct slice text)
{
	struct err err = {0};
	struct sql_reader r;
	struct sql_statement st;
	struct spill *s = spilled(text);
	sqlite3 *db = NULL;
	struct rds_dialect d;
	if (sqlite3_open(":memory:", &db) != SQLITE_OK) {
		abort();
	}
	sql_reader_init(&r, s, SQL_UNKNOWN);
	rds_dialect_init(&d, db);
	while (sql_reader_next(&r, &st, &err) == 1) {
		CLEANUP(buf_free) struct buf out = BUF_INIT;
		struct err why = {0};
		if (st.text.n == 0) {
			abort();
		}
		d.dialect = r.dialect;
		d.line = st.position.line;
		int rc = rds_translate(&d, &st, true, &out, &why);
		if (rc < 0 ? why.code == 0 : why.code != 0) {
			abort();
		}
		if (rc == RDS_COPY) {
			rds_copy_run(&d, &st, &r, &why);
		}
		if (rc == RDS_CHANGED && strncmp(buf_cstr(&out), "CREATE", 6) == 0) {
			sqlite3_exec(db, out.p, NULL, NULL, NULL);
		}
	}
	err_clear(&err);
	rds_dialect_complete(&d, &err);
	rds_dialect_finish(&d);
	sql_reader_finish(&r);
	sqlite3_close(db);
	spill_free(s);
}

static void records(struct slice text, enum rds_text_format format)
{
	struct err err = {0};
	struct rds_records r;
	struct spill *s = spilled(text);
	uint64_t fields = 0;
	rds_records_init(&r, s, format);
	while (rds_records_next(&r, &err) == 1) {
		for (unsigned i = 0; i < r.n_fields; i++) {
			fields += rds_field_text(&r, i).n;
		}
	}
	if (format != RDS_JSON && fields > text.n) {
		abort();
	}
	rds_records_finish(&r);
	spill_free(s);
}

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n)
{
	/* In memory of its own, so that reading behind its end is seen. */
	struct slice text = slice_make(p, n);
	split(text);
	records(text, RDS_CSV);
	records(text, RDS_TSV);
	records(text, RDS_JSON);
	return 0;
}
