/* Small helpers over SQLite's C interface. */
#include "engines/store/store.h"

#include <assert.h>
#include <errno.h>

/* Nobody asks SQLite how much memory it uses; counting it takes a lock of the whole process with
 * each malloc() and free(), twenty times a write. It can be told so only before it is first
 * used, whoever does that. */
__attribute__((constructor)) static void count_no_memory(void)
{
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

/* Not ENOENT: of an item that would say that it is not there, while it is its database's file
 * that is gone. */
static int errno_of_io(sqlite3 *db)
{
	int e = sqlite3_system_errno(db);
	switch (e) {
	case ENOSPC:
	case EDQUOT: return ENOSPC;
	case EACCES:
	case EPERM: return EACCES;
	case EMFILE:
	case ENFILE:
	case EISDIR:
	case EROFS: return e;
	default: return EIO;
	}
}

static int errno_of(sqlite3 *db, int code)
{
	switch (code) {
	case SQLITE_FULL: return ENOSPC;
	case SQLITE_CONSTRAINT: return EEXIST;
	case SQLITE_READONLY: return EROFS;
	case SQLITE_NOMEM: return ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED: return EBUSY;
	case SQLITE_TOOBIG: return EFBIG;
	case SQLITE_AUTH: return EACCES;
	case SQLITE_INTERRUPT: return ETIMEDOUT;
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN: return errno_of_io(db);
	default: return EIO;
	}
}

/* Whether the message should name the file: the trouble is with it, not with
 * what was asked. */
static bool about_file(int code)
{
	switch (code) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_IOERR:
	case SQLITE_FULL:
	case SQLITE_CANTOPEN:
	case SQLITE_READONLY:
	case SQLITE_BUSY: return true;
	default: return false;
	}
}

int store_sql_error(sqlite3 *db, const char *what, struct err *err)
{
	int code = sqlite3_extended_errcode(db) & 0xff;
	int e = errno_of(db, code);
	bool io = code == SQLITE_IOERR || code == SQLITE_CANTOPEN;
	bool sum = sqlite3_extended_errcode(db) == SQLITE_IOERR_DATA;
	int sys = io && !sum ? sqlite3_system_errno(db) : 0;
	const char *file = about_file(code) ? sqlite3_db_filename(db, "main") : NULL;
	bool named = file != NULL && file[0] != '\0';

	return err_set(err, e, "%s%s%s%s%s%s%s%s", what != NULL ? what : "",
		what != NULL ? ": " : "",
		sum ? "a page is damaged: it is not what was written" : sqlite3_errmsg(db),
		sys != 0 ? " (" : "", sys != 0 ? strerror(sys) : "", sys != 0 ? ")" : "",
		named ? ", file " : "", named ? file : "");
}

int store_step(sqlite3_stmt *stmt, struct err *err)
{
	switch (sqlite3_step(stmt)) {
	case SQLITE_ROW: return 1;
	case SQLITE_DONE: return 0;
	default: return store_sql_error(sqlite3_db_handle(stmt), NULL, err);
	}
}

void store_bind_slice(sqlite3_stmt *stmt, int index, struct slice s)
{
	/* A NULL pointer would bind NULL instead of no bytes. */
	int rc = sqlite3_bind_blob64(stmt, index, s.p != NULL ? s.p : "", s.n, SQLITE_STATIC);
	assert(rc == SQLITE_OK);
	(void)rc;
}

struct slice store_column_slice(sqlite3_stmt *stmt, int index)
{
	/* The pointer first: asking for it may convert the value. */
	const void *p = sqlite3_column_blob(stmt, index);
	return slice_make(p, (size_t)sqlite3_column_bytes(stmt, index));
}

static uint64_t mix(uint64_t h)
{
	h ^= h >> 33;
	h *= UINT64_C(0xff51afd7ed558ccd);
	h ^= h >> 33;
	h *= UINT64_C(0xc4ceb9fe1a85ec53);
	h ^= h >> 33;
	return h;
}

static uint64_t hash_bytes(uint64_t h, struct slice s)
{
	/* The length goes in first, so that ("ab", "c") is not ("a", "bc"). */
	h = mix(h ^ s.n);
	while (s.n >= sizeof(uint64_t)) {
		uint64_t word;
		memcpy(&word, s.p, sizeof(word));
		h = mix(h ^ word);
		s.p += sizeof(word);
		s.n -= sizeof(word);
	}
	if (s.n > 0) {
		uint64_t word = 0;
		memcpy(&word, s.p, s.n);
		h = mix(h ^ word);
	}
	return h;
}

uint64_t store_key_hash(struct slice a, struct slice b)
{
	uint64_t h = hash_bytes(hash_bytes(UINT64_C(0x9e3779b97f4a7c15), a), b);
	return h != STORE_ALL_KEYS ? h : 1;
}
