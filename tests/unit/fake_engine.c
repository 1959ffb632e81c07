#include "tests/unit/fake_engine.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "engines/common/cleanup.h"

/* ---- an engine of nothing ---- */

struct fake fake = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int fake_open(const struct engine_config *config, void **ctx, struct err *err)
{
	if (config->n_settings > 0) {
		return err_set(err, EINVAL, "fake has no setting '%s'", config->settings[0].key);
	}
	atomic_fetch_add(&fake.open, 1);
	*ctx = &fake;
	return 0;
}

static void fake_close(void *ctx)
{
	(void)ctx;
	atomic_fetch_sub(&fake.open, 1);
}

static int fake_level(
	void *ctx, const struct epath *path, struct engine_level *out, struct err *err)
{
	(void)ctx;
	(void)path;
	(void)err;
	*out = (struct engine_level){.noun = "a", .child_noun = "b", .child = ENGINE_DIR};
	return 0;
}

static int fake_stat(void *ctx, const struct epath *path, unsigned form, struct engine_info *out,
	struct err *err)
{
	(void)ctx;
	(void)form;
	if (path->depth == 2) {
		return err_set(err, ENOENT, "there is no such thing");
	}
	*out = (struct engine_info){.kind = ENGINE_DIR, .version = 1, .size = 0, .mtime_ns = 0};
	return 0;
}

static int fake_list(void *ctx, const struct epath *path, const struct slice *after, unsigned form,
	engine_emit *emit, void *arg, struct err *err)
{
	(void)ctx;
	(void)path;
	(void)after;
	(void)form;
	(void)emit;
	(void)arg;
	(void)err;
	return 0;
}

static int fake_read(void *ctx, const struct epath *path, unsigned form, struct buf *out,
	struct engine_info *info, struct err *err)
{
	(void)ctx;
	(void)form;
	buf_puts(out, "text");
	*info = (struct engine_info){.kind = ENGINE_FILE, .version = 7, .size = 4, .mtime_ns = 0};
	return path->depth == 2 ? err_set(err, EIO, "the disk is gone") : 0;
}

static int fake_view_list(void *ctx, const struct epath *path, enum engine_view_kind kind,
	const struct slice *after, engine_emit *emit, void *arg, struct err *err)
{
	(void)path;
	(void)kind;
	return fake_list(ctx, path, after, 0, emit, arg, err);
}

static int fake_view_open(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, void **view, struct err *err)
{
	(void)path;
	(void)kind;
	if (slice_is(name, "none")) {
		return err_set(err, ENOENT, "there is no such view");
	}
	atomic_fetch_add(&fake.open, 1);
	*view = ctx;
	return 0;
}

static int fake_export_open(void *ctx, const struct epath *path, const char *format, void **stream,
	uint64_t *size, struct err *err)
{
	static const char *left;
	(void)ctx;
	(void)path;
	(void)err;
	left = format;
	*stream = &left;
	*size = fake.told_size;
	return 0;
}

static int fake_export_read(void *stream, struct buf *out, struct err *err)
{
	const char **left = stream;
	(void)err;
	size_t n = strnlen(*left, 3);
	buf_append(out, *left, n);
	*left += n;
	return 0;
}

static void fake_export_close(void *stream)
{
	(void)stream;
}

/* ---- its commands ---- */

static int run_echo(void *ctx, struct engine_call *call, struct err *err)
{
	(void)ctx;
	(void)err;
	for (unsigned i = 1; i < call->argc; i++) {
		buf_printf(call->out, "[%s]", call->argv[i]);
	}
	ck_assert_ptr_null(call->argv[call->argc]);
	return 0;
}

static int run_fail(void *ctx, struct engine_call *call, struct err *err)
{
	(void)ctx;
	buf_puts(call->out, "half of a result");
	return err_set(err, EBUSY, "%s is busy", call->argv[1]);
}

static int run_wait(void *ctx, struct engine_call *call, struct err *err)
{
	struct fake *f = ctx;
	(void)err;
	call->progress(call, 1, 4, "items");
	while (!atomic_load(&f->go)) {
		usleep(1000);
	}
	buf_puts(call->out, "waited\nlong\n");
	return 0;
}

static int run_slow(void *ctx, struct engine_call *call, struct err *err)
{
	(void)ctx;
	(void)err;
	for (unsigned i = 0; i < 24; i++) {
		call->progress(call, i, 20, "items");
		usleep(60000);
	}
	return 0;
}

static const struct engine_command commands[] = {
	{"echo", "WORD..", "says the words", 3, 0, 99, run_echo},
	{"fail", "WHAT", "fails", 1, 1, 1, run_fail},
	{"pair", "A B [C]", "takes two or three", 1, 2, 3, run_echo},
	{"slow", "", "takes over a second", 1, 0, 0, run_slow},
	{"wait", "", "waits", 1, 0, 0, run_wait},
	{NULL, NULL, NULL, 0, 0, 0, NULL},
};

const struct engine_ops bare_ops = {
	.service = "fake",
	.backend = "none",
	.summary = "nothing",
	.open = fake_open,
	.close = fake_close,
	.level = fake_level,
	.stat = fake_stat,
	.list = fake_list,
	.read = fake_read,
};

/* ---- fixture ---- */

struct engine_ops ops;
struct engine *e;
struct err last;
const struct epath root = {0};
const struct epath one = {1, {{"a", 1}}};
const struct epath two = {2, {{"a", 1}, {"b", 1}}};

static void on_event(void *arg, const char *service, const struct epath *path, const char *text)
{
	struct fake *f = arg;
	LOCKED(&f->lock);
	buf_printf(&f->events, "%s/%u: %s\n", service, path->depth, text);
}

void open_engine(bool read_only)
{
	struct engine_config config = {.dir = "/nowhere",
		.read_only = read_only,
		.host = {.event = on_event, .arg = &fake}};
	err_clear(&last);
	ck_assert_int_eq(engine_open(&ops, &config, &e, &last), 0);
}

void setup(void)
{
	ops = bare_ops;
	ops.commands = commands;
	ops.view_list = fake_view_list;
	ops.view_open = fake_view_open;
	ops.export_open = fake_export_open;
	ops.export_read = fake_export_read;
	ops.export_close = fake_export_close;
	atomic_store(&fake.go, false);
	open_engine(false);
}

void teardown(void)
{
	engine_unref(e);
	e = NULL;
	buf_free(&fake.events);
	ck_assert_int_eq(atomic_load(&fake.open), 0);
}

struct err *fresh(void)
{
	err_clear(&last);
	return &last;
}

int command(const char *line, struct buf *out)
{
	buf_clear(out);
	return engine_command(e, &root, slice_of(line), out, fresh());
}
