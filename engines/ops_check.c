/* Finding an engine, and the check that its table of functions is whole. */
#include <errno.h>
#include <string.h>

#include "engines/engine_impl.h"

const struct engine_ops *engine_find(const char *service, const char *backend)
{
	for (const struct engine_ops *const *p = engine_registry; *p != NULL; p++) {
		if (strcmp((*p)->service, service) != 0) {
			continue;
		}
		if (backend == NULL || strcmp((*p)->backend, backend) == 0) {
			return *p;
		}
	}
	return NULL;
}

static int lacks(const struct engine_ops *ops, const char *member, struct err *err)
{
	return err_set(err, EINVAL, "engine %s/%s lacks %s",
		ops->service != NULL ? ops->service : "(unnamed)",
		ops->backend != NULL ? ops->backend : "(unnamed)", member);
}

/* What only makes sense together: the name of a missing one when another is there. */
struct group_member {
	bool there;
	const char *name;
};

static const char *missing_of_group(const struct group_member *m, unsigned n)
{
	const char *missing = NULL;
	bool any = false;
	for (unsigned i = 0; i < n; i++) {
		any = any || m[i].there;
		if (!m[i].there && missing == NULL) {
			missing = m[i].name;
		}
	}
	return any ? missing : NULL;
}

#define MEMBER(ops, member)                                                                        \
	{                                                                                          \
		(ops)->member != NULL, #member                                                     \
	}
#define GROUP_MISSING(group) missing_of_group(group, sizeof(group) / sizeof((group)[0]))

static const char *missing_member(const struct engine_ops *ops)
{
	const struct group_member mandatory[] = {{true, ""}, MEMBER(ops, service),
		MEMBER(ops, backend), MEMBER(ops, summary), MEMBER(ops, open), MEMBER(ops, close),
		MEMBER(ops, level), MEMBER(ops, stat), MEMBER(ops, list), MEMBER(ops, read)};
	const struct group_member draft[] = {MEMBER(ops, draft_new), MEMBER(ops, draft_feed),
		MEMBER(ops, draft_complete), MEMBER(ops, draft_free)};
	const struct group_member view[] = {
		{ops->view_create != NULL || ops->view_remove != NULL || ops->view_rename != NULL ||
				ops->view_list != NULL || ops->view_open != NULL,
			""},
		MEMBER(ops, view_list), MEMBER(ops, view_open)};
	/* What export_open and query_open give is read by the same two. */
	const struct group_member export[] = {
		{ops->export_open != NULL || ops->query_open != NULL, "export_open"},
		MEMBER(ops, export_read), MEMBER(ops, export_close)};
	const struct group_member feed[] = {MEMBER(ops, feed_bounds), MEMBER(ops, feed_read)};
	const struct group_member listened[] = {MEMBER(ops, feed_open), MEMBER(ops, feed_close)};
	const struct group_member appended[] = {
		{ops->feed_append != NULL || ops->feed_open != NULL || ops->feed_bounds != NULL,
			""},
		MEMBER(ops, feed_bounds)};
	const struct group_member attr[] = {
		{ops->attr_write != NULL || ops->attr_remove != NULL || ops->attr_read != NULL, ""},
		MEMBER(ops, attr_read)};
	const struct group_member import[] = {
		{ops->import_reply != NULL || ops->import_open != NULL, "import_open"},
		MEMBER(ops, import_open), MEMBER(ops, import_feed), MEMBER(ops, import_finish),
		MEMBER(ops, import_abort)};
	const char *missing = GROUP_MISSING(mandatory);
	missing = missing != NULL ? missing : GROUP_MISSING(draft);
	missing = missing != NULL ? missing : GROUP_MISSING(view);
	missing = missing != NULL ? missing : GROUP_MISSING(feed);
	missing = missing != NULL ? missing : GROUP_MISSING(listened);
	missing = missing != NULL ? missing : GROUP_MISSING(appended);
	missing = missing != NULL ? missing : GROUP_MISSING(attr);
	missing = missing != NULL ? missing : GROUP_MISSING(export);
	return missing != NULL ? missing : GROUP_MISSING(import);
}

static int check_commands(const struct engine_ops *ops, struct err *err)
{
	const char *last = "";
	for (const struct engine_command *c = ops->commands; c != NULL && c->name != NULL; c++) {
		if (c->args == NULL || c->help == NULL || c->run == NULL || c->depths == 0 ||
			c->min_args > c->max_args) {
			return err_set(err, EINVAL, "engine %s/%s: the command %s is not whole",
				ops->service, ops->backend, c->name);
		}
		if (strcmp(last, c->name) >= 0) {
			return err_set(err, EINVAL,
				"engine %s/%s: the commands are not sorted: %s stands before %s",
				ops->service, ops->backend, last, c->name);
		}
		last = c->name;
	}
	return 0;
}

int engine_check_ops(const struct engine_ops *ops, struct err *err)
{
	const char *missing = missing_member(ops);
	if (missing != NULL) {
		return lacks(ops, missing, err);
	}
	return check_commands(ops, err);
}
