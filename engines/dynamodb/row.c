/* An item made ready for a store, and stored documents in other shapes. */
#include "engines/dynamodb/dynamodb.h"

#include "engines/common/cleanup.h"

int ddb_keys_encode(const struct ddb_key_schema *schema, enum ddb_kind kind, struct slice hash_text,
	struct slice range_text, struct buf *pk, struct buf *sk, struct err *err)
{
	if (!schema->has_range) {
		return ddb_key_encode(&schema->hash, false, hash_text, sk, err);
	}
	int rc = ddb_key_encode(&schema->hash, false, hash_text, pk, err);
	if (rc == 0 && kind == DDB_ITEM) {
		rc = ddb_key_encode(&schema->range, true, range_text, sk, err);
	}
	return rc;
}

bool ddb_long_hash(const struct ddb_key_schema *schema, enum ddb_kind kind, struct slice stored,
	unsigned char out[NAME_HASH_BYTES])
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	bool range = kind == DDB_ITEM && schema->has_range;

	ddb_key_text(range ? &schema->range : &schema->hash, stored, &text);
	if (!name_is_long(buf_slice(&text), kind == DDB_ITEM ? &ddb_item_names : &NAME_RULES_DIR)) {
		return false;
	}
	name_hash(buf_slice(&text), out);
	return true;
}

/* The bytes of a string that begins at p (a quote), its quotes counted. */
static size_t string_length(const char *p, size_t n)
{
	size_t i = 1;

	while (i < n && p[i] != '"') {
		i += p[i] == '\\' ? 2 : 1;
	}
	return i < n ? i + 1 : n;
}

/* The sizes of the other three texts are stored so that stat and exports know
 * them without the document. */
static void row_render(struct ddb_row *row, const struct ddb_item *item)
{
	uint64_t white = ddb_item_render(item, DDB_PLAIN, true, &row->doc);
	row->psize = row->doc.n;
	row->cpsize = row->doc.n - white;
	buf_clear(&row->scratch);
	buf_reserve(&row->scratch, 2 * row->doc.n);
	white = ddb_item_render(item, DDB_TYPED, true, &row->scratch);
	row->tsize = row->scratch.n;
	row->ctsize = row->scratch.n - white;
	row->doc.failed |= row->scratch.failed;
}

int ddb_row_make(struct ddb_row *row, const struct ddb_key_schema *schema,
	const struct ddb_item *item, struct slice hash_text, struct slice range_text,
	struct err *err)
{
	buf_clear(&row->pk);
	buf_clear(&row->sk);
	buf_clear(&row->doc);
	int rc = ddb_keys_encode(schema, DDB_ITEM, hash_text, range_text, &row->pk, &row->sk, err);
	if (rc == 0) {
		rc = ddb_item_check_size(item, err);
	}
	if (rc < 0) {
		return rc;
	}
	row->bytes = ddb_item_size(item);
	buf_reserve(&row->doc, row->bytes + row->bytes / 2);
	row_render(row, item);
	rc = buf_check(&row->doc, err);
	return rc < 0 ? rc : buf_check(&row->sk, err);
}

void ddb_row_free(struct ddb_row *row)
{
	buf_free(&row->pk);
	buf_free(&row->sk);
	buf_free(&row->doc);
	buf_free(&row->scratch);
}

int ddb_doc_typed(struct slice doc, bool indent, struct buf *out, struct err *err)
{
	struct ddb_item *item = NULL;
	struct err why = {0};

	if (ddb_item_parse(DDB_PLAIN, doc, &item, &why) < 0) {
		return err_set(err, EIO, "a stored item is damaged: %s", why.msg);
	}
	ddb_item_render(item, DDB_TYPED, indent, out);
	ddb_item_free(item);
	return buf_check(out, err);
}

/* Works on the bytes instead of parsing: an export spends its time here. */
void ddb_doc_compact(struct slice doc, struct buf *out)
{
	size_t i = 0;

	if (!buf_reserve(out, out->n + doc.n)) {
		return;
	}
	while (i < doc.n) {
		char c = doc.p[i];
		size_t n = 1;
		if (c == '"') {
			n = string_length(doc.p + i, doc.n - i);
		}
		if (c != ' ' && c != '\n') {
			buf_append(out, doc.p + i, n);
		}
		i += n;
	}
}
