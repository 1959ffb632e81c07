#include "fs/detach.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engines/common/cleanup.h"
#include "engines/common/log.h"

/* What goes through the pipe: one of these, then the sentence if any. */
#define SAYS_DONE   '+'
#define SAYS_FAILED '-'

/* ---- the child ---- */

static int release_terminal(struct err *err)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		return err_errno(err, "cannot open /dev/null");
	}
	for (int i = 0; i < 3; i++) {
		if (dup2(fd, i) < 0) {
			int r = err_errno(err, "cannot leave the terminal");
			close(fd);
			return r;
		}
	}
	if (fd > STDERR_FILENO) {
		close(fd);
	}
	return 0;
}

int detach_done(int fd, struct err *err)
{
	static const char says = SAYS_DONE;
	log_set_stderr(false);
	int r = release_terminal(err);
	if (r != 0) {
		return r;
	}
	ssize_t n = write(fd, &says, 1);
	if (n != 1) {
		return err_errno(err, "interrupted before the mount was ready");
	}
	close(fd);
	return 0;
}

void detach_failed(int fd, const char *sentence)
{
	char text[ERR_MSG_MAX + 1];
	int n = snprintf(text, sizeof(text), "%c%s", SAYS_FAILED, sentence);
	/* The parent may be gone; then there is nobody to tell. */
	(void)!write(fd, text, (size_t)n);
	close(fd);
}

/* ---- the parent ---- */

/* All the child says, up to its end or its closing of the pipe. */
static void read_answer(int fd, char *out, size_t size)
{
	size_t n = 0;
	while (n < size - 1) {
		ssize_t more = read(fd, out + n, size - 1 - n);
		if (more < 0 && errno == EINTR) {
			continue;
		}
		if (more <= 0) {
			break;
		}
		n += (size_t)more;
	}
	out[n] = '\0';
}

static int fail(const char *sentence)
{
	fprintf(stderr, "dbmount: %s\n", sentence);
	return 1;
}

static int fail_silent_child(pid_t child, const struct mountopts *o)
{
	int status = 0;
	if (waitpid(child, &status, 0) == child && WIFSIGNALED(status)) {
		fprintf(stderr, "dbmount: the daemon was ended by signal %d (%s); see %s\n",
			WTERMSIG(status), strsignal(WTERMSIG(status)), o->log_file);
		return 1;
	}
	fprintf(stderr, "dbmount: the daemon ended without a word; see %s\n", o->log_file);
	return 1;
}

/* The child serves from here on: its first answer shows that it does. */
static int check_mount(const struct mountopts *o)
{
	struct statfs fs;
	int r = statfs(o->mountpoint, &fs);
	if ((r != 0 && errno == ENOTCONN) || (r == 0 && fs.f_type != FUSE_SUPER_MAGIC)) {
		fprintf(stderr, "dbmount: the daemon ended right after mounting; see %s\n",
			o->log_file);
		return 1;
	}
	return 0;
}

static int wait_for_child(int fd, pid_t child, const struct mountopts *o)
{
	char answer[ERR_MSG_MAX + 1];
	read_answer(fd, answer, sizeof(answer));
	switch (answer[0]) {
	case SAYS_DONE: return check_mount(o);
	case SAYS_FAILED: return fail(answer + 1);
	default: return fail_silent_child(child, o);
	}
}

int detach(const struct mountopts *o, int *fd, struct err *err)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) != 0) {
		return err_errno(err, "cannot make a pipe");
	}
	fflush(NULL);
	pid_t child = fork();
	if (child < 0) {
		close(ends[0]);
		close(ends[1]);
		return err_errno(err, "cannot start the daemon");
	}
	if (child > 0) {
		close(ends[1]);
		/* Not exit(): what atexit handlers would tidy up is the child's now. */
		_exit(wait_for_child(ends[0], child, o));
	}
	/* Whoever waits for the end of a pipe we inherited must not wait for the mount's. */
	*fd = dup2(ends[1], STDERR_FILENO + 1);
	close_range(STDERR_FILENO + 2, ~0U, 0);
	fcntl(*fd, F_SETFD, FD_CLOEXEC);
	setsid();
	return 0;
}
