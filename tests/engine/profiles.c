#include "tests/engine/profiles.h"

#include "engines/cache/service.h"
#include "engines/docdb/docdb.h"
#include "engines/dynamodb/dynamodb.h"
#include "engines/rds/rds.h"
#include "tests/engine/toy.h"

/* Texts of many lengths, so that sizes differ. */
static void json_document(unsigned n, struct buf *out)
{
	buf_printf(out, "{\"n\": %u, \"pad\": \"%.*s\", \"list\": [1, {\"a\": null}]}", n,
		(int)(n % 23), "abcdefghijklmnopqrstuvw");
}

/* A table whose items are its only level. */
static int make_hash_only(struct engine *e, const struct epath *path, struct err *err)
{
	struct buf out = BUF_INIT;
	struct buf line = BUF_INIT;
	struct epath root = {0};
	buf_puts(&line, "create-table ");
	buf_append_slice(&line, path->key[0]);
	buf_puts(&line, " id:S");
	int r = engine_command(e, &root, buf_slice(&line), &out, err);
	buf_free(&line);
	buf_free(&out);
	return r;
}

static void row_document(unsigned n, struct buf *out)
{
	buf_printf(
		out, "{\"n\": %u, \"pad\": \"%.*s\"}", n, (int)(n % 23), "abcdefghijklmnopqrstuvw");
}

/* An instance; a table with a text as key. */
static int make_rds(struct engine *e, const struct epath *path, struct err *err)
{
	struct epath instance = {1, {path->key[0]}};
	struct engine_import *i = NULL;
	struct buf sql = BUF_INIT;
	struct buf report = BUF_INIT;
	if (path->depth == 1) {
		return engine_mkdir(e, path, err);
	}
	buf_printf(&sql,
		"CREATE TABLE \"%.*s\"(k TEXT PRIMARY KEY NOT NULL,"
		" n INTEGER NOT NULL, pad TEXT);",
		(int)path->key[1].n, path->key[1].p);
	int r = engine_import_open(e, &instance, "run", "sql", &i, err);
	if (r == 0) {
		r = engine_import_feed(i, buf_slice(&sql), err);
		r = r == 0 ? engine_import_finish(i, &report, err) : r;
	}
	buf_free(&sql);
	buf_free(&report);
	return r;
}

static const char *const string_keys[] = {"a", "b", "B", "a/b", ".hidden", "..", "%41", "%", "x y",
	"\"q\"", "-n", "tab\there", "new\nline", "a.json", "a.ddb", "a.line", "a.ddb.json",
	"\xc3\xa9t\xc3\xa9", "\xf0\x9f\x98\x80", "~", "%~", "README", NULL};

/* Of types: a number, an ObjectId, a truth value, and strings that would read as such. */
static const char *const id_keys[] = {"a", "b", "B", "a/b", ".hidden", "..", "%41", "%", "x y", "7",
	"-7.5", "\"7\"", "507f1f77bcf86cd799439011", "true", "\"true\"", "-n", "tab\there",
	"new\nline", "a.json", "a.ejson", "\xc3\xa9t\xc3\xa9", "\xf0\x9f\x98\x80", "~", "%~",
	"README", NULL};

/* A hash's key begins with the number of its form (cache/redis/type.h). */
#define HASH_OF(name) "\1" name

const struct profile profiles[] = {
	{
		.name = "cache/sqlite",
		.ops = &cache_sqlite_ops,
		.depth = 3,
		.container = {"sessions", HASH_OF("things")},
		.beside = {"sessions2", HASH_OF("others")},
		.implied = 2,
		.document = json_document, /* as any other text */
		.keys = string_keys,
		.long_key = 1000,
		.dir_key = "fresh",
		.on_sqlite = true,
		.script = "HSET things made 5\n",
		.bad_script = "HSET things made 5\nNOSUCH 6\n",
	},
	{
		.name = "dynamodb/sqlite",
		.ops = &dynamodb_sqlite_ops,
		.depth = 3,
		.container = {"Users", "user-1"},
		.beside = {"Others", "user-2"},
		.implied = 2,
		.far = true,
		.document = json_document,
		.invalid = "{\"n\": 1, oops",
		.unfinished = "{\"n\": 1, ",
		.other_key = "{\"sk\": \"zzz\", \"n\": 5}",
		.keys = string_keys,
		.long_key = 1000,
		.too_long_key = 1025,
		.dir_key = "Fresh",
		.on_sqlite = true,
	},
	{
		.name = "dynamodb/sqlite without sort key",
		.ops = &dynamodb_sqlite_ops,
		.depth = 2,
		.container = {"Flat"},
		.beside = {"Flat2"},
		.implied = 2,
		.far = true,
		.make = make_hash_only,
		.document = json_document,
		.invalid = "{\"n\": 1, oops",
		.unfinished = "{\"n\": 1, ",
		.other_key = "{\"id\": \"zzz\", \"n\": 5}",
		.keys = string_keys,
		.long_key = 2000,
		.too_long_key = 2049,
		.dir_key = "Fresh",
		.on_sqlite = true,
	},
	{
		.name = "rds/sqlite",
		.ops = &rds_sqlite_ops,
		.depth = 3,
		.container = {"shop", "Things"},
		.beside = {"shop2", "Others"},
		.implied = 3,
		.make = make_rds,
		.document = row_document,
		.invalid = "{\"n\": 1, oops",
		.unfinished = "{\"n\": 1, ",
		.other_key = "{\"k\": \"zzz\", \"n\": 5}",
		.keys = string_keys,
		.long_key = 1000,
		.dir_key = "fresh",
		.on_sqlite = true,
	},
	{
		.name = "docdb/sqlite",
		.ops = &docdb_sqlite_ops,
		.depth = 2,
		.container = {"things"},
		.beside = {"others"},
		.implied = 2,
		.document = json_document,
		.invalid = "{\"n\": 1, oops",
		.unfinished = "{\"n\": 1, ",
		.other_key = "{\"_id\": \"zzz\", \"n\": 5}",
		.keys = id_keys,
		.long_key = 1000,
		.dir_key = "fresh",
		.on_sqlite = true,
		.query = "{\"filter\": {}}\n",
		.bad_query = "{\"fliter\": {}}\n",
		.script = "{\"_id\": \"made\", \"n\": 5}\n",
		.bad_script = "{\"_id\": \"made\", \"n\": 5, \"n\": 6}\n",
	},
	{
		.name = "toy/memory",
		.ops = &toy_memory_ops,
		.depth = 2,
		.container = {"box"},
		.beside = {"other box"},
		.implied = 2,
		.document = json_document,
		.invalid = "{\"n\": 1, oops",
		.unfinished = "{\"n\": 1, ",
		.keys = string_keys,
		.long_key = 500,
		.too_long_key = 601,
		.dir_key = "fresh",
		.query = "keys\n",
		.bad_query = "kyes\n",
		.script = "set made {\"n\": 5}\n",
		.bad_script = "set made {\"n\": 5}\nsett made {}\n",
	},
};
const unsigned n_profiles = sizeof(profiles) / sizeof(profiles[0]);
