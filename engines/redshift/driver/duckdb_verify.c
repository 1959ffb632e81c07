/* Whether a file is whole: all of it is read from the disk, and where a block is not what was
 * written, the library is asked whether it uses that one. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/driver/duckdb_blocks.h"
#include "engines/redshift/driver/duckdb_impl.h"

#define END_TRIES 5

/* ---- the blocks that are in use ---- */

/* The first column of the rows; `fn` false: enough. */
static int each_text(struct duck_site *site, const char *sql,
	int (*fn)(void *arg, struct slice text, struct err *err), void *arg, struct err *err)
{
	struct duck_session session = {{&duckdb_driver}, site, site->own, false};
	struct sql_type type = {.kind = SQL_VARCHAR};
	struct sql_query *q = NULL;
	const struct sql_value *row = NULL;
	int rc = duck_prepare(&session.base, sql, &type, 1, &q, err);
	while (rc == 0 && (rc = duck_step(q, &row, err)) == 1) {
		rc = fn(arg, row[0].text, err);
	}
	if (q != NULL) {
		duck_finish(q);
	}
	return rc;
}

struct question {
	const struct duck_file *file;
	struct buf sql;
};

/* Appends what asks for the blocks of a table: of its columns, and of their long texts. */
static int ask_table(void *arg, struct slice table, struct err *err)
{
	struct question *q = arg;
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	CLEANUP(buf_free) struct buf info = BUF_INIT;
	sql_quote(slice_of(q->file->name), &name);
	buf_putc(&name, '.');
	sql_quote(table, &name);
	buf_puts(&info, "pragma_storage_info(");
	int rc = sql_quote_text(buf_slice(&name), &info, err);
	buf_putc(&info, ')');
	buf_printf(&q->sql,
		" UNION ALL SELECT block_id FROM %s"
		" UNION ALL SELECT unnest(additional_block_ids) FROM %s",
		buf_cstr(&info), buf_cstr(&info));
	return rc != 0 ? rc : buf_check(&q->sql, err);
}

/* Begins q->sql with `what` of all blocks that are in use. */
static int ask_about(struct duck_site *site, struct question *q, const char *what, struct err *err)
{
	CLEANUP(buf_free) struct buf tables = BUF_INIT;
	buf_printf(&q->sql, "SELECT %s FROM (SELECT block_id FROM pragma_metadata_info(", what);
	int rc = sql_quote_text(slice_of(q->file->name), &q->sql, err);
	buf_putc(&q->sql, ')');
	buf_puts(&tables, "SELECT table_name FROM duckdb_tables() WHERE database_name = ");
	if (rc == 0) {
		rc = sql_quote_text(slice_of(q->file->name), &tables, err);
	}
	if (rc == 0) {
		rc = each_text(site, buf_cstr(&tables), ask_table, q, err);
	}
	buf_putc(&q->sql, ')');
	return rc != 0 ? rc : buf_check(&q->sql, err);
}

static int damaged(void *arg, struct slice block, struct err *err)
{
	const struct duck_file *f = arg;
	return err_set(err, EIO, "%s: block %.*s is damaged: it is not what was written", f->path,
		(int)block.n, block.p);
}

/* What the library cannot answer because of them is damage, too. */
static int check_use(
	struct duck_site *site, struct duck_file *f, const struct buf *bad, struct err *err)
{
	struct question q = {.file = f};
	int rc = ask_about(site, &q, "block_id", err);
	buf_puts(&q.sql, " WHERE block_id IN (-2");
	for (size_t i = 0; i < bad->n; i += sizeof(uint64_t)) {
		uint64_t block;
		memcpy(&block, bad->p + i, sizeof(block));
		buf_printf(&q.sql, ", %llu", (unsigned long long)block);
	}
	buf_puts(&q.sql, ") LIMIT 1");
	rc = rc != 0 ? rc : buf_check(&q.sql, err);
	if (rc == 0) {
		rc = each_text(site, buf_cstr(&q.sql), damaged, f, err);
	}
	buf_free(&q.sql);
	return rc;
}

static int take_last(void *arg, struct slice block, struct err *err)
{
	struct sql_value v = {0};
	int rc = sql_value_parse(block, (struct sql_type){.kind = SQL_BIGINT}, &v, err);
	*(int64_t *)arg = v.integer;
	return rc;
}

/* Of a file that is shorter than its header says: whether a block behind its end is in use. One
 * that somebody makes shorter just now is asked about again. */
static int check_end(struct duck_site *site, struct duck_file *f, struct err *err)
{
	int64_t last = -1;
	for (unsigned i = 0; i < END_TRIES; i++) {
		struct question q = {.file = f};
		int rc = ask_about(site, &q, "coalesce(max(block_id), -1)", err);
		rc = rc != 0 ? rc : each_text(site, buf_cstr(&q.sql), take_last, &last, err);
		buf_free(&q.sql);
		if (rc != 0 || duck_blocks_reach(f->path, last)) {
			return rc;
		}
	}
	return err_set(
		err, EIO, "%s is damaged: cut off before block %lld", f->path, (long long)last);
}

/* ---- all of it ---- */

/* The path of an attached file, to be freed. */
static int find_path(struct duck_site *site, const char *name, char **out, struct err *err)
{
	LOCKED(&site->lock);
	const struct duck_file *f = duck_file_find(site, name);
	if (f == NULL) {
		return err_set(err, ENOENT, "%s is not attached", name);
	}
	if (!f->attached) {
		return err_set(err, EIO, "%s is damaged", f->path);
	}
	*out = strdup(f->path);
	return *out != NULL ? 0 : err_set(err, ENOMEM, "out of memory");
}

int duck_verify(struct sql_site *s, const char *name, struct err *err)
{
	struct duck_site *site = (struct duck_site *)s;
	CLEANUP(cleanup_free) char *path = NULL;
	CLEANUP(buf_free) struct buf bad = BUF_INIT;
	bool is_short = false;
	int rc = find_path(site, name, &path, err);
	if (rc == 0) {
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not know CLEANUP */
		rc = duck_blocks_scan(path, &bad, &is_short, err);
	}
	if (rc != 0 || (bad.n == 0 && !is_short)) {
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not know CLEANUP */
		return rc;
	}
	LOCKED(&site->lock);
	struct duck_file *f = duck_file_find(site, name);
	if (f == NULL) {
		return err_set(err, ENOENT, "%s is not attached", name);
	}
	rc = duck_revive(site, err);
	rc = rc == 0 && bad.n > 0 ? check_use(site, f, &bad, err) : rc;
	return rc == 0 && is_short ? check_end(site, f, err) : rc;
}
