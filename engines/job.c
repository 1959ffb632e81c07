/* A command under way: its copy of the words, its progress, its thread if it
 * has one, and what `.events` and `.status` say of it.
 *
 * A job with a thread stays in its engine's list until the thread is joined:
 * by the next job that starts, or when the engine closes. */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/common/cleanup.h"
#include "engines/common/log.h"
#include "engines/engine_impl.h"

#define SECOND_NS     INT64_C(1000000000)
#define PERCENT_STEP  10
#define UNKNOWN_STEPS 10 /* seconds between lines when the total is not known */

struct job {
	struct engine *e;
	struct job *next; /* under jobs_lock */
	const struct engine_command *command;
	struct epath path; /* keys point into key_bytes */
	char *key_bytes;
	char **argv;
	char *line; /* as events show it */
	struct engine_call call;
	struct probe probe;

	bool threaded;
	pthread_t thread;
	bool finished;	      /* under jobs_lock, as all below */
	uint64_t done, total; /* total 0: nothing told yet */
	char unit[24];
	int64_t told_ns;       /* when the last progress line was written */
	unsigned told_percent; /* what it said */
};

/* ---- making ---- */

static void job_free(struct job *job)
{
	if (job->argv != NULL) {
		for (unsigned i = 0; job->argv[i] != NULL; i++) {
			free(job->argv[i]);
		}
	}
	free(job->argv);
	free(job->line);
	free(job->key_bytes);
	free(job);
}

static bool copy_path(struct job *job, const struct epath *path)
{
	size_t n = 1;
	for (unsigned i = 0; i < path->depth; i++) {
		n += path->key[i].n;
	}
	char *p = job->key_bytes = malloc(n);
	if (p == NULL) {
		return false;
	}
	job->path.depth = path->depth;
	for (unsigned i = 0; i < path->depth; i++) {
		job->path.key[i] = slice_make(p, path->key[i].n);
		if (path->key[i].n > 0) {
			memcpy(p, path->key[i].p, path->key[i].n);
		}
		p += path->key[i].n;
	}
	return true;
}

static bool copy_argv(struct job *job, unsigned argc, char *const *argv)
{
	job->argv = calloc(argc + 1, sizeof(*job->argv));
	for (unsigned i = 0; job->argv != NULL && i < argc; i++) {
		job->argv[i] = strdup(argv[i]);
		if (job->argv[i] == NULL) {
			return false;
		}
	}
	return job->argv != NULL;
}

/* One word of the line as people see it: whole UTF-8, no control bytes, quotes
 * where it would not read as one word. */
static void print_word(const char *word, struct buf *out)
{
	bool quote = word[0] == '\0' || strpbrk(word, " \t\"'\\") != NULL;
	size_t n = strlen(word);
	if (quote) {
		buf_putc(out, '"');
	}
	for (size_t i = 0; i < n;) {
		unsigned len = utf8_sequence((const unsigned char *)word + i, n - i);
		bool plain = len > 0 && (unsigned char)word[i] >= 0x20 && word[i] != 0x7f;
		if (quote && (word[i] == '"' || word[i] == '\\')) {
			buf_putc(out, '\\');
		}
		if (plain) {
			buf_append(out, word + i, len);
		} else {
			buf_putc(out, '?');
		}
		i += len > 0 ? len : 1;
	}
	if (quote) {
		buf_putc(out, '"');
	}
}

static bool print_line(struct job *job, unsigned argc)
{
	CLEANUP(buf_free) struct buf line = BUF_INIT;
	for (unsigned i = 0; i < argc; i++) {
		if (i > 0) {
			buf_putc(&line, ' ');
		}
		print_word(job->argv[i], &line);
	}
	job->line = strdup(buf_cstr(&line));
	return !line.failed && job->line != NULL;
}

static void job_progress(struct engine_call *call, uint64_t done, uint64_t total, const char *unit);

struct job *job_new(struct engine *e, const struct epath *path,
	const struct engine_command *command, unsigned argc, char *const *argv)
{
	struct job *job = calloc(1, sizeof(*job));
	if (job == NULL) {
		return NULL;
	}
	job->e = e;
	job->command = command;
	if (!copy_path(job, path) || !copy_argv(job, argc, argv) || !print_line(job, argc)) {
		job_free(job);
		return NULL;
	}
	job->call.path = &job->path;
	job->call.argc = argc;
	job->call.argv = job->argv;
	job->call.progress = job_progress;
	return job;
}

/* ---- telling ---- */

__attribute__((format(printf, 2, 3))) static void job_event(struct job *job, const char *fmt, ...)
{
	char text[ERR_MSG_MAX + 128];
	CLEANUP(buf_free) struct buf line = BUF_INIT;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_printf(&line, "%s: %s", job->line, text);
	engine_event(job->e, &job->path, buf_cstr(&line));
}

static double seconds_of(const struct job *job)
{
	return (double)(clock_monotonic_ns() - job->probe.start_ns) / (double)SECOND_NS;
}

static unsigned percent_of(const struct job *job)
{
	return job->total > 0 ? (unsigned)((double)job->done * 100 / (double)job->total) : 0;
}

static uint64_t rate_of(const struct job *job)
{
	double s = seconds_of(job);
	return s > 0 ? (uint64_t)((double)job->done / s) : 0;
}

/* Whether a line is due: at most one a second, and only when it has news. */
static bool progress_is_news(struct job *job)
{
	int64_t since = clock_monotonic_ns() - job->told_ns;
	if (since < SECOND_NS) {
		return false;
	}
	if (job->total == 0) {
		return since >= UNKNOWN_STEPS * SECOND_NS;
	}
	return percent_of(job) >= job->told_percent + PERCENT_STEP;
}

static void job_progress(struct engine_call *call, uint64_t done, uint64_t total, const char *unit)
{
	struct job *job = (struct job *)((char *)call - offsetof(struct job, call));
	char text[160];
	{
		LOCKED(&job->e->jobs_lock);
		job->done = done;
		job->total = total;
		snprintf(job->unit, sizeof(job->unit), "%s", unit);
		if (!progress_is_news(job)) {
			return;
		}
		job->told_ns = clock_monotonic_ns();
		job->told_percent = percent_of(job);
		unsigned long long rate = rate_of(job);
		if (total > 0) {
			snprintf(text, sizeof(text), "%u %%, %llu of %llu %s, %llu %s/s",
				job->told_percent, (unsigned long long)done,
				(unsigned long long)total, job->unit, rate, job->unit);
		} else {
			snprintf(text, sizeof(text), "%llu %s so far, %llu %s/s",
				(unsigned long long)done, job->unit, rate, job->unit);
		}
	}
	job_event(job, "%s", text);
}

static json_t *job_json(const struct job *job)
{
	json_t *o = json_pack("{s:s, s:f}", "command", job->line, "seconds", seconds_of(job));
	if (o == NULL || (job->done == 0 && job->total == 0)) {
		return o;
	}
	int r = json_object_set_new(o, "done", json_integer((json_int_t)job->done));
	if (job->total > 0) {
		r |= json_object_set_new(o, "total", json_integer((json_int_t)job->total));
		r |= json_object_set_new(o, "percent", json_integer(percent_of(job)));
	}
	r |= json_object_set_new(o, "unit", json_string(job->unit));
	r |= json_object_set_new(o, "per_second", json_integer((json_int_t)rate_of(job)));
	if (r != 0) {
		json_decref(o);
		return NULL;
	}
	return o;
}

static bool same_path(const struct epath *a, const struct epath *b)
{
	if (a->depth != b->depth) {
		return false;
	}
	for (unsigned i = 0; i < a->depth; i++) {
		if (!slice_equal(a->key[i], b->key[i])) {
			return false;
		}
	}
	return true;
}

int jobs_status(struct engine *e, const struct epath *path, json_t *out, struct err *err)
{
	json_auto_t *list = NULL;
	bool failed = false;
	{
		LOCKED(&e->jobs_lock);
		for (const struct job *j = e->jobs; j != NULL; j = j->next) {
			if (j->finished || !same_path(&j->path, path)) {
				continue;
			}
			list = list != NULL ? list : json_array();
			failed = failed || json_array_append_new(list, job_json(j)) != 0;
		}
	}
	if (failed || (list != NULL && json_object_set(out, "running", list) != 0)) {
		return err_set(err, ENOMEM, "out of memory");
	}
	return 0;
}

/* ---- running ---- */

static void job_link(struct job *job)
{
	LOCKED(&job->e->jobs_lock);
	job->next = job->e->jobs;
	job->e->jobs = job;
}

static void job_unlink(struct job *job)
{
	LOCKED(&job->e->jobs_lock);
	struct job **p = &job->e->jobs;
	while (*p != job) {
		p = &(*p)->next;
	}
	*p = job->next;
}

static void job_begin(struct job *job)
{
	job->told_ns = clock_monotonic_ns();
	job_event(job, "started");
}

/* The outcome; of a job on its own thread also what it had to say, for nobody
 * waits for its result. */
static void job_end(struct job *job, int r, const struct err *err)
{
	double s = seconds_of(job);
	struct buf *out = job->call.out;
	if (r != 0) {
		job_event(job, "failed after %.3f s: %s", s, err->msg);
	} else if (job->threaded && out->n > 0) {
		const char *text = buf_cstr(out);
		job_event(job, "done in %.3f s: %.*s", s, (int)strcspn(text, "\n"), text);
	} else {
		job_event(job, "done in %.3f s", s);
	}
}

static int job_execute(struct job *job, struct buf *out, struct err *err)
{
	struct engine *e = job->e;
	size_t before = out->n;
	job->call.out = out;
	job_begin(job);
	int r = job->command->run(e->ctx, &job->call, err);
	if (r == 0) {
		r = buf_check(out, err);
	}
	if (r != 0) {
		out->n = before;
	}
	r = probe_end(&job->probe, r, err);
	job_end(job, r, err);
	return r;
}

int job_run(struct job *job, struct buf *out, struct err *err)
{
	/* Callers may pass no err; the events want the sentence. */
	struct err own = {0};
	job->probe = probe_begin(job->e, PROBE_COMMAND, &job->path, &own);
	job_link(job);
	int r = job_execute(job, out, &own);
	job_unlink(job);
	job_free(job);
	return r != 0 ? err_set(err, own.code, "%s", own.msg) : 0;
}

static void *job_thread(void *arg)
{
	struct job *job = arg;
	struct err err = {0};
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	if (job_execute(job, &out, &err) != 0) {
		log_warn("%s: %s: %s", job->e->ops->service, job->line, err.msg);
	}
	job->call.out = NULL;
	LOCKED(&job->e->jobs_lock);
	job->finished = true;
	return NULL;
}

/* Takes a job that has a thread off the list: any, or only a finished one. */
static struct job *take_job(struct engine *e, bool any)
{
	LOCKED(&e->jobs_lock);
	for (struct job **p = &e->jobs; *p != NULL; p = &(*p)->next) {
		struct job *job = *p;
		if (job->threaded && (any || job->finished)) {
			*p = job->next;
			return job;
		}
	}
	return NULL;
}

static void join_jobs(struct engine *e, bool any)
{
	struct job *job;
	while ((job = take_job(e, any)) != NULL) {
		pthread_join(job->thread, NULL);
		job_free(job);
	}
}

void jobs_finish(struct engine *e)
{
	join_jobs(e, true);
}

int job_start(struct job *job, struct err *err)
{
	struct engine *e = job->e;
	join_jobs(e, false);
	job->probe = probe_begin(e, PROBE_COMMAND, &job->path, NULL);
	job->threaded = true;
	/* The lock keeps others from joining a thread whose id is not stored yet. */
	LOCKED(&e->jobs_lock);
	int code = pthread_create(&job->thread, NULL, job_thread, job);
	if (code != 0) {
		job_free(job);
		return err_set(
			err, code, "cannot start a thread for the command: %s", strerror(code));
	}
	job->next = e->jobs;
	e->jobs = job;
	return 0;
}
