/* INFO: sections of "field:value" lines, with Redis' names. */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "engines/cache/redis/about.h"
#include "engines/cache/redis/channels.h"
#include "engines/cache/redis/evict.h"
#include "engines/store/store.h"

void redis_about(struct redis_server *s, struct redis_about *out)
{
	*out = (struct redis_about){.role = "master", .persistence = "everysec"};
	if (s->about != NULL) {
		s->about(s->arg, out);
	}
}

struct info {
	struct redis_txn *t;
	struct redis_server *server;
	struct redis_about about;
	struct buf *out;
};

static void add(struct info *x, const char *name, uint64_t value)
{
	buf_printf(x->out, "%s:%llu\r\n", name, (unsigned long long)value);
}

static void add_text(struct info *x, const char *name, const char *value)
{
	buf_printf(x->out, "%s:%s\r\n", name, value);
}

/* 1.50K, 2.00M. */
static void add_human(struct info *x, const char *name, uint64_t bytes)
{
	static const char units[] = "BKMGTP";
	double value = (double)bytes;
	unsigned unit = 0;
	while (value >= 1024 && unit + 2 < sizeof(units)) {
		value /= 1024;
		unit++;
	}
	buf_printf(x->out, unit == 0 ? "%s:%.0f%c\r\n" : "%s:%.2f%c\r\n", name, value, units[unit]);
}

static int add_server(struct info *x, struct err *err)
{
	(void)err;
	uint64_t up = (uint64_t)(x->t->now_ms - x->server->started_ms) / 1000;
	add_text(x, "redis_version", REDIS_LIKE_VERSION);
	add_text(x, "redis_mode", "standalone");
	add_text(x, "dbmount_version", DBMOUNT_VERSION);
	add(x, "process_id", (uint64_t)getpid());
	add_text(x, "run_id", x->server->run_id);
	add(x, "tcp_port", 0);
	add(x, "server_time_usec", (uint64_t)x->t->now_ms * 1000);
	add(x, "uptime_in_seconds", up);
	add(x, "uptime_in_days", up / 86400);
	return 0;
}

static int add_clients(struct info *x, struct err *err)
{
	(void)err;
	add(x, "connected_clients", x->server->clients);
	add(x, "blocked_clients", 0);
	return 0;
}

static int add_memory(struct info *x, struct err *err)
{
	uint64_t bytes;
	uint64_t keys;
	int rc = redis_used(x->t, &bytes, &keys, err);
	if (rc != 0) {
		return rc;
	}
	const struct redis_limits *limits = x->server->limits;
	uint64_t max = limits != NULL ? limits->maxmemory : 0;
	int policy = limits != NULL ? limits->policy : REDIS_NOEVICTION;
	add(x, "used_memory", bytes);
	add_human(x, "used_memory_human", bytes);
	add(x, "maxmemory", max);
	add_human(x, "maxmemory_human", max);
	add_text(x, "maxmemory_policy", redis_policy_names[policy]);
	return 0;
}

static int add_persistence(struct info *x, struct err *err)
{
	(void)err;
	bool kept = strcmp(x->about.persistence, "none") != 0;
	add(x, "loading", 0);
	add(x, "rdb_bgsave_in_progress", 0);
	add(x, "rdb_last_save_time", (uint64_t)x->server->started_ms / 1000);
	add(x, "aof_enabled", kept);
	add_text(x, "persistence", x->about.persistence);
	return 0;
}

static int count_name(void *arg, struct slice name, uint64_t listeners)
{
	(void)name, (void)listeners;
	++*(uint64_t *)arg;
	return 0;
}

static int add_stats(struct info *x, struct err *err)
{
	(void)err;
	const struct redis_counts *counts = redis_db_counts(x->server->db);
	uint64_t channels = 0;
	uint64_t patterns = 0;
	redis_channels_each(x->server->channels, REDIS_CHANNEL, NULL, count_name, &channels);
	redis_channels_each(x->server->channels, REDIS_PATTERN, NULL, count_name, &patterns);
	add(x, "total_connections_received", x->server->sessions);
	add(x, "total_commands_processed", x->server->commands);
	add(x, "expired_keys", counts->expired);
	add(x, "evicted_keys", counts->evicted);
	add(x, "keyspace_hits", counts->hits);
	add(x, "keyspace_misses", counts->misses);
	add(x, "pubsub_channels", channels);
	add(x, "pubsub_patterns", patterns);
	return 0;
}

static void add_replica(struct info *x, unsigned n)
{
	const struct redis_about_replica *r = &x->about.replica[n];
	buf_printf(x->out, "slave%u:ip=%s,port=0,state=%s,offset=%llu,lag=%lld\r\n", n, r->name,
		r->online ? "online" : "wait_bgsave", (unsigned long long)r->offset,
		(long long)(r->lag_ms / 1000));
}

static int add_replication(struct info *x, struct err *err)
{
	uint64_t offset;
	int rc = redis_offset(x->t, &offset, err);
	if (rc != 0) {
		return rc;
	}
	bool slave = strcmp(x->about.role, "slave") == 0;
	add_text(x, "role", x->about.role);
	if (slave) {
		add_text(x, "master_host", x->about.name);
		add_text(x, "master_link_status", "up");
		add(x, "slave_read_only", 1);
		add(x, "slave_repl_offset", offset);
	}
	add(x, "connected_slaves", x->about.n_replicas);
	for (unsigned i = 0; i < x->about.n_replicas; i++) {
		add_replica(x, i);
	}
	add_text(x, "master_failover_state", "no-failover");
	add_text(x, "master_replid", x->server->run_id);
	add(x, "master_repl_offset", offset);
	return 0;
}

static int add_keyspace(struct info *x, struct err *err)
{
	uint64_t keys;
	int rc = redis_keys_count(x->t, &keys, err);
	if (rc != 0 || keys == 0) {
		return rc;
	}
	sqlite3_stmt *stmt = redis_stmt(x->t,
		"SELECT count(*), avg(max(expires - ?1, 0)) FROM key WHERE expires IS NOT NULL",
		err);
	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(stmt, 1, x->t->now_ms);
	rc = store_step(stmt, err);
	if (rc == 1) {
		buf_printf(x->out, "db0:keys=%llu,expires=%lld,avg_ttl=%.0f\r\n",
			(unsigned long long)keys, sqlite3_column_int64(stmt, 0),
			sqlite3_column_double(stmt, 1));
	}
	sqlite3_reset(stmt);
	return rc < 0 ? rc : 0;
}

static const struct {
	const char *name; /* as asked for */
	const char *title;
	int (*add)(struct info *x, struct err *err);
} sections[] = {
	{"server", "Server", add_server},
	{"clients", "Clients", add_clients},
	{"memory", "Memory", add_memory},
	{"persistence", "Persistence", add_persistence},
	{"stats", "Stats", add_stats},
	{"replication", "Replication", add_replication},
	{"keyspace", "Keyspace", add_keyspace},
};

static bool wanted(const char *name, unsigned n, const struct slice *words)
{
	bool found = n == 0;
	for (unsigned i = 0; i < n && !found; i++) {
		found = redis_arg_is(words[i], name) || redis_arg_is(words[i], "all") ||
			redis_arg_is(words[i], "default") || redis_arg_is(words[i], "everything");
	}
	return found;
}

int redis_info(struct redis_txn *t, struct redis_server *s, unsigned n, const struct slice *words,
	struct buf *out, struct err *err)
{
	struct info x = {.t = t, .server = s, .out = out};
	redis_about(s, &x.about);
	size_t start = out->n;
	int rc = 0;
	for (unsigned i = 0; i < sizeof(sections) / sizeof(sections[0]) && rc == 0; i++) {
		if (!wanted(sections[i].name, n, words)) {
			continue;
		}
		buf_printf(out, "%s# %s\r\n", out->n > start ? "\r\n" : "", sections[i].title);
		rc = sections[i].add(&x, err);
	}
	return rc;
}
