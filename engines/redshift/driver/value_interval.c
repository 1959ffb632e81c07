/* Intervals as people write them: "1 year 2 mons -3 days 04:05:06.5". */
#include <errno.h>
#include <strings.h>

#include "engines/redshift/driver/value_impl.h"

/* How a unit is called, and what it is made of. */
static const struct unit {
	const char *name;
	int64_t months, days, micros;
} units[] = {
	{"microseconds", 0, 0, 1},
	{"us", 0, 0, 1},
	{"milliseconds", 0, 0, 1000},
	{"msecs", 0, 0, 1000},
	{"ms", 0, 0, 1000},
	{"seconds", 0, 0, SQL_SECOND},
	{"secs", 0, 0, SQL_SECOND},
	{"s", 0, 0, SQL_SECOND},
	{"minutes", 0, 0, 60 * SQL_SECOND},
	{"mins", 0, 0, 60 * SQL_SECOND},
	{"m", 0, 0, 60 * SQL_SECOND},
	{"hours", 0, 0, 3600 * SQL_SECOND},
	{"hrs", 0, 0, 3600 * SQL_SECOND},
	{"h", 0, 0, 3600 * SQL_SECOND},
	{"days", 0, 1, 0},
	{"d", 0, 1, 0},
	{"weeks", 0, 7, 0},
	{"w", 0, 7, 0},
	{"months", 1, 0, 0},
	{"mons", 1, 0, 0},
	{"quarters", 3, 0, 0},
	{"qtrs", 3, 0, 0},
	{"years", 12, 0, 0},
	{"yrs", 12, 0, 0},
	{"y", 12, 0, 0},
	{"decades", 120, 0, 0},
	{"centuries", 1200, 0, 0},
	{"century", 1200, 0, 0},
};

static void skip_blanks(struct slice *s)
{
	while (s->n > 0 && (s->p[0] == ' ' || s->p[0] == ',')) {
		s->p++;
		s->n--;
	}
}

static struct slice take_word(struct slice *s)
{
	struct slice word = {s->p, 0};
	while (s->n > 0 && ((s->p[0] | 0x20) >= 'a' && (s->p[0] | 0x20) <= 'z')) {
		word.n++;
		s->p++;
		s->n--;
	}
	return word;
}

/* In the plural or without its s. */
static const struct unit *find_unit(struct slice word)
{
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		size_t n = strlen(units[i].name);
		bool singular = n > 2 && word.n == n - 1;
		if (word.n > 0 && (word.n == n || singular) &&
			strncasecmp(word.p, units[i].name, word.n) == 0) {
			return &units[i];
		}
	}
	return NULL;
}

struct sums {
	int64_t months, days, micros;
};

static bool add_product(int64_t *sum, int64_t a, int64_t b)
{
	int64_t product = 0;
	return !__builtin_mul_overflow(a, b, &product) &&
	       !__builtin_add_overflow(*sum, product, sum);
}

/* A fraction of a month is days of thirtieths, one of a day is time. */
static bool add_fraction(struct sums *sums, const struct unit *u, int64_t millionths)
{
	int64_t days = u->days * millionths;
	int64_t months = u->months * millionths;
	sums->months += months / SQL_SECOND;
	days += months % SQL_SECOND * 30;
	sums->days += days / SQL_SECOND;
	return add_product(&sums->micros, days % SQL_SECOND, SQL_DAY / SQL_SECOND) &&
	       add_product(&sums->micros, u->micros * millionths / SQL_SECOND, 1);
}

static bool add_unit(struct sums *sums, const struct unit *u, int64_t n, int64_t millionths)
{
	return add_product(&sums->months, u->months, n) && add_product(&sums->days, u->days, n) &&
	       add_product(&sums->micros, u->micros, n) && add_fraction(sums, u, millionths);
}

/* One of "04:05:06", "3 days", "5" (seconds). */
static bool take_part(struct slice *s, struct sums *sums)
{
	bool negative = s->p[0] == '-';
	if (negative || s->p[0] == '+') {
		s->p++;
		s->n--;
	}
	int64_t sign = negative ? -1 : 1;
	struct slice again = *s;
	int64_t micros = 0;
	if (take_clock(&again, &micros)) {
		*s = again;
		return add_product(&sums->micros, micros, sign);
	}
	uint64_t n = 0;
	int64_t millionths = 0;
	unsigned digits = take_digits(s, 18, &n);
	if (!take_fraction(s, &millionths) || (digits == 0 && millionths == 0)) {
		return false;
	}
	skip_blanks(s);
	struct slice word = take_word(s);
	const struct unit *u = word.n == 0 ? find_unit(slice_of("s")) : find_unit(word);
	return u != NULL && add_unit(sums, u, (int64_t)n * sign, millionths * sign);
}

int interval_parse(struct slice text, struct sql_interval *out, struct err *err)
{
	struct slice s = text;
	struct sql_type t = {.kind = SQL_INTERVAL};
	struct sums sums = {0};
	skip_blanks(&s);
	if (s.n == 0) {
		return value_refuse(text, t, err);
	}
	while (s.n > 0) {
		if (!take_part(&s, &sums)) {
			return value_refuse(text, t, err);
		}
		skip_blanks(&s);
	}
	/* The least number has no opposite. */
	if (sums.months != (int32_t)sums.months || sums.days != (int32_t)sums.days ||
		sums.micros == INT64_MIN) {
		return value_range(text, t, err);
	}
	*out = (struct sql_interval){(int32_t)sums.months, (int32_t)sums.days, sums.micros};
	return 0;
}
