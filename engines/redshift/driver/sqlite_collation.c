/* The order of decimals, for SQLite. */
#include <string.h>

#include "engines/common/buf.h"
#include "engines/redshift/driver/sqlite_functions_impl.h"

/* ---- COLLATE decimal ---- */

/* "-12.50": a sign, and where the point stands. */
struct decimal_text {
	bool negative;
	struct slice digits; /* with the point in them */
	size_t whole;	     /* of these, before the point */
};

static struct decimal_text split(int n, const void *p)
{
	struct decimal_text d = {.digits = slice_make(p, (size_t)n)};
	d.negative = n > 0 && d.digits.p[0] == '-';
	if (d.negative) {
		d.digits.p++;
		d.digits.n--;
	}
	const char *point = d.digits.n > 0 ? memchr(d.digits.p, '.', d.digits.n) : NULL;
	d.whole = point != NULL ? (size_t)(point - d.digits.p) : d.digits.n;
	return d;
}

/* Digits behind the point: what one lacks at its end are zeros. */
static int compare_fractions(struct slice a, struct slice b)
{
	size_t n = a.n > b.n ? a.n : b.n;
	for (size_t i = 0; i < n; i++) {
		int x = i < a.n ? a.p[i] : '0';
		int y = i < b.n ? b.p[i] : '0';
		if (x != y) {
			return x < y ? -1 : 1;
		}
	}
	return 0;
}

static struct slice fraction_of(const struct decimal_text *d)
{
	size_t at = d->whole < d->digits.n ? d->whole + 1 : d->digits.n;
	return slice_make(d->digits.p + at, d->digits.n - at);
}

static int compare_sizes(const struct decimal_text *a, const struct decimal_text *b)
{
	if (a->whole != b->whole) {
		return a->whole < b->whole ? -1 : 1;
	}
	int c = memcmp(a->digits.p, b->digits.p, a->whole);
	return c != 0 ? c : compare_fractions(fraction_of(a), fraction_of(b));
}

/* As driver.h says they are stored: no zeros in front but the one before the point, no "-0.00". */
int lite_compare_decimals(void *arg, int n1, const void *p1, int n2, const void *p2)
{
	(void)arg;
	struct decimal_text a = split(n1, p1);
	struct decimal_text b = split(n2, p2);
	if (a.negative != b.negative) {
		return a.negative ? -1 : 1;
	}
	int c = compare_sizes(&a, &b);
	return a.negative ? -c : c;
}
