/* What a cluster has in memory while it is in use, and what is done in it without being asked. */
#include "engines/cache/redis/server.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

#include "engines/cache/redis/channels.h"
#include "engines/cache/redis/evict.h"
#include "engines/cache/redis/script.h"
#include "engines/common/clock.h"

#define MS_NS	     1000000
#define REPLIES_MAX  ((size_t)1 << 30)
#define EXPIRE_BATCH 256 /* keys that expire with one transaction */

static int set_run_id(struct redis_server *s, struct err *err)
{
	unsigned char random[sizeof(s->run_id) / 2];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
		return err_errno(err, "no random numbers");
	}
	for (size_t i = 0; i < sizeof(random); i++) {
		snprintf(s->run_id + 2 * i, 3, "%02x", random[i]);
	}
	return 0;
}

int redis_server_open(
	const struct redis_server_config *config, struct redis_server **out, struct err *err)
{
	struct redis_server *s = calloc(1, sizeof(*s));

	*out = NULL;
	if (s == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	s->db = config->db;
	s->writable = redis_db_writable(config->db);
	s->limits = config->limits;
	s->host = config->host;
	s->about = config->about;
	s->arg = config->arg;
	s->started_ms = clock_wall_ns() / MS_NS;
	s->counts = redis_db_counts(config->db);
	s->script_ms = SCRIPT_MS;
	s->replies_max = REPLIES_MAX;
	s->channels = redis_channels_new();
	s->scripts = redis_scripts_new();
	int rc = s->channels != NULL && s->scripts != NULL ? 0
							   : err_set(err, ENOMEM, "out of memory");
	rc = rc < 0 ? rc : set_run_id(s, err);
	if (rc < 0) {
		redis_server_close(s);
		return rc;
	}
	*out = s;
	return 0;
}

void redis_server_close(struct redis_server *s)
{
	if (s != NULL) {
		redis_scripts_free(s->scripts);
		redis_channels_free(s->channels);
		free(s);
	}
}

/* ---- the tick ---- */

static int next_fn(struct redis_txn *t, void *arg, struct err *err)
{
	int64_t next;
	int rc = redis_expire_next(t, &next, err);

	*(bool *)arg = rc == 0 && next != 0 && next <= t->now_ms;
	return rc;
}

static int expire_fn(struct redis_txn *t, void *arg, struct err *err)
{
	return redis_expire_due(t, EXPIRE_BATCH, arg, err);
}

/* Reads first: a cluster at rest is not written to. */
int redis_server_tick(struct redis_server *server, struct err *err)
{
	unsigned n = EXPIRE_BATCH;
	bool due = false;

	if (!redis_db_writable(server->db)) {
		return 0;
	}
	int rc = redis_read(server->db, next_fn, &due, err);
	while (rc == 0 && due && n == EXPIRE_BATCH) {
		rc = redis_write(server->db, expire_fn, &n, err);
	}
	return rc;
}
