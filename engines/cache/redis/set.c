/* A set as a directory: an empty file a member. */
#include <errno.h>

#include "engines/cache/redis/elements.h"

static int parse(struct slice text, struct redis_value *out, struct err *err)
{
	*out = (struct redis_value){0};
	if (text.n > 0) {
		return err_set(err, EINVAL,
			"the file of a set's member is empty: its name is all there is (found %zu "
			"bytes); to make one: touch NAME",
			text.n);
	}
	return 0;
}

static void print(const struct redis_value *value, struct buf *out)
{
	(void)value;
	(void)out;
}

const struct redis_elements redis_set_elements = {
	.type = REDIS_SET,
	.find = "SELECT member, version, mtime, 0 FROM member WHERE key = ?1 AND member = ?2",
	.find_size = "SELECT member, version, mtime FROM member WHERE key = ?1 AND member = ?2",
	.list = "SELECT member, version, mtime FROM member"
		" WHERE key = ?1 AND member > ?2 ORDER BY member",
	.list_all = "SELECT member, version, mtime FROM member WHERE key = ?1 ORDER BY member",
	.from = "SELECT member, version, mtime FROM member"
		" WHERE key = ?1 AND member >= ?2 ORDER BY member",
	.skip = "SELECT member, version, mtime FROM member"
		" WHERE key = ?1 AND member >= ?2 ORDER BY member LIMIT 1 OFFSET ?3",
	.last = "SELECT member, version, mtime FROM member"
		" WHERE key = ?1 ORDER BY member DESC LIMIT 1",
	.insert = "INSERT INTO member(key, member, version, mtime) VALUES(?1, ?2, ?3, ?4)",
	.update = "UPDATE member SET version = ?3, mtime = ?4 WHERE key = ?1 AND member = ?2",
	.remove = "DELETE FROM member WHERE key = ?1 AND member = ?2",
	.move = "UPDATE member SET member = ?5, version = ?3, mtime = ?4"
		" WHERE key = ?1 AND member = ?2",
	.adopt = "UPDATE member SET key = ?2, version = ?3, mtime = ?4 WHERE key = ?1",
	.drop = "DELETE FROM member WHERE key = ?1",
	.copy = "INSERT INTO member(key, member, version, mtime)"
		" SELECT ?2, member, ?3, ?4 FROM member WHERE key = ?1",
	.parse = parse,
	.print = print,
};

static int check(struct slice element, struct err *err)
{
	(void)element;
	(void)err;
	return 0;
}

static int check_text(struct slice element, struct slice text, struct err *err)
{
	return redis_elements_check_text(&redis_set_elements, element, text, err);
}

const struct redis_type_ops redis_set_type = {
	.name = "set",
	.suffix = ".set",
	.noun = "member",
	.help = "A set: an empty file a member. The list goes in byte order. Removing the last "
		"member removes the set, mv puts another member in one's place.\n"
		"\n"
		"  touch red                   SADD\n"
		"  rm red                      SREM\n"
		"  test -e red                 SISMEMBER\n"
		"  cat .export/json            all of it, as one JSON array\n",
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
