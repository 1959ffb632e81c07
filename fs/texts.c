/* What the reserved files say. */
#include <errno.h>
#include <string.h>

#include "engines/common/cleanup.h"
#include "fs/level.h"
#include "fs/reserved.h"
#include "fs/tree.h"

int text_readme(struct mount *m, struct node *n, uid_t reader, struct buf *out, struct err *err)
{
	(void)n;
	(void)reader;
	buf_puts(out, "This is dbmount: database services as one directory tree.\n\n");
	for (unsigned i = 0; i < m->n_services; i++) {
		const struct engine_ops *ops = engine_ops(m->services[i]);
		buf_printf(out, "  /%-12s %s\n", ops->service, ops->summary);
	}
	buf_puts(out,
		"\nA file's content is the item: what you save replaces it. Names that begin with\n"
		"a dot are not data and are not listed (-o show_reserved lists them): .help and\n"
		".control are in most directories.\n\n"
		"Five things to try:\n"
		"  mkdir dynamodb/Users                      a table (keys pk and sk)\n"
		"  mkdir dynamodb/Users/user-1               a partition\n"
		"  echo '{\"name\": \"Ada\"}' > dynamodb/Users/user-1/profile.json\n"
		"  cat dynamodb/Users/.help                  what can be done there\n"
		"  cat .errors                               what was refused, and why\n");
	return buf_check(out, err);
}

static void help_reserved(
	const struct reserved_scope *scope, enum reserved_place place, struct buf *out)
{
	struct reserved_entry r = {0};
	while (reserved_next(place, r.name, scope, &r)) {
		if (r.help != NULL) {
			buf_printf(out, "  %-12s %s\n", r.name, r.help);
		}
	}
}

static void help_sorts(const struct engine_level *level, struct buf *out)
{
	buf_puts(out, "\nWhat is in here shows its sort by its suffix:\n");
	for (unsigned i = 0; i < level->n_forms; i++) {
		CLEANUP(buf_free) struct buf name = BUF_INIT;
		bool dir = level_kind(level, i) == ENGINE_DIR;
		buf_printf(&name, "<key>%s%s", level->forms[i].suffix, dir ? "/" : "");
		buf_printf(out, "  %-15s %s\n", buf_cstr(&name), level->forms[i].help);
	}
	buf_puts(out, "A key that ends in such a suffix itself has its last dot written as %2E.\n");
}

static void help_forms(const struct engine_level *level, struct buf *out)
{
	if (level->tagged) {
		help_sorts(level, out);
		buf_puts(out, "In a name '/', control bytes, '%' and a leading dot are written as "
			      "%XX.\n");
		return;
	}
	if (level->child != ENGINE_FILE) {
		return;
	}
	buf_printf(out, "\nEach %s is a file:\n", level->child_noun);
	for (unsigned i = 0; i < level->n_forms; i++) {
		buf_printf(out, "  <key>%-10s %s%s\n", level->forms[i].suffix, level->forms[i].help,
			i == level->listed_form ? "" : " (not listed)");
	}
	if (level->features & ENGINE_HAS_MEMBERS) {
		buf_printf(out,
			"<key>/ is a directory (not listed) of the members of the %s, each a "
			"file.\n",
			level->child_noun);
	}
	if (level->features & ENGINE_HAS_STREAMS) {
		buf_puts(out, "It passes through as it is read and written, from front to back: > "
			      "replaces\nwhat is there, >> adds.\n");
	}
	if (level->features & ENGINE_HAS_LOADS) {
		buf_puts(out, "A file that is copied here under any other name is loaded, and gone "
			      "when that is\ndone: cp FILE here\n");
	}
	buf_puts(out, "In a name '/', control bytes, '%' and a leading dot are written as %XX.\n");
}

static void help_beside(const struct engine_level *level, struct buf *out)
{
	if (level->beside_formats == NULL) {
		return;
	}
	buf_puts(out, "\nBeside each directory NAME, not listed, all of it as one file:");
	for (const char *const *f = level->beside_formats; *f != NULL; f++) {
		buf_printf(out, " NAME.%s", *f);
	}
	buf_puts(out, "\n  Read it to export; > replaces what is there, >> adds; where there is no "
		      "NAME,\n  writing one makes it: cp FILE NAME.FORMAT\n");
}

static void help_query(const struct engine_level *level, struct buf *out)
{
	const struct engine_query_names *q = level->query;
	if (q == NULL) {
		return;
	}
	buf_printf(out, "\nWrite a query to .query/NAME%s, read its result (not listed):\n",
		q->text_suffix);
	for (unsigned i = 0; i < q->n_results; i++) {
		buf_printf(out, "  .query/NAME%-8s %s\n", q->results[i].suffix, q->results[i].help);
	}
}

int text_help(struct mount *m, struct node *n, uid_t reader, struct buf *out, struct err *err)
{
	CLEANUP(node_path_free) struct node_path where = {0};
	struct engine_level level;
	(void)reader;
	struct node *anchor = node_anchor(n);
	if (anchor->engine == NULL) {
		struct reserved_scope none = {0};
		int rc = text_readme(m, n, reader, out, err);
		buf_puts(out, "\nBeside the services:\n");
		help_reserved(&none, PLACE_ROOT, out);
		return rc;
	}
	int rc = node_path(&m->nodes, anchor, &where, err);
	rc = rc == 0 ? engine_level(where.engine, &where.path, &level, err) : rc;
	if (rc != 0) {
		return rc;
	}
	struct reserved_scope scope = {.level = &level, .engine = where.engine};
	node_text(&m->nodes, anchor, out);
	if (where.path.depth == 0) {
		buf_printf(out, " is the %s %s;", level.noun, engine_service(where.engine));
	} else {
		buf_printf(out, " is %s %s of %s;", strchr("aeiou", level.noun[0]) ? "an" : "a",
			level.noun, engine_service(where.engine));
	}
	buf_printf(out, " it holds %ss.\n", level.child_noun);
	if (level.help != NULL) {
		buf_printf(out, "\n%s\n", level.help);
	}
	help_forms(&level, out);
	help_beside(&level, out);
	help_query(&level, out);
	buf_puts(out, "\nNot listed, reached by name:\n");
	help_reserved(&scope, PLACE_DATA, out);
	if (level.features & ENGINE_HAS_CONTROL) {
		buf_puts(out, "\nCommands (echo COMMAND > .control):\n");
		engine_commands_help(where.engine, where.path.depth, out);
	}
	return buf_check(out, err);
}

static int dump_json(json_t *doc, struct buf *out, struct err *err)
{
	CLEANUP(cleanup_free) char *text = json_dumps(doc, JSON_INDENT(2));
	if (text == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	buf_puts(out, text);
	buf_putc(out, '\n');
	return buf_check(out, err);
}

int text_status(struct mount *m, struct node *n, uid_t reader, struct buf *out, struct err *err)
{
	CLEANUP(node_path_free) struct node_path where = {0};
	(void)reader;
	int rc = node_path(&m->nodes, node_anchor(n), &where, err);
	json_auto_t *doc = rc == 0 ? json_object() : NULL;
	if (doc == NULL) {
		return rc < 0 ? rc : err_set(err, ENOMEM, "out of memory");
	}
	rc = engine_status(where.engine, &where.path, doc, err);
	return rc < 0 ? rc : dump_json(doc, out, err);
}

int text_errors(struct mount *m, struct node *n, uid_t reader, struct buf *out, struct err *err)
{
	CLEANUP(buf_free) struct buf dir = BUF_INIT;
	node_text(&m->nodes, node_anchor(n), &dir);
	errlog_print(&m->errlog, buf_cstr(&dir), reader, out);
	return buf_check(out, err);
}

int text_version(struct mount *m, struct node *n, uid_t reader, struct buf *out, struct err *err)
{
	(void)n;
	(void)reader;
	buf_puts(out, "dbmount " DBMOUNT_VERSION "\n");
	for (unsigned i = 0; i < m->n_services; i++) {
		const struct engine_ops *ops = engine_ops(m->services[i]);
		buf_printf(out, "%s/%s\n", ops->service, ops->backend);
	}
	buf_printf(out, "SQLite %s, libfuse %s\n", sqlite3_libversion(), fuse_pkgversion());
	return buf_check(out, err);
}

int text_config(struct mount *m, struct node *n, uid_t reader, struct buf *out, struct err *err)
{
	(void)n;
	(void)reader;
	mountopts_print(m->opts, out);
	return buf_check(out, err);
}

int text_metrics(struct mount *m, struct node *n, uid_t reader, struct buf *out, struct err *err)
{
	(void)n;
	(void)reader;
	metrics_print(&m->metrics, out);
	engine_metrics(m->services, m->n_services, out);
	pthread_mutex_lock(&m->nodes.lock);
	size_t nodes = m->nodes.n_nodes;
	pthread_mutex_unlock(&m->nodes.lock);
	buf_printf(out,
		"# HELP dbmount_nodes Inodes the kernel knows now.\n"
		"# TYPE dbmount_nodes gauge\ndbmount_nodes %zu\n"
		"# HELP dbmount_scratch_bytes Bytes of scratch files.\n"
		"# TYPE dbmount_scratch_bytes gauge\ndbmount_scratch_bytes %llu\n",
		nodes, (unsigned long long)m->side.bytes);
	return buf_check(out, err);
}
