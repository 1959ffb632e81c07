/* Whom commands are sent to: a real redis-server, a server of ours in this process, or one that is
 * mounted. Each over two connections. */
#ifndef DBMOUNT_TESTS_REDIS_PEER_H
#define DBMOUNT_TESTS_REDIS_PEER_H

#include "engines/common/buf.h"

struct redis_server;

struct peer {
	const char *name;
	/* Sends a command (RESP) and appends its reply. */
	void (*ask)(struct peer *p, unsigned connection, struct slice command, struct buf *reply);
	void (*anew)(struct peer *p); /* both connections are closed and made again */
	void (*close)(struct peer *p);
	int fd[2];
	struct redis_server *server;
	struct redis_session *session[2];
	int pid;
	char path[128];
};

/* Whether a real one is installed. */
bool peer_real_installed(void);
/* Started for this test, with its socket in `dir`. */
void peer_real(struct peer *p, const char *dir);
void peer_ours(struct peer *p, struct redis_server *server);
/* The file `.exec.resp` of a cluster. */
void peer_mounted(struct peer *p, const char *path);

/* The length of the whole reply that the text begins with, 0: it is not there yet. */
size_t reply_length(struct slice text);

#endif
