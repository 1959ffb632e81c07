/* Keys: the text that stands in a path and the bytes that are stored.
 *
 * Stored bytes sort with memcmp as the service sorts. S and B are their own
 * bytes. A number becomes a sign byte, the exponent and the digits, so that
 * larger numbers compare larger; a negative one is the same with every byte
 * complemented, and FF behind: of two negative numbers the one with more digits
 * is the smaller, and must not be a prefix of the other. Digits are stored as
 * 1..10, because the complement of a digit 0 would look like that FF. */
#include <errno.h>

#include "engines/common/name.h"
#include "engines/common/base64.h"
#include "engines/dynamodb/number.h"
#include "engines/dynamodb/tree.h"

#define SIGN_NEGATIVE 0x40
#define SIGN_ZERO     0x80
#define SIGN_POSITIVE 0xc0

/* ---- numbers ---- */

static void encode_number(const struct ddb_decimal *d, struct buf *out)
{
	unsigned flip = d->negative ? 0xff : 0;
	if (d->n == 0) {
		buf_putc(out, (char)SIGN_ZERO);
		return;
	}
	buf_putc(out, (char)(d->negative ? SIGN_NEGATIVE : SIGN_POSITIVE));
	buf_putc(out, (char)((unsigned)(d->exp10 - DDB_EXP10_MIN) ^ flip));
	for (unsigned i = 0; i < d->n; i++) {
		buf_putc(out, (char)((d->digit[i] + 1U) ^ flip));
	}
	if (d->negative) {
		buf_putc(out, (char)0xff);
	}
}

static void decode_number(struct slice stored, struct ddb_decimal *d)
{
	const unsigned char *p = (const unsigned char *)stored.p;
	*d = (struct ddb_decimal){0};
	if (stored.n < 3) {
		return;
	}
	d->negative = p[0] == SIGN_NEGATIVE;
	unsigned flip = d->negative ? 0xff : 0;
	size_t end = stored.n - (d->negative ? 1 : 0);
	d->exp10 = (int)(p[1] ^ flip) + DDB_EXP10_MIN;
	for (size_t i = 2; i < end && d->n < DDB_NUMBER_DIGITS; i++) {
		d->digit[d->n++] = (unsigned char)((p[i] ^ flip) - 1);
	}
}

/* ---- checks ---- */

int ddb_key_refuse_type(const struct ddb_key_def *def, enum ddb_type actual, struct err *err)
{
	return err_set(err, EINVAL,
		"One or more parameter values were invalid: Type mismatch for key %s expected: %s "
		"actual: %s",
		def->name, ddb_type_names[def->type], ddb_type_names[actual]);
}

static int check_bytes(
	const struct ddb_key_def *def, bool range, struct slice bytes, struct err *err)
{
	if (bytes.n == 0) {
		return err_set(err, EINVAL,
			"One or more parameter values are not valid. The AttributeValue for a key "
			"attribute cannot contain an empty %s value. Key: %s",
			def->type == DDB_B ? "binary" : "string", def->name);
	}
	if (!range && bytes.n > DDB_PK_MAX_BYTES) {
		return err_set(err, EINVAL,
			"One or more parameter values were invalid: Size of hashkey has exceeded "
			"the maximum size limit of2048 bytes (found %zu)",
			bytes.n);
	}
	if (range && bytes.n > DDB_SK_MAX_BYTES) {
		return err_set(err, EINVAL,
			"One or more parameter values were invalid: Aggregated size of all range "
			"keys has exceeded the size limit of 1024 bytes (found %zu)",
			bytes.n);
	}
	return 0;
}

/* ---- texts ---- */

static int encode_string(const struct ddb_key_def *def, bool range, struct slice text,
	struct buf *out, struct err *err)
{
	int rc = check_bytes(def, range, text, err);
	if (rc != 0) {
		return rc;
	}
	if (!utf8_valid(text)) {
		return err_set(
			err, EINVAL, "key %s: expected valid UTF-8, as its type is S", def->name);
	}
	buf_append_slice(out, text);
	return buf_check(out, err);
}

/* A number has many spellings, a path only one: the others would be aliases. */
static int encode_number_text(
	const struct ddb_key_def *def, struct slice text, struct buf *out, struct err *err)
{
	struct ddb_decimal d;
	char canonical[DDB_NUMBER_TEXT_MAX];
	enum ddb_number_fault fault = ddb_decimal_parse(text, &d);
	if (fault == DDB_NUMBER_SYNTAX) {
		return ddb_key_refuse_type(def, DDB_S, err);
	}
	if (fault != DDB_NUMBER_OK) {
		return ddb_number_refuse(fault, text, err);
	}
	size_t n = ddb_decimal_print(&d, canonical);
	if (!slice_equal(text, slice_make(canonical, n))) {
		char shown[DDB_EXCERPT_MAX];
		return err_set(err, EINVAL,
			"key %s: expected the number in canonical form, %.*s, found %s", def->name,
			(int)n, canonical, ddb_excerpt(text, shown));
	}
	encode_number(&d, out);
	return buf_check(out, err);
}

static int encode_binary(const struct ddb_key_def *def, bool range, struct slice text,
	struct buf *out, struct err *err)
{
	struct buf bytes = BUF_INIT;
	const char *expected = base64_decode(BASE64_URL, text, &bytes);
	int rc = buf_check(&bytes, err);
	if (rc == 0 && expected != NULL) {
		char shown[DDB_EXCERPT_MAX];
		rc = err_set(err, EINVAL, "key %s: expected %s, as its type is B, found %s",
			def->name, expected, ddb_excerpt(text, shown));
	}
	rc = rc != 0 ? rc : check_bytes(def, range, buf_slice(&bytes), err);
	if (rc == 0) {
		buf_append_slice(out, buf_slice(&bytes));
		rc = buf_check(out, err);
	}
	buf_free(&bytes);
	return rc;
}

int ddb_key_encode(const struct ddb_key_def *def, bool range, struct slice text, struct buf *out,
	struct err *err)
{
	switch (def->type) {
	case DDB_N: return encode_number_text(def, text, out, err);
	case DDB_B: return encode_binary(def, range, text, out, err);
	default: return encode_string(def, range, text, out, err);
	}
}

void ddb_key_text(const struct ddb_key_def *def, struct slice stored, struct buf *out)
{
	struct ddb_decimal d;
	char canonical[DDB_NUMBER_TEXT_MAX];
	switch (def->type) {
	case DDB_N:
		decode_number(stored, &d);
		buf_append(out, canonical, ddb_decimal_print(&d, canonical));
		break;
	case DDB_B: base64_encode(BASE64_URL, stored, out); break;
	default: buf_append_slice(out, stored); break;
	}
}
