#include "engines/docdb/storage/schema.h"

#include "engines/docdb/storage/source_impl.h"

#define DOCDB_APPLICATION_ID 0x44427463 /* "DBtc" */
#define DOCDB_SCHEMA_VERSION 1

const char docdb_schema[] =
	"CREATE TABLE state(id INTEGER PRIMARY KEY CHECK(id = 1), mtime INTEGER NOT NULL,"
	" indexes INTEGER NOT NULL, feed INTEGER NOT NULL) STRICT;"
	"INSERT INTO state VALUES(1, 0, 1, 0);"
	/* Numbers of collections and indexes never come again: what others know by them, ends. */
	"CREATE TABLE collections(id INTEGER PRIMARY KEY AUTOINCREMENT, name BLOB NOT NULL UNIQUE,"
	" created INTEGER NOT NULL, mtime INTEGER NOT NULL, documents INTEGER NOT NULL,"
	" bytes INTEGER NOT NULL, changes INTEGER NOT NULL, feed INTEGER NOT NULL) STRICT;"
	"CREATE TABLE docs(coll INTEGER NOT NULL, k BLOB NOT NULL, version INTEGER NOT NULL,"
	" mtime INTEGER NOT NULL, rsize INTEGER NOT NULL, csize INTEGER NOT NULL,"
	" bsize INTEGER NOT NULL, body INTEGER NOT NULL, PRIMARY KEY(coll, k)) STRICT, WITHOUT "
	"ROWID;"
	"CREATE TABLE bodies(id INTEGER PRIMARY KEY, doc BLOB NOT NULL) STRICT;"
	"CREATE TABLE long_names(coll INTEGER NOT NULL, hash BLOB NOT NULL, k BLOB NOT NULL,"
	" PRIMARY KEY(coll, hash)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE indexes(id INTEGER PRIMARY KEY AUTOINCREMENT, coll INTEGER NOT NULL,"
	" name BLOB NOT NULL, spec BLOB NOT NULL, arrays INTEGER NOT NULL,"
	" UNIQUE(coll, name)) STRICT;"
	"CREATE TABLE entries(idx INTEGER NOT NULL, key BLOB NOT NULL, k BLOB NOT NULL,"
	" body INTEGER NOT NULL, PRIMARY KEY(idx, key, k)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE changes(pos INTEGER PRIMARY KEY, coll INTEGER NOT NULL,"
	" coll_pos INTEGER NOT NULL, time INTEGER NOT NULL, line BLOB NOT NULL) STRICT;"
	"CREATE INDEX changes_of ON changes(coll, coll_pos);";

#define COLLECTION_COLUMNS                                                                         \
	"SELECT id, name, created, mtime, documents, bytes, changes, feed FROM collections "
#define STORED_COLUMNS "d.version, d.mtime, d.rsize, d.csize, d.bsize, d.body"
/* CROSS JOIN keeps the order of the loops, so that nothing is sorted. */
#define DOCS_SCAN                                                                                  \
	"SELECT d.k, d.k, b.doc FROM docs d CROSS JOIN bodies b ON b.id = d.body"                  \
	" WHERE d.coll = ?1 AND d.k >= ?2 AND d.k < ?3 "
#define ENTRIES_SCAN                                                                               \
	"SELECT e.key, e.k, b.doc FROM entries e CROSS JOIN bodies b ON b.id = e.body"             \
	" WHERE e.idx = ?1 AND e.key >= ?2 AND e.key < ?3 "
#define OF_COLLECTION "(SELECT id FROM indexes WHERE coll = ?1)"

const char *const docdb_sql[N_DOCDB_SQL] = {
	[STATE_GET] = "SELECT mtime, indexes, feed, (SELECT count(*) FROM collections) FROM state",
	[STATE_SET] = "UPDATE state SET mtime = ?1, indexes = ?2, feed = ?3",
	[COLLECTION_FIND] = COLLECTION_COLUMNS "WHERE name = ?1",
	[COLLECTION_NAME] = "SELECT name FROM collections WHERE id = ?1",
	[COLLECTION_LIST] = COLLECTION_COLUMNS "WHERE name > ?1 ORDER BY name",
	[COLLECTION_ADD] = "INSERT INTO collections(name, created, mtime, documents, bytes,"
			   " changes, feed) VALUES(?1, ?2, ?2, 0, 0, 1, 0)",
	[COLLECTION_SET] = "UPDATE collections SET name = ?2, mtime = ?3, documents = ?4,"
			   " bytes = ?5, changes = ?6, feed = ?7 WHERE id = ?1",
	[COLLECTION_DROP] = "DELETE FROM collections WHERE id = ?1",
	[DOC_FIND] = "SELECT " STORED_COLUMNS " FROM docs d WHERE d.coll = ?1 AND d.k = ?2",
	[DOC_READ] = "SELECT " STORED_COLUMNS ", b.doc FROM docs d JOIN bodies b ON b.id = d.body"
		     " WHERE d.coll = ?1 AND d.k = ?2",
	[DOC_LIST] = "SELECT " STORED_COLUMNS ", d.k FROM docs d WHERE d.coll = ?1 AND d.k > ?2"
		     " ORDER BY d.k",
	[DOC_ADD] = "INSERT INTO docs(coll, k, version, mtime, rsize, csize, bsize, body)"
		    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
	[DOC_SET] = "UPDATE docs SET version = ?3, mtime = ?4, rsize = ?5, csize = ?6, bsize = ?7,"
		    " body = ?8 WHERE coll = ?1 AND k = ?2",
	[DOC_DROP] = "DELETE FROM docs WHERE coll = ?1 AND k = ?2",
	[DOCS_ALL] = "SELECT d.k, d.body, b.doc FROM docs d CROSS JOIN bodies b ON b.id = d.body"
		     " WHERE d.coll = ?1 ORDER BY d.k",
	[DOCS_DROP] = "DELETE FROM docs WHERE coll = ?1",
	[DOCS_COUNT] = "SELECT count(*) FROM (SELECT 1 FROM docs WHERE coll = ?1 AND k >= ?2"
		       " AND k < ?3 LIMIT ?4)",
	[BODY_GET] = "SELECT doc FROM bodies WHERE id = ?1",
	[BODY_LAST] = "SELECT max(id) FROM bodies",
	[BODY_ADD] = "INSERT INTO bodies(id, doc) VALUES(?1, ?2)",
	[BODY_SET] = "UPDATE bodies SET doc = ?2 WHERE id = ?1",
	[BODY_DROP] = "DELETE FROM bodies WHERE id = ?1",
	[BODIES_DROP] = "DELETE FROM bodies WHERE id IN (SELECT body FROM docs WHERE coll = ?1)",
	[LONG_FIND] = "SELECT k FROM long_names WHERE coll = ?1 AND hash = ?2",
	[LONG_ADD] = "INSERT OR REPLACE INTO long_names(coll, hash, k) VALUES(?1, ?2, ?3)",
	[LONG_DROP] = "DELETE FROM long_names WHERE coll = ?1 AND hash = ?2",
	[LONGS_DROP] = "DELETE FROM long_names WHERE coll = ?1",
	[INDEX_LIST] = "SELECT id, coll, name, spec, arrays FROM indexes ORDER BY id",
	[INDEX_ADD] = "INSERT INTO indexes(coll, name, spec, arrays) VALUES(?1, ?2, ?3, 0)",
	[INDEX_ARRAYS] = "UPDATE indexes SET arrays = ?2 WHERE id = ?1",
	[INDEX_DROP] = "DELETE FROM indexes WHERE id = ?1",
	[INDEXES_DROP] = "DELETE FROM indexes WHERE coll = ?1",
	[ENTRY_FIND] = "SELECT k FROM entries WHERE idx = ?1 AND key = ?2 AND k <> ?3 LIMIT 1",
	[ENTRY_ADD] = "INSERT OR REPLACE INTO entries(idx, key, k, body) VALUES(?1, ?2, ?3, ?4)",
	[ENTRY_DROP] = "DELETE FROM entries WHERE idx = ?1 AND key = ?2 AND k = ?3",
	[ENTRIES_COUNT] = "SELECT count(*) FROM (SELECT 1 FROM entries WHERE idx = ?1"
			  " AND key >= ?2 AND key < ?3 LIMIT ?4)",
	[ENTRIES_DROP] = "DELETE FROM entries WHERE idx = ?1",
	[ENTRIES_DROP_ALL] = "DELETE FROM entries WHERE idx IN " OF_COLLECTION,
	[SCAN_DOCS] = DOCS_SCAN "ORDER BY d.k",
	[SCAN_DOCS_BACK] = DOCS_SCAN "ORDER BY d.k DESC",
	[SCAN_ENTRIES] = ENTRIES_SCAN "ORDER BY e.key, e.k",
	[SCAN_ENTRIES_BACK] = ENTRIES_SCAN "ORDER BY e.key DESC, e.k DESC",
	[CHANGE_ADD] = "INSERT INTO changes(pos, coll, coll_pos, time, line)"
		       " VALUES(?1, ?2, ?3, ?4, ?5)",
	[CHANGES_FIRST] = "SELECT pos - length(line) FROM changes ORDER BY pos LIMIT 1",
	[CHANGES_FIRST_OF] = "SELECT coll_pos - length(line) FROM changes WHERE coll = ?1"
			     " ORDER BY coll_pos LIMIT 1",
	[CHANGES_READ] = "SELECT pos, line FROM changes WHERE pos > ?1 ORDER BY pos",
	[CHANGES_READ_OF] = "SELECT coll_pos, line FROM changes WHERE coll = ?2 AND coll_pos > ?1"
			    " ORDER BY coll_pos",
	[CHANGES_OLD] = "SELECT pos, time FROM changes ORDER BY pos",
	[CHANGES_DROP] = "DELETE FROM changes WHERE pos <= ?1",
};

void docdb_instance_config(struct instance_config *config)
{
	config->application_id = DOCDB_APPLICATION_ID;
	config->schema_version = DOCDB_SCHEMA_VERSION;
	config->schema = docdb_schema;
	config->sql = NULL; /* ours are kept in the slot, alike for all kinds of sources */
	config->n_sql = 0;
	config->slot_free = docdb_statements_free;
}
