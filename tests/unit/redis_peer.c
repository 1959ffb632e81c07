#include "tests/unit/redis_peer.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engines/cache/redis/session.h"

size_t reply_length(struct slice text)
{
	struct slice rest = text;
	int64_t left = 1;
	while (left > 0) {
		struct redis_reply r;
		if (!redis_reply_next(&rest, &r)) {
			return 0;
		}
		left += (r.kind == REDIS_REPLY_ARRAY ? r.value : 0) - 1;
	}
	return text.n - rest.n;
}

/* ---- a real one ---- */

bool peer_real_installed(void)
{
	const char *path = getenv("PATH");
	while (path != NULL && *path != '\0') {
		char file[512];
		size_t n = strcspn(path, ":");
		snprintf(file, sizeof(file), "%.*s/redis-server", (int)n, path);
		if (access(file, X_OK) == 0) {
			return true;
		}
		path += n + (path[n] == ':');
	}
	return false;
}

static int connect_to(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(fd, 0);
	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void send_all(int fd, struct slice text)
{
	while (text.n > 0) {
		ssize_t n = write(fd, text.p, text.n);
		ck_assert_msg(n > 0, "write: %s", strerror(errno));
		text = slice_make(text.p + n, text.n - (size_t)n);
	}
}

static void receive(int fd, struct buf *reply)
{
	size_t at = reply->n;
	while (reply_length(buf_since(reply, at)) == 0) {
		char piece[65536];
		ssize_t n = read(fd, piece, sizeof(piece));
		ck_assert_msg(n > 0, "the server is gone: %s", n == 0 ? "end" : strerror(errno));
		buf_append(reply, piece, (size_t)n);
	}
}

static void ask_real(struct peer *p, unsigned connection, struct slice command, struct buf *reply)
{
	send_all(p->fd[connection], command);
	receive(p->fd[connection], reply);
}

static void anew_real(struct peer *p)
{
	for (unsigned i = 0; i < 2; i++) {
		close(p->fd[i]);
		p->fd[i] = connect_to(p->path);
		ck_assert_int_ge(p->fd[i], 0);
	}
}

static void close_real(struct peer *p)
{
	close(p->fd[0]);
	close(p->fd[1]);
	kill(p->pid, SIGKILL);
	waitpid(p->pid, NULL, 0);
}

static void run_server(const char *dir, const char *socket)
{
	int null = open("/dev/null", O_RDWR);
	dup2(null, 0);
	dup2(null, 1);
	dup2(null, 2);
	execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", socket, "--save", "",
		"--appendonly", "no", "--dir", dir, (char *)NULL);
	_exit(127);
}

void peer_real(struct peer *p, const char *dir)
{
	*p = (struct peer){
		.name = "redis-server", .ask = ask_real, .anew = anew_real, .close = close_real};
	snprintf(p->path, sizeof(p->path), "%s/redis", dir);
	p->pid = fork();
	ck_assert_int_ge(p->pid, 0);
	if (p->pid == 0) {
		run_server(dir, p->path);
	}
	while ((p->fd[0] = connect_to(p->path)) < 0) {
		ck_assert_msg(waitpid(p->pid, NULL, WNOHANG) == 0, "redis-server did not start");
		usleep(10000);
	}
	p->fd[1] = connect_to(p->path);
	ck_assert_int_ge(p->fd[1], 0);
}

/* ---- ours ---- */

static void ask_ours(struct peer *p, unsigned connection, struct slice command, struct buf *reply)
{
	struct err err = {0};
	struct redis_session *s = p->session[connection];
	int rc = redis_session_feed(s, command, &err);
	rc = rc != 0 ? rc : redis_session_run(s, reply, &err);
	ck_assert_msg(rc == 0, "%s", err.msg);
}

static void close_ours(struct peer *p)
{
	redis_session_close(p->session[0]);
	redis_session_close(p->session[1]);
}

static void anew_ours(struct peer *p)
{
	struct err err = {0};
	close_ours(p);
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(redis_session_open(p->server, &p->session[i], &err), 0);
	}
}

void peer_ours(struct peer *p, struct redis_server *server)
{
	*p = (struct peer){.name = "ours",
		.ask = ask_ours,
		.anew = anew_ours,
		.close = close_ours,
		.server = server};
	anew_ours(p);
}

/* ---- a file ---- */

static void close_mounted(struct peer *p)
{
	for (unsigned i = 0; i < 2; i++) {
		if (p->fd[i] >= 0) {
			close(p->fd[i]);
		}
	}
}

static void anew_mounted(struct peer *p)
{
	close_mounted(p);
	for (unsigned i = 0; i < 2; i++) {
		p->fd[i] = open(p->path, O_RDWR | O_CLOEXEC);
		ck_assert_msg(p->fd[i] >= 0, "%s: %s", p->path, strerror(errno));
	}
}

void peer_mounted(struct peer *p, const char *path)
{
	*p = (struct peer){.name = "mounted",
		.ask = ask_real,
		.anew = anew_mounted,
		.close = close_mounted,
		.fd = {-1, -1}};
	snprintf(p->path, sizeof(p->path), "%s", path);
	anew_mounted(p);
}
