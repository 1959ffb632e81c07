/* The database of a cluster, and the statements over it by number.
 *
 *	collections	one row each, with the number and bytes of its documents, kept exactly
 *	docs		one row a document, by (collection, k): what a listing shows. k is
 *			doc_key_append() of the _id, from which its name is made; a listing of a
 *			million reads this table alone
 *	bodies		the documents themselves, BSON
 *	indexes		secondary indexes; spec is their definition, BSON; arrays: bit n says
 *			that the n-th path has met an array
 *	entries		of all secondary indexes, by (index, key, k)
 *	long_names	documents whose file name is a shortened one, by its hash
 *	changes		the feed: pos is where a line ends in the cluster's feed, coll_pos in that
 *			of its collection
 *	state		one row: when the list of collections changed; a number that moves with
 *			every change of an index; where the cluster's feed ends */
#ifndef DBMOUNT_DOCDB_SCHEMA_H
#define DBMOUNT_DOCDB_SCHEMA_H

enum docdb_sql {
	STATE_GET,
	STATE_SET,
	COLLECTION_FIND,
	COLLECTION_NAME,
	COLLECTION_LIST,
	COLLECTION_ADD,
	COLLECTION_SET,
	COLLECTION_DROP,
	DOC_FIND,
	DOC_READ,
	DOC_LIST,
	DOC_ADD,
	DOC_SET,
	DOC_DROP,
	DOCS_ALL,
	DOCS_DROP,
	DOCS_COUNT,
	BODY_GET,
	BODY_LAST,
	BODY_ADD,
	BODY_SET,
	BODY_DROP,
	BODIES_DROP,
	LONG_FIND,
	LONG_ADD,
	LONG_DROP,
	LONGS_DROP,
	INDEX_LIST,
	INDEX_ADD,
	INDEX_ARRAYS,
	INDEX_DROP,
	INDEXES_DROP,
	ENTRY_FIND,
	ENTRY_ADD,
	ENTRY_DROP,
	ENTRIES_COUNT,
	ENTRIES_DROP,
	ENTRIES_DROP_ALL,
	SCAN_DOCS,
	SCAN_DOCS_BACK,
	SCAN_ENTRIES,
	SCAN_ENTRIES_BACK,
	CHANGE_ADD,
	CHANGES_FIRST,
	CHANGES_FIRST_OF,
	CHANGES_READ,
	CHANGES_READ_OF,
	CHANGES_OLD,
	CHANGES_DROP,
	N_DOCDB_SQL
};

extern const char docdb_schema[];
extern const char *const docdb_sql[N_DOCDB_SQL];

#endif
