/* Elements that have a name: the fields of a hash, the members of a set and of a sorted set. The
 * three differ in what a name stands for (bytes, nothing, a score); what is alike is written once
 * here, over a table of SQL texts for each (hash.c, set.c, zset.c).
 *
 * Cursors go in byte order of names, or what order says, and hold one row at a time, so a
 * collection may have millions of elements. */
#ifndef DBMOUNT_REDIS_ELEMENTS_H
#define DBMOUNT_REDIS_ELEMENTS_H

#include "engines/cache/redis/command.h"
#include "engines/cache/redis/type.h"

/* What a name stands for. */
struct redis_value {
	struct slice text; /* of a hash */
	double score;	   /* of a sorted set */
};

struct redis_element {
	struct slice name;
	uint64_t version;
	int64_t mtime_ns;
	uint64_t bytes; /* of the value: what it counts beside the name */
	struct redis_value value;
};

/* The texts: ?1 is the key's id, ?2 a name. Those that select give name, version, time, value; of
 * a hash the value's length where `sizes` is said. Each stands here once: which text it is tells
 * statements apart, so that one cursor can ask while another stands open. */
struct redis_elements {
	enum redis_type type;
	const char *find;
	const char *find_size; /* sizes */
	const char *list;      /* behind ?2; sizes */
	const char *list_all;  /* no ?2; sizes */
	const char *from;      /* from ?2 on */
	const char *skip;      /* from ?2 on, ?3 left out, one */
	const char *last;      /* the last one; no ?2 */
	const char *insert;    /* ?3 version, ?4 time, ?5 value */
	const char *update;
	const char *remove;
	const char *move;  /* ?3 version, ?4 time, ?5 its new name */
	const char *adopt; /* all of ?1 become those of ?2, whose version and time are ?3, ?4 */
	const char *drop;  /* all */
	const char *copy;  /* all, to ?2 as well, with ?3 version, ?4 time */
	/* The content of a file as a value: EINVAL. `out` may borrow from it. */
	int (*parse)(struct slice text, struct redis_value *out, struct err *err);
	/* and back. */
	void (*print)(const struct redis_value *value, struct buf *out);
	/* As a member of a JSON object; of a set: NULL. */
	void (*print_json)(const struct redis_value *value, struct buf *out);
};

extern const struct redis_elements redis_hash_elements;
extern const struct redis_elements redis_set_elements;
extern const struct redis_elements redis_zset_elements;
/* By a key's type; it has named elements. */
const struct redis_elements *redis_elements_of(enum redis_type type);

/* ---- one element (elements.c) ---- */

/* 1 and *out, 0: there is none. `text`: gets a hash's value, which out->value.text then is; NULL:
 * out->bytes is told, and no text. out->name is the name asked for. */
int redis_element_find(struct redis_txn *t, const struct redis_elements *e, int64_t key,
	struct slice name, struct buf *text, struct redis_element *out, struct err *err);
/* Puts it where `old` (NULL: nothing) was, gives it a version and a time, counts it in *key, which
 * is not saved. `out` may be NULL, and may be `old`. */
int redis_element_put(struct redis_txn *t, const struct redis_elements *e, struct redis_key *key,
	const struct redis_element *old, struct slice name, const struct redis_value *value,
	struct redis_element *out, struct err *err);
/* One that was found. */
int redis_element_remove(struct redis_txn *t, const struct redis_elements *e, struct redis_key *key,
	const struct redis_element *old, struct err *err);
/* Finds and removes: 1 it was there, 0. */
int redis_element_take(struct redis_txn *t, const struct redis_elements *e, struct redis_key *key,
	struct slice name, struct err *err);
/* Of a value, what it counts. */
uint64_t redis_value_bytes(const struct redis_elements *e, const struct redis_value *value);

/* ---- many ---- */

/* Non-zero ends it and is returned. The element is borrowed for the call; the collection is not
 * to be changed in it. */
typedef int redis_element_fn(void *arg, const struct redis_element *element, struct err *err);
/* From `from` on (NULL: all), in byte order of names. */
int redis_elements_each(struct redis_txn *t, const struct redis_elements *e, int64_t key,
	const struct slice *from, redis_element_fn *fn, void *arg, struct err *err);
/* redis_long_add() of each. */
int redis_elements_note_long(
	struct redis_txn *t, const struct redis_elements *e, int64_t key, struct err *err);
/* The name of the first or the last. */
int redis_element_end(struct redis_txn *t, const struct redis_elements *e, int64_t key, bool last,
	struct buf *name, struct err *err);
/* What a statement that selects stands on. */
void redis_element_row(
	const struct redis_elements *e, bool sizes, sqlite3_stmt *row, struct redis_element *out);

/* A few names, each copied: what is collected from a cursor to be changed after it. */
struct redis_names {
	struct buf bytes; /* length, name, length, name .. */
	unsigned n;
};
void redis_names_add(struct redis_names *names, struct slice name);
/* The next, from *at = 0 on; false behind the last. */
bool redis_names_next(const struct redis_names *names, size_t *at, struct slice *out);
void redis_names_clear(struct redis_names *names);
void redis_names_free(struct redis_names *names);
/* That many are collected at a time. */
#define REDIS_NAMES_MANY 512

/* ---- results that take a key's place ----
 *
 * Commands that store read keys of which one may be the one they store to. So the result comes
 * together under an id that no key has, and then takes the place of whatever the name held. */

struct redis_result {
	const struct redis_elements *elements;
	struct redis_key key; /* what is put into it */
};
int redis_result_begin(struct redis_txn *t, const struct redis_elements *e,
	struct redis_result *out, struct err *err);
/* *n: how many elements there are; without any the name is free. */
int redis_result_end(struct redis_txn *t, struct redis_result *r, struct slice name, int64_t *n,
	struct err *err);

/* ---- commands of all three ---- */

/* HDEL, SREM, ZREM. */
int redis_remove_elements(struct redis_call *c, const struct redis_elements *e, struct err *err);
/* HSCAN, SSCAN, ZSCAN (scan.c). */
int redis_scan_elements(struct redis_call *c, const struct redis_elements *e, struct err *err);
/* HRANDFIELD, SRANDMEMBER, ZRANDMEMBER (random.c). `with`: the word that asks for values, NULL. */
int redis_random_elements(
	struct redis_call *c, const struct redis_elements *e, const char *with, struct err *err);
/* `n` different ones by chance, each as likely as any other, in byte order of names. There are more
 * than n. */
int redis_elements_pick(struct redis_txn *t, const struct redis_elements *e,
	const struct redis_key *key, uint64_t n, redis_element_fn *fn, void *arg, struct err *err);
/* A value as a reply. */
void redis_reply_value(
	struct buf *out, const struct redis_elements *e, const struct redis_value *value);
/* For commands over a key that may not be there: 1 and *out, 0 there is none, or WRONGTYPE. */
static inline int redis_call_key(struct redis_call *c, const struct redis_elements *e,
	struct slice name, struct redis_key *out, struct err *err)
{
	return redis_key_typed(c->t, name, e->type, out, err);
}
/* ERR with this text, which is the reply. */
int redis_error(struct err *err, const char *text);
/* An integer from..to: `text` (NULL: Redis' own sentence) when it is none. */
int redis_arg_range(struct slice arg, int64_t from, int64_t to, const char *text, int64_t *out,
	struct err *err);

/* ---- files (element_files.c): the members of redis_type_ops ---- */

int redis_elements_check_text(
	const struct redis_elements *e, struct slice element, struct slice text, struct err *err);
int redis_elements_stat(struct redis_txn *t, const struct redis_key *key, struct slice element,
	struct engine_info *out, struct err *err);
int redis_elements_list(struct redis_txn *t, const struct redis_key *key, const struct slice *after,
	engine_emit *emit, void *arg, struct err *err);
int redis_elements_read(struct redis_txn *t, const struct redis_key *key, struct slice element,
	struct buf *out, struct engine_info *info, struct err *err);
int redis_elements_write(struct redis_txn *t, struct slice name, struct redis_key *key,
	const struct redis_put *put, struct engine_info *out, struct err *err);
int redis_elements_remove(struct redis_txn *t, struct slice name, struct redis_key *key,
	struct slice element, uint64_t expect, struct err *err);
int redis_elements_rename(struct redis_txn *t, struct slice name, struct redis_key *key,
	struct slice from, struct slice to, unsigned flags, struct err *err);
int redis_elements_drop(struct redis_txn *t, const struct redis_key *key, struct err *err);
int redis_elements_copy(
	struct redis_txn *t, const struct redis_key *from, int64_t to, struct err *err);

/* ---- JSON (element_export.c, element_import.c) ---- */

int redis_elements_export(
	struct redis_txn *t, const struct redis_key *key, struct buf *out, struct err *err);
int redis_elements_import(struct redis_txn *t, struct slice name, struct redis_key *key,
	struct slice text, bool fresh, uint64_t *n, struct err *err);

#endif
