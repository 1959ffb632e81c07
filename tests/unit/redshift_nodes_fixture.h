/* A set of nodes in a directory of its own, a catalogue with one table, and what its rows have to
 * be: a plain array. */
#ifndef DBMOUNT_REDSHIFT_NODES_FIXTURE_H
#define DBMOUNT_REDSHIFT_NODES_FIXTURE_H

#include "engines/redshift/nodes/nodes_impl.h"
#include "tests/unit/fixture.h"

#define NF_ROWS_MAX 200000U

/* A row by its key: all columns follow from it. */
struct nf_row {
	uint64_t id;
	uint64_t key;
	uint64_t ins, del;
};

struct nodes_fixture {
	char dir[SITE_MAX];
	char node_dir[128], mirror_dir[128], tmp[128];
	const struct sql_driver *driver;
	struct sql_site *site;
	struct rs_nodes_config config;
	struct rs_catalog *catalog;
	struct rs_table *table; /* the catalogue's */
	struct rs_nodes *nodes;
	struct buf events;
	unsigned n_events, n_failed;
	/* What has to be there. */
	struct nf_row *row;
	unsigned n_rows;
};

struct nf_shape {
	unsigned nodes, slices;
	enum rs_diststyle placement;
	enum rs_sortstyle sort;
	bool mirror;
};

/* Directories, a catalogue with a table "t", files; open. */
void nf_init(struct nodes_fixture *f, const struct sql_driver *driver, const struct nf_shape *s);
void nf_end(struct nodes_fixture *f);
/* All of it is closed, the site too. */
void nf_close(struct nodes_fixture *f);
int nf_try_open(struct nodes_fixture *f, struct err *err);
void nf_open(struct nodes_fixture *f);
/* A directory that is there already, as a process finds it that was killed. */
void nf_adopt(struct nodes_fixture *f, const char *dir, const struct sql_driver *driver,
	const struct nf_shape *s);
/* The table of another storage, in the catalogue; the old one is gone from it. */
void nf_new_storage(struct nodes_fixture *f, struct rs_table *out);

/* The values of a row with this key; texts last until the next call. */
const struct sql_value *nf_values(uint64_t key);
/* `n` rows of keys from `key` on, as transaction `xid`; not in the array. */
int nf_load(struct nodes_fixture *f, uint64_t xid, uint64_t key, unsigned n, struct err *err);
/* And in the array; while nothing is open in the array only. */
void nf_insert(struct nodes_fixture *f, uint64_t xid, uint64_t key, unsigned n);
/* Every row that has key % of == at. */
void nf_delete(struct nodes_fixture *f, uint64_t xid, unsigned of, unsigned at);
/* What `xid` did is taken out of the array. */
void nf_forget(struct nodes_fixture *f, uint64_t xid);

/* What transaction `xid` sees is what the array says. */
void nf_check(struct nodes_fixture *f, uint64_t xid);
/* Nodes and mirrors have the same rows; none but those of the array up to `xid`. */
void nf_check_mirrors(struct nodes_fixture *f);
/* All texts of a query's rows, by lines; columns by '|'. */
int nf_query(struct nodes_fixture *f, unsigned node, unsigned side, const char *sql,
	struct buf *out, struct err *err);

/* "node 0's file": paths. */
const char *nf_path(struct nodes_fixture *f, unsigned node, unsigned side);
/* Changes bytes in the middle of the file. */
void nf_damage(const char *path);

#endif
