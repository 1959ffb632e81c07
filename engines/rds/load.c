/* A script on its way in: its text is spilled while it comes, and run when it is whole. */
#include "engines/rds/sql.h"

struct rds_script {
	struct rds_script_options options;
	char *tmp;
	struct spill *text;
};

void rds_script_abort(struct rds_script *s)
{
	if (s != NULL) {
		spill_free(s->text);
		free(s->tmp);
		free(s);
	}
}

int rds_script_open(
	const struct rds_script_options *options, struct rds_script **out, struct err *err)
{
	struct rds_script *s = calloc(1, sizeof(*s));

	if (s != NULL) {
		s->options = *options;
		s->tmp = strdup(options->tmp);
		s->options.tmp = s->tmp;
		s->text = spill_new(options->tmp);
	}
	if (s == NULL || s->tmp == NULL || s->text == NULL) {
		rds_script_abort(s);
		return err_set(err, ENOMEM, "out of memory");
	}
	*out = s;
	return 0;
}

int rds_script_feed(struct rds_script *s, struct slice text, struct err *err)
{
	return spill_add(s->text, text, err);
}

struct run {
	struct rds_script *script;
	struct buf *report;
};

static int run(struct rds_conn *c, void *arg, struct err *err)
{
	const struct run *r = arg;

	return rds_script_run(c, r->script->text, &r->script->options, r->report, err);
}

int rds_script_finish(
	struct rds_script *s, struct rds_source *source, struct buf *report, struct err *err)
{
	struct run r = {s, report};

	int rc = rds_source_write(source, run, &r, err);
	if (rc < 0) {
		buf_clear(report);
		buf_printf(report, "%s; nothing was changed\n", err->msg);
	}
	rds_script_abort(s);
	return rc;
}
