/* What is written: scripts to .sql, tables as one file, files that are loaded. */
#include <stdlib.h>

#include "engines/redshift/load/load.h"
#include "engines/redshift/service/service.h"

#define SCRIPT_MAX ((size_t)256 << 20)

struct sink {
	struct redshift_place place; /* entered, without a look */
	struct buf script;
	struct rs_table_load *load; /* NULL: a script */
};

static void sink_free(struct sink *s)
{
	buf_free(&s->script);
	redshift_place_leave(&s->place);
	free(s);
}

static int begin_load(struct redshift *x, const struct epath *path, const char *mode,
	const char *format, struct sink *s, struct err *err)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	bool in_room = x->view != NULL && x->view->room == REDSHIFT_LOAD;
	bool replace = strcmp(mode, "replace") == 0;

	if (in_room ? path->depth != 2 : path->depth != 3) {
		return err_set(err, ENOTSUP, "nothing can be loaded here");
	}
	if (!replace && strcmp(mode, "append") != 0) {
		return err_set(
			err, ENOTSUP, "a table takes 'append' and 'replace', not '%s'", mode);
	}
	buf_printf(&name, "%s%s", in_room ? "" : "data.", format);
	int rc = buf_check(&name, err);
	return rc < 0 ? rc
		      : rs_table_load_new(s->place.rs, path->key[1], buf_slice(&name),
				replace && !in_room, &s->load, err);
}

int redshift_import_open(void *ctx, const struct epath *path, const char *mode, const char *format,
	void **sink, struct err *err)
{
	struct redshift *x = ctx;
	struct sink *s;

	if (path->depth == 0 || (x->view != NULL && x->view->room != REDSHIFT_LOAD)) {
		return err_set(err, path->depth == 0 ? ENOTSUP : EROFS, "nothing is imported here");
	}
	s = calloc(1, sizeof(*s));
	if (s == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = redshift_place_to_write(x, path, &s->place, err);
	if (rc == 0 && strcmp(mode, "run") != 0) {
		rc = begin_load(x, path, mode, format, s, err);
	}
	if (rc < 0) {
		sink_free(s);
		return rc;
	}
	*sink = s;
	return 0;
}

int redshift_import_feed(void *sink, struct slice text, struct err *err)
{
	struct sink *s = sink;

	if (s->load != NULL) {
		return rs_table_load_feed(s->load, text, err);
	}
	if (s->script.n + text.n > SCRIPT_MAX) {
		return err_set(err, EFBIG,
			"a script of more than %zu MiB: COPY loads what is large",
			SCRIPT_MAX >> 20);
	}
	buf_append_slice(&s->script, text);
	return buf_check(&s->script, err);
}

static struct slice without_mark(struct slice text)
{
	return text.n >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0
		       ? slice_make(text.p + 3, text.n - 3)
		       : text;
}

int redshift_import_finish(void *sink, struct buf *report, struct err *err)
{
	struct sink *s = sink;

	int rc = s->load != NULL ? rs_table_load_end(s->load, true, report, err)
				 : rs_run_script(s->place.rs, without_mark(buf_slice(&s->script)),
					   report, err);
	sink_free(s);
	return rc;
}

void redshift_import_abort(void *sink)
{
	struct err ignored = {0};
	struct sink *s = sink;

	if (s->load != NULL) {
		rs_table_load_end(s->load, false, NULL, &ignored);
	}
	sink_free(s);
}
