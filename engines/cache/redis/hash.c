/* A hash as a directory: a file a field, which holds the value's bytes as they are. */
#include <errno.h>

#include "engines/cache/redis/elements.h"
#include "engines/cache/redis/json_text.h"

static int parse(struct slice text, struct redis_value *out, struct err *err)
{
	(void)err;
	*out = (struct redis_value){.text = text};
	return 0;
}

static void print(const struct redis_value *value, struct buf *out)
{
	buf_append_slice(out, value->text);
}

static void print_json(const struct redis_value *value, struct buf *out)
{
	redis_json_text_put(out, value->text);
}

const struct redis_elements redis_hash_elements = {
	.type = REDIS_HASH,
	.find = "SELECT field, version, mtime, value FROM hash WHERE key = ?1 AND field = ?2",
	.find_size = "SELECT field, version, mtime, length(value) FROM hash"
		     " WHERE key = ?1 AND field = ?2",
	.list = "SELECT field, version, mtime, length(value) FROM hash"
		" WHERE key = ?1 AND field > ?2 ORDER BY field",
	.list_all = "SELECT field, version, mtime, length(value) FROM hash WHERE key = ?1 ORDER BY "
		    "field",
	.from = "SELECT field, version, mtime, value FROM hash"
		" WHERE key = ?1 AND field >= ?2 ORDER BY field",
	.skip = "SELECT field, version, mtime, value FROM hash"
		" WHERE key = ?1 AND field >= ?2 ORDER BY field LIMIT 1 OFFSET ?3",
	.last = "SELECT field, version, mtime, length(value) FROM hash"
		" WHERE key = ?1 ORDER BY field DESC LIMIT 1",
	.insert = "INSERT INTO hash(key, field, version, mtime, value) VALUES(?1, ?2, ?3, ?4, ?5)",
	.update = "UPDATE hash SET version = ?3, mtime = ?4, value = ?5"
		  " WHERE key = ?1 AND field = ?2",
	.remove = "DELETE FROM hash WHERE key = ?1 AND field = ?2",
	.move = "UPDATE hash SET field = ?5, version = ?3, mtime = ?4"
		" WHERE key = ?1 AND field = ?2",
	.adopt = "UPDATE hash SET key = ?2, version = ?3, mtime = ?4 WHERE key = ?1",
	.drop = "DELETE FROM hash WHERE key = ?1",
	.copy = "INSERT INTO hash(key, field, version, mtime, value)"
		" SELECT ?2, field, ?3, ?4, value FROM hash WHERE key = ?1",
	.parse = parse,
	.print = print,
	.print_json = print_json,
};

static int check(struct slice element, struct err *err)
{
	(void)element;
	(void)err;
	return 0;
}

static int check_text(struct slice element, struct slice text, struct err *err)
{
	return redis_elements_check_text(&redis_hash_elements, element, text, err);
}

const struct redis_type_ops redis_hash_type = {
	.name = "hash",
	.suffix = ".hash",
	.noun = "field",
	.help = "A hash: a file a field, which holds the value as it is, byte for byte. Removing "
		"the last field removes the hash, mv gives a field another name. The list goes in "
		"byte order of the fields.\n"
		"\n"
		"  printf %s Ada > name        HSET, the value is Ada (echo would add a line end)\n"
		"  rm name                     HDEL\n"
		"  cat .export/json            all of it, as one JSON object\n",
	.check = check,
	.check_text = check_text,
	.stat = redis_elements_stat,
	.list = redis_elements_list,
	.read = redis_elements_read,
	.write = redis_elements_write,
	.remove = redis_elements_remove,
	.rename = redis_elements_rename,
	.drop = redis_elements_drop,
	.copy = redis_elements_copy,
	.export_json = redis_elements_export,
	.import_json = redis_elements_import,
};
