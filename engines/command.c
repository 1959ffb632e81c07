/* Command lines: words, the table, who may say what where. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "engines/common/cleanup.h"
#include "engines/common/suggest.h"
#include "engines/engine_impl.h"

#define WORDS_MAX 64

/* ---- words ---- */

struct words {
	struct buf text; /* the words, a NUL behind each */
	char *argv[WORDS_MAX];
	unsigned argc;
};

static void words_finish(struct words *w)
{
	buf_free(&w->text);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Reads one word at line.p[*i] and writes it, unquoted, to *out. As in a shell:
 * '..' is literal, in ".." a backslash takes '"' and '\', outside it takes
 * anything. */
static int read_word(struct slice line, size_t *i, char **out, struct err *err)
{
	char quote = '\0';
	size_t opened = 0;
	for (; *i < line.n && (quote != '\0' || !is_space(line.p[*i])); (*i)++) {
		char c = line.p[*i];
		char next = '\0';
		if (*i + 1 < line.n) {
			next = line.p[*i + 1];
		}
		if (quote == '\0' && (c == '\'' || c == '"')) {
			quote = c;
			opened = *i + 1;
		} else if (quote != '\0' && c == quote) {
			quote = '\0';
		} else if (c == '\\' && next != '\0' && quote != '\'' &&
			   (quote == '\0' || next == '"' || next == '\\')) {
			*(*out)++ = next;
			(*i)++;
		} else {
			*(*out)++ = c;
		}
	}
	if (quote != '\0') {
		return err_set(err, EINVAL, "the %c at byte %zu of the command line is not closed",
			quote, opened);
	}
	*(*out)++ = '\0';
	return 0;
}

static int split(struct slice line, struct words *w, struct err *err)
{
	if (line.n > 0 && memchr(line.p, '\0', line.n) != NULL) {
		return err_set(err, EINVAL, "the command line holds a NUL byte");
	}
	/* Each word is followed by white space or the end: that makes room for its
	 * NUL, and argv may point into the memory as it does not move any more. */
	if (!buf_reserve(&w->text, line.n + 1)) {
		return err_set(err, ENOMEM, "out of memory");
	}
	char *out = w->text.p;
	for (size_t i = 0;;) {
		while (i < line.n && is_space(line.p[i])) {
			i++;
		}
		if (i == line.n) {
			return 0;
		}
		if (w->argc == WORDS_MAX) {
			return err_set(
				err, EINVAL, "a command line has at most %d words", WORDS_MAX);
		}
		w->argv[w->argc++] = out;
		int r = read_word(line, &i, &out, err);
		if (r != 0) {
			return r;
		}
	}
}

/* ---- the table ---- */

static bool understood_at(const struct engine_command *c, unsigned depth)
{
	return (c->depths & (1U << depth)) != 0;
}

struct here {
	const struct engine_command *commands;
	unsigned depth;
};

/* The i-th command of this depth: suggest_next. */
static const char *next_here(const void *arg, unsigned i)
{
	const struct here *h = arg;
	for (const struct engine_command *c = h->commands; c->name != NULL; c++) {
		if (understood_at(c, h->depth) && i-- == 0) {
			return c->name;
		}
	}
	return NULL;
}

static int refuse_unknown(const struct engine *e, unsigned depth, const char *name, struct err *err)
{
	struct here h = {e->ops->commands, depth};
	CLEANUP(buf_free) struct buf known = BUF_INIT;
	const char *near = suggest(name, next_here, &h);
	const char *word;
	if (near != NULL) {
		return err_set(err, EINVAL, "unknown command '%s'; did you mean '%s'?", name, near);
	}
	for (unsigned i = 0; (word = next_here(&h, i)) != NULL; i++) {
		buf_printf(&known, "%s%s", i > 0 ? ", " : "", word);
	}
	if (known.n == 0) {
		return err_set(err, EINVAL, "no commands are understood here");
	}
	return err_set(err, EINVAL, "unknown command '%s'; known here: %s", name, buf_cstr(&known));
}

/* A known command in the wrong directory: says in which one it works. */
static int refuse_depth(const struct engine_command *c, unsigned depth, struct err *err)
{
	unsigned d = 0;
	while (!understood_at(c, d)) {
		d++;
	}
	if (d < depth) {
		return err_set(err, EINVAL,
			"'%s' is not understood here: write it to the .control %u level%s up",
			c->name, depth - d, depth - d == 1 ? "" : "s");
	}
	return err_set(err, EINVAL,
		"'%s' is not understood here: write it to the .control of a directory %u level%s "
		"down",
		c->name, d - depth, d - depth == 1 ? "" : "s");
}

static int check_count(const struct engine_command *c, unsigned given, struct err *err)
{
	if (given >= c->min_args && given <= c->max_args) {
		return 0;
	}
	CLEANUP(buf_free) struct buf takes = BUF_INIT;
	if (c->max_args == 0) {
		buf_puts(&takes, "no arguments");
	} else if (c->min_args == c->max_args) {
		buf_printf(&takes, "%u argument%s", c->max_args, c->max_args == 1 ? "" : "s");
	} else {
		buf_printf(&takes, "%u to %u arguments", c->min_args, c->max_args);
	}
	return err_set(err, EINVAL, "%s takes %s, not %u; usage: %s%s%s", c->name, buf_cstr(&takes),
		given, c->name, c->args[0] != '\0' ? " " : "", c->args);
}

/* NULL with EINVAL in err. */
static const struct engine_command *find_command(
	const struct engine *e, unsigned depth, const struct words *w, struct err *err)
{
	const struct engine_command *c = e->ops->commands;
	while (c->name != NULL && strcmp(c->name, w->argv[0]) != 0) {
		c++;
	}
	if (c->name == NULL) {
		refuse_unknown(e, depth, w->argv[0], err);
		return NULL;
	}
	if (!understood_at(c, depth)) {
		refuse_depth(c, depth, err);
		return NULL;
	}
	return check_count(c, w->argc - 1, err) == 0 ? c : NULL;
}

/* ---- entry ---- */

static bool is_home(const struct engine *e)
{
	/* Of a room in a view only the view can be told (engine_view_at). */
	bool room = e->parent != NULL && e->parent->parent == NULL && e->kind == ENGINE_VIEW_ROOM;
	return room || e->kind == ENGINE_VIEW_CLUSTER;
}

/* The view that is written to which `e` is, or is a view of. */
static const struct engine *home_of(const struct engine *e)
{
	while (e->parent != NULL && !is_home(e)) {
		e = e->parent;
	}
	return e->parent != NULL ? e : NULL;
}

static void tell_event(struct engine *e, const struct epath *path, const char *text)
{
	const struct engine *home = home_of(e);
	if (home != NULL && e->host.event_in != NULL) {
		struct engine_view_at at = {.kind = home->kind,
			.depth = home->view_depth,
			.name = buf_slice(&home->view_key)};
		e->host.event_in(e->host.arg, e->ops->service, &at, path, text);
	} else if (e->host.event != NULL) {
		e->host.event(e->host.arg, e->ops->service, path, text);
	}
}

void engine_event(struct engine *e, const struct epath *path, const char *text)
{
	const struct engine *house = engine_house(e);
	if (house->parent == NULL || house->kind == ENGINE_VIEW_CLUSTER) {
		tell_event(e, path, text);
		return;
	}
	/* What only follows has no `.events` of its own; its line says where it happened. */
	static const char *const kinds[] = {[ENGINE_VIEW_SNAPSHOT] = "snapshot",
		[ENGINE_VIEW_REPLICA] = "replica",
		[ENGINE_VIEW_TIME] = "time"};
	CLEANUP(buf_free) struct buf line = BUF_INIT;
	buf_printf(&line, "%s %s: %s", kinds[house->kind], house->view_name, text);
	tell_event(e, path, buf_cstr(&line));
}

static int run_words(struct engine *e, const struct epath *path, struct words *w, struct buf *out,
	struct err *err)
{
	bool async = strcmp(w->argv[w->argc - 1], "--async") == 0 && w->argc > 1;
	if (async) {
		w->argc--;
	}
	const struct engine_command *command = find_command(e, path->depth, w, err);
	if (command == NULL) {
		return -EINVAL;
	}
	struct job *job = job_new(e, path, command, w->argc, w->argv);
	if (job == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	if (!async) {
		return job_run(job, out, err);
	}
	int r = job_start(job, err);
	if (r == 0) {
		buf_printf(out, "%s: started, see .events\n", command->name);
	}
	return r;
}

int engine_command(struct engine *e, const struct epath *path, struct slice line, struct buf *out,
	struct err *err)
{
	CLEANUP(words_finish) struct words w = {0};
	assert(path->depth <= EPATH_MAX);
	assert(err == NULL || err->code == 0);

	int r = split(line, &w, err);
	if (r != 0 || w.argc == 0) {
		return r;
	}
	r = engine_refuse_command(e, err);
	if (r != 0) {
		return r;
	}
	if (e->ops->commands == NULL) {
		return engine_absent(e, "commands", err);
	}
	return run_words(e, path, &w, out, err);
}

void engine_commands_help(struct engine *e, unsigned depth, struct buf *out)
{
	size_t width = 0;
	const struct engine_command *c;
	if (e->ops->commands == NULL) {
		return;
	}
	for (c = e->ops->commands; c->name != NULL; c++) {
		size_t n = strlen(c->name) + strlen(c->args) + (c->args[0] != '\0');
		if (understood_at(c, depth) && n > width) {
			width = n;
		}
	}
	for (c = e->ops->commands; c->name != NULL; c++) {
		if (understood_at(c, depth)) {
			size_t start = out->n;
			buf_printf(out, "%s%s%s", c->name, c->args[0] != '\0' ? " " : "", c->args);
			buf_printf(out, "%*s  %s\n", (int)(width - (out->n - start)), "", c->help);
		}
	}
}
