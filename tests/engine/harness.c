#include "tests/engine/harness.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engines/common/cleanup.h"

struct ground ground = {.lock = PTHREAD_MUTEX_INITIALIZER, .sync = STORE_SYNC_FSYNC};

/* ---- which ---- */

static bool is_chosen(const struct profile *p)
{
	char pair[128];
	const char *wanted = getenv("DBMOUNT_ENGINE");
	snprintf(pair, sizeof(pair), "%s/%s", p->ops->service, p->ops->backend);
	return wanted == NULL || strcmp(wanted, pair) == 0;
}

unsigned chosen_profiles(void)
{
	unsigned n = 0;
	for (unsigned i = 0; i < n_profiles; i++) {
		n += is_chosen(&profiles[i]);
	}
	return n;
}

const struct profile *chosen_profile(int i)
{
	for (unsigned k = 0; k < n_profiles; k++) {
		if (is_chosen(&profiles[k]) && i-- == 0) {
			return &profiles[k];
		}
	}
	ck_abort_msg("no such profile");
	return NULL;
}

/* ---- the ground ---- */

static void on_event(void *arg, const char *service, const struct epath *path, const char *text)
{
	(void)arg;
	(void)path;
	LOCKED(&ground.lock);
	buf_printf(&ground.events, "%s: %s\n", service, text);
}

static void on_change(void *arg, const char *service, const struct epath *path)
{
	(void)arg;
	(void)service;
	(void)path;
	LOCKED(&ground.lock);
	ground.changed++;
}

void ground_open(const struct engine_ops *ops, bool read_only)
{
	struct engine_config config = {
		.dir = ground.dir,
		.sync = ground.sync,
		.read_only = read_only,
		.host = {.changed = on_change, .event = on_event},
	};
	OK(engine_open(ops, &config, &ground.e, ok_err));
}

void ground_close(void)
{
	engine_unref(ground.e);
	ground.e = NULL;
}

void ground_reopen(bool read_only)
{
	ground_close();
	ground_open(ground.profile->ops, read_only);
}

static void make_containers(const char *const *keys, struct epath *out)
{
	const struct profile *p = ground.profile;
	*out = (struct epath){0};
	while (out->depth < p->depth - 1) {
		*out = epath_child(out, slice_of(keys[out->depth]));
		if (out->depth < p->implied) {
			OK(p->make != NULL ? p->make(ground.e, out, ok_err)
					   : engine_mkdir(ground.e, out, ok_err));
		} else {
			OK(engine_mkdir(ground.e, out, ok_err));
		}
	}
}

void ground_make(void)
{
	make_containers(ground.profile->container, &ground.parent);
	make_containers(ground.profile->beside, &ground.beside);
}

void ground_setup(const struct profile *p)
{
	ground.profile = p;
	make_site(ground.dir);
	ground_open(p->ops, false);
	ground_make();
}

void ground_teardown(void)
{
	ground_close();
	if (ground.dir[0] != '\0') {
		remove_site(ground.dir);
	}
	buf_free(&ground.events);
	ground.dir[0] = '\0';
}

/* ---- outcomes ---- */

struct err *fresh(void)
{
	err_clear(&ground.err);
	return &ground.err;
}

void assert_failure(int r, int code, const char *what)
{
	ck_assert_msg(r == -code, "%s: gave %d (%s), not %d", what, r, ground.err.msg, -code);
	ck_assert_msg(ground.err.code == code, "%s: code %d, not %d", what, ground.err.code, code);
	ck_assert_msg(strlen(ground.err.msg) > 5, "%s: no sentence: '%s'", what, ground.err.msg);
	ck_assert_msg(strchr(ground.err.msg, '\n') == NULL, "%s: more than one line", what);
}

/* ---- paths ---- */

struct epath at_slice(struct slice key)
{
	return epath_child(&ground.parent, key);
}

struct epath at(const char *key)
{
	return at_slice(slice_of(key));
}

struct epath beside(const char *key)
{
	return epath_child(&ground.beside, slice_of(key));
}

struct epath up_to(const struct epath *path, unsigned depth)
{
	struct epath p = *path;
	p.depth = depth;
	return p;
}

const char *numbered(const char *prefix, unsigned n, char out[32])
{
	snprintf(out, 32, "%s-%04u", prefix, n);
	return out;
}

/* ---- items ---- */

int try_put(const struct epath *path, unsigned n, uint64_t expect, struct engine_info *out)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	ground.profile->document(n, &text);
	return engine_write(ground.e, path, 0, buf_slice(&text), expect, out, fresh());
}

struct engine_info put(const struct epath *path, unsigned n)
{
	struct engine_info info = {0};
	int r = try_put(path, n, ENGINE_VERSION_ANY, &info);
	ck_assert_msg(r == 0, "cannot write: %s", ground.err.msg);
	return info;
}

long number_in(struct slice text)
{
	json_error_t why;
	json_auto_t *value = json_loadb(text.p, text.n, JSON_ALLOW_NUL, &why);
	ck_assert_msg(value != NULL, "what is stored is no JSON: %s", why.text);
	const json_t *n = json_object_get(value, "n");
	ck_assert_msg(json_is_integer(n), "no number in %.*s", (int)text.n, text.p);
	return (long)json_integer_value(n);
}

long number_at(const struct epath *path)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct engine_info info;
	int r = engine_read(ground.e, path, 0, &text, &info, fresh());
	if (r == -ENOENT) {
		return -1;
	}
	ck_assert_msg(r == 0, "cannot read: %s", ground.err.msg);
	return number_in(buf_slice(&text));
}

struct engine_info stat_of(const struct epath *path)
{
	struct engine_info info = {0};
	OK(engine_stat(ground.e, path, 0, &info, ok_err));
	return info;
}

bool exists(const struct epath *path)
{
	struct engine_info info;
	int r = engine_stat(ground.e, path, 0, &info, fresh());
	ck_assert_msg(r == 0 || r == -ENOENT, "stat: %s", ground.err.msg);
	return r == 0;
}

void read_all(struct engine *e, const struct epath *path, unsigned form, struct buf *out)
{
	struct engine_info info;
	struct engine_info told;
	OK(engine_read(e, path, form, out, &info, ok_err));
	OK(engine_stat(e, path, form, &told, ok_err));
	ck_assert_uint_eq(info.size, told.size);
	ck_assert_uint_eq(info.version, told.version);
	ck_assert_int_eq(info.mtime_ns, told.mtime_ns);
	ck_assert_int_eq(info.kind, told.kind);
}

/* ---- listings ---- */

static int add_to_listing(void *arg, struct slice key, const struct engine_info *info)
{
	struct listing *l = arg;
	l->keys = realloc(l->keys, (l->n + 1) * sizeof(*l->keys));
	l->infos = realloc(l->infos, (l->n + 1) * sizeof(*l->infos));
	ck_assert(l->keys != NULL && l->infos != NULL);
	l->keys[l->n] = (struct buf)BUF_INIT;
	buf_append_slice(&l->keys[l->n], key);
	l->infos[l->n] = *info;
	l->n++;
	return l->n == l->stop_at;
}

void list(struct engine *e, const struct epath *path, const struct slice *after, unsigned form,
	struct listing *out)
{
	OK(engine_list(e, path, after, form, add_to_listing, out, ok_err));
}

void listing_free(struct listing *l)
{
	for (size_t i = 0; i < l->n; i++) {
		buf_free(&l->keys[i]);
	}
	free(l->keys);
	free(l->infos);
	*l = (struct listing){0};
}

bool listing_has(const struct listing *l, struct slice key)
{
	size_t found = 0;
	for (size_t i = 0; i < l->n; i++) {
		found += slice_equal(buf_slice(&l->keys[i]), key);
	}
	ck_assert_uint_le(found, 1);
	return found == 1;
}

/* ---- levels ---- */

struct engine_level level_of(const struct epath *path)
{
	struct engine_level level = {0};
	OK(engine_level(ground.e, path, &level, ok_err));
	return level;
}

bool has_members(void)
{
	return (level_of(&ground.parent).features & ENGINE_HAS_MEMBERS) != 0;
}

bool find_feature(unsigned feature, struct epath *out)
{
	for (unsigned d = ground.profile->depth; d-- > 0;) {
		struct epath p = up_to(&ground.parent, d);
		if ((level_of(&p).features & feature) != 0) {
			*out = p;
			return true;
		}
	}
	return false;
}
