/* Sites and sessions in DuckDB. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engines/common/cleanup.h"
#include "engines/common/log.h"
#include "engines/redshift/driver/duckdb_blocks.h"
#include "engines/redshift/driver/duckdb_impl.h"

/* ---- the library's instance ---- */

/* Nothing is fetched, nobody is told anything, nothing is kept in the home directory. */
static const struct {
	const char *name, *value;
} settings[] = {
	{"autoinstall_known_extensions", "false"},
	{"autoload_known_extensions", "false"},
	{"allow_community_extensions", "false"},
	{"allow_persistent_secrets", "false"},
	{"preserve_insertion_order", "true"},
};

static uint64_t half_the_machine(void)
{
	long pages = sysconf(_SC_PHYS_PAGES);
	long size = sysconf(_SC_PAGE_SIZE);
	return pages > 0 && size > 0 ? (uint64_t)pages / 2 * (uint64_t)size : UINT64_C(1) << 30;
}

static bool configure(const struct duck_site *site, duckdb_config config)
{
	char text[32];
	bool ok = true;
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		ok = ok && duckdb_set_config(config, settings[i].name, settings[i].value) ==
				   DuckDBSuccess;
	}
	uint64_t memory = site->memory != 0 ? site->memory : half_the_machine();
	snprintf(text, sizeof(text), "%lluKiB", (unsigned long long)(memory / 1024));
	ok = ok && duckdb_set_config(config, "memory_limit", text) == DuckDBSuccess;
	snprintf(text, sizeof(text), "%u", site->threads);
	ok = ok &&
	     (site->threads == 0 || duckdb_set_config(config, "threads", text) == DuckDBSuccess);
	return ok && duckdb_set_config(config, "temp_directory", site->tmp) == DuckDBSuccess;
}

static void close_instance(struct duck_site *site)
{
	if (site->own != NULL) {
		duckdb_disconnect(&site->own);
	}
	if (site->db != NULL) {
		duckdb_close(&site->db);
	}
}

static int open_instance(struct duck_site *site, struct err *err)
{
	duckdb_config config = NULL;
	char *message = NULL;
	int rc = 0;
	if (duckdb_create_config(&config) != DuckDBSuccess || !configure(site, config)) {
		rc = err_set(err, EIO, "DuckDB does not take its settings");
	} else if (duckdb_open_ext(NULL, &site->db, config, &message) != DuckDBSuccess) {
		rc = err_set(err, EIO, "DuckDB: %s", message != NULL ? message : "does not open");
		site->db = NULL;
	} else if (duckdb_connect(site->db, &site->own) != DuckDBSuccess) {
		rc = err_set(err, ENOMEM, "DuckDB: no connection");
		site->own = NULL;
		close_instance(site);
	}
	duckdb_free(message);
	duckdb_destroy_config(&config);
	return rc;
}

int duck_revive(struct duck_site *site, struct err *err)
{
	if (!atomic_load(&site->broken) && site->db != NULL) {
		return 0;
	}
	if (site->sessions > 0) {
		return err_set(err, EIO,
			"the database is broken, and opened anew when nobody uses it any more");
	}
	close_instance(site);
	int rc = open_instance(site, err);
	if (rc == 0) {
		atomic_store(&site->broken, false);
		duck_attach_all(site);
	}
	return rc;
}

/* ---- sites ---- */

static void site_free(struct duck_site *site)
{
	free(site->tmp);
	free(site);
}

/* The library empties the directory that it puts such files into: each has one of its own. */
static int own_directory(struct duck_site *site, const char *tmp, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	buf_printf(&path, "%s/duckdb-XXXXXX", tmp);
	site->tmp = strdup(buf_cstr(&path));
	if (path.failed || site->tmp == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	return mkdtemp(site->tmp) != NULL ? 0 : err_errno(err, "%s", site->tmp);
}

static int duck_open(const struct sql_site_config *config, struct sql_site **out, struct err *err)
{
	struct duck_site *site = calloc(1, sizeof(*site));
	if (site == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	site->base.driver = &duckdb_driver;
	site->threads = config->threads;
	site->memory = config->memory;
	TAILQ_INIT(&site->files);
	int rc = own_directory(site, config->tmp, err);
	if (rc == 0) {
		rc = open_instance(site, err);
		if (rc != 0) {
			rmdir(site->tmp);
		}
	}
	if (rc != 0) {
		site_free(site);
		return rc;
	}
	pthread_mutex_init(&site->lock, NULL);
	*out = &site->base;
	return 0;
}

static void duck_close(struct sql_site *s)
{
	struct duck_site *site = (struct duck_site *)s;
	close_instance(site);
	while (!TAILQ_EMPTY(&site->files)) {
		struct duck_file *f = TAILQ_FIRST(&site->files);
		TAILQ_REMOVE(&site->files, f, link);
		duck_file_free(f);
	}
	rmdir(site->tmp);
	pthread_mutex_destroy(&site->lock);
	site_free(site);
}

/* ---- sessions ---- */

static int check_names(
	struct duck_site *site, const char *const *names, unsigned n, struct err *err)
{
	for (unsigned i = 0; i < n; i++) {
		struct duck_file *f = duck_file_find(site, names[i]);
		if (f == NULL) {
			return err_set(err, ENOENT, "%s is not attached", names[i]);
		}
		if (!f->attached) {
			return err_set(err, EIO, "%s is damaged", f->path);
		}
	}
	return 0;
}

static int duck_session(struct sql_site *s, const char *const *names, unsigned n,
	struct sql_session **out, struct err *err)
{
	struct duck_site *site = (struct duck_site *)s;
	LOCKED(&site->lock);
	int rc = duck_revive(site, err);
	if (rc == 0) {
		rc = check_names(site, names, n, err);
	}
	if (rc != 0) {
		return rc;
	}
	struct duck_session *session = calloc(1, sizeof(*session));
	if (session == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	session->base.driver = &duckdb_driver;
	session->site = site;
	if (duckdb_connect(site->db, &session->conn) != DuckDBSuccess) {
		free(session);
		return err_set(err, ENOMEM, "DuckDB: no connection");
	}
	site->sessions++;
	*out = &session->base;
	return 0;
}

/* Disconnecting rolls back what is under way, and where that fails (it may, on a full disk) the
 * library ends the process. As a statement the same is an error, and the transaction is over all
 * the same. A broken library refuses the statement: then it is not asked. */
static bool end_transaction(struct duck_session *s)
{
	struct err why = {0};
	if (!s->inside || duck_run(s->site, s->conn, "ROLLBACK", &why) == 0) {
		return true;
	}
	log_warn("redshift: %s", why.msg);
	return strstr(why.msg, "ailed to rollback") != NULL ||
	       strstr(why.msg, "no transaction is active") != NULL;
}

static void duck_session_close(struct sql_session *s)
{
	struct duck_session *session = (struct duck_session *)s;
	struct duck_site *site = session->site;
	/* Else it stays, with the memory that it has, until the process ends. */
	if (end_transaction(session)) {
		duckdb_disconnect(&session->conn);
	}
	free(session);
	LOCKED(&site->lock);
	site->sessions--;
}

static void duck_interrupt(struct sql_session *s)
{
	duckdb_interrupt(((struct duck_session *)s)->conn);
}

static int duck_checkpoint(struct sql_session *s, const char *name, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	buf_puts(&sql, "CHECKPOINT ");
	sql_quote(slice_of(name), &sql);
	return duck_session_run(s, buf_cstr(&sql), NULL, err);
}

const struct sql_driver duckdb_driver = {
	.name = "duckdb",
	.suffix = ".duckdb",
	.speed =
		"columns are stored by themselves and compressed: questions read what they need of "
		"them, on all processors",
	.dialect = SQL_DUCKDB,
	.composes = true,
	.parquet = true,
	.open = duck_open,
	.close = duck_close,
	.attach = duck_attach,
	.detach = duck_detach,
	.verify = duck_verify,
	.peek = duck_blocks_peek,
	.session = duck_session,
	.session_close = duck_session_close,
	.run = duck_session_run,
	.prepare = duck_prepare,
	.bind = duck_bind,
	.step = duck_step,
	.finish = duck_finish,
	.interrupt = duck_interrupt,
	.append = duck_append,
	.append_row = duck_append_row,
	.append_end = duck_append_end,
	.checkpoint = duck_checkpoint,
};
