/* What import*.c and export.c, query.c share among themselves. */
#ifndef DBMOUNT_DOCDB_TRANSFER_H
#define DBMOUNT_DOCDB_TRANSFER_H

#include "engines/common/spill.h"
#include "engines/docdb/storage/collection.h"
#include "engines/docdb/transfer/csv.h"
#include "engines/docdb/values/ejson.h"

/* ---- export.c: text on its way out ---- */

struct docdb_out {
	struct buf text;
	struct spill *to;
};
/* Append to `text`, then ask _some() now and then and _all() at the end. */
int docdb_out_some(struct docdb_out *out, struct err *err);
int docdb_out_all(struct docdb_out *out, struct err *err);
/* What the cursor gives, one document a line; `array`: as one array. */
int docdb_out_documents(struct docdb_out *out, struct doc_cursor *cursor, enum ejson_mode mode,
	bool array, struct err *err);
/* Runs `fn` in a read, which fills out (the member of arg that it points to) from the start;
 * then the text is there to be read. */
int docdb_out_run(struct docdb_source *s, docdb_fn *fn, void *arg, struct docdb_out *out,
	const char *tmp_dir, struct docdb_export **result, uint64_t *size, struct err *err);

/* ---- import.c: documents on their way in ---- */

enum docdb_import_mode { IMPORT_APPEND, IMPORT_UPSERT, IMPORT_REPLACE, IMPORT_CREATE };

#define DOCDB_BAD_SHOWN 100

struct docdb_bad_row {
	unsigned long line;
	char *why;
};
struct docdb_bad {
	struct docdb_bad_row rows[DOCDB_BAD_SHOWN];
	unsigned n_shown;
	uint64_t n;
};

/* Documents that were good so far: each with the line it began on, its _id first or its own. */
struct docdb_load {
	struct slice collection;
	enum docdb_import_mode mode;
	const char *tmp_dir;
	struct spill *documents;
	uint64_t n; /* documents in the text, the bad ones too */
	struct docdb_bad bad;
	/* What came of it: */
	uint64_t n_new;
	uint64_t n_removed;
};

void docdb_bad_add(struct docdb_bad *bad, unsigned long line, const char *why);
void docdb_bad_clear(struct docdb_bad *bad);
int docdb_load_refuse(const struct docdb_load *l, struct err *err);
/* import_load.c. One write. EINVAL when documents are bad: nothing is changed. */
int docdb_load_run(struct docdb_load *l, struct docdb_source *s, struct err *err);

#endif
