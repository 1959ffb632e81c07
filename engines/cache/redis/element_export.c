/* Hashes, sets and sorted sets as JSON: {"field": "value"}, ["member"], {"member": 1.5}. A name
 * that is no UTF-8 cannot be a member of an object: then all are pairs, [["field", "value"]]. */
#include "engines/cache/redis/elements.h"
#include "engines/cache/redis/json_text.h"
#include "engines/common/name.h"

/* 1: some name is no UTF-8. */
static int find_bytes(
	struct redis_txn *t, const struct redis_elements *e, int64_t key, struct err *err)
{
	sqlite3_stmt *row = redis_stmt(t, e->list_all, err);
	int rc;

	if (row == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(row, 1, key);
	while ((rc = store_step(row, err)) == 1) {
		if (!utf8_valid(store_column_slice(row, 0))) {
			break;
		}
	}
	sqlite3_reset(row);
	return rc;
}

struct export
{
	const struct redis_elements *e;
	struct buf *out;
	bool pairs;
	bool begun;
};

static int print_one(void *arg, const struct redis_element *element, struct err *err)
{
	struct export *x = arg;

	buf_puts(x->out, x->begun ? ",\n  " : "\n  ");
	x->begun = true;
	if (x->e->print_json == NULL) {
		redis_json_text_put(x->out, element->name);
		return buf_check(x->out, err);
	}
	buf_puts(x->out, x->pairs ? "[" : "");
	redis_json_text_put(x->out, element->name);
	buf_puts(x->out, x->pairs ? ", " : ": ");
	x->e->print_json(&element->value, x->out);
	buf_puts(x->out, x->pairs ? "]" : "");
	return buf_check(x->out, err);
}

int redis_elements_export(
	struct redis_txn *t, const struct redis_key *key, struct buf *out, struct err *err)
{
	const struct redis_elements *e = redis_elements_of(key->type);
	struct export x = {.e = e, .out = out};
	int rc = e->print_json != NULL ? find_bytes(t, e, key->id, err) : 0;

	if (rc < 0) {
		return rc;
	}
	x.pairs = rc == 1;
	bool array = x.pairs || e->print_json == NULL;
	buf_putc(out, array ? '[' : '{');
	rc = redis_elements_each(t, e, key->id, NULL, print_one, &x, err);
	buf_puts(out, x.begun ? "\n" : "");
	buf_puts(out, array ? "]\n" : "}\n");
	return rc < 0 ? rc : buf_check(out, err);
}
