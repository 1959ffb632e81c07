/* Files that are gone, cut, damaged or others than were opened are made anew of the other of their
 * pair.
 *
 * A file that is made anew stands under its name at once and whole, and never beside a log of the
 * one before: the old one is moved away first, its logs go, then the copy takes the name. Whatever
 * a crash leaves of that is a missing file, which the next open makes anew. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engines/common/cleanup.h"
#include "engines/common/log.h"
#include "engines/redshift/nodes/nodes_impl.h"
#include "engines/store/disk.h"

void rs_nodes_event(struct rs_nodes *n, const char *fmt, ...)
{
	char text[ERR_MSG_MAX];
	va_list args;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (n->config.event != NULL) {
		n->config.event(n->config.arg, text);
	}
}

static int look_at(
	const struct rs_nodes *n, unsigned node, unsigned side, bool peek, struct err *err)
{
	const struct rs_file *f = &n->node[node].side[side];
	struct err why = {0};
	if (!f->attached || !rs_file_is_there(f)) {
		return err_set(
			err, EIO, "node %u: its %s is gone or replaced", node, rs_side_name(side));
	}
	return peek && sql_peek(n->config.site->driver, f->path, &why) == -EIO
		       ? err_set(err, EIO, "node %u: its %s: %s", node, rs_side_name(side), why.msg)
		       : 0;
}

static int look_at_all(struct rs_nodes *n, bool peek, struct err *err)
{
	int rc = 0;
	rs_nodes_enter(n);
	for (unsigned k = 0; rc == 0 && k < n->config.nodes * n->n_sides; k++) {
		rc = look_at(n, k / n->n_sides, k % n->n_sides, peek, err);
	}
	rs_nodes_leave(n);
	return rc;
}

int rs_nodes_look(struct rs_nodes *n, struct err *err)
{
	return look_at_all(n, false, err);
}

int rs_nodes_peek(struct rs_nodes *n, struct err *err)
{
	return look_at_all(n, true, err);
}

/* ---- one file anew ---- */

static int count_rows(struct rs_nodes *n, unsigned node, unsigned side, uint64_t *rows)
{
	const struct rs_file *f = &n->node[node].side[side];
	CLEANUP(rs_numbers_clear) struct rs_numbers tables = {0};
	struct sql_session *s;
	*rows = 0;
	int rc = rs_session_new(n, node, side, &s, NULL);
	if (rc != 0) {
		return rc;
	}
	rc = rs_file_tables(s, f, &tables, NULL);
	for (unsigned k = 0; rc == 0 && k < tables.n; k++) {
		CLEANUP(buf_free) struct buf sql = BUF_INIT;
		int64_t here = 0;
		buf_puts(&sql, "SELECT count(*) FROM ");
		rs_table_path(f, tables.v[k], &sql);
		buf_printf(&sql, " WHERE \"_del\" = %lld", (long long)RS_LIVE);
		rc = rs_session_number(s, buf_cstr(&sql), &here, NULL);
		*rows += (uint64_t)here;
	}
	sql_session_close(s);
	return rc;
}

static int put_aside(const struct rs_file *f, const char *aside, struct err *err)
{
	int rc = disk_system.rename(f->path, aside);
	if (rc != 0 && rc != -ENOENT) {
		return disk_error(rc, f->path, "cannot be moved away", err);
	}
	rc = disk_sync_parent(&disk_system, f->path, err);
	return rc != 0 ? rc : rs_file_remove_logs(f, err);
}

/* `dir` may be gone with all that was in it, but not the zone that it is in. */
static int replace_file(
	const char *dir, const struct rs_file *good, const struct rs_file *bad, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	buf_printf(&path, "%s.bad", bad->path);
	const char *aside = buf_cstr(&path);
	int rc = buf_check(&path, err);
	rc = rc != 0 ? rc : disk_make_dir(&disk_system, dir, err);
	rc = rc != 0 ? rc : put_aside(bad, aside, err);
	/* There may be room for one of them only. */
	rc = rc != 0 ? rc : disk_remove(&disk_system, aside, err);
	return rc != 0 ? rc : disk_copy_file(&disk_system, good->path, bad->path, err);
}

int rs_file_remake(
	struct rs_nodes *n, unsigned node, unsigned side, const char *why, struct err *err)
{
	struct rs_file *bad = &n->node[node].side[side];
	struct rs_file *good = &n->node[node].side[1 - side];
	uint64_t rows = 0;
	rs_file_detach(n, bad, NULL);
	int rc = rs_file_detach(n, good, err);
	const char *dir = side == 0 ? n->config.dir : n->config.mirror;
	int rc_copy = rc != 0 ? rc : replace_file(dir, good, bad, err);
	/* The good one serves, whatever became of the other. */
	rc = rs_file_attach(n, good, rc_copy == 0 ? err : NULL);
	rc = rc_copy != 0 ? rc_copy : rc;
	rc = rc != 0 ? rc : rs_file_attach(n, bad, err);
	if (rc != 0) {
		return err_wrap(err, "node %u: its %s %s, and cannot be made anew", node,
			rs_side_name(side), why);
	}
	count_rows(n, node, side, &rows);
	rs_nodes_event(n, "node %u: %s %s, made anew of its %s, %llu rows", node,
		rs_side_name(side), why, rs_side_name(1 - side), (unsigned long long)rows);
	return 0;
}

/* ---- which ones ---- */

/* NULL: it is whole, as far as was looked. */
static const char *whats_wrong(
	struct rs_nodes *n, struct rs_file *f, bool verify, int *rc, struct err *err)
{
	struct err why = {0};
	*rc = 0;
	if (access(f->path, F_OK) != 0) {
		return "missing";
	}
	if (f->attached && !rs_file_is_there(f)) {
		return "replaced";
	}
	int rc_file = f->attached ? 0 : rs_file_attach(n, f, &why);
	if (rc_file == 0 && verify) {
		rc_file = sql_verify(n->config.site, f->name, &why);
	}
	/* ENOTSUP: nothing that a driver makes is without checksums. */
	if (rc_file == -EIO || rc_file == -ENOENT || rc_file == -ENOTSUP) {
		log_warn("redshift: %s: %s", f->path, why.msg);
		return "damaged";
	}
	*rc = rc_file == 0 ? 0 : err_set(err, -rc_file, "%s", why.msg);
	return NULL;
}

static int both_lost(struct rs_nodes *n, unsigned node, const char *const *wrong, struct err *err)
{
	const struct rs_file *side = n->node[node].side;
	char text[ERR_MSG_MAX];
	if (n->n_sides == 1) {
		snprintf(text, sizeof(text), "node %u: its file is %s: %s", node, wrong[0],
			side[0].path);
	} else {
		snprintf(text, sizeof(text),
			"node %u: its file is %s, and its mirror is %s: %s, %s", node, wrong[0],
			wrong[1], side[0].path, side[1].path);
	}
	if (n->config.failed != NULL) {
		n->config.failed(n->config.arg, text);
	}
	return err_set(err, EIO, "%s", text);
}

static int mend_node(struct rs_nodes *n, unsigned node, bool verify, struct err *err)
{
	const char *wrong[SIDES] = {NULL, NULL};
	int rc = 0;
	for (unsigned side = 0; rc == 0 && side < n->n_sides; side++) {
		wrong[side] = whats_wrong(n, &n->node[node].side[side], verify, &rc, err);
	}
	if (rc != 0 || (wrong[0] == NULL && wrong[1] == NULL)) {
		return rc;
	}
	if (n->n_sides == 1 || (wrong[0] != NULL && wrong[1] != NULL)) {
		return both_lost(n, node, wrong, err);
	}
	unsigned bad = wrong[0] != NULL ? 0 : 1;
	char why[32];
	snprintf(why, sizeof(why), "was %s", wrong[bad]);
	return rs_file_remake(n, node, bad, why, err);
}

int rs_nodes_mend(struct rs_nodes *n, bool verify, struct err *err)
{
	int rc = 0;
	for (unsigned k = 0; k < n->config.nodes; k++) {
		int rc_node = mend_node(n, k, verify, rc == 0 ? err : NULL);
		rc = rc != 0 ? rc : rc_node;
	}
	return rc;
}

int rs_nodes_heal(struct rs_nodes *n, struct err *err)
{
	rs_nodes_alone(n);
	pthread_mutex_lock(&n->lock);
	for (struct rs_insert *i = LIST_FIRST(&n->inserts); i != NULL; i = LIST_NEXT(i, link)) {
		rs_insert_break(i);
	}
	pthread_mutex_unlock(&n->lock);
	int rc = rs_nodes_mend(n, true, err);
	pthread_mutex_lock(&n->lock);
	n->heals++;
	n->lost = rc != 0;
	pthread_mutex_unlock(&n->lock);
	rs_nodes_not_alone(n);
	return rc;
}
