/* What `.control` understands, at the service and at a table. */
#include "engines/dynamodb/dynamodb_sqlite.h"

static const struct epath the_service;

static struct slice table_of(const struct engine_call *call)
{
	return call->path->depth > 0 ? call->path->key[0] : (struct slice){0};
}

static void tell_pages(void *arg, uint64_t done, uint64_t total)
{
	struct engine_call *call = arg;

	if (call->progress != NULL) {
		call->progress(call, done, total, "pages");
	}
}

/* The backup an argument names: NAME at a table, TABLE:NAME at the service. */
static int backup_arg(const struct engine_call *call, const char *arg, struct slice *table,
	struct slice *name, struct err *err)
{
	if (call->path->depth == 0) {
		return ddb_backup_split(slice_of(arg), table, name, err);
	}
	*table = table_of(call);
	*name = slice_of(arg);
	return 0;
}

/* ---- tables ---- */

static int run_create_table(void *ctx, struct engine_call *call, struct err *err)
{
	struct ddb_key_schema schema = {.has_range = call->argc > 3};
	CLEANUP(buf_free) struct buf keys = BUF_INIT;

	int rc = ddb_key_def_parse(call->argv[2], &schema.hash, err);
	if (rc == 0 && schema.has_range) {
		rc = ddb_key_def_parse(call->argv[3], &schema.range, err);
	}
	rc = rc < 0 ? rc : ddb_create_table(ctx, slice_of(call->argv[1]), &schema, false, err);
	if (rc < 0) {
		return rc;
	}
	ddb_changed(ctx, &the_service);
	ddb_schema_words(&schema, &keys);
	buf_printf(call->out, "table %s created, keys %s\n", call->argv[1], buf_cstr(&keys));
	return 0;
}

static int run_delete_table(void *ctx, struct engine_call *call, struct err *err)
{
	struct slice name = call->argc > 1 ? slice_of(call->argv[1]) : table_of(call);

	if (name.n == 0) {
		return err_set(err, EINVAL, "delete-table NAME: which table?");
	}
	if (call->path->depth > 0 && !slice_equal(name, table_of(call))) {
		return err_set(err, EINVAL,
			"this is the .control of table %.*s, not of %s: nothing was deleted",
			(int)table_of(call).n, table_of(call).p, call->argv[1]);
	}
	int rc = ddb_delete_table(ctx, name, false, err);
	if (rc == 0) {
		ddb_changed(ctx, &the_service);
		buf_printf(call->out, "table %.*s deleted\n", (int)name.n, name.p);
	}
	return rc;
}

static int run_deletion_protection(void *ctx, struct engine_call *call, struct err *err)
{
	bool on = strcmp(call->argv[1], "on") == 0;

	if (!on && strcmp(call->argv[1], "off") != 0) {
		return err_set(err, EINVAL, "deletion-protection %s: on or off is expected",
			call->argv[1]);
	}
	int rc = ddb_protect_table(ctx, table_of(call), on, err);
	if (rc == 0) {
		buf_printf(call->out, "deletion protection is %s\n", on ? "on" : "off");
	}
	return rc;
}

/* ---- backups ---- */

static int run_backup(void *ctx, struct engine_call *call, struct err *err)
{
	struct ddb_progress progress = {tell_pages, call};
	struct ddb_backup_def def;

	int rc = ddb_backup_create(ctx, table_of(call), slice_of(call->argv[1]), &progress, err);
	rc = rc < 0 ? rc
		    : ddb_catalog_backup(ctx, table_of(call), slice_of(call->argv[1]), &def, err);
	if (rc == 0) {
		ddb_changed(ctx, call->path);
		buf_printf(call->out, "backup %s: %llu item%s, %llu bytes\n", def.name,
			(unsigned long long)def.items, def.items == 1 ? "" : "s",
			(unsigned long long)def.on_disk);
	}
	return rc;
}

static int run_delete_backup(void *ctx, struct engine_call *call, struct err *err)
{
	struct slice table;
	struct slice name;

	int rc = backup_arg(call, call->argv[1], &table, &name, err);
	rc = rc < 0 ? rc : ddb_backup_delete(ctx, table, name, err);
	if (rc == 0) {
		ddb_changed(ctx, call->path);
		buf_printf(call->out, "backup %s deleted\n", call->argv[1]);
	}
	return rc;
}

static int run_restore(void *ctx, struct engine_call *call, struct err *err)
{
	struct ddb_progress progress = {tell_pages, call};
	struct ddb_backup_def def;
	struct slice table;
	struct slice name;

	if (strcmp(call->argv[2], "as") != 0) {
		return err_set(err, EINVAL, "restore %s as NEWTABLE: 'as' is expected, found '%s'",
			call->argv[1], call->argv[2]);
	}
	int rc = backup_arg(call, call->argv[1], &table, &name, err);
	rc = rc < 0 ? rc : ddb_catalog_backup(ctx, table, name, &def, err);
	rc = rc < 0 ? rc : ddb_backup_restore(ctx, &def, slice_of(call->argv[3]), &progress, err);
	if (rc < 0) {
		return rc;
	}
	ddb_changed(ctx, &the_service);
	buf_printf(call->out, "table %s restored from backup %s of table %s: %llu item%s\n",
		call->argv[3], def.name, def.table, (unsigned long long)def.items,
		def.items == 1 ? "" : "s");
	return 0;
}

/* ---- the table ---- */

#define AT_SERVICE (1U << 0)
#define AT_TABLE   (1U << 1)

const struct engine_command dynamodb_sqlite_commands[] = {
	{"backup", "NAME", "keep the table as it is now, under .snapshots/NAME", AT_TABLE, 1, 1,
		run_backup},
	{"create-table", "NAME HASH:TYPE [RANGE:TYPE]",
		"make a table with these keys, types S, N or B", AT_SERVICE, 2, 3,
		run_create_table},
	{"delete-backup", "NAME", "remove a backup; at the service it is TABLE:NAME",
		AT_SERVICE | AT_TABLE, 1, 1, run_delete_backup},
	{"delete-table", "[NAME]", "remove a table with all its items; its backups stay",
		AT_SERVICE | AT_TABLE, 0, 1, run_delete_table},
	{"deletion-protection", "on|off", "refuse to remove the table while it is on", AT_TABLE, 1,
		1, run_deletion_protection},
	{"restore", "NAME as NEWTABLE",
		"make a new table of a backup; at the service it is TABLE:NAME",
		AT_SERVICE | AT_TABLE, 3, 3, run_restore},
	{0},
};
