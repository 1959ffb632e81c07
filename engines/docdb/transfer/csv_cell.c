/* Values as the text of a field, and back. Only what is sure is taken for a number: "007",
 * "+1" and twenty digits stay strings. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/common/json.h"
#include "engines/common/name.h"
#include "engines/docdb/transfer/csv.h"
#include "engines/docdb/values/ejson.h"

#define DIGITS_MAX   17 /* that a double keeps */
#define NUMBER_BYTES 40

/* ---- numbers ---- */

struct number_text {
	unsigned digits; /* behind leading zeros */
	bool negative;
	bool real; /* with a point or an exponent */
	bool zero;
};

static size_t skip_digits(struct slice s, size_t i)
{
	while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9') {
		i++;
	}
	return i;
}

static unsigned count_digits(struct slice s)
{
	unsigned n = 0;
	for (size_t i = 0; i < s.n && s.p[i] != 'e' && s.p[i] != 'E'; i++) {
		bool digit = s.p[i] >= '0' && s.p[i] <= '9';
		n += digit && (n > 0 || s.p[i] != '0');
	}
	return n;
}

/* As JSON writes numbers. */
static bool read_number(struct slice s, struct number_text *out)
{
	size_t begin = s.n > 0 && s.p[0] == '-' ? 1 : 0;
	size_t i = skip_digits(s, begin);
	if (i == begin || (s.p[begin] == '0' && i > begin + 1)) {
		return false;
	}
	*out = (struct number_text){.negative = begin > 0};
	if (i < s.n && s.p[i] == '.') {
		size_t part = i + 1;
		i = skip_digits(s, part);
		if (i == part) {
			return false;
		}
		out->real = true;
	}
	if (i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
		size_t sign = i + 1 < s.n && (s.p[i + 1] == '-' || s.p[i + 1] == '+') ? 1 : 0;
		size_t exponent = i + 1 + sign;
		i = skip_digits(s, exponent);
		if (i == exponent) {
			return false;
		}
		out->real = true;
	}
	out->digits = count_digits(s);
	out->zero = out->digits == 0;
	return i == s.n;
}

static bool parse_number(struct slice text, uint8_t *type, struct buf *out)
{
	struct number_text n;
	char copy[NUMBER_BYTES];
	if (text.n >= sizeof(copy) || !read_number(text, &n)) {
		return false;
	}
	if (n.real ? n.digits > DIGITS_MAX : n.zero && n.negative) {
		return false;
	}
	memcpy(copy, text.p, text.n);
	copy[text.n] = 0;
	double d = strtod(copy, NULL);
	errno = 0;
	(void)strtoll(copy, NULL, 10);
	if (n.real ? !isfinite(d) || (d == 0 && !n.zero) : errno != 0) {
		return false;
	}
	return ejson_parse_value(text, type, out, NULL) == 0;
}

/* ---- cells ---- */

static bool is_word(struct slice s)
{
	return slice_is(s, "true") || slice_is(s, "false") || slice_is(s, "null");
}

static bool is_json(struct slice s)
{
	return s.n > 0 && (s.p[0] == '{' || s.p[0] == '[' || s.p[0] == '"');
}

static void put_string(struct slice text, struct buf *out)
{
	uint32_t n = BSON_UINT32_TO_LE((uint32_t)text.n + 1);
	buf_append(out, &n, sizeof(n));
	buf_append_slice(out, text);
	buf_putc(out, 0);
}

int csv_cell_parse(struct slice text, uint8_t *type, struct buf *out, struct err *err)
{
	size_t from = out->n;
	if (parse_number(text, type, out)) {
		return buf_check(out, err);
	}
	if ((is_word(text) || is_json(text)) && ejson_parse_value(text, type, out, NULL) == 0) {
		return buf_check(out, err);
	}
	out->n = from;
	if (!utf8_valid(text)) {
		return err_set(err, EINVAL, "a value is not UTF-8 text");
	}
	*type = BSON_TYPE_UTF8;
	put_string(text, out);
	return buf_check(out, err);
}

static bool reads_as_string(struct slice text)
{
	CLEANUP(buf_free) struct buf raw = BUF_INIT;
	uint8_t type;
	bool digit = text.n > 0 && (text.p[0] == '-' || (text.p[0] >= '0' && text.p[0] <= '9'));
	return !is_word(text) && !is_json(text) && !(digit && parse_number(text, &type, &raw));
}

void csv_cell_print(struct doc_value v, struct buf *out)
{
	if (v.type != BSON_TYPE_UTF8) {
		ejson_print_value(v, EJSON_RELAXED, false, out);
	} else if (reads_as_string(doc_string(v))) {
		buf_append_slice(out, doc_string(v));
	} else {
		json_quote(out, doc_string(v));
	}
}
