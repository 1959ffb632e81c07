/* What `.control` understands, at the service, at a cluster and at a replica. The checks of
 * arguments are here, the work is elsewhere. */
#include <assert.h>
#include <stdio.h>

#include "engines/cache/service.h"
#include "engines/common/identifier.h"

#define DELAY_MAX_MS 86400000

/* ---- arguments ---- */

static int the_word(const struct engine_call *call, unsigned n, const char *word, struct err *err)
{
	return strcmp(call->argv[n], word) == 0
		       ? 0
		       : err_set(err, EINVAL, "%s: '%s' is expected, found '%s'", call->argv[0],
				 word, call->argv[n]);
}

static int number(const char *what, const char *text, uint64_t max, uint64_t *out, struct err *err)
{
	uint64_t n = 0;
	const char *p = text;

	for (; *p >= '0' && *p <= '9' && n <= max; p++) {
		n = n * 10 + (unsigned)(*p - '0');
	}
	if (p == text || *p != '\0' || n > max) {
		return err_set(err, EINVAL,
			"InvalidParameterValue: %s %s: a number up to %llu is expected", what, text,
			(unsigned long long)max);
	}
	*out = n;
	return 0;
}

/* One of the words, by its number. */
static int one_of(const char *what, const char *text, const char *const *words, unsigned n,
	unsigned *out, struct err *err)
{
	CLEANUP(buf_free) struct buf known = BUF_INIT;

	for (unsigned k = 0; k < n; k++) {
		if (strcmp(text, words[k]) == 0) {
			*out = k;
			return 0;
		}
		buf_printf(&known, "%s%s", k > 0 ? ", " : "", words[k]);
	}
	return err_set(err, EINVAL, "InvalidParameterValue: %s=%s: one of %s is expected", what,
		text, buf_cstr(&known));
}

/* 64mb, as Redis takes sizes: k m g are thousands, kb mb gb of 1024. */
static int size_arg(const char *text, uint64_t *out, struct err *err)
{
	static const struct {
		const char *suffix;
		uint64_t factor;
	} units[] = {{"", 1}, {"b", 1}, {"k", 1000}, {"kb", 1024}, {"m", 1000000}, {"mb", 1048576},
		{"g", 1000000000}, {"gb", 1073741824}};
	uint64_t n = 0;
	const char *p = text;

	for (; *p >= '0' && *p <= '9' && n < UINT64_C(1) << 40; p++) {
		n = n * 10 + (unsigned)(*p - '0');
	}
	for (size_t k = 0; p > text && k < sizeof(units) / sizeof(units[0]); k++) {
		if (strcasecmp(p, units[k].suffix) == 0) {
			*out = n * units[k].factor;
			return 0;
		}
	}
	return err_set(err, EINVAL,
		"InvalidParameterValue: maxmemory=%s: bytes are expected, as 1000, 64mb, 2gb",
		text);
}

static int on_off(const struct engine_call *call, bool *out, struct err *err)
{
	*out = strcmp(call->argv[1], "on") == 0;
	return *out || strcmp(call->argv[1], "off") == 0
		       ? 0
		       : err_set(err, EINVAL, "%s %s: on or off is expected", call->argv[0],
				 call->argv[1]);
}

/* The value of word "NAME=value"; NULL: it is another. */
static const char *value_of(const char *word, const char *name)
{
	size_t n = strlen(name);

	return strncmp(word, name, n) == 0 && word[n] == '=' ? word + n + 1 : NULL;
}

static void tell_pages(void *arg, uint64_t done, uint64_t total)
{
	struct engine_call *call = arg;

	if (call->progress != NULL) {
		call->progress(call, done, total, "pages");
	}
}

/* The cluster whose .control this is. */
static int own(
	void *ctx, const struct engine_call *call, struct cache_cluster **out, struct err *err)
{
	const struct cache *x = ctx;

	if (x->view != NULL && x->view->node[0] != '\0') {
		return err_set(err, ENOTSUP, "a replica cannot: say '%s' in the cluster's .control",
			call->argv[0]);
	}
	return cache_cluster_at(ctx, call->path, out, err);
}

/* ---- what a cluster is to be like ---- */

struct wish {
	struct cache_def def;
	uint64_t replicas;
	bool memory, policy, persistence; /* which were said */
};

static int policy_arg(struct wish *w, const char *value, struct err *err)
{
	unsigned n = 0;
	int rc = one_of("policy", value, redis_policy_names, REDIS_POLICIES, &n, err);

	w->policy = true;
	w->def.policy = (enum redis_policy)n;
	return rc;
}

static int persistence_arg(struct wish *w, const char *value, struct err *err)
{
	unsigned n = 0;
	int rc = one_of("persistence", value, cache_persistence_names, CACHE_PERSISTENCES, &n, err);

	w->persistence = true;
	w->def.persistence = (enum cache_persistence)n;
	return rc;
}

/* 1: it is another word. */
static int common_arg(struct wish *w, const char *word, struct err *err)
{
	const char *value;

	if ((value = value_of(word, "maxmemory")) != NULL) {
		w->memory = true;
		return size_arg(value, &w->def.maxmemory, err);
	}
	if ((value = value_of(word, "policy")) != NULL) {
		return policy_arg(w, value, err);
	}
	if ((value = value_of(word, "persistence")) != NULL) {
		return persistence_arg(w, value, err);
	}
	return 1;
}

static int create_arg(struct wish *w, const char *word, struct err *err)
{
	const char *value;
	int rc = common_arg(w, word, err);

	if (rc <= 0) {
		return rc;
	}
	if ((value = value_of(word, "replicas")) != NULL) {
		return number("replicas", value, CACHE_REPLICAS_MAX, &w->replicas, err);
	}
	return value_of(word, "engine") != NULL
		       ? 0 /* taken before */
		       : err_set(err, EINVAL,
				 "create: engine=, maxmemory=, policy=, persistence= or replicas= "
				 "is expected, found '%s'",
				 word);
}

static int engine_arg(const struct engine_call *call, enum cache_kind *out, struct err *err)
{
	unsigned n = CACHE_REDIS;
	int rc = 0;

	for (unsigned k = 2; rc == 0 && k < call->argc; k++) {
		const char *value = value_of(call->argv[k], "engine");
		rc = value != NULL ? one_of("engine", value, cache_kind_names, 2, &n, err) : 0;
	}
	*out = n == CACHE_MEMCACHED ? CACHE_MEMCACHED : CACHE_REDIS;
	return rc;
}

/* A Memcached-like one has memory, and nothing else. */
static int check_kind(const struct wish *w, struct err *err)
{
	if (w->def.kind == CACHE_REDIS) {
		return 0;
	}
	if (w->policy || w->persistence || w->replicas > 0) {
		return err_set(err, EINVAL,
			"InvalidParameterCombination: Memcached has no policies (it is LRU), no "
			"persistence and no replicas");
	}
	return w->def.maxmemory > 0 ? 0
				    : err_set(err, EINVAL,
					      "InvalidParameterValue: a Memcached-like cluster "
					      "has a limit to its memory");
}

static int run_create(void *ctx, struct engine_call *call, struct err *err)
{
	struct cache *x = ctx;
	struct wish w = {.replicas = 0};
	char name[CACHE_NAME_MAX + 1];
	enum cache_kind kind;

	int rc = identifier_take("ReplicationGroupId", call->argv[1], CACHE_NAME_MAX, name, err);
	rc = rc < 0 ? rc : engine_arg(call, &kind, err);
	if (rc < 0) {
		return rc;
	}
	cache_def_init(&w.def, slice_of(name), kind);
	for (unsigned k = 2; rc == 0 && k < call->argc; k++) {
		rc = create_arg(&w, call->argv[k], err);
	}
	rc = rc < 0 ? rc : check_kind(&w, err);
	rc = rc < 0 ? rc : cache_create(x->service, &w.def, (unsigned)w.replicas, NULL, err);
	if (rc == 0) {
		clusters_tell(&x->service->base, NULL);
		buf_printf(call->out, "cluster %s created\n", name);
	}
	return rc;
}

static void change_common(struct cache_def *def, const struct cache_def *with)
{
	def->maxmemory = with->maxmemory;
	def->policy = with->policy;
	def->persistence = with->persistence;
}

static int run_modify(void *ctx, struct engine_call *call, struct err *err)
{
	struct wish w = {.replicas = 0};
	CACHE_CLUSTER c = NULL;

	int rc = own(ctx, call, &c, err);
	if (rc < 0) {
		return rc;
	}
	cache_def_now(c, &w.def);
	for (unsigned k = 1; rc == 0 && k < call->argc; k++) {
		rc = common_arg(&w, call->argv[k], err);
		if (rc > 0) {
			rc = err_set(err, EINVAL,
				"modify: maxmemory=, policy= or persistence= is expected, found "
				"'%s'",
				call->argv[k]);
		}
	}
	rc = rc < 0 ? rc : check_kind(&w, err);
	rc = rc < 0 ? rc : cache_modify(c, change_common, &w.def, err);
	if (rc == 0) {
		buf_puts(call->out, "modified\n");
	}
	return rc;
}

static void change_automatic(struct cache_def *def, const struct cache_def *with)
{
	def->automatic_failover = with->automatic_failover;
}

static int run_automatic_failover(void *ctx, struct engine_call *call, struct err *err)
{
	struct cache_def with = {0};
	CACHE_CLUSTER c = NULL;

	int rc = on_off(call, &with.automatic_failover, err);
	rc = rc < 0 ? rc : own(ctx, call, &c, err);
	rc = rc < 0 ? rc : cache_only_redis(c, "replicas", err);
	rc = rc < 0 ? rc : cache_change(c, change_automatic, &with, err);
	if (rc == 0) {
		buf_printf(call->out, "automatic failover is %s\n",
			with.automatic_failover ? "enabled" : "disabled");
	}
	return rc;
}

static int run_delete_cluster(void *ctx, struct engine_call *call, struct err *err)
{
	struct cache_progress progress = {tell_pages, call};
	struct cache *x = ctx;
	char snapshot[CACHE_SNAPSHOT_MAX + 1];
	bool final = call->argc > 1;
	CACHE_CLUSTER c = NULL;

	if (call->argc == 2) {
		return err_set(
			err, EINVAL, "delete-cluster final-snapshot NAME: the name is missing");
	}
	int rc = final ? the_word(call, 1, "final-snapshot", err) : 0;
	if (rc == 0 && final) {
		rc = identifier_take("FinalSnapshotIdentifier", call->argv[2], CACHE_SNAPSHOT_MAX,
			snapshot, err);
	}
	rc = rc < 0 ? rc : own(ctx, call, &c, err);
	rc = rc < 0 ? rc : cache_delete(c, false, final ? snapshot : NULL, &progress, err);
	if (rc == 0) {
		clusters_tell(&x->service->base, NULL);
		buf_printf(call->out, "cluster deleted%s%s\n", final ? ", kept as snapshot " : "",
			final ? snapshot : "");
	}
	return rc;
}

typedef int simple_fn(struct cache_cluster *c, struct err *err);
static int run_simple(void *ctx, struct engine_call *call, simple_fn *fn, struct err *err)
{
	struct cache_def def;
	CACHE_CLUSTER c = NULL;

	int rc = own(ctx, call, &c, err);
	rc = rc < 0 ? rc : fn(c, err);
	if (rc == 0) {
		cache_def_now(c, &def);
		buf_printf(call->out, "%s is the primary\n", def.primary);
	}
	return rc;
}

static int run_recover(void *ctx, struct engine_call *call, struct err *err)
{
	return run_simple(ctx, call, cache_recover, err);
}

static int run_reboot(void *ctx, struct engine_call *call, struct err *err)
{
	return run_simple(ctx, call, cache_reboot, err);
}

static int run_test_failover(void *ctx, struct engine_call *call, struct err *err)
{
	return run_simple(ctx, call, cache_test_failover, err);
}

/* ---- replicas ---- */

static int delay_arg(const char *text, int64_t *out, struct err *err)
{
	uint64_t ms = 0;
	int rc = number("delay in milliseconds", text, DELAY_MAX_MS, &ms, err);

	*out = (int64_t)ms;
	return rc;
}

static int replica_arg(const char *word, struct cache_wish *wish, struct err *err)
{
	const char *value = value_of(word, "az");

	if (value != NULL) {
		wish->zone = (unsigned)(value[0] - 'a');
		return wish->zone < INSTANCE_ZONES && value[1] == '\0'
			       ? 0
			       : err_set(err, EINVAL,
					 "InvalidParameterValue: az=%s: the availability zones are "
					 "a and b",
					 value);
	}
	value = value_of(word, "delay");
	return value != NULL
		       ? delay_arg(value, &wish->delay_ms, err)
		       : err_set(err, EINVAL,
				 "create-replica: az= or delay= is expected, found '%s'", word);
}

static int run_create_replica(void *ctx, struct engine_call *call, struct err *err)
{
	struct cache_wish wish = {NULL, INSTANCE_ZONES, 0};
	char name[CACHE_NODE_MAX + 1];
	CACHE_CLUSTER c = NULL;
	unsigned k = 1;
	int rc = 0;

	if (call->argc > 1 && strchr(call->argv[1], '=') == NULL) {
		rc = identifier_take("CacheClusterId", call->argv[1], CACHE_NODE_MAX, name, err);
		wish.name = name;
		k = 2;
	}
	for (; rc == 0 && k < call->argc; k++) {
		rc = replica_arg(call->argv[k], &wish, err);
	}
	rc = rc < 0 ? rc : own(ctx, call, &c, err);
	rc = rc < 0 ? rc : cache_replica_create(c, &wish, name, err);
	if (rc == 0) {
		cache_tell_changed(c, NULL);
		buf_printf(call->out, "replica %s follows, under .replicas/%s\n", name, name);
	}
	return rc;
}

static int run_delete_replica(void *ctx, struct engine_call *call, struct err *err)
{
	CACHE_CLUSTER c = NULL;

	int rc = own(ctx, call, &c, err);
	rc = rc < 0 ? rc : cache_replica_delete(c, call->argv[1], err);
	if (rc == 0) {
		cache_tell_changed(c, NULL);
		buf_printf(call->out, "replica %s deleted\n", call->argv[1]);
	}
	return rc;
}

static int run_replica_delay(void *ctx, struct engine_call *call, struct err *err)
{
	CACHE_CLUSTER c = NULL;
	int64_t delay_ms = 0;

	int rc = delay_arg(call->argv[2], &delay_ms, err);
	rc = rc < 0 ? rc : own(ctx, call, &c, err);
	rc = rc < 0 ? rc : cache_replica_set_delay(c, call->argv[1], delay_ms, err);
	if (rc == 0) {
		buf_printf(call->out, "%s follows %lld ms behind\n", call->argv[1],
			(long long)delay_ms);
	}
	return rc;
}

/* At a replica: to it. */
typedef int to_fn(struct cache_cluster *c, const char *target, struct err *err);
static int run_to(void *ctx, struct engine_call *call, to_fn *fn, struct err *err)
{
	const struct cache *x = ctx;
	bool replica = x->view != NULL && x->view->node[0] != '\0';
	const char *target = call->argc > 1 ? call->argv[1] : replica ? x->view->node : NULL;
	struct cache_def def;
	CACHE_CLUSTER c = NULL;

	if (replica && call->argc > 1) {
		return err_set(err, EINVAL,
			"%s at a replica makes that one the primary: no other can be named",
			call->argv[0]);
	}
	int rc = cache_cluster_at(ctx, call->path, &c, err);
	rc = rc < 0 ? rc : fn(c, target, err);
	if (rc == 0) {
		cache_def_now(c, &def);
		buf_printf(call->out, "%s is the primary\n", def.primary);
	}
	return rc;
}

static int run_failover(void *ctx, struct engine_call *call, struct err *err)
{
	return run_to(ctx, call, cache_failover, err);
}

static int run_promote(void *ctx, struct engine_call *call, struct err *err)
{
	const struct cache *x = ctx;

	if (call->argc < 2 && (x->view == NULL || x->view->node[0] == '\0')) {
		return err_set(err, EINVAL, "promote NAME: which replica?");
	}
	return run_to(ctx, call, cache_promote, err);
}

/* ---- snapshots ---- */

static int run_snapshot(void *ctx, struct engine_call *call, struct err *err)
{
	struct cache_progress progress = {tell_pages, call};
	struct cache *x = ctx;
	char name[CACHE_SNAPSHOT_MAX + 1];
	struct cache_snapshot made;
	CACHE_CLUSTER c = NULL;

	int rc = identifier_take("SnapshotName", call->argv[1], CACHE_SNAPSHOT_MAX, name, err);
	rc = rc < 0 ? rc : own(ctx, call, &c, err);
	rc = rc < 0 ? rc : cache_snapshot_create(c, name, &progress, err);
	rc = rc < 0 ? rc : cache_catalog_snapshot(x->service, slice_of(name), &made, err);
	if (rc == 0) {
		cache_tell_changed(c, NULL);
		buf_printf(call->out, "snapshot %s: %llu bytes\n", name,
			(unsigned long long)made.bytes);
	}
	return rc;
}

/* At the service, any; at a cluster, one of its own. */
static int find_snapshot(struct cache *x, const struct engine_call *call,
	struct cache_snapshot *out, struct err *err)
{
	CACHE_CLUSTER c = NULL;

	int rc = call->path->depth > 0 ? own(x, call, &c, err) : 0;
	rc = rc == 0 && c != NULL ? cache_only_redis(c, "snapshots", err) : rc;
	return rc < 0 ? rc : cache_snapshot_find(x->service, c, slice_of(call->argv[1]), out, err);
}

static int run_delete_snapshot(void *ctx, struct engine_call *call, struct err *err)
{
	struct cache *x = ctx;
	struct cache_snapshot s;

	int rc = find_snapshot(x, call, &s, err);
	rc = rc < 0 ? rc : cache_snapshot_delete(x->service, slice_of(s.name), err);
	if (rc == 0) {
		clusters_tell(&x->service->base, NULL);
		buf_printf(call->out, "snapshot %s deleted\n", s.name);
	}
	return rc;
}

static int run_restore(void *ctx, struct engine_call *call, struct err *err)
{
	struct cache *x = ctx;
	char name[CACHE_NAME_MAX + 1];
	struct cache_snapshot s;

	int rc = the_word(call, 2, "as", err);
	rc = rc < 0 ? rc
		    : identifier_take(
			      "ReplicationGroupId", call->argv[3], CACHE_NAME_MAX, name, err);
	rc = rc < 0 ? rc : find_snapshot(x, call, &s, err);
	rc = rc < 0 ? rc : cache_restore(x->service, &s, slice_of(name), err);
	if (rc == 0) {
		clusters_tell(&x->service->base, NULL);
		buf_printf(call->out, "cluster %s restored from snapshot %s of cluster %s\n", name,
			s.name, s.cluster);
	}
	return rc;
}

/* ---- cached tables ---- */

/* Ends with cache_unvisit(). */
static int visit_own(void *ctx, const struct engine_call *call, bool writes,
	struct cache_cluster **out, struct err *err)
{
	const struct cache *x = ctx;

	int rc = writes ? clusters_check_writable(&x->service->base, err) : 0;
	rc = rc < 0 ? rc : own(ctx, call, out, err);
	return rc < 0 ? rc : cache_visit(*out, err);
}

static int run_attach(void *ctx, struct engine_call *call, struct err *err)
{
	CACHE_CLUSTER c = NULL;

	int rc = visit_own(ctx, call, true, &c, err);
	if (rc < 0) {
		return rc;
	}
	assert(c != NULL);
	rc = cache_tables_attach(c->tables, call->argc - 1, call->argv + 1, err);
	cache_unvisit(c);
	if (rc == 0) {
		cache_tell_changed(c, NULL);
		buf_printf(call->out, "attached, under .tables/%s\n", call->argv[1]);
	}
	return rc;
}

static int run_detach(void *ctx, struct engine_call *call, struct err *err)
{
	bool force = call->argc > 2;
	CACHE_CLUSTER c = NULL;

	int rc = force ? the_word(call, 2, "force", err) : 0;
	rc = rc < 0 ? rc : visit_own(ctx, call, true, &c, err);
	if (rc < 0) {
		return rc;
	}
	assert(c != NULL);
	rc = cache_tables_detach(c->tables, call->argv[1], force, err);
	cache_unvisit(c);
	if (rc == 0) {
		cache_tell_changed(c, NULL);
		buf_printf(call->out, "%s is detached\n", call->argv[1]);
	}
	return rc;
}

static int run_flush_writes(void *ctx, struct engine_call *call, struct err *err)
{
	CACHE_CLUSTER c = NULL;

	int rc = visit_own(ctx, call, false, &c, err);
	if (rc < 0) {
		return rc;
	}
	assert(c != NULL);
	rc = cache_tables_flush(c->tables, call->argv[1], call->out, err);
	cache_unvisit(c);
	return rc;
}

/* ---- the table ---- */

#define AT_SERVICE (1U << 0)
#define AT_CLUSTER (1U << 1)

const struct engine_command cache_sqlite_commands[] = {
	{"attach", "NAME rds=INSTANCE/TABLE pattern=PATTERN [ttl=SECONDS] [..]",
		"stand in front of a table, under .tables/NAME; cache-aside, write-through, "
		"write-behind, write-around",
		AT_CLUSTER, 2, 12, run_attach},
	{"automatic-failover", "on|off", "let a replica take over when the primary fails",
		AT_CLUSTER, 1, 1, run_automatic_failover},
	{"create",
		"NAME [engine=redis|memcached] [maxmemory=64mb] [policy=..] "
		"[persistence=everysec|always|none] [replicas=N]",
		"make a cluster", AT_SERVICE, 1, 6, run_create},
	{"create-replica", "[NAME] [az=a|b] [delay=MS]", "make a replica, under .replicas/NAME",
		AT_CLUSTER, 0, 3, run_create_replica},
	{"delete-cluster", "[final-snapshot NAME]",
		"remove the cluster with its keys; its snapshots stay", AT_CLUSTER, 0, 2,
		run_delete_cluster},
	{"delete-replica", "NAME", "remove a replica", AT_CLUSTER, 1, 1, run_delete_replica},
	{"delete-snapshot", "NAME", "remove a snapshot", AT_SERVICE | AT_CLUSTER, 1, 1,
		run_delete_snapshot},
	{"detach", "NAME [force]", "no longer stand in front of a table", AT_CLUSTER, 1, 2,
		run_detach},
	{"failover", "[NAME]",
		"let a replica be the primary, without loss: the one with the least lag, or NAME",
		AT_CLUSTER, 0, 1, run_failover},
	{"flush-writes", "NAME", "bring what waits to the table; returns when done", AT_CLUSTER, 1,
		1, run_flush_writes},
	{"modify", "[maxmemory=..] [policy=..] [persistence=..]", "change what the cluster is like",
		AT_CLUSTER, 1, 3, run_modify},
	{"promote", "NAME", "the same as failover, while automatic failover is off", AT_CLUSTER, 0,
		1, run_promote},
	{"reboot", "", "close and open the primary", AT_CLUSTER, 0, 0, run_reboot},
	{"recover", "", "make an empty primary in place of one that failed", AT_CLUSTER, 0, 0,
		run_recover},
	{"replica-delay", "NAME MS", "let a replica follow so many milliseconds behind", AT_CLUSTER,
		2, 2, run_replica_delay},
	{"restore", "NAME as NEW", "make a new cluster of a snapshot", AT_SERVICE | AT_CLUSTER, 3,
		3, run_restore},
	{"snapshot", "NAME", "keep the cluster as it is now, under .snapshots/NAME", AT_CLUSTER, 1,
		1, run_snapshot},
	{"test-failover", "", "abandon the primary as if it had failed", AT_CLUSTER, 0, 0,
		run_test_failover},
	{0},
};
