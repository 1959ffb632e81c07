/* Rooms whose files are not held: .bulk/KEY.txt is a string that passes through, and a file of
 * lines "KEY TEXT" that is copied into .loads sets these strings, all or none. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "tests/engine/toy_keys.h"

#define PIECE 7U /* bytes that one read gives, so that a text comes in several */

static const char *const suffixes[] = {".txt"};
static const struct engine_form forms[] = {{".txt", "its text"}};

void keys_bulk_level(enum keys_room room, struct engine_level *out)
{
	*out = (struct engine_level){.noun = "room",
		.child_noun = "text",
		.child = ENGINE_FILE,
		.names = {suffixes, 1},
		.forms = forms,
		.n_forms = 1,
		.features = ENGINE_HAS_CONTROL |
			    (room == KEYS_BULK ? ENGINE_HAS_STREAMS : ENGINE_HAS_LOADS)};
}

int keys_bulk_stat(const struct keys_ctx *c, const struct epath *path, struct engine_info *out,
	struct err *err)
{
	if (c->room == KEYS_LOADS) {
		*out = (struct engine_info){.kind = ENGINE_FILE,
			.version = 1 + c->k->last_version,
			.size = c->k->report.n};
		return slice_is(path->key[1], "report") ? 0 : keys_not_there(err);
	}
	const struct keys_entry *e = keys_of_ttl(c->k, path);
	if (e == NULL) {
		return keys_not_there(err);
	}
	*out = (struct engine_info){.kind = ENGINE_FILE,
		.version = e->version,
		.size = e->text.n,
		.mtime_ns = e->mtime_ns};
	return 0;
}

/* ---- out ---- */

struct stream {
	struct buf text;
	size_t at;
};

int keys_export_open(void *ctx, const struct epath *path, const char *format, void **stream,
	uint64_t *size, struct err *err)
{
	const struct keys_ctx *c = ctx;
	if (c->room != KEYS_BULK || strcmp(format, "txt") != 0) {
		return err_set(err, ENOTSUP, "only .bulk is exported, as txt");
	}
	LOCKED(&c->k->lock);
	const struct keys_entry *e = keys_of_ttl(c->k, path);
	struct stream *s = e != NULL ? calloc(1, sizeof(*s)) : NULL;
	if (s == NULL) {
		return keys_not_there(err);
	}
	buf_append_slice(&s->text, buf_slice(&e->text));
	*size = s->text.n;
	*stream = s;
	return 0;
}

int keys_export_read(void *stream, struct buf *out, struct err *err)
{
	struct stream *s = stream;
	size_t left = s->text.n - s->at;
	size_t n = left < PIECE ? left : PIECE;
	buf_append(out, s->text.p + s->at, n);
	s->at += n;
	return buf_check(out, err);
}

void keys_export_close(void *stream)
{
	struct stream *s = stream;
	buf_free(&s->text);
	free(s);
}

/* ---- in ---- */

int keys_bulk_open(const struct keys_ctx *c, const struct epath *path, const char *mode,
	const char *format, void **sink, struct err *err)
{
	size_t n = strlen(format);
	if (c->room == KEYS_LOADS && (n < 4 || strcmp(format + n - 3, ".kv") != 0)) {
		return err_set(err, EINVAL, "'%s' cannot be loaded: NAME.kv is expected", format);
	}
	struct session *s = calloc(1, sizeof(*s));
	if (s == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	s->k = c->k;
	s->room = c->room;
	s->append = strcmp(mode, "append") == 0;
	buf_append_slice(&s->store, path->key[0]);
	if (c->room == KEYS_BULK) {
		buf_append_slice(&s->key, path->key[1]);
	}
	*sink = s;
	return 0;
}

static struct keys_entry *make_string(struct session *s, struct slice name)
{
	CLEANUP(buf_free) struct buf key = BUF_INIT;
	struct epath store = {.depth = 1, .key = {buf_slice(&s->store)}};
	buf_putc(&key, KEYS_STRING);
	buf_append_slice(&key, name);
	struct epath path = epath_child(&store, buf_slice(&key));
	return keys_make(s->k, &path);
}

static void set_text(struct session *s, struct keys_entry *e, struct slice text, bool append)
{
	CLEANUP(buf_free) struct buf all = BUF_INIT;
	if (append) {
		buf_append_slice(&all, buf_slice(&e->text));
	}
	buf_append_slice(&all, text);
	keys_fill(s->k, e, buf_slice(&all));
}

/* All lines are looked at before the first is stored. */
static int load(struct session *s, bool store, unsigned *n, struct err *err)
{
	const char *at = buf_cstr(&s->text);
	*n = 0;
	while (*at != '\0') {
		const char *end = strchrnul(at, '\n');
		const char *space = memchr(at, ' ', (size_t)(end - at));
		++*n;
		if (space == NULL || space == at) {
			return err_set(err, EINVAL, "line %u: KEY TEXT is expected", *n);
		}
		struct keys_entry *e =
			store ? make_string(s, slice_make(at, (size_t)(space - at))) : NULL;
		if (e != NULL) {
			set_text(s, e, slice_make(space + 1, (size_t)(end - space - 1)), false);
		}
		at = *end == '\n' ? end + 1 : end;
	}
	return 0;
}

int keys_bulk_finish(void *sink, struct buf *report, struct err *err)
{
	struct session *s = sink;
	struct keys *k = s->k;
	unsigned n = 1;
	int rc = 0;
	pthread_mutex_lock(&k->lock);
	if (s->room == KEYS_BULK) {
		struct keys_entry *e = make_string(s, buf_slice(&s->key));
		if (e != NULL) {
			set_text(s, e, buf_slice(&s->text), s->append);
		}
	} else {
		rc = load(s, false, &n, err);
		rc = rc == 0 ? load(s, true, &n, err) : rc;
		buf_clear(&k->report);
		buf_printf(&k->report, rc == 0 ? "%u keys\n" : "line %u is wrong\n", n);
	}
	pthread_mutex_unlock(&k->lock);
	if (rc == 0) {
		struct epath store = {.depth = 1, .key = {buf_slice(&s->store)}};
		buf_printf(report, "%u keys\n", n);
		k->host.changed(k->host.arg, "keys", &store);
	}
	keys_import_abort(sink);
	return rc;
}
