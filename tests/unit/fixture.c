#include "tests/unit/fixture.h"

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int run_suite(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- files ---- */

void make_site(char site[SITE_MAX])
{
	const char *tmp = getenv("TMPDIR");
	snprintf(site, SITE_MAX, "%.40s/dbmount-test-XXXXXX", tmp != NULL ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(site));
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void remove_site(const char *path)
{
	nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

bool read_whole(const char *path, struct buf *out)
{
	char piece[65536];
	size_t n;
	FILE *f = fopen(path, "rbe");
	if (f == NULL) {
		return false;
	}
	while ((n = fread(piece, 1, sizeof(piece), f)) > 0) {
		buf_append(out, piece, n);
	}
	fclose(f);
	return true;
}

/* ---- children ---- */

struct child child_start(void (*work)(int fd, const void *arg), const void *arg)
{
	int fds[2];
	ck_assert_int_eq(pipe(fds), 0);
	struct child c = {.pid = fork(), .told = fds[0]};
	ck_assert_int_ge(c.pid, 0);
	if (c.pid == 0) {
		close(fds[0]);
		work(fds[1], arg);
		_exit(3);
	}
	close(fds[1]);
	return c;
}

void child_reap(const struct child *c)
{
	int status;
	close(c->told);
	ck_assert_int_eq(waitpid(c->pid, &status, 0), c->pid);
	ck_assert_msg(WIFSIGNALED(status), "the child ended by itself: %d", status);
}

struct steps {
	const struct crash_work *work;
	unsigned long first;
};

static void do_steps(int fd, const void *arg)
{
	const struct steps *s = arg;
	const struct crash_work *w = s->work;
	if (w->open() < 0) {
		fprintf(stderr, "open: %s\n", w->err->msg);
		_exit(2);
	}
	for (unsigned long done = 0;; done++) {
		if (w->step(s->first + done / w->n_steps, (unsigned)(done % w->n_steps)) < 0) {
			fprintf(stderr, "step %lu: %s\n", done % w->n_steps, w->err->msg);
			_exit(2);
		}
		if (write(fd, "x", 1) != 1) {
			_exit(2);
		}
	}
}

unsigned long work_and_kill(const struct crash_work *w, unsigned long first, unsigned microseconds)
{
	char done[256];
	unsigned long n = 0;
	struct child c = child_start(do_steps, &(struct steps){w, first});
	usleep(microseconds);
	kill(c.pid, SIGKILL);
	for (ssize_t got; (got = read(c.told, done, sizeof(done))) > 0;) {
		n += (unsigned long)got;
	}
	child_reap(&c);
	return n;
}
