#include "tests/unit/pagelog_fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/store/checksum_vfs.h"

void log_fixture_start(
	struct log_fixture *x, const struct disk_ops *disk, const char *vfs, bool standby)
{
	*x = (struct log_fixture){0};
	fixture_init(&x->f, STORE_SYNC_CLOSE);
	snprintf(x->log_dir, sizeof(x->log_dir), "%s/log", x->f.dir);
	snprintf(x->standby_dir, sizeof(x->standby_dir), "%s/standby", x->f.dir);
	snprintf(x->base_dir, sizeof(x->base_dir), "%s/bases", x->f.dir);
	snprintf(x->replica_path, sizeof(x->replica_path), "%s/replica.db", x->f.dir);
	snprintf(x->built_path, sizeof(x->built_path), "%s/built.db", x->f.dir);
	x->f.config.vfs = checksum_vfs(vfs);
	x->config = (struct pagelog_config){
		.dir = x->log_dir,
		.standby = standby ? x->standby_dir : NULL,
		.disk = disk,
		.label = "db T",
	};
	x->bases = (struct base_set){.dir = x->base_dir, .disk = disk};
	x->replica = (struct replica_config){
		.path = x->replica_path, .label = "replica R", .region = "eu-west-1", .disk = disk};
	log_fixture_open(x);
}

void log_fixture_open(struct log_fixture *x)
{
	ck_ok(pagelog_open(&x->config, &x->log, NEW_ERR));
	ck_ok(pagelog_recover(x->log, x->f.path, NEW_ERR));
	x->f.config.tap = pagelog_tap(x->log);
	x->bases.log = x->replica.log = x->log;
	fixture_open(&x->f);
}

void log_fixture_close(struct log_fixture *x)
{
	fixture_close(&x->f);
	pagelog_close(x->log);
	x->log = NULL;
}

void log_fixture_end(struct log_fixture *x)
{
	log_fixture_close(x);
	remove_site(x->f.dir);
}

int64_t log_fixture_query(const char *path, const char *sql)
{
	struct fixture copy = {0};
	ck_ok(checksum_verify_file(path, NULL, NEW_ERR));
	fixture_init(&copy, STORE_SYNC_CLOSE);
	copy.config.path = path;
	copy.config.create = false;
	copy.config.read_only = true;
	fixture_open(&copy); /* with a quick_check */
	fixture_end(&copy);
	return fixture_query(path, sql);
}
