/* Any text as a script: whatever it does, it ends, and answers with one reply. Keys are those of an
 * empty database that is not written to. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engines/cache/redis/schema.h"
#include "engines/cache/redis/session.h"
#include "engines/common/cleanup.h"

static struct redis_server *server;

static void make_file(const char *path)
{
	char *marks = sqlite3_mprintf("PRAGMA application_id=%d;PRAGMA user_version=%d",
		REDIS_APPLICATION_ID, REDIS_SCHEMA_VERSION);
	sqlite3 *db;
	unlink(path);
	if (sqlite3_open(path, &db) != SQLITE_OK ||
		sqlite3_exec(db, redis_schema, NULL, NULL, NULL) != SQLITE_OK ||
		sqlite3_exec(db, marks, NULL, NULL, NULL) != SQLITE_OK) {
		abort();
	}
	sqlite3_free(marks);
	sqlite3_close(db);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char path[64];
	struct err err = {0};
	struct redis_db_config config = {.label = "fuzz"};
	struct redis_server_config serve = {0};
	(void)argc, (void)argv;
	snprintf(path, sizeof(path), "/tmp/fuzz_lua.%d.db", (int)getpid());
	make_file(path);
	if (redis_db_file(path, &config, &serve.db, &err) != 0 ||
		redis_server_open(&serve, &server, &err) != 0) {
		fprintf(stderr, "%s\n", err.msg);
		abort();
	}
	unlink(path);
	server->script_ms = 20;
	return 0;
}

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	CLEANUP(buf_free) struct buf replies = BUF_INIT;
	struct err err = {0};
	struct redis_session *s;
	if (redis_session_open(server, &s, &err) != 0) {
		abort();
	}
	buf_puts(&text, "*5\r\n$4\r\nEVAL\r\n");
	redis_reply_bulk(&text, slice_make(p, n));
	buf_puts(&text, "$1\r\n1\r\n$1\r\nk\r\n$1\r\na\r\n");
	if (redis_session_feed(s, buf_slice(&text), &err) != 0 ||
		redis_session_run(s, &replies, &err) != 0) {
		abort();
	}
	redis_session_close(s);
	struct slice rest = buf_slice(&replies);
	int64_t left = 1;
	while (left > 0) {
		struct redis_reply r;
		if (!redis_reply_next(&rest, &r)) {
			abort();
		}
		left += (r.kind == REDIS_REPLY_ARRAY ? r.value : 0) - 1;
	}
	return rest.n == 0 ? 0 : (abort(), 0);
}
