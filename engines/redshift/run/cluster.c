/* A cluster's life, and who looks at it. */
#include "engines/redshift/run/cluster.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/common/clock.h"
#include "engines/common/log.h"

/* ---- configuration ---- */

static struct rs_nodes_config nodes_config(const struct rs_cluster_config *config,
	struct sql_site *site, const struct rs_catalog *catalog)
{
	bool snapshot = config->snapshot != NULL;

	return (struct rs_nodes_config){
		.site = site,
		.dir = snapshot ? config->snapshot : config->dir,
		.mirror = snapshot ? NULL : config->mirror,
		.generation = catalog->generation,
		.nodes = catalog->nodes,
		.slices = catalog->slices,
		.alias = "",
		.read_only = snapshot || config->read_only,
		.event = config->event,
		.failed = config->failed,
		.arg = config->arg,
	};
}

static int open_site(
	const struct rs_cluster_config *config, struct sql_site **site, struct err *err)
{
	struct sql_site_config site_config = {.tmp = config->tmp, .memory = config->memory};

	return sql_site_open(config->driver, &site_config, site, err);
}

static char *own(const char *text, bool *failed)
{
	char *copy = text == NULL ? NULL : strdup(text);

	*failed = *failed || (text != NULL && copy == NULL);
	return copy;
}

static int own_config(struct rs_cluster *c, const struct rs_cluster_config *config, struct err *err)
{
	bool failed = false;

	c->config = *config;
	c->config.label = own(config->label, &failed);
	c->config.tmp = own(config->tmp, &failed);
	c->config.dir = own(config->dir, &failed);
	c->config.mirror = own(config->mirror, &failed);
	c->config.snapshot = own(config->snapshot, &failed);
	c->config.leader = NULL; /* the leader has what it needs of it */
	c->config.read_only = config->read_only || config->snapshot != NULL;
	return failed ? err_set(err, ENOMEM, "out of memory") : 0;
}

/* ---- making ---- */

int rs_cluster_create(
	const struct rs_cluster_config *config, unsigned nodes, unsigned slices, struct err *err)
{
	struct sql_site *site = NULL;
	struct rs_catalog *first = rs_catalog_new(nodes, slices);

	if (first == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	first->time_ns = clock_wall_ns();
	int rc = open_site(config, &site, err);
	struct rs_nodes_config n = nodes_config(config, site, first);
	rc = rc < 0 ? rc : rs_nodes_create(&n, err);
	if (rc == 0) {
		rc = rs_leader_create(config->leader, first, NULL, err);
		if (rc < 0) {
			rs_nodes_destroy(&n, NULL);
		}
	}
	sql_site_close(site);
	rs_catalog_unref(first);
	return rc;
}

/* ---- opening ---- */

static int open_leader(
	struct rs_cluster *c, const struct rs_cluster_config *config, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;

	if (config->snapshot == NULL) {
		return rs_leader_open(config->leader, &c->leader, err);
	}
	buf_printf(&path, "%s/leader.db", config->snapshot);
	int rc = buf_check(&path, err);
	return rc < 0 ? rc : rs_leader_open_file(buf_cstr(&path), &c->leader, err);
}

static int open_nodes(struct rs_cluster *c, struct err *err)
{
	struct rs_catalog *catalog = rs_leader_catalog(c->leader);
	struct rs_nodes_config config = nodes_config(&c->config, c->site, catalog);

	int rc = rs_nodes_open(&config, catalog, &c->nodes, err);
	rs_catalog_unref(catalog);
	return rc;
}

static int open_all(struct rs_cluster *c, const struct rs_cluster_config *config, struct err *err)
{
	int rc = own_config(c, config, err);

	if (rc == 0 && (c->running = json_array()) == NULL) {
		rc = err_set(err, ENOMEM, "out of memory");
	}
	rc = rc < 0 ? rc : open_site(config, &c->site, err);
	rc = rc < 0 ? rc : open_leader(c, config, err);
	return rc < 0 ? rc : open_nodes(c, err);
}

int rs_cluster_open(
	const struct rs_cluster_config *config, struct rs_cluster **out, struct err *err)
{
	struct rs_cluster *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	pthread_mutex_init(&c->writing, NULL);
	pthread_mutex_init(&c->lock, NULL);
	TAILQ_INIT(&c->looks);
	int rc = open_all(c, config, err);
	if (rc < 0) {
		rs_cluster_close(c);
		return rc;
	}
	*out = c;
	return 0;
}

void rs_cluster_close(struct rs_cluster *c)
{
	if (c == NULL) {
		return;
	}
	if (c->nodes != NULL && !c->config.read_only) {
		rs_cluster_sweep(c);
	}
	rs_nodes_unref(c->nodes);
	rs_leader_close(c->leader);
	sql_site_close(c->site);
	json_decref(c->running);
	pthread_mutex_destroy(&c->writing);
	pthread_mutex_destroy(&c->lock);
	free((void *)c->config.label);
	free((void *)c->config.tmp);
	free((void *)c->config.dir);
	free((void *)c->config.mirror);
	free((void *)c->config.snapshot);
	free(c->dropped);
	free(c);
}

/* ---- looking ---- */

int rs_look_begin(struct rs_cluster *c, struct rs_look *out, struct err *err)
{
	*out = (struct rs_look){.cluster = c};
	{
		/* At once, so that who drops something sees either this look or a catalogue
		 * without it. */
		LOCKED(&c->lock);
		out->catalog = rs_leader_catalog(c->leader);
		out->nodes = rs_nodes_ref(c->nodes);
		out->xid = out->catalog->xid;
		TAILQ_INSERT_TAIL(&c->looks, out, link);
	}
	int rc = rs_look_resolver(out, err);
	if (rc < 0) {
		rs_look_end(out);
	}
	return rc;
}

void rs_look_end(struct rs_look *l)
{
	struct rs_cluster *c = l->cluster;

	rs_look_forget(l);
	{
		LOCKED(&c->lock);
		TAILQ_REMOVE(&c->looks, l, link);
	}
	rs_nodes_unref(l->nodes);
	rs_catalog_unref(l->catalog);
	*l = (struct rs_look){0};
	/* The last reader of a storage tidies up, unless somebody writes now: then that one will.
	 */
	if (atomic_load(&c->n_dropped) > 0 && pthread_mutex_trylock(&c->writing) == 0) {
		rs_cluster_sweep(c);
		pthread_mutex_unlock(&c->writing);
	}
}

uint64_t rs_cluster_oldest(struct rs_cluster *c)
{
	struct rs_catalog *catalog = rs_leader_catalog(c->leader);
	uint64_t oldest = catalog->xid;
	const struct rs_look *l;

	rs_catalog_unref(catalog);
	LOCKED(&c->lock);
	TAILQ_FOREACH (l, &c->looks, link) {
		oldest = l->xid < oldest ? l->xid : oldest;
	}
	return oldest;
}

/* ---- what is no longer seen ---- */

void rs_cluster_sweep(struct rs_cluster *c)
{
	uint64_t oldest = rs_cluster_oldest(c);
	unsigned n = atomic_load(&c->n_dropped), left = 0;

	for (unsigned i = 0; i < n; i++) {
		struct err why = {0};
		bool seen = c->dropped[i].xid > oldest;

		if (!seen && rs_nodes_drop_table(c->nodes, c->dropped[i].storage, &why) == 0) {
			continue;
		}
		if (!seen) { /* the next open does it */
			log_warn("redshift: %s: rows that nobody needs stay for now: %s",
				c->config.label, why.msg);
			continue;
		}
		c->dropped[left++] = c->dropped[i];
	}
	atomic_store(&c->n_dropped, left);
}
