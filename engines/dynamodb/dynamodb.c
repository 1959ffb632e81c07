/* What a DynamoDB path means, whatever keeps the data. */
#include "engines/dynamodb/dynamodb.h"

#include <stdlib.h>

#include "engines/common/cleanup.h"

static const char *const item_suffixes[] = {".json", ".ddb.json"};
const struct name_rules ddb_item_names = {item_suffixes, 2};

static const struct engine_form item_forms[] = {
	{".json", "the item as plain JSON"},
	{".ddb.json", "the item in DynamoDB JSON"},
};

static const char *const transfer_formats[] = {"json", "jsonl", NULL};

/* ---- paths ---- */

int ddb_kind_of(const struct epath *path, const struct ddb_key_schema *schema, enum ddb_kind *out,
	struct err *err)
{
	unsigned item_depth = schema->has_range ? 3 : 2;

	if (path->depth > item_depth) {
		return err_set(err, ENOTDIR, "an item is a file, nothing lies below it");
	}
	if (path->depth == item_depth) {
		*out = DDB_ITEM;
	} else {
		*out = path->depth == 2 ? DDB_PART : DDB_TABLE;
	}
	return 0;
}

void ddb_path_keys(const struct epath *path, const struct ddb_key_schema *schema,
	struct slice *hash, struct slice *range)
{
	*hash = path->depth > 1 ? path->key[1] : (struct slice){0};
	*range = schema->has_range && path->depth > 2 ? path->key[2] : (struct slice){0};
}

const char *ddb_path_text(const struct epath *path, struct buf *scratch)
{
	for (unsigned i = 0; i < path->depth; i++) {
		if (i > 0) {
			buf_putc(scratch, '/');
		}
		name_escape(path->key[i], scratch);
	}
	return buf_cstr(scratch);
}

/* ---- levels ---- */

static void level_service(struct engine_level *out)
{
	out->noun = "service";
	out->child_noun = "table";
	out->child = ENGINE_DIR;
	out->names = NAME_RULES_DIR;
	out->features = ENGINE_HAS_STATUS;
	out->help = "Each directory is a table. mkdir creates one with keys pk and sk (both S); "
		    "'create-table' in .control takes other keys; rmdir removes an empty one.";
}

static void level_items(struct engine_level *out)
{
	out->child_noun = "item";
	out->child = ENGINE_FILE;
	out->names = ddb_item_names;
	out->forms = item_forms;
	out->n_forms = 2;
}

static const struct engine_text table_texts[] = {
	{".schema", "how it is defined; writing one in a new directory defines it", true},
	{NULL, NULL, false},
};

static void level_table(const struct ddb_key_schema *schema, struct engine_level *out)
{
	out->noun = "table";
	out->features = ENGINE_HAS_STATUS;
	out->texts = table_texts;
	out->export_formats = transfer_formats;
	if (!schema->has_range) {
		level_items(out);
		out->help = "Each file is an item; its name is the partition key. What you save "
			    "replaces the item.";
		return;
	}
	out->child_noun = "partition";
	out->child = ENGINE_DIR;
	out->names = NAME_RULES_DIR;
	out->help = "Each directory is a partition: the items of one partition key. It appears "
		    "with its first item; mkdir makes an empty one.";
}

static void level_part(struct engine_level *out)
{
	out->noun = "partition";
	out->features = ENGINE_HAS_STATUS;
	out->export_formats = transfer_formats;
	level_items(out);
	out->help = "Each file is an item; its name is the sort key. What you save replaces the "
		    "item; mv gives it another key.";
}

/* What only the living tree offers. */
static void level_add_writing(enum ddb_kind kind, struct engine_level *out)
{
	if (kind != DDB_PART) {
		out->features |= ENGINE_HAS_CONTROL | ENGINE_HAS_SNAPSHOTS;
	}
	if (out->child == ENGINE_DIR) {
		out->features |= ENGINE_HAS_MKDIR;
	}
	if (kind != DDB_SERVICE) {
		out->import_formats = transfer_formats;
	}
}

void ddb_level(enum ddb_kind kind, const struct ddb_key_schema *schema, const struct ddb_look *look,
	struct engine_level *out)
{
	*out = (struct engine_level){0};
	if (kind == DDB_SERVICE) {
		level_service(out);
	} else if (kind == DDB_TABLE) {
		level_table(schema, out);
	} else {
		level_part(out);
	}
	if (!look->fixed) {
		level_add_writing(kind, out);
	}
	out->listed_form = look->typed && out->n_forms > 1 ? DDB_TYPED : DDB_PLAIN;
}

/* ---- words ---- */

static bool name_char(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '.' || c == '-';
}

static bool name_chars(struct slice name)
{
	for (size_t i = 0; i < name.n; i++) {
		if (!name_char((unsigned char)name.p[i])) {
			return false;
		}
	}
	return name.n > 0;
}

/* The service joins all that is wrong, with the count in front. */
int ddb_check_name(const char *member, struct slice name, struct err *err)
{
	CLEANUP(buf_free) struct buf shown = BUF_INIT;
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	unsigned wrong = 0;

	name_escape(name, &shown);
	if (!name_chars(name)) {
		wrong++;
		buf_printf(&text,
			"Value '%s' at '%s' failed to satisfy constraint: Member must "
			"satisfy regular expression pattern: [a-zA-Z0-9_.-]+",
			buf_cstr(&shown), member);
	}
	if (name.n < DDB_NAME_MIN || name.n > DDB_NAME_MAX) {
		bool brief = name.n < DDB_NAME_MIN;
		buf_puts(&text, wrong++ > 0 ? "; " : "");
		buf_printf(&text,
			"Value '%s' at '%s' failed to satisfy constraint: Member must "
			"have length %s than or equal to %d",
			buf_cstr(&shown), member, brief ? "greater" : "less",
			brief ? DDB_NAME_MIN : DDB_NAME_MAX);
	}
	if (wrong == 0) {
		return 0;
	}
	return err_set(err, EINVAL, "%u validation error%s detected: %s", wrong,
		wrong == 1 ? "" : "s", buf_cstr(&text));
}

int ddb_no_table(struct slice name, struct err *err)
{
	CLEANUP(buf_free) struct buf shown = BUF_INIT;

	name_escape(name, &shown);
	return err_set(
		err, ENOENT, "Requested resource not found: Table: %s not found", buf_cstr(&shown));
}

int ddb_no_path(const struct epath *path, struct err *err)
{
	CLEANUP(buf_free) struct buf shown = BUF_INIT;

	return err_set(
		err, ENOENT, "Requested resource not found: %s", ddb_path_text(path, &shown));
}

int ddb_key_def_parse(const char *text, struct ddb_key_def *out, struct err *err)
{
	const char *colon = strrchr(text, ':');
	size_t n = colon != NULL ? (size_t)(colon - text) : 0;

	if (n == 0) {
		return err_set(err, EINVAL,
			"'%s' is no key: NAME:TYPE is expected, with TYPE one of S, N, B", text);
	}
	if (n > DDB_KEY_NAME_MAX || !utf8_valid(slice_make(text, n))) {
		return err_set(err, EINVAL,
			"the key attribute's name must be UTF-8 of at most %d bytes, found %zu",
			DDB_KEY_NAME_MAX, n);
	}
	for (enum ddb_type type = DDB_S; type <= DDB_B; type++) {
		if (strcmp(colon + 1, ddb_type_names[type]) == 0) {
			*out = (struct ddb_key_def){.type = type};
			memcpy(out->name, text, n);
			return 0;
		}
	}
	return err_set(err, EINVAL, "'%s' is no key type: S, N or B is expected", colon + 1);
}

static bool key_def_equal(const struct ddb_key_def *a, const struct ddb_key_def *b)
{
	return a->type == b->type && strcmp(a->name, b->name) == 0;
}

bool ddb_schema_equal(const struct ddb_key_schema *a, const struct ddb_key_schema *b)
{
	return a->has_range == b->has_range && key_def_equal(&a->hash, &b->hash) &&
	       (!a->has_range || key_def_equal(&a->range, &b->range));
}

void ddb_schema_words(const struct ddb_key_schema *schema, struct buf *out)
{
	buf_printf(out, "%s:%s", schema->hash.name, ddb_type_names[schema->hash.type]);
	if (schema->has_range) {
		buf_printf(out, " %s:%s", schema->range.name, ddb_type_names[schema->range.type]);
	}
}
