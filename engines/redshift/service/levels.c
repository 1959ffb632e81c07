/* What the directories of the service mean. */
#include "engines/redshift/service/service.h"

static const char *const table_suffixes[] = {".csv", ".jsonl", ".parquet"};
static const struct engine_form table_forms[REDSHIFT_FORMS] = {
	[REDSHIFT_CSV] = {".csv", "all rows, a header first; '>' replaces all, '>>' adds"},
	[REDSHIFT_JSONL] = {".jsonl", "all rows, an object a line"},
	[REDSHIFT_PARQUET] = {".parquet", "all rows as Parquet (driver duckdb)"},
};
static const struct name_rules table_names = {table_suffixes, REDSHIFT_FORMS};

static const struct engine_form slice_forms[] = {{".csv", "the rows of one slice"}};
static const struct name_rules slice_names = {table_suffixes, 1};

static const char *const json_suffixes[] = {".json"};
static const struct engine_form error_forms[] = {
	{".json", "the rows that the last load with such rejected, and why"}};
static const struct name_rules error_names = {json_suffixes, 1};

static const struct engine_script scripts[] = {
	{".sql", "runs the SQL written to it, in one transaction; reading it gives the report",
		false},
	{NULL, NULL, false},
};
static const struct engine_room cluster_rooms[] = {
	{".lake", "directories as s3:// and as tables: 'map NAME DIRECTORY' in its .control"},
	{NULL, NULL},
};
static const struct engine_room table_rooms[] = {
	{".slices", "the rows of each slice, and how evenly they lie"},
	{".load", "what is copied there is loaded: .csv .tsv .txt .json .parquet, .gz .bz2 .zst"},
	{NULL, NULL},
};
static const struct engine_room fixed_rooms[] = {
	{".slices", "the rows of each slice, and how evenly they lie"},
	{NULL, NULL},
};
static const struct engine_text texts[] = {
	{".schema", "its CREATE TABLE; writing one into an empty table defines it anew", true},
	{".stats", "rows, slices, skew, what ANALYZE found", false},
	{NULL, NULL, false},
};
static const struct engine_text fixed_texts[] = {
	{".schema", "its CREATE TABLE", false},
	{".stats", "rows, slices, skew, what ANALYZE found", false},
	{NULL, NULL, false},
};

static void level_service(bool view, struct engine_level *out)
{
	*out = (struct engine_level){.noun = "service",
		.child_noun = "cluster",
		.child = ENGINE_DIR,
		.names = NAME_RULES_DIR};
	if (view) {
		out->features = ENGINE_IS_FIXED;
		return;
	}
	out->features =
		ENGINE_HAS_CONTROL | ENGINE_HAS_STATUS | ENGINE_HAS_SNAPSHOTS | ENGINE_HAS_MKDIR;
	out->help = "Each directory is a cluster of a leader and compute nodes. mkdir creates one; "
		    "'create NAME nodes=N slices=M' in .control takes more. rmdir removes one "
		    "without tables. .snapshots/ holds the snapshots of all clusters, of those "
		    "that are gone too: 'restore NAME as NEW' in .control.";
}

static void level_cluster(bool view, struct engine_level *out)
{
	*out = (struct engine_level){.noun = "cluster",
		.child_noun = "table",
		.child = ENGINE_DIR,
		.names = NAME_RULES_DIR,
		.features = ENGINE_HAS_STATUS,
		.query = &redshift_query_names};
	out->help =
		"Each directory is a table (SCHEMA.TABLE when its schema is not public). SQL in "
		"Redshift's dialect: write it to .sql, or a SELECT to .query/NAME.sql and read "
		".query/NAME.csv, .json, .txt or .plan. COPY reads s3://NAME/... from the "
		"directory that .lake maps as NAME. mkdir makes a table with one column, id; "
		"its .schema takes another definition.";
	if (view) {
		out->features |= ENGINE_IS_FIXED;
		out->help = "A snapshot: what the cluster held then. It can be read and queried.";
		return;
	}
	out->features |= ENGINE_HAS_CONTROL | ENGINE_HAS_SNAPSHOTS | ENGINE_HAS_MKDIR;
	out->scripts = scripts;
	out->rooms = cluster_rooms;
}

static void level_table(bool view, struct engine_level *out)
{
	*out = (struct engine_level){.noun = "table",
		.child_noun = "form",
		.child = ENGINE_FILE,
		.names = table_names,
		.forms = table_forms,
		.n_forms = REDSHIFT_FORMS,
		.listed_form = REDSHIFT_CSV,
		.features = ENGINE_HAS_STATUS | ENGINE_HAS_STREAMS | ENGINE_TAKES_EMPTY,
		.texts = view ? fixed_texts : texts,
		.rooms = view ? fixed_rooms : table_rooms};
	out->help = "data.csv is the whole table, and so are data.jsonl and data.parquet, which "
		    "are not listed. 'cp FILE .load/' loads a file, .load/errors.json tells which "
		    "rows were bad.";
	out->features |= view ? ENGINE_IS_FIXED : 0;
}

static void level_slices(struct engine_level *out)
{
	*out = (struct engine_level){.noun = "table",
		.child_noun = "slice",
		.child = ENGINE_FILE,
		.names = slice_names,
		.forms = slice_forms,
		.n_forms = 1,
		.features = ENGINE_HAS_STATUS | ENGINE_HAS_STREAMS | ENGINE_IS_FIXED,
		.help = "N.csv is what slice N holds; .status how many rows each has, and the "
			"skew."};
}

static void level_load(struct engine_level *out)
{
	*out = (struct engine_level){.noun = "table",
		.child_noun = "report",
		.child = ENGINE_FILE,
		.names = error_names,
		.forms = error_forms,
		.n_forms = 1,
		.features = ENGINE_HAS_LOADS,
		.help = "What is copied here is loaded, in one transaction: the name says the "
			"format. errors.json tells what was wrong with the last load that failed."};
}

int redshift_level(void *ctx, const struct epath *path, struct engine_level *out, struct err *err)
{
	const struct redshift_view *v = ((const struct redshift *)ctx)->view;
	bool fixed = v != NULL && v->copy != NULL;

	if (path->depth == 0) {
		level_service(v != NULL, out);
		return 0;
	}
	if (v != NULL && v->room == REDSHIFT_LAKE) {
		redshift_lake_level(path, out);
		return path->depth <= 3 ? 0 : err_set(err, ENOTDIR, "that is a file");
	}
	switch (path->depth) {
	case 1: level_cluster(v != NULL, out); return 0;
	case 2:
		if (v != NULL && v->room == REDSHIFT_SLICES_OF) {
			level_slices(out);
		} else if (v != NULL && v->room == REDSHIFT_LOAD) {
			level_load(out);
		} else {
			level_table(fixed, out);
		}
		return 0;
	default: return err_set(err, ENOTDIR, "that is a file");
	}
}
