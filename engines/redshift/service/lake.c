/* The room .lake of a cluster: directories that are mapped, as schemas, with their tables. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engines/redshift/lake/lake.h"
#include "engines/redshift/service/service.h"

static const char *const suffixes[] = {".csv"};
static const struct engine_form forms[] = {{".csv", "all rows, a header first"}};
static const struct name_rules names = {suffixes, 1};
static const struct engine_text texts[] = {
	{".schema", "its CREATE EXTERNAL TABLE", false},
	{NULL, NULL, false},
};

void redshift_lake_level(const struct epath *path, struct engine_level *out)
{
	*out = (struct engine_level){.noun = "lake",
		.child_noun = "schema",
		.child = ENGINE_DIR,
		.names = NAME_RULES_DIR,
		.features = ENGINE_IS_FIXED};
	switch (path->depth) {
	case 1:
		out->features |= ENGINE_HAS_CONTROL;
		out->help =
			"Each directory is an external schema. 'map NAME DIRECTORY' in .control "
			"makes s3://NAME/ that directory, and its folders and files tables.";
		break;
	case 2:
		out->noun = "schema";
		out->child_noun = "table";
		break;
	default:
		out->noun = "table";
		out->child_noun = "form";
		out->child = ENGINE_FILE;
		out->names = names;
		out->forms = forms;
		out->n_forms = 1;
		out->texts = texts;
		out->features |= ENGINE_HAS_STREAMS;
	}
}

/* ---- mapping ---- */

static int check_directory(const char *directory, struct err *err)
{
	struct stat st;

	if (directory[0] != '/') {
		return err_set(
			err, EINVAL, "map: %s: a path that begins with / is expected", directory);
	}
	if (stat(directory, &st) < 0) {
		return err_errno(err, "map: %s", directory);
	}
	return S_ISDIR(st.st_mode) ? 0
				   : err_set(err, ENOTDIR, "map: %s is no directory", directory);
}

static int add_lake(struct rs_catalog *c, const char *name, const char *directory, struct err *err)
{
	struct rs_lake *more = realloc(c->lakes, (c->n_lakes + 1) * sizeof(*more));
	unsigned k = c->n_lakes;

	if (more == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	c->lakes = more;
	struct rs_lake made = {strdup(name), strdup(directory)};
	if (made.name == NULL || made.directory == NULL) {
		free(made.name);
		free(made.directory);
		return err_set(err, ENOMEM, "out of memory");
	}
	for (; k > 0 && strcmp(c->lakes[k - 1].name, name) > 0; k--) {
		c->lakes[k] = c->lakes[k - 1];
	}
	c->lakes[k] = made;
	c->n_lakes++;
	return 0;
}

static int drop_lake(struct rs_catalog *c, const char *name, struct err *err)
{
	for (unsigned k = 0; k < c->n_lakes; k++) {
		if (strcmp(c->lakes[k].name, name) == 0) {
			free(c->lakes[k].name);
			free(c->lakes[k].directory);
			memmove(&c->lakes[k], &c->lakes[k + 1],
				(c->n_lakes - k - 1) * sizeof(*c->lakes));
			c->n_lakes--;
			return 0;
		}
	}
	return err_set(err, ENOENT, "unmap: nothing is mapped as %s", name);
}

static bool has_schema(const struct rs_catalog *c, const char *name)
{
	for (unsigned k = 0; k < c->n_schemas; k++) {
		if (strcmp(c->schemas[k], name) == 0) {
			return true;
		}
	}
	for (unsigned k = 0; k < c->n_external_schemas; k++) {
		if (strcmp(c->external_schemas[k].name, name) == 0) {
			return true;
		}
	}
	return rs_catalog_lake(c, name) != NULL;
}

static int change_lakes(struct rs_txn *t, const char *name, const char *directory, struct err *err)
{
	if (directory == NULL) {
		return drop_lake(t->next, name, err);
	}
	return has_schema(t->next, name)
		       ? err_set(err, EEXIST, "map: there is a schema or lake %s", name)
		       : add_lake(t->next, name, directory, err);
}

static int change(
	struct redshift_cluster *c, const char *name, const char *directory, struct err *err)
{
	struct rs_txn *t = NULL;

	int rc = clusters_check_writable(&c->service->base, err);
	rc = rc < 0 ? rc : redshift_enter(c, err);
	if (rc < 0) {
		return rc;
	}
	rc = rs_txn_begin(c->rs, &t, err);
	if (rc == 0) {
		rc = change_lakes(t, name, directory, err);
		if (rc == 0) {
			t->changed = true;
			rc = rs_txn_commit(t, err);
		} else {
			rs_txn_abort(t);
		}
	}
	cluster_leave(&c->base);
	return rc;
}

int redshift_map(
	struct redshift_cluster *c, const char *name, const char *directory, struct err *err)
{
	int rc = check_directory(directory, err);

	return rc < 0 ? rc : change(c, name, directory, err);
}

int redshift_unmap(struct redshift_cluster *c, const char *name, struct err *err)
{
	return change(c, name, NULL, err);
}

/* ---- what is there ---- */

struct search {
	const char *name;
	bool found;
};

static int is_it(void *arg, const char *name)
{
	struct search *s = arg;

	s->found = s->found || strcmp(name, s->name) == 0;
	return s->found;
}

/* A key as a name: without NUL. */
static int name_of(struct slice key, struct buf *out, struct err *err)
{
	buf_append_slice(out, key);
	buf_cstr(out);
	int rc = buf_check(out, err);
	return rc == 0 && strlen(out->p) != key.n ? err_set(err, ENOENT, "there is no such name")
						  : rc;
}

static int check_schema(const struct redshift_place *p, const struct epath *path,
	struct buf *schema, struct err *err)
{
	int rc = name_of(path->key[1], schema, err);
	struct search s = {.name = rc == 0 ? schema->p : ""};

	rc = rc < 0 ? rc : rs_lake_schemas(p->look.catalog, is_it, &s, err);
	return rc < 0 || s.found ? rc
				 : err_set(err, ENOENT, "there is no external schema %s", s.name);
}

static int find_table(const struct redshift_place *p, const struct epath *path,
	struct rs_relation **out, struct err *err)
{
	CLEANUP(buf_free) struct buf schema = BUF_INIT;
	CLEANUP(buf_free) struct buf table = BUF_INIT;

	int rc = name_of(path->key[1], &schema, err);
	rc = rc < 0 ? rc : name_of(path->key[2], &table, err);
	return rc < 0 ? rc
		      : rs_lake_find(p->look.catalog, rs_nodes_site(p->look.nodes), schema.p,
				table.p, out, err);
}

static uint64_t hash(uint64_t h, const void *bytes, size_t n)
{
	const unsigned char *p = bytes;

	for (size_t k = 0; k < n; k++) {
		h = (h ^ p[k]) * UINT64_C(1099511628211);
	}
	return h;
}

#define HASH_BEGIN UINT64_C(14695981039346656037)

/* A table of files is another one when these are others. */
static int facts(const struct rs_relation *r, struct engine_info *out, struct err *err)
{
	uint64_t files[2] = {0, 0};
	int64_t mtime_ns = 0;

	int rc = rs_lake_facts(r, &mtime_ns, &files[0], &files[1], err);
	uint64_t h = hash(hash(HASH_BEGIN, &mtime_ns, sizeof(mtime_ns)), files, sizeof(files));
	*out = (struct engine_info){.version = (h >> 2) + 1, .mtime_ns = mtime_ns, .moves = true};
	return rc;
}

/* ---- its rows ---- */

static int run_all(
	struct redshift_place *p, const struct epath *path, struct spill **out, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;

	buf_puts(&sql, "SELECT * FROM ");
	rs_name_print(path->key[1], &sql);
	buf_putc(&sql, '.');
	rs_name_print(path->key[2], &sql);
	int rc = buf_check(&sql, err);
	return rc < 0 ? rc : redshift_run_query(p, buf_slice(&sql), REDSHIFT_AS_CSV, out, err);
}

static int size_of(struct redshift_place *p, const struct epath *path, struct engine_info *info,
	struct err *err)
{
	uint64_t number = hash(hash(HASH_BEGIN, path->key[1].p, path->key[1].n), "\0", 1);
	struct spill *rows = NULL;

	number = hash(number, path->key[2].p, path->key[2].n);
	if (redshift_known_size(p->sizes, number, info->version, &info->size)) {
		return 0;
	}
	int rc = run_all(p, path, &rows, err);
	if (rc == 0) {
		info->size = spill_size(rows);
		redshift_keep_size(p->sizes, number, info->version, info->size);
		spill_free(rows);
	}
	return rc;
}

int redshift_lake_export(struct redshift *x, const struct epath *path, const char *format,
	void **stream, uint64_t *size, struct err *err)
{
	REDSHIFT_PLACE p = {0};
	struct spill *rows = NULL;

	if (path->depth != 4 || strcmp(format, "csv") != 0) {
		return err_set(err, ENOTSUP, "there is nothing to export here");
	}
	int rc = redshift_place(x, path, &p, err);
	rc = rc < 0 ? rc : run_all(&p, path, &rows, err);
	if (rc < 0) {
		return rc;
	}
	*stream = redshift_stream_of_spill(rows, size);
	return *stream != NULL ? 0 : err_set(err, ENOMEM, "out of memory");
}

/* ---- members ---- */

static int stat_inside(struct redshift_place *p, const struct epath *path, struct engine_info *out,
	struct err *err)
{
	struct rs_relation *r = NULL;

	int rc = find_table(p, path, &r, err);
	if (rc < 0) {
		return rc;
	}
	rc = facts(r, out, err);
	rs_lake_release(r);
	out->kind = path->depth == 3 ? ENGINE_DIR : ENGINE_FILE;
	if (rc < 0 || path->depth == 3) {
		return rc;
	}
	return slice_is(path->key[3], "data") ? size_of(p, path, out, err)
					      : err_set(err, ENOENT, "there is no such form");
}

int redshift_lake_stat(
	struct redshift *x, const struct epath *path, struct engine_info *out, struct err *err)
{
	CLEANUP(buf_free) struct buf schema = BUF_INIT;
	REDSHIFT_PLACE p = {0};

	int rc = redshift_place(x, path, &p, err);
	rc = rc < 0 ? rc : check_schema(&p, path, &schema, err);
	if (rc < 0) {
		return rc;
	}
	if (path->depth == 2) {
		*out = (struct engine_info){.kind = ENGINE_DIR,
			.version = p.look.catalog->xid + 1,
			.mtime_ns = p.look.catalog->time_ns,
			.moves = true};
		return 0;
	}
	return stat_inside(&p, path, out, err);
}

struct listing {
	struct redshift_place *p;
	const struct epath *path;
	struct slice after;
	engine_emit *emit;
	void *arg;
};

static int emit_name(void *arg, const char *name)
{
	const struct listing *l = arg;
	struct engine_info info = {.kind = ENGINE_DIR,
		.version = l->p->look.catalog->xid + 1,
		.mtime_ns = l->p->look.catalog->time_ns,
		.moves = true};

	return slice_compare(slice_of(name), l->after) > 0 ? l->emit(l->arg, slice_of(name), &info)
							   : 0;
}

static int list_data(const struct listing *l, unsigned form, struct err *err)
{
	struct epath child = epath_child(l->path, slice_of("data"));
	struct engine_info info = {.kind = ENGINE_FILE, .version = 1};

	if (slice_compare(slice_of("data"), l->after) <= 0) {
		return 0;
	}
	int rc = form == ENGINE_NAMES ? 0 : stat_inside(l->p, &child, &info, err);
	if (rc == 0) {
		l->emit(l->arg, slice_of("data"), &info);
	}
	return rc;
}

int redshift_lake_list(struct redshift *x, const struct epath *path, struct slice after,
	unsigned form, engine_emit *emit, void *arg, struct err *err)
{
	CLEANUP(buf_free) struct buf schema = BUF_INIT;
	REDSHIFT_PLACE p = {0};
	struct listing l = {&p, path, after, emit, arg};

	int rc = redshift_place(x, path, &p, err);
	if (rc == 0 && path->depth > 1) {
		rc = check_schema(&p, path, &schema, err);
	}
	if (rc < 0) {
		return rc;
	}
	switch (path->depth) {
	case 1: return rs_lake_schemas(p.look.catalog, emit_name, &l, err);
	case 2: return rs_lake_tables(p.look.catalog, schema.p, emit_name, &l, err);
	case 3: return list_data(&l, form, err);
	default: return err_set(err, ENOTDIR, "that is a file");
	}
}

int redshift_lake_schema(
	struct redshift *x, const struct epath *path, struct buf *out, struct err *err)
{
	struct rs_relation *r = NULL;
	REDSHIFT_PLACE p = {0};

	int rc = path->depth == 3 ? redshift_place(x, path, &p, err)
				  : err_set(err, ENOTSUP, "there is no .schema here");
	rc = rc < 0 ? rc : find_table(&p, path, &r, err);
	if (rc == 0) {
		rc = rs_lake_schema_text(r, out, err);
		rs_lake_release(r);
	}
	return rc;
}
