/* A sorted set as a directory: a file a member, which holds its score as a line of text. */
#include <errno.h>
#include <math.h>

#include "engines/cache/redis/elements.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct slice trim(struct slice text)
{
	while (text.n > 0 && is_blank(text.p[0])) {
		text = slice_make(text.p + 1, text.n - 1);
	}
	while (text.n > 0 && is_blank(text.p[text.n - 1])) {
		text.n--;
	}
	return text;
}

static int parse(struct slice text, struct redis_value *out, struct err *err)
{
	*out = (struct redis_value){0};
	return redis_arg_double(trim(text), &out->score, err);
}

static void print(const struct redis_value *value, struct buf *out)
{
	redis_print_double(value->score, out);
	buf_putc(out, '\n');
}

/* JSON has no infinity: it is a string there. */
static void print_json(const struct redis_value *value, struct buf *out)
{
	const char *quote = isinf(value->score) ? "\"" : "";
	buf_puts(out, quote);
	redis_print_double(value->score, out);
	buf_puts(out, quote);
}

const struct redis_elements redis_zset_elements = {
	.type = REDIS_ZSET,
	.find = "SELECT member, version, mtime, score + 0 FROM score"
		" WHERE key = ?1 AND member = ?2",
	.find_size = "SELECT member, version, mtime, score FROM score"
		     " WHERE key = ?1 AND member = ?2",
	.list = "SELECT member, version, mtime, score FROM score"
		" WHERE key = ?1 AND member > ?2 ORDER BY member",
	.list_all =
		"SELECT member, version, mtime, score FROM score WHERE key = ?1 ORDER BY member",
	.from = "SELECT member, version, mtime, score FROM score"
		" WHERE key = ?1 AND member >= ?2 ORDER BY member",
	.skip = "SELECT member, version, mtime, score FROM score"
		" WHERE key = ?1 AND member >= ?2 ORDER BY member LIMIT 1 OFFSET ?3",
	.last = "SELECT member, version, mtime, score FROM score"
		" WHERE key = ?1 ORDER BY member DESC LIMIT 1",
	.insert = "INSERT INTO score(key, member, version, mtime, score)"
		  " VALUES(?1, ?2, ?3, ?4, ?5)",
	.update = "UPDATE score SET version = ?3, mtime = ?4, score = ?5"
		  " WHERE key = ?1 AND member = ?2",
	.remove = "DELETE FROM score WHERE key = ?1 AND member = ?2",
	.move = "UPDATE score SET member = ?5, version = ?3, mtime = ?4"
		" WHERE key = ?1 AND member = ?2",
	.adopt = "UPDATE score SET key = ?2, version = ?3, mtime = ?4 WHERE key = ?1",
	.drop = "DELETE FROM score WHERE key = ?1",
	.copy = "INSERT INTO score(key, member, version, mtime, score)"
		" SELECT ?2, member, ?3, ?4, score FROM score WHERE key = ?1",
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
	return redis_elements_check_text(&redis_zset_elements, element, text, err);
}

const struct redis_type_ops redis_zset_type = {
	.name = "zset",
	.suffix = ".zset",
	.noun = "member",
	.help = "A sorted set: a file a member, which holds its score as a line of text: 17, 1.5, "
		"1e+20, inf, -inf. The list goes in byte order of the members, which stays the "
		"same while scores change; ZRANGE gives them in order of scores. Removing the last "
		"member removes the sorted set, mv gives a score to another member.\n"
		"\n"
		"  echo 1.5 > ada                            ZADD\n"
		"  cat ada                                   ZSCORE\n"
		"  echo 'ZRANGE board 0 9 REV' > ../.exec    the ten best; cat ../.exec shows "
		"them\n"
		"  cat .export/json                          all of it, as one JSON object\n",
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
