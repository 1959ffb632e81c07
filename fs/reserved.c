#include "fs/reserved.h"

#include <string.h>

static bool there_feature(const struct reserved *row, const struct reserved_scope *s)
{
	return s->level != NULL && (s->level->features & row->feature) != 0;
}

/* Nothing is ever refused where nothing can be written. */
static bool there_writable(const struct reserved *row, const struct reserved_scope *s)
{
	(void)row;
	return s->engine != NULL && !engine_fixed(s->engine) &&
	       (s->level == NULL || (s->level->features & ENGINE_IS_FIXED) == 0);
}

/* Commands and queries can be refused where nothing can be written, too. */
static bool there_errors(const struct reserved *row, const struct reserved_scope *s)
{
	return there_writable(row, s) ||
	       (s->level != NULL &&
		       (s->level->query != NULL || (s->level->features & ENGINE_IS_FIXED) != 0));
}

bool reserved_in_list(const char *const *list, const char *name)
{
	for (; list != NULL && *list != NULL; list++) {
		if (strcmp(*list, name) == 0) {
			return true;
		}
	}
	return false;
}

static bool there_import(const struct reserved *row, const struct reserved_scope *s)
{
	return there_writable(row, s) && s->level != NULL && s->level->import_formats != NULL;
}

static bool there_export(const struct reserved *row, const struct reserved_scope *s)
{
	(void)row;
	return s->level != NULL && s->level->export_formats != NULL;
}

static bool there_script(const struct reserved *row, const struct reserved_scope *s)
{
	return there_writable(row, s) && s->level != NULL && s->level->scripts != NULL;
}

static const char *nth_script(const struct engine_level *level, unsigned i, const char **help)
{
	*help = level->scripts[i].help;
	return level->scripts[i].name;
}

static bool there_texts(const struct reserved *row, const struct reserved_scope *s)
{
	(void)row;
	return s->level != NULL && s->level->texts != NULL;
}

/* The i-th of those that can be written, or of the others. */
static const char *nth_text(
	const struct engine_level *level, unsigned i, bool writable, const char **help)
{
	for (const struct engine_text *t = level->texts; t->name != NULL; t++) {
		if (t->writable == writable && i-- == 0) {
			*help = t->help;
			return t->name;
		}
	}
	return NULL;
}

static const char *nth_writable_text(
	const struct engine_level *level, unsigned i, const char **help)
{
	return nth_text(level, i, true, help);
}

static const char *nth_read_text(const struct engine_level *level, unsigned i, const char **help)
{
	return nth_text(level, i, false, help);
}

static bool there_feed(const struct reserved *row, const struct reserved_scope *s)
{
	(void)row;
	return s->level != NULL && s->level->feed != NULL;
}

static const char *nth_feed(const struct engine_level *level, unsigned i, const char **help)
{
	*help = level->feed->help;
	return i == 0 ? level->feed->name : NULL;
}

static bool there_rooms(const struct reserved *row, const struct reserved_scope *s)
{
	(void)row;
	return s->level != NULL && s->level->rooms != NULL;
}

static const char *nth_room(const struct engine_level *level, unsigned i, const char **help)
{
	*help = level->rooms[i].help;
	return level->rooms[i].name;
}

static bool there_query(const struct reserved *row, const struct reserved_scope *s)
{
	(void)row;
	return s->level != NULL && s->level->query != NULL;
}

static bool there_import_format(const struct reserved *row, const struct reserved_scope *s)
{
	return s->level != NULL && reserved_in_list(s->level->import_formats, row->name);
}

static bool there_export_format(const struct reserved *row, const struct reserved_scope *s)
{
	return s->level != NULL && reserved_in_list(s->level->export_formats, row->name);
}

#define FEATURE_ROW(n, m, ft, tx, op, sz, h)                                                       \
	{                                                                                          \
		.name = (n), .place = PLACE_DATA, .inside = PLACE_NONE, .mode = (m),               \
		.there = there_feature, .feature = (ft), .text = (tx), .open = (op), .size = (sz), \
		.help = (h)                                                                        \
	}
#define VIEWS_ROW(n, ft, vk, h)                                                                    \
	{                                                                                          \
		.name = (n), .place = PLACE_DATA, .inside = PLACE_VIEWS, .mode = 0755,             \
		.there = there_feature, .feature = (ft), .view = (vk), .help = (h)                 \
	}
#define FILE_ROW(n, p, m, th, tx, op, sz, h)                                                       \
	{                                                                                          \
		.name = (n), .place = (p), .inside = PLACE_NONE, .mode = (m), .there = (th),       \
		.text = (tx), .open = (op), .size = (sz), .help = (h)                              \
	}
#define LEVEL_ROW(m, th, nt, tx, op, sz)                                                           \
	{                                                                                          \
		.name = "", .place = PLACE_DATA, .inside = PLACE_NONE, .mode = (m), .there = (th), \
		.nth = (nt), .text = (tx), .open = (op), .size = (sz)                              \
	}
#define DIR_ROW(n, p, in, th, h)                                                                   \
	{                                                                                          \
		.name = (n), .place = (p), .inside = (in), .mode = 0755, .there = (th),            \
		.help = (h)                                                                        \
	}
#define IMPORT_FORMAT(n)                                                                           \
	FILE_ROW(n, PLACE_IMPORT_MODE, 0222, there_import_format, NULL, handle_open_import, NULL,  \
		NULL)
#define EXPORT_FORMAT(n)                                                                           \
	{                                                                                          \
		.name = (n), .place = PLACE_EXPORT, .inside = PLACE_NONE, .mode = 0444,            \
		.there = there_export_format, .open = handle_open_export,                          \
		.size = handle_size_export, .costly = true                                         \
	}

const struct reserved reserved_table[] = {
	DIR_ROW(".dbmount", PLACE_ROOT, PLACE_DBMOUNT, NULL, "the daemon's own files"),
	FILE_ROW(".errors", PLACE_ROOT, 0444, NULL, text_errors, NULL, NULL,
		"what was refused anywhere in the mount, and why"),
	FILE_ROW(".help", PLACE_ROOT, 0444, NULL, text_help, NULL, NULL, "this text"),
	FILE_ROW("README", PLACE_ROOT, 0444, NULL, text_readme, NULL, NULL, NULL),

	VIEWS_ROW(".at", ENGINE_HAS_TIMES, ENGINE_VIEW_TIME,
		"this tree as it was at a time: .at/2026-11-23T02:00:00Z/, read-only"),
	VIEWS_ROW(".clusters", ENGINE_HAS_CLUSTERS, ENGINE_VIEW_CLUSTER,
		"the service's other clusters, each a tree like this one; mkdir makes one"),
	FEATURE_ROW(".control", 0644, ENGINE_HAS_CONTROL, control_text, handle_open_control, NULL,
		"write a command line to run it; read it for the commands and last results"),
	FILE_ROW(".errors", PLACE_DATA, 0444, there_errors, text_errors, NULL, NULL,
		"what was refused here and below, and why"),
	FEATURE_ROW(".events", 0444, ENGINE_HAS_CONTROL, NULL, handle_open_log, handle_size_log,
		"what happened, a line an event; tail -f works"),
	DIR_ROW(".export", PLACE_DATA, PLACE_EXPORT, there_export,
		"everything below as one file: read .export/<format>"),
	FILE_ROW(".help", PLACE_DATA, 0444, NULL, text_help, NULL, NULL, "this text"),
	DIR_ROW(".import", PLACE_DATA, PLACE_IMPORT, there_import,
		"loads a file in one transaction: cp FILE .import/append|upsert|replace/<format>"),
	DIR_ROW(".query", PLACE_DATA, PLACE_QUERY, there_query,
		"saved queries, and their results by name"),
	DIR_ROW(".rejected", PLACE_DATA, PLACE_REJECTED, there_writable,
		"the texts that were refused here, as they were written"),
	VIEWS_ROW(".replicas", ENGINE_HAS_REPLICAS, ENGINE_VIEW_REPLICA,
		"each replica as a tree of its own, with .status and .control; mv promotes one"),
	{.name = "",
		.place = PLACE_DATA,
		.inside = PLACE_DATA,
		.mode = 0755,
		.view = ENGINE_VIEW_ROOM,
		.there = there_rooms,
		.nth = nth_room},
	LEVEL_ROW(0644, there_texts, nth_writable_text, text_named, handle_open_named, NULL),
	LEVEL_ROW(0444, there_texts, nth_read_text, text_named, NULL, NULL),
	LEVEL_ROW(0644, there_script, nth_script, text_script, handle_open_script, NULL),
	LEVEL_ROW(0444, there_feed, nth_feed, NULL, handle_open_feed, handle_size_feed),
	VIEWS_ROW(".snapshots", ENGINE_HAS_SNAPSHOTS, ENGINE_VIEW_SNAPSHOT,
		"each snapshot as a read-only copy of this tree"),
	FEATURE_ROW(".status", 0444, ENGINE_HAS_STATUS, text_status, NULL, NULL,
		"state, counts and sizes as JSON"),

	FILE_ROW("config", PLACE_DBMOUNT, 0444, NULL, text_config, NULL, NULL, NULL),
	FILE_ROW("errors", PLACE_DBMOUNT, 0444, NULL, text_errors, NULL, NULL, NULL),
	FILE_ROW("log", PLACE_DBMOUNT, 0444, NULL, NULL, handle_open_log, handle_size_log, NULL),
	FILE_ROW("metrics", PLACE_DBMOUNT, 0444, NULL, text_metrics, NULL, NULL, NULL),
	FILE_ROW("version", PLACE_DBMOUNT, 0444, NULL, text_version, NULL, NULL, NULL),

	DIR_ROW("append", PLACE_IMPORT, PLACE_IMPORT_MODE, NULL, NULL),
	DIR_ROW("replace", PLACE_IMPORT, PLACE_IMPORT_MODE, NULL, NULL),
	DIR_ROW("upsert", PLACE_IMPORT, PLACE_IMPORT_MODE, NULL, NULL),
	IMPORT_FORMAT("csv"),
	IMPORT_FORMAT("ejson"),
	IMPORT_FORMAT("ejsonl"),
	IMPORT_FORMAT("json"),
	IMPORT_FORMAT("jsonl"),
	IMPORT_FORMAT("tsv"),
	EXPORT_FORMAT("csv"),
	EXPORT_FORMAT("ejson"),
	EXPORT_FORMAT("ejsonl"),
	EXPORT_FORMAT("json"),
	EXPORT_FORMAT("jsonl"),
	EXPORT_FORMAT("tsv"),
	EXPORT_FORMAT("yaml"),
	{.name = NULL},
};

/* The row's i-th name, if the row is there at all; false behind the last. */
static bool entry_of(const struct reserved *row, unsigned i, const struct reserved_scope *scope,
	struct reserved_entry *out)
{
	if (row->there != NULL && !row->there(row, scope)) {
		return false;
	}
	*out = (struct reserved_entry){.row = row, .name = row->name, .help = row->help};
	if (row->nth == NULL) {
		return i == 0;
	}
	out->name = row->nth(scope->level, i, &out->help);
	return out->name != NULL;
}

const struct reserved *reserved_find(
	enum reserved_place place, const char *name, const struct reserved_scope *scope)
{
	struct reserved_entry e;
	for (const struct reserved *r = reserved_table; r->name != NULL; r++) {
		for (unsigned i = 0; r->place == place && entry_of(r, i, scope, &e); i++) {
			if (strcmp(e.name, name) == 0) {
				return r;
			}
		}
	}
	return NULL;
}

bool reserved_next(enum reserved_place place, const char *after, const struct reserved_scope *scope,
	struct reserved_entry *out)
{
	struct reserved_entry e;
	bool found = false;
	for (const struct reserved *r = reserved_table; r->name != NULL; r++) {
		for (unsigned i = 0; r->place == place && entry_of(r, i, scope, &e); i++) {
			if ((after == NULL || strcmp(e.name, after) > 0) &&
				(!found || strcmp(e.name, out->name) < 0)) {
				*out = e;
				found = true;
			}
		}
	}
	return found;
}

const char *reserved_views(enum engine_view_kind kind)
{
	const struct reserved *r = reserved_table;
	while (r->name != NULL && (r->inside != PLACE_VIEWS || r->view != kind)) {
		r++;
	}
	return r->name;
}

bool reserved_known(const char *name)
{
	static const char *const more[] = {".ttl", ".index", ".by", ".where", ".order", ".columns",
		".first", ".last", ".sample", ".regions", ".tx", ".sql", ".stream", ".new",
		".schema", ".update", ".indexes", ".changes", ".tables", ".meta", ".channels",
		".patterns", ".scripts", ".exec", NULL};
	if (reserved_in_list(more, name)) {
		return true;
	}
	for (const struct reserved *r = reserved_table; r->name != NULL; r++) {
		if (r->place == PLACE_DATA && strcmp(r->name, name) == 0) {
			return true;
		}
	}
	return false;
}

enum reserved_place reserved_place_of(const struct node *dir)
{
	enum node_type type = dir->type; /* clang 14 takes no atomic in switch */
	switch (type) {
	case NODE_ROOT: return PLACE_ROOT;
	case NODE_KEY: return PLACE_DATA;
	case NODE_RESERVED: return node_row(dir)->inside;
	case NODE_SIDE: break;
	}
	return PLACE_NONE;
}
