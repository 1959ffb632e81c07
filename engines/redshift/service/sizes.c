/* How many bytes the forms of a table are, exactly, before anybody reads them: counted by writing
 * all of it once to nowhere, and kept for as long as no transaction changes the table. Of a form
 * that has to be made as a whole (Parquet) the file is what is kept. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engines/common/clock.h"
#include "engines/common/log.h"
#include "engines/redshift/service/service.h"

/* What took longer to count is stored, so that the next daemon knows. */
#define STORE_NS INT64_C(20000000)
#define PIECE	 ((size_t)64 * 1024)

struct entry {
	LIST_ENTRY(entry) link;
	uint64_t table;
	unsigned form;
	unsigned slice;
	uint64_t version;
	uint64_t bytes;
	/* The rows' place, and what the columns were: while both are the same, what came and went
	 * after can be told. A resize writes all rows anew. */
	uint64_t storage;
	uint64_t columns;
	int fd; /* of a file; -1 */
};

struct redshift_sizes {
	struct redshift_service *service;
	uint64_t cluster_id;
	pthread_mutex_t counting; /* before the cluster's own locks: one counts, others find it */
	pthread_mutex_t lock;	  /* of the list; taken alone */
	LIST_HEAD(, entry) entries;
};

struct redshift_sizes *redshift_sizes_new(struct redshift_service *service, uint64_t cluster_id)
{
	struct redshift_sizes *s = calloc(1, sizeof(*s));

	if (s != NULL) {
		s->service = service;
		s->cluster_id = cluster_id;
		LIST_INIT(&s->entries);
		pthread_mutex_init(&s->counting, NULL);
		pthread_mutex_init(&s->lock, NULL);
	}
	return s;
}

static void entry_free(struct entry *e)
{
	cleanup_close(&e->fd);
	free(e);
}

void redshift_sizes_free(struct redshift_sizes *s)
{
	struct entry *e;

	if (s == NULL) {
		return;
	}
	while ((e = LIST_FIRST(&s->entries)) != NULL) {
		LIST_REMOVE(e, link);
		entry_free(e);
	}
	pthread_mutex_destroy(&s->lock);
	pthread_mutex_destroy(&s->counting);
	free(s);
}

/* ---- the list ---- */

/* The rows of a table are those of a transaction; their order depends on the nodes, too. */
uint64_t redshift_version(const struct redshift_place *p, const struct rs_table *t)
{
	return (p->look.catalog->generation << 40 | t->changed_xid) + 1;
}

/* Sizes do not depend on where rows are, but those of slices and files. */
static uint64_t version_of(
	const struct redshift_place *p, const struct rs_table *t, unsigned form, unsigned slice)
{
	return form == REDSHIFT_PARQUET || slice != REDSHIFT_ALL_SLICES ? redshift_version(p, t)
									: t->changed_xid;
}

/* Under the lock. */
static struct entry *find(struct redshift_sizes *s, uint64_t table, unsigned form, unsigned slice)
{
	struct entry *e;

	LIST_FOREACH(e, &s->entries, link)
	{
		if (e->table == table && e->form == form && e->slice == slice) {
			return e;
		}
	}
	return NULL;
}

static bool known(struct redshift_sizes *s, const struct entry *wanted, uint64_t *bytes, int *fd)
{
	LOCKED(&s->lock);
	const struct entry *e = find(s, wanted->table, wanted->form, wanted->slice);

	if (e == NULL || e->version != wanted->version) {
		return false;
	}
	*bytes = e->bytes;
	if (fd != NULL) {
		*fd = fcntl(e->fd, F_DUPFD_CLOEXEC, 0);
	}
	return fd == NULL || *fd >= 0;
}

/* A stream that still reads an older state does not take the newer one away. */
static void keep(struct redshift_sizes *s, const struct entry *made)
{
	LOCKED(&s->lock);
	struct entry *e = find(s, made->table, made->form, made->slice);

	if (e == NULL) {
		e = calloc(1, sizeof(*e));
		if (e == NULL) {
			int fd = made->fd;
			cleanup_close(&fd);
			return;
		}
		e->fd = -1;
		LIST_INSERT_HEAD(&s->entries, e, link);
	}
	cleanup_close(&e->fd);
	e->table = made->table;
	e->form = made->form;
	e->slice = made->slice;
	e->version = made->version;
	e->bytes = made->bytes;
	e->storage = made->storage;
	e->columns = made->columns;
	e->fd = made->fd;
}

#define NOT_A_TABLE REDSHIFT_FORMS

bool redshift_known_size(struct redshift_sizes *s, uint64_t number, uint64_t version, uint64_t *out)
{
	struct entry e = {.table = number, .form = NOT_A_TABLE, .version = version, .fd = -1};

	return known(s, &e, out, NULL);
}

void redshift_keep_size(struct redshift_sizes *s, uint64_t number, uint64_t version, uint64_t size)
{
	struct entry e = {
		.table = number, .form = NOT_A_TABLE, .version = version, .bytes = size, .fd = -1};

	keep(s, &e);
}

/* ---- counting ---- */

static int count_rows(struct redshift_scan *scan, const struct redshift_text *text, bool header,
	uint64_t *out, struct err *err)
{
	CLEANUP(buf_free) struct buf line = BUF_INIT;
	const struct sql_value *row;
	int rc;

	if (header) {
		redshift_put_header(text, &line);
	}
	*out = 0;
	while ((rc = redshift_scan_step(scan, &row, err)) == 1) {
		redshift_put_row(text, row, &line);
		if (line.n >= PIECE) {
			rc = buf_check(&line, err);
			if (rc < 0) {
				return rc;
			}
			*out += line.n;
			buf_clear(&line);
		}
	}
	*out += line.n;
	return rc < 0 ? rc : buf_check(&line, err);
}

static int count_scan(struct redshift_scan *scan, const struct rs_table *t, unsigned form,
	bool header, uint64_t *out, struct err *err)
{
	struct redshift_text text;

	int rc = redshift_text_init(&text, t, (enum redshift_form)form, err);
	if (rc < 0) {
		return rc;
	}
	rc = count_rows(scan, &text, header, out, err);
	redshift_text_finish(&text);
	return rc;
}

static int count(struct redshift_place *p, const struct rs_table *t, unsigned form, unsigned slice,
	uint64_t *out, struct err *err)
{
	struct redshift_scan *scan = NULL;

	int rc = redshift_scan_new(p, t, slice, &scan, err);
	rc = rc < 0 ? rc : count_scan(scan, t, form, true, out, err);
	redshift_scan_free(scan);
	return rc;
}

/* ---- counting what changed ---- */

static int count_changes(struct redshift_place *p, const struct rs_table *t,
	const struct entry *before, bool went, uint64_t *out, struct err *err)
{
	struct redshift_scan *scan = NULL;

	int rc = redshift_scan_changes(p, t, before->version, went, &scan, err);
	rc = rc < 0 ? rc : count_scan(scan, t, before->form, false, out, err);
	redshift_scan_free(scan);
	return rc;
}

/* What the text of a row depends on. */
static uint64_t columns_of(const struct rs_table *t)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (unsigned k = 0; k < t->n_columns; k++) {
		const struct rs_column *c = &t->columns[k];
		uint64_t parts[] = {c->id, c->type.kind, c->type.size, c->type.scale};
		for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
			h = (h ^ parts[i]) * UINT64_C(1099511628211);
		}
		for (const char *n = c->name; *n != '\0'; n++) {
			h = (h ^ (unsigned char)*n) * UINT64_C(1099511628211);
		}
	}
	return h;
}

/* From an older state of the same rows: 1, or 0 when there is none. */
static int count_from(
	struct redshift_place *p, const struct rs_table *t, struct entry *e, struct err *err)
{
	struct entry before = {.version = UINT64_MAX};
	uint64_t came = 0;
	uint64_t gone = 0;

	{
		LOCKED(&p->sizes->lock);
		const struct entry *old = find(p->sizes, e->table, e->form, e->slice);
		if (old != NULL) {
			before = *old;
		}
	}
	if (e->slice != REDSHIFT_ALL_SLICES || before.version >= e->version ||
		before.storage != e->storage || before.columns != e->columns) {
		return 0;
	}
	int rc = count_changes(p, t, &before, false, &came, err);
	rc = rc < 0 ? rc : count_changes(p, t, &before, true, &gone, err);
	e->bytes = before.bytes + came - gone;
	return rc < 0 ? rc : 1;
}

/* What an earlier daemon counted. */
static bool stored(struct redshift_sizes *s, const struct entry *wanted, uint64_t *bytes)
{
	struct redshift_size size = {
		.cluster_id = s->cluster_id, .table = wanted->table, .form = wanted->form};
	struct err ignored = {0};

	if (s->cluster_id == 0 || wanted->slice != REDSHIFT_ALL_SLICES ||
		redshift_catalog_size(s->service, &size, &ignored) != 1 ||
		size.xid != wanted->version) {
		return false;
	}
	*bytes = size.bytes;
	return true;
}

static void store(struct redshift_sizes *s, const struct entry *made)
{
	struct redshift_size size = {.cluster_id = s->cluster_id,
		.table = made->table,
		.form = made->form,
		.xid = made->version,
		.bytes = made->bytes};
	struct err why = {0};

	if (s->cluster_id != 0 && made->slice == REDSHIFT_ALL_SLICES &&
		!s->service->base.read_only &&
		redshift_catalog_put_size(s->service, &size, &why) < 0) {
		log_warn("redshift: %s", why.msg);
	}
}

static int size_of(struct redshift_place *p, const struct rs_table *t, unsigned form,
	unsigned slice, uint64_t *out, struct err *err)
{
	struct entry e = {.table = t->id,
		.form = form,
		.slice = slice,
		.version = version_of(p, t, form, slice),
		.storage = t->storage << 24 | p->look.catalog->generation,
		.columns = columns_of(t),
		.fd = -1};

	if (known(p->sizes, &e, out, NULL)) {
		return 0;
	}
	LOCKED(&p->sizes->counting);
	if (known(p->sizes, &e, out, NULL)) {
		return 0;
	}
	int rc = stored(p->sizes, &e, &e.bytes) ? 1 : count_from(p, t, &e, err);
	if (rc == 0) {
		int64_t begin = clock_monotonic_ns();
		rc = count(p, t, form, slice, &e.bytes, err);
		if (rc == 0 && clock_monotonic_ns() - begin > STORE_NS) {
			store(p->sizes, &e);
		}
	}
	if (rc < 0) {
		return rc;
	}
	keep(p->sizes, &e);
	*out = e.bytes;
	return 0;
}

int redshift_slice_size(struct redshift_place *p, const struct rs_table *t, unsigned slice,
	uint64_t *out, struct err *err)
{
	return size_of(p, t, REDSHIFT_CSV, slice, out, err);
}

/* ---- parquet ---- */

static void put_select(struct redshift_place *p, const struct rs_table *t, struct buf *sql)
{
	unsigned n = t->placement == RS_DIST_ALL ? 1 : rs_nodes_count(p->look.nodes);

	for (unsigned k = 0; k < n; k++) {
		buf_puts(sql, k > 0 ? " UNION ALL " : "");
		rs_nodes_scan(p->look.nodes, t, p->look.xid, k, NULL, false, sql);
	}
}

struct copying {
	const char *sql;
	const char *file; /* of the first node, without quotes */
};

static int copy_fn(struct rs_nodes *n, void *arg, struct err *err)
{
	const struct copying *c = arg;
	const char *names[] = {c->file};
	struct sql_session *session = NULL;

	int rc = sql_session_new(rs_nodes_site(n), names, 1, &session, err);
	rc = rc < 0 ? rc : sql_run(session, c->sql, NULL, err);
	sql_session_close(session);
	return rc;
}

static int make_parquet(
	struct redshift_place *p, const struct rs_table *t, const char *path, struct err *err)
{
	CLEANUP(buf_free) struct buf file = BUF_INIT;
	CLEANUP(buf_free) struct buf sql = BUF_INIT;

	buf_puts(&sql, "COPY (");
	put_select(p, t, &sql);
	buf_puts(&sql, ") TO ");
	int rc = sql_quote_text(slice_of(path), &sql, err);
	buf_puts(&sql, " (FORMAT parquet)");
	rs_nodes_file(p->look.nodes, 0, &file);
	rc = rc < 0 ? rc : buf_check(&file, err);
	if (rc < 0) {
		return rc;
	}
	if (file.n >= 2 && file.p[0] == '"') {
		memmove(file.p, file.p + 1, file.n - 2);
		file.n -= 2;
	}
	struct copying c = {buf_cstr(&sql), buf_cstr(&file)};
	return rs_nodes_read(p->look.nodes, copy_fn, &c, err);
}

/* A file without a name, as soon as it is whole. */
static int parquet_file(
	struct redshift_place *p, const struct rs_table *t, struct entry *e, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	struct stat st;

	clusters_temp_path(&p->sizes->service->base, ".parquet", &path);
	int rc = buf_check(&path, err);
	rc = rc < 0 ? rc : make_parquet(p, t, path.p, err);
	if (rc == 0) {
		e->fd = open(path.p, O_RDONLY | O_CLOEXEC);
		if (e->fd < 0 || fstat(e->fd, &st) < 0) {
			rc = err_errno(err, "%s", path.p);
		} else {
			e->bytes = (uint64_t)st.st_size;
		}
	}
	unlink(buf_cstr(&path));
	if (rc < 0) {
		cleanup_close(&e->fd);
	}
	return rc;
}

int redshift_parquet(struct redshift_place *p, const struct rs_table *t, int *fd, uint64_t *size,
	struct err *err)
{
	const struct sql_driver *driver = p->rs->config.driver;
	struct entry e = {.table = t->id,
		.form = REDSHIFT_PARQUET,
		.slice = REDSHIFT_ALL_SLICES,
		.version = redshift_version(p, t),
		.fd = -1};

	if (!driver->parquet) {
		return err_set(err, ENOTSUP,
			"driver %s does not write Parquet: DuckDB does (redshift_driver=duckdb, in "
			"a "
			"build that has it)",
			driver->name);
	}
	LOCKED(&p->sizes->counting);
	if (known(p->sizes, &e, size, fd)) {
		return 0;
	}
	int rc = parquet_file(p, t, &e, err);
	if (rc < 0) {
		return rc;
	}
	keep(p->sizes, &e);
	return known(p->sizes, &e, size, fd) ? 0 : err_set(err, EMFILE, "no file can be opened");
}

int redshift_size(struct redshift_place *p, const struct rs_table *t, enum redshift_form form,
	uint64_t *out, struct err *err)
{
	if (form != REDSHIFT_PARQUET) {
		return size_of(p, t, form, REDSHIFT_ALL_SLICES, out, err);
	}
	int fd = -1;
	int rc = redshift_parquet(p, t, &fd, out, err);
	cleanup_close(&fd);
	return rc;
}
