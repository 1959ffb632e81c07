/* Commands of streams: entries. Groups are in streams_group.c, streams_claim.c, reading in
 * streams_read.c, XINFO in streams_info.c. */
#include "engines/cache/redis/commands/streams.h"

#include <errno.h>

#include "engines/common/cleanup.h"

int redis_stream_of(struct redis_call *c, struct slice name, struct redis_key *out, struct err *err)
{
	return redis_key_typed(c->t, name, REDIS_STREAM, out, err);
}

int redis_show_entry(void *arg, struct redis_id id, struct slice fields, struct err *err)
{
	struct redis_entries_shown *s = arg;

	redis_reply_entry(s->out, id, fields);
	s->n++;
	return buf_check(s->out, err);
}

/* ---- XADD, XTRIM ---- */

struct add {
	struct redis_trim trim;
	bool limited;
	bool nomkstream;
	struct redis_id_asked id;
	unsigned fields; /* the argument that is the first of them */
};

static int parse_limit(struct slice arg, struct add *a, struct err *err)
{
	int rc = redis_arg_int(arg, &a->trim.limit, err);

	a->limited = true;
	return rc < 0 || a->trim.limit >= 0
		       ? rc
		       : err_set(err, EINVAL, "ERR The LIMIT argument must be >= 0.");
}

/* MAXLEN|MINID [=|~] threshold, from *at on, which moves to the threshold. */
static int parse_strategy(struct redis_call *c, unsigned *at, struct add *a, struct err *err)
{
	enum redis_trim_by by =
		redis_arg_is(c->argv[*at], "maxlen") ? REDIS_TRIM_MAXLEN : REDIS_TRIM_MINID;

	if (a->trim.by != REDIS_TRIM_NONE) {
		return err_set(err, EINVAL,
			"ERR syntax error, MAXLEN and MINID options at the same time are not "
			"compatible");
	}
	a->trim.by = by;
	++*at;
	bool about = slice_is(c->argv[*at], "~");
	if ((about || slice_is(c->argv[*at], "=")) && *at + 1 < c->argc) {
		a->trim.about = about;
		++*at;
	}
	if (by == REDIS_TRIM_MINID) {
		return redis_id_parse(c->argv[*at], true, 0, &a->trim.minid, err);
	}
	int rc = redis_arg_int(c->argv[*at], &a->trim.maxlen, err);
	return rc < 0 || a->trim.maxlen >= 0
		       ? rc
		       : err_set(err, EINVAL, "ERR The MAXLEN argument must be >= 0.");
}

/* Such trimming goes on for so many entries at most, unless LIMIT says. */
#define ABOUT_LIMIT 10000

static int check_trim(struct add *a, struct err *err)
{
	if (a->limited && a->trim.by == REDIS_TRIM_NONE) {
		return err_set(err, EINVAL,
			"ERR syntax error, LIMIT cannot be used without specifying a trimming "
			"strategy");
	}
	if (a->limited && !a->trim.about) {
		return err_set(err, EINVAL,
			"ERR syntax error, LIMIT cannot be used without the special ~ option");
	}
	if (!a->limited && a->trim.about) {
		a->trim.limit = ABOUT_LIMIT;
	}
	return 0;
}

static int parse_add_id(struct slice arg, struct redis_id_asked *out, struct err *err)
{
	bool any_seq = arg.n > 2 && memcmp(arg.p + arg.n - 2, "-*", 2) == 0;
	struct slice ms = any_seq ? slice_make(arg.p, arg.n - 2) : arg;

	*out = (struct redis_id_asked){.has_ms = true, .has_seq = !any_seq};
	if (slice_is(arg, "*")) {
		*out = (struct redis_id_asked){.has_ms = false};
		return 0;
	}
	return redis_id_parse(ms, true, 0, &out->id, err);
}

/* The options of both; XADD's end at the id, XTRIM's with the arguments. */
static int parse_trim(struct redis_call *c, bool xadd, struct add *a, struct err *err)
{
	unsigned i = 2;
	int rc = 0;

	*a = (struct add){0};
	for (; rc == 0 && i < c->argc; i++) {
		bool more = i + 1 < c->argc;
		if (more &&
			(redis_arg_is(c->argv[i], "maxlen") || redis_arg_is(c->argv[i], "minid"))) {
			rc = parse_strategy(c, &i, a, err);
		} else if (more && redis_arg_is(c->argv[i], "limit")) {
			rc = parse_limit(c->argv[++i], a, err);
		} else if (xadd && redis_arg_is(c->argv[i], "nomkstream")) {
			a->nomkstream = true;
		} else if (xadd) {
			rc = parse_add_id(c->argv[i], &a->id, err);
			break;
		} else {
			rc = redis_syntax_error(err);
		}
	}
	a->fields = i + 1;
	return rc < 0 ? rc : check_trim(a, err);
}

static int parse_add(struct redis_call *c, struct add *a, struct err *err)
{
	int rc = parse_trim(c, true, a, err);

	if (rc < 0) {
		return rc;
	}
	if (a->fields >= c->argc || (c->argc - a->fields) % 2 != 0) {
		return redis_arity_error("xadd", err);
	}
	if (a->id.has_ms && a->id.has_seq && redis_id_is_zero(a->id.id)) {
		return err_set(
			err, EINVAL, "ERR The ID specified in XADD must be greater than 0-0");
	}
	return 0;
}

static int add_entry(struct redis_call *c, const struct add *a, struct redis_key *key,
	struct redis_id *id, struct err *err)
{
	CLEANUP(buf_free) struct buf fields = BUF_INIT;
	int64_t removed;
	int rc = redis_stream_next_id(c->t, key, &a->id, id, err);

	for (unsigned i = a->fields; i < c->argc; i++) {
		redis_reply_bulk(&fields, c->argv[i]);
	}
	rc = rc < 0 ? rc : buf_check(&fields, err);
	rc = rc < 0 ? rc : redis_stream_add(c->t, key, *id, buf_slice(&fields), err);
	if (rc == 0 && a->trim.by != REDIS_TRIM_NONE) {
		rc = redis_stream_trim(c->t, key, &a->trim, &removed, err);
	}
	return rc < 0 ? rc : redis_key_save(c->t, c->argv[1], key, NULL, err);
}

static int run_xadd(struct redis_call *c, struct err *err)
{
	struct add a;
	struct redis_key key;
	struct redis_id id;
	int rc = parse_add(c, &a, err);

	if (rc == 0 && a.nomkstream) {
		rc = redis_stream_of(c, c->argv[1], &key, err);
		if (rc == 0) {
			redis_reply_nil(c->out);
			return 0;
		}
	}
	rc = rc < 0 ? rc : redis_key_open(c->t, c->argv[1], REDIS_STREAM, &key, err);
	rc = rc < 0 ? rc : add_entry(c, &a, &key, &id, err);
	if (rc == 0) {
		redis_reply_id(c->out, id);
	}
	return rc;
}

static int run_xtrim(struct redis_call *c, struct err *err)
{
	struct add a;
	struct redis_key key;
	int64_t removed = 0;
	int rc = parse_trim(c, false, &a, err);

	if (rc == 0 && a.trim.by == REDIS_TRIM_NONE) {
		rc = err_set(err, EINVAL,
			"ERR syntax error, XTRIM must be called with a trimming strategy");
	}
	rc = rc < 0 ? rc : redis_stream_of(c, c->argv[1], &key, err);
	if (rc > 0) {
		rc = redis_stream_trim(c->t, &key, &a.trim, &removed, err);
		rc = rc < 0 || removed == 0 ? rc
					    : redis_key_save(c->t, c->argv[1], &key, NULL, err);
	}
	redis_reply_int(c->out, removed);
	return rc < 0 ? rc : 0;
}

/* ---- the others ---- */

static int run_xlen(struct redis_call *c, struct err *err)
{
	struct redis_key key;
	int rc = redis_stream_of(c, c->argv[1], &key, err);

	redis_reply_int(c->out, rc > 0 ? (int64_t)key.n : 0);
	return rc < 0 ? rc : 0;
}

static int parse_range_count(struct redis_call *c, int64_t *max, struct err *err)
{
	*max = -1;
	for (unsigned i = 4; i < c->argc; i += 2) {
		if (!redis_arg_is(c->argv[i], "count") || i + 1 == c->argc) {
			return redis_syntax_error(err);
		}
		int rc = redis_arg_int(c->argv[i + 1], max, err);
		if (rc < 0) {
			return rc;
		}
		*max = *max < 0 ? 0 : *max;
	}
	return 0;
}

static int range(struct redis_call *c, bool backward, struct err *err)
{
	struct redis_entries_shown shown = {.out = c->out};
	struct redis_entries which = {.backward = backward};
	struct redis_key key;
	int rc = redis_id_parse_start(c->argv[backward ? 3 : 2], &which.from, err);

	rc = rc < 0 ? rc : redis_id_parse_end(c->argv[backward ? 2 : 3], &which.to, err);
	rc = rc < 0 ? rc : parse_range_count(c, &which.max, err);
	rc = rc < 0 ? rc : redis_stream_of(c, c->argv[1], &key, err);
	if (rc > 0 && which.max == 0) {
		redis_reply_nil_array(c->out);
		return 0;
	}
	size_t at = redis_reply_begin(c->out);
	if (rc > 0) {
		rc = redis_stream_each(c->t, &key, &which, redis_show_entry, &shown, err);
	}
	redis_reply_end(c->out, at, (size_t)shown.n);
	return rc;
}

static int run_xrange(struct redis_call *c, struct err *err)
{
	return range(c, false, err);
}

static int run_xrevrange(struct redis_call *c, struct err *err)
{
	return range(c, true, err);
}

static int run_xdel(struct redis_call *c, struct err *err)
{
	struct redis_key key;
	struct redis_id id;
	int64_t removed = 0;
	int rc = redis_stream_of(c, c->argv[1], &key, err);

	for (unsigned i = 2; rc > 0 && i < c->argc; i++) {
		int bad = redis_id_parse(c->argv[i], true, 0, &id, err);
		rc = bad < 0 ? bad : rc;
	}
	for (unsigned i = 2; rc > 0 && i < c->argc; i++) {
		redis_id_parse(c->argv[i], true, 0, &id, NULL);
		int gone = redis_stream_remove(c->t, &key, id, err);
		removed += gone > 0;
		rc = gone < 0 ? gone : rc;
	}
	if (rc > 0 && removed > 0) {
		rc = redis_key_save(c->t, c->argv[1], &key, NULL, err);
	}
	redis_reply_int(c->out, removed);
	return rc < 0 ? rc : 0;
}

/* ---- XSETID ---- */

struct setid {
	struct redis_id id, deleted;
	int64_t added; /* -1: not said */
	bool has_deleted;
};

static int parse_setid_option(struct redis_call *c, unsigned at, struct setid *o, struct err *err)
{
	struct slice value = c->argv[at + 1];
	int rc;

	if (redis_arg_is(c->argv[at], "entriesadded")) {
		rc = redis_arg_int(value, &o->added, err);
		return rc < 0 || o->added >= 0
			       ? rc
			       : err_set(err, EINVAL, "ERR entries_added must be positive");
	}
	if (!redis_arg_is(c->argv[at], "maxdeletedid")) {
		return redis_syntax_error(err);
	}
	o->has_deleted = true;
	rc = redis_id_parse(value, true, 0, &o->deleted, err);
	return rc < 0 || redis_id_compare(o->id, o->deleted) >= 0
		       ? rc
		       : err_set(err, EINVAL,
				 "ERR The ID specified in XSETID is smaller than the provided "
				 "max_deleted_entry_id");
}

static int parse_setid(struct redis_call *c, struct setid *o, struct err *err)
{
	*o = (struct setid){.added = -1};
	int rc = redis_id_parse(c->argv[2], true, 0, &o->id, err);

	for (unsigned i = 3; rc == 0 && i < c->argc; i += 2) {
		rc = i + 1 < c->argc ? parse_setid_option(c, i, o, err) : redis_syntax_error(err);
	}
	return rc;
}

/* The last entry that is there. */
static int last_entry(void *arg, struct redis_id id, struct slice fields, struct err *err)
{
	(void)fields;
	(void)err;
	*(struct redis_id *)arg = id;
	return 0;
}

static int check_setid(
	struct redis_call *c, const struct redis_key *key, const struct setid *o, struct err *err)
{
	const struct redis_entries which = {REDIS_ID_MIN, REDIS_ID_MAX, true, 1};
	struct redis_id top = REDIS_ID_MIN;
	int rc = redis_stream_each(c->t, key, &which, last_entry, &top, err);

	if (rc < 0) {
		return rc;
	}
	if (key->n > 0 && redis_id_compare(o->id, top) < 0) {
		return err_set(err, EINVAL,
			"ERR The ID specified in XSETID is smaller than the target stream top "
			"item");
	}
	if (key->n > 0 && o->added >= 0 && (uint64_t)o->added < key->n) {
		return err_set(err, EINVAL,
			"ERR The entries_added specified in XSETID is smaller than the target "
			"stream length");
	}
	return 0;
}

static int run_xsetid(struct redis_call *c, struct err *err)
{
	struct setid o;
	struct redis_key key;
	int rc = parse_setid(c, &o, err);

	rc = rc < 0 ? rc : redis_stream_of(c, c->argv[1], &key, err);
	if (rc <= 0) {
		return rc < 0 ? rc : err_set(err, EINVAL, "ERR no such key");
	}
	rc = check_setid(c, &key, &o, err);
	key.a = (int64_t)o.id.ms;
	key.b = (int64_t)o.id.seq;
	key.c = o.added >= 0 ? o.added : key.c;
	if (rc == 0 && o.has_deleted && !redis_id_is_zero(o.deleted)) {
		rc = redis_stream_set_deleted(c->t, &key, o.deleted, err);
	}
	redis_reply_ok(c->out);
	return rc < 0 ? rc : redis_key_save(c->t, c->argv[1], &key, NULL, err);
}

#define W REDIS_WRITE
#define D (REDIS_WRITE | REDIS_DENYOOM)

const struct redis_command redis_stream_commands[] = {
	{"xack", -4, W, 1, 1, 1, redis_run_xack},
	{"xadd", -5, D, 1, 1, 1, run_xadd},
	{"xautoclaim", -6, W, 1, 1, 1, redis_run_xautoclaim},
	{"xclaim", -6, W, 1, 1, 1, redis_run_xclaim},
	{"xdel", -3, W, 1, 1, 1, run_xdel},
	{"xgroup", -2, REDIS_CONTAINER, 0, 0, 0, NULL},
	{"xgroup|create", -5, D, 2, 2, 1, redis_run_xgroup_create},
	{"xgroup|createconsumer", 5, D, 2, 2, 1, redis_run_xgroup_createconsumer},
	{"xgroup|delconsumer", 5, W, 2, 2, 1, redis_run_xgroup_delconsumer},
	{"xgroup|destroy", 4, W, 2, 2, 1, redis_run_xgroup_destroy},
	{"xgroup|setid", -5, W, 2, 2, 1, redis_run_xgroup_setid},
	{"xinfo", -2, REDIS_CONTAINER, 0, 0, 0, NULL},
	{"xinfo|consumers", 4, 0, 2, 2, 1, redis_run_xinfo_consumers},
	{"xinfo|groups", 3, 0, 2, 2, 1, redis_run_xinfo_groups},
	{"xinfo|stream", -3, 0, 2, 2, 1, redis_run_xinfo_stream},
	{"xlen", 2, 0, 1, 1, 1, run_xlen},
	{"xpending", -3, 0, 1, 1, 1, redis_run_xpending},
	{"xrange", -4, 0, 1, 1, 1, run_xrange},
	{"xread", -4, 0, 0, 0, 0, redis_run_xread},
	{"xreadgroup", -7, W, 0, 0, 0, redis_run_xreadgroup},
	{"xrevrange", -4, 0, 1, 1, 1, run_xrevrange},
	{"xsetid", -3, D, 1, 1, 1, run_xsetid},
	{"xtrim", -4, W, 1, 1, 1, run_xtrim},
	{0},
};
