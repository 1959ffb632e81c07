#include "engines/cache/redis/schema.h"

const char redis_schema[] =
	/* row: where SCAN finds it; stays while there is a key of that name. id: of its elements,
	 * never used again. expires: milliseconds since 1970; a, b, c: the type's own. */
	"CREATE TABLE key("
	" row INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, id INTEGER NOT NULL,"
	" type INTEGER NOT NULL,"
	" expires INTEGER, version INTEGER NOT NULL, mtime INTEGER NOT NULL,"
	" n INTEGER NOT NULL, bytes INTEGER NOT NULL,"
	" a INTEGER NOT NULL DEFAULT 0, b INTEGER NOT NULL DEFAULT 0, c INTEGER NOT NULL DEFAULT 0,"
	" value BLOB);"
	"CREATE INDEX key_expires ON key(expires) WHERE expires IS NOT NULL;"
	"CREATE INDEX key_volatile ON key(row) WHERE expires IS NOT NULL;"
	"CREATE TABLE hash("
	" key INTEGER NOT NULL, field BLOB NOT NULL, version INTEGER NOT NULL, mtime INTEGER NOT "
	"NULL,"
	" value BLOB NOT NULL, PRIMARY KEY(key, field)) WITHOUT ROWID;"
	/* Positions follow each other without gaps; key.a is the first. */
	"CREATE TABLE list("
	" key INTEGER NOT NULL, pos INTEGER NOT NULL, version INTEGER NOT NULL, mtime INTEGER NOT "
	"NULL,"
	" value BLOB NOT NULL, PRIMARY KEY(key, pos)) WITHOUT ROWID;"
	"CREATE TABLE member("
	" key INTEGER NOT NULL, member BLOB NOT NULL, version INTEGER NOT NULL, mtime INTEGER NOT "
	"NULL,"
	" PRIMARY KEY(key, member)) WITHOUT ROWID;"
	"CREATE TABLE score("
	" key INTEGER NOT NULL, member BLOB NOT NULL, version INTEGER NOT NULL, mtime INTEGER NOT "
	"NULL,"
	" score REAL NOT NULL, PRIMARY KEY(key, member)) WITHOUT ROWID;"
	"CREATE UNIQUE INDEX score_order ON score(key, score, member);"
	/* id: 16 bytes, milliseconds and sequence, big-endian; fields: RESP bulks one after the
	   other. */
	"CREATE TABLE entry("
	" key INTEGER NOT NULL, id BLOB NOT NULL, version INTEGER NOT NULL, mtime INTEGER NOT NULL,"
	" fields BLOB NOT NULL, PRIMARY KEY(key, id)) WITHOUT ROWID;"
	/* The greatest id that XDEL removed of a stream. */
	"CREATE TABLE tombstone(key INTEGER PRIMARY KEY, id BLOB NOT NULL);"
	/* Consumer groups of streams: what was read and is not acknowledged. */
	"CREATE TABLE consumer_group("
	" key INTEGER NOT NULL, name BLOB NOT NULL, last BLOB NOT NULL, entries_read INTEGER,"
	" PRIMARY KEY(key, name)) WITHOUT ROWID;"
	"CREATE TABLE consumer("
	" key INTEGER NOT NULL, grp BLOB NOT NULL, name BLOB NOT NULL, seen INTEGER NOT NULL,"
	" active INTEGER, PRIMARY KEY(key, grp, name)) WITHOUT ROWID;"
	"CREATE TABLE pending("
	" key INTEGER NOT NULL, grp BLOB NOT NULL, id BLOB NOT NULL, consumer BLOB NOT NULL,"
	" delivered INTEGER NOT NULL, times INTEGER NOT NULL, PRIMARY KEY(key, grp, id)) WITHOUT "
	"ROWID;"
	/* Names that are too long for a file name, by their hash (common/name.h). */
	"CREATE TABLE long("
	" owner INTEGER NOT NULL, hash BLOB NOT NULL, name BLOB NOT NULL, PRIMARY KEY(owner, hash))"
	" WITHOUT ROWID;"
	"CREATE TABLE script("
	" name BLOB PRIMARY KEY, sha TEXT NOT NULL, version INTEGER NOT NULL, mtime INTEGER NOT "
	"NULL,"
	" text BLOB NOT NULL) WITHOUT ROWID;"
	/* One row: writes so far; what all keys count against maxmemory, how many there are, the
	 * last id; when the list of keys changed; when that of scripts did. */
	"CREATE TABLE state("
	" one INTEGER PRIMARY KEY CHECK(one = 1), offset INTEGER NOT NULL, bytes INTEGER NOT NULL,"
	" keys INTEGER NOT NULL, last_id INTEGER NOT NULL, mtime INTEGER NOT NULL,"
	" scripts_mtime INTEGER NOT NULL);"
	"INSERT INTO state VALUES(1, 0, 0, 0, 0, 0, 0);";
