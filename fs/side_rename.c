/* Scratch files renamed among themselves: in memory, unless one of the two is on disk. */
#include "fs/side_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"

struct side_move {
	const char *from_dir;
	const char *from;
	const char *to_dir;
	const char *to;
	unsigned flags;
	struct side_dir *a_dir;
	struct side_dir *b_dir;
	struct side_file *a;
	struct side_file *b; /* may be NULL */
	bool on_disk;	     /* one of them is there: then it is done there */
};

static int find_ends(struct side *s, struct side_move *m, struct err *err)
{
	int rc = side_dir_get(s, m->from_dir, &m->a_dir, err);
	if (rc < 0) {
		return rc;
	}
	m->a_dir->pins++;
	rc = side_dir_get(s, m->to_dir, &m->b_dir, err);
	m->a_dir->pins--;
	if (rc < 0) {
		return rc;
	}
	m->a = side_dir_find(m->a_dir, m->from);
	m->b = side_dir_find(m->b_dir, m->to);
	if (m->a == NULL || (m->b == NULL && (m->flags & RENAME_EXCHANGE))) {
		return -ENOENT;
	}
	return m->b != NULL && (m->flags & RENAME_NOREPLACE) ? -EEXIST : 0;
}

/* What must be on disk first: a file that takes the place of one there would
 * else be the only thing a crash loses, and it would lose both. */
static struct side_file *to_settle(struct side_move *m)
{
	bool exchange = (m->flags & RENAME_EXCHANGE) != 0;
	m->on_disk = m->a != m->b && (exchange || m->a->settled || (m->b != NULL && m->b->settled));
	if (m->on_disk && !m->a->settled) {
		return m->a;
	}
	return m->on_disk && exchange && m->b != NULL && !m->b->settled ? m->b : NULL;
}

/* Both ends, quiet, and on disk if need be. */
static int prepare_move(struct side *s, struct side_move *m, struct err *err)
{
	for (;;) {
		int rc = find_ends(s, m, err);
		if (rc < 0) {
			return rc;
		}
		if (m->a->busy || (m->b != NULL && m->b->busy)) {
			side_wait(s);
			continue;
		}
		struct side_file *f = to_settle(m);
		if (f == NULL) {
			return 0;
		}
		rc = side_settle(s, f, err);
		if (rc < 0) {
			return rc;
		}
	}
}

static int rename_paths(const char *a, const char *b, unsigned flags, struct err *err)
{
	int rc = renameat2(AT_FDCWD, a, AT_FDCWD, b, flags);
	if (rc < 0 && errno == ENOENT && side_make_parents(b, err) == 0) {
		rc = renameat2(AT_FDCWD, a, AT_FDCWD, b, flags);
	}
	return rc < 0 ? err_errno(err, "rename of a scratch file") : 0;
}

static int rename_on_disk(struct side *s, struct side_move *m, struct err *err)
{
	CLEANUP(buf_free) struct buf a = BUF_INIT;
	CLEANUP(buf_free) struct buf b = BUF_INIT;
	side_path(s, SIDE_SCRATCH, m->from_dir, m->from, &a);
	side_path(s, SIDE_SCRATCH, m->to_dir, m->to, &b);
	m->a_dir->pins++;
	m->b_dir->pins++;
	if (m->b != NULL) {
		m->b->busy = true;
		if (m->b->settled) {
			side_file_measure(s, m->b);
		}
	}
	side_busy_begin(s, m->a);
	int rc = rename_paths(buf_cstr(&a), buf_cstr(&b), m->flags, err);
	side_busy_end(s, m->a);
	if (m->b != NULL) {
		m->b->busy = false;
	}
	m->b_dir->pins--;
	m->a_dir->pins--;
	return rc;
}

static int rename_over(struct side *s, struct side_move *m, struct err *err)
{
	int rc = m->b == NULL && m->a_dir != m->b_dir ? side_check_room(s, m->b_dir, err) : 0;
	rc = rc == 0 ? side_dir_reserve(m->b_dir, err) : rc;
	char *name = rc == 0 ? strdup(m->to) : NULL;
	if (name == NULL) {
		return rc < 0 ? rc : err_set(err, ENOMEM, "out of memory");
	}
	rc = m->on_disk ? rename_on_disk(s, m, err) : 0;
	if (rc < 0) {
		free(name);
		return rc;
	}
	if (m->b != NULL) {
		side_file_drop(s, m->b);
	}
	side_dir_remove(m->a);
	side_dir_insert(m->b_dir, m->a, name);
	return 0;
}

int side_rename(struct side *s, const char *from_dir, const char *from, const char *to_dir,
	const char *to, unsigned flags, struct err *err)
{
	struct side_move m = {
		.from_dir = from_dir, .from = from, .to_dir = to_dir, .to = to, .flags = flags};
	LOCKED(&s->lock);
	int rc = prepare_move(s, &m, err);
	if (rc < 0 || m.a == m.b) {
		return rc;
	}
	if (!(flags & RENAME_EXCHANGE)) {
		return rename_over(s, &m, err);
	}
	rc = rename_on_disk(s, &m, err);
	if (rc == 0) {
		side_dir_swap(m.a, m.b);
	}
	return rc;
}
