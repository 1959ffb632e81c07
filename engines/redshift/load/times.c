/* Dates and times by DATEFORMAT and TIMEFORMAT.
 *
 * A format is taken apart once, into steps; numbers of months, days and hours may lack their
 * leading zero where something else than a digit comes behind them (2/18/2008). What stands behind
 * the last step of a time may be a fraction of a second, AM or PM, and a zone. */
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "engines/redshift/load/fields_impl.h"

#define SECOND INT64_C(1000000)
#define DAY    (86400 * SECOND)

enum step {
	STEP_LITERAL,
	STEP_YEAR,
	STEP_YEAR2,
	STEP_MONTH,
	STEP_MONTH_NAME,
	STEP_DAY,
	STEP_HOUR,
	STEP_MINUTE,
	STEP_SECOND,
	STEP_MILLI,
	STEP_MICRO,
	STEP_MERIDIEM,
	STEP_ZONE,
};

static const struct {
	const char *word;
	enum step what;
	bool of_date;
} words[] = {
	{"YYYY", STEP_YEAR, true},
	{"YY", STEP_YEAR2, true},
	{"MONTH", STEP_MONTH_NAME, true},
	{"MON", STEP_MONTH_NAME, true},
	{"MM", STEP_MONTH, true},
	{"DD", STEP_DAY, true},
	{"HH24", STEP_HOUR, false},
	{"HH12", STEP_HOUR, false},
	{"HH", STEP_HOUR, false},
	{"MI", STEP_MINUTE, false},
	{"SS", STEP_SECOND, false},
	{"MS", STEP_MILLI, false},
	{"US", STEP_MICRO, false},
	{"AM", STEP_MERIDIEM, false},
	{"PM", STEP_MERIDIEM, false},
	{"A.M.", STEP_MERIDIEM, false},
	{"P.M.", STEP_MERIDIEM, false},
	{"OF", STEP_ZONE, false},
};

/* ---- formats ---- */

static unsigned word_at(const char *text)
{
	unsigned i = 0;

	while (i < sizeof(words) / sizeof(words[0]) &&
		strncasecmp(text, words[i].word, strlen(words[i].word)) != 0) {
		i++;
	}
	return i;
}

static bool add_step(struct moment_format *f, enum step what, char literal)
{
	if (f->n == MOMENT_PARTS) {
		return false;
	}
	f->part[f->n].what = (unsigned char)what;
	f->part[f->n++].literal = literal;
	return true;
}

static bool is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* A letter that begins no word is one that stands there: the T of YYYY-MM-DDTHH:MI:SS. */
static int compile(const char *told, bool is_date, struct moment_format *out, struct err *err)
{
	bool some = false;

	*out = (struct moment_format){0};
	for (const char *at = told; *at != '\0';) {
		unsigned i = word_at(at);
		bool known = i < sizeof(words) / sizeof(words[0]);
		if ((known && is_date && !words[i].of_date) ||
			(!known && is_letter(*at) && *at != 'T' && *at != 'Z') ||
			!add_step(out, known ? words[i].what : STEP_LITERAL, *at)) {
			return err_set(err, EINVAL,
				"%s '%s' is none: at '%s' one of %s, or a separator is expected",
				is_date ? "DATEFORMAT" : "TIMEFORMAT", told, at,
				is_date ? "YYYY YY MM MON DD"
					: "YYYY YY MM MON DD HH HH12 HH24 MI SS MS US AM PM OF");
		}
		some = some || known;
		at += known ? strlen(words[i].word) : 1;
	}
	return some ? 0
		    : err_set(err, EINVAL, "%s '%s' says nothing of a date",
			      is_date ? "DATEFORMAT" : "TIMEFORMAT", told);
}

/* What 'auto' knows; the first that fits counts. */
static const char *const auto_formats[] = {"YYYY-MM-DD", "YYYY/MM/DD", "YYYYMMDD", "MM/DD/YYYY",
	"MM-DD-YYYY", "MM.DD.YYYY", "MM/DD/YY", "MON DD, YYYY", "MON DD YYYY", "MON-DD-YYYY",
	"DD-MON-YYYY", "DD MON YYYY", "YYYY-MON-DD", "YYYY MON DD", "DD-MON-YY", "YYYY.MM.DD",
	"YYMMDD"};

static int compile_auto(struct moment_rules *out, struct err *err)
{
	out->rule = MOMENT_AUTO;
	for (unsigned i = 0; i < sizeof(auto_formats) / sizeof(auto_formats[0]); i++) {
		int rc = compile(auto_formats[i], true, &out->all[out->n_all++], err);
		if (rc < 0) {
			return rc;
		}
	}
	return 0;
}

int rs_moment_rules(const char *told, bool is_date, struct moment_rules *out, struct err *err)
{
	*out = (struct moment_rules){.told = told};
	if (told == NULL || strcasecmp(told, is_date ? "YYYY-MM-DD" : "YYYY-MM-DD HH:MI:SS") == 0) {
		out->told = is_date ? "YYYY-MM-DD" : "YYYY-MM-DD HH:MI:SS";
		return compile("YYYY-MM-DD", true, &out->format, err);
	}
	if (strcasecmp(told, "auto") == 0) {
		return compile_auto(out, err);
	}
	if (!is_date && strcasecmp(told, "epochsecs") == 0) {
		out->rule = MOMENT_SECONDS;
		return 0;
	}
	if (!is_date && strcasecmp(told, "epochmillisecs") == 0) {
		out->rule = MOMENT_MILLISECONDS;
		return 0;
	}
	out->rule = MOMENT_FORMAT;
	return compile(told, is_date, &out->format, err);
}

/* ---- what a text says ---- */

struct moment {
	int64_t year;
	unsigned month, day, hour, minute, second;
	int64_t micros;
	bool has_meridiem, pm;
	int64_t zone; /* microseconds east of UTC */
};

static bool is_digit(struct slice s)
{
	return s.n > 0 && s.p[0] >= '0' && s.p[0] <= '9';
}

static void skip(struct slice *s, size_t n)
{
	s->p += n;
	s->n -= n;
}

/* Up to `most` digits; exactly so many where a number follows at once. */
static bool number(struct slice *s, unsigned most, bool all, unsigned *out)
{
	unsigned n = 0;

	*out = 0;
	for (; n < most && is_digit(*s); n++) {
		*out = *out * 10 + (unsigned)(s->p[0] - '0');
		skip(s, 1);
	}
	return n > 0 && (!all || n == most);
}

static bool month_name(struct slice *s, unsigned *out)
{
	static const char *const names[] = {"january", "february", "march", "april", "may", "june",
		"july", "august", "september", "october", "november", "december"};

	for (unsigned i = 0; i < 12; i++) {
		size_t n = strlen(names[i]);
		if (s->n >= 3 && strncasecmp(s->p, names[i], 3) == 0) {
			skip(s, s->n >= n && strncasecmp(s->p, names[i], n) == 0 ? n : 3);
			*out = i + 1;
			return true;
		}
	}
	return false;
}

static bool meridiem(struct slice *s, struct moment *m)
{
	bool dots = s->n >= 4 && s->p[1] == '.' && s->p[3] == '.';
	int first = s->n < 2 ? 0 : s->p[0];
	int last = s->n < 2 ? 0 : s->p[dots ? 2 : 1];
	bool pm = first == 'p' || first == 'P';

	if ((last != 'm' && last != 'M') || !(pm || first == 'a' || first == 'A')) {
		return false;
	}
	m->has_meridiem = true;
	m->pm = pm;
	skip(s, dots ? 4 : 2);
	return true;
}

/* Z, UTC, +02, -03:30, +0530. */
static bool zone(struct slice *s, struct moment *m)
{
	unsigned hours = 0;
	unsigned minutes = 0;

	if (s->n >= 1 && (s->p[0] == 'Z' || s->p[0] == 'z')) {
		skip(s, 1);
		return true;
	}
	if (s->n >= 3 && (strncasecmp(s->p, "utc", 3) == 0 || strncasecmp(s->p, "gmt", 3) == 0)) {
		skip(s, 3);
		return true;
	}
	if (s->n == 0 || (s->p[0] != '+' && s->p[0] != '-')) {
		return false;
	}
	bool west = s->p[0] == '-';
	skip(s, 1);
	if (!number(s, 2, true, &hours)) {
		return false;
	}
	skip(s, s->n > 0 && s->p[0] == ':' ? 1 : 0);
	if (s->n > 0 && !number(s, 2, true, &minutes)) {
		return false;
	}
	m->zone = (int64_t)(hours * 60 + minutes) * 60 * SECOND * (west ? -1 : 1);
	return hours <= 15 && minutes <= 59;
}

/* The digits behind a point, as microseconds; what is finer rounds. */
static bool fraction(struct slice *s, struct moment *m)
{
	int64_t unit = 100000;

	if (!is_digit(*s)) {
		return false;
	}
	for (; is_digit(*s); skip(s, 1)) {
		m->micros += unit > 0 ? (s->p[0] - '0') * unit : 0;
		m->micros += unit == 0 && s->p[0] >= '5' ? 1 : 0;
		unit = unit > 0 ? unit / 10 : -1;
	}
	return true;
}

static bool literal(struct slice *s, char c)
{
	if (s->n == 0 || (s->p[0] != c && !(c == ' ' && s->p[0] == '\t'))) {
		return false;
	}
	skip(s, 1);
	while (c == ' ' && s->n > 0 && s->p[0] == ' ') {
		skip(s, 1);
	}
	return true;
}

static bool take_year(struct slice *s, enum step what, bool all, struct moment *m)
{
	unsigned n = 0;
	bool ok = number(s, what == STEP_YEAR2 ? 2 : 4, all || what == STEP_YEAR, &n);

	m->year = what == STEP_YEAR ? n : n + (n < 70 ? 2000U : 1900U);
	return ok;
}

static bool take_micros(struct slice *s, enum step what, struct moment *m)
{
	unsigned n = 0;
	bool ok = number(s, what == STEP_MILLI ? 3 : 6, true, &n);

	m->micros = (int64_t)n * (what == STEP_MILLI ? 1000 : 1);
	return ok;
}

static bool take(struct slice *s, enum step what, char c, bool all, struct moment *m)
{
	switch (what) {
	case STEP_LITERAL: return literal(s, c);
	case STEP_YEAR:
	case STEP_YEAR2: return take_year(s, what, all, m);
	case STEP_MONTH: return number(s, 2, all, &m->month);
	case STEP_MONTH_NAME: return month_name(s, &m->month);
	case STEP_DAY: return number(s, 2, all, &m->day);
	case STEP_HOUR: return number(s, 2, all, &m->hour);
	case STEP_MINUTE: return number(s, 2, all, &m->minute);
	case STEP_SECOND: return number(s, 2, all, &m->second);
	case STEP_MILLI:
	case STEP_MICRO: return take_micros(s, what, m);
	case STEP_MERIDIEM: return meridiem(s, m);
	default: return zone(s, m);
	}
}

static bool is_number(enum step what)
{
	return what != STEP_LITERAL && what != STEP_MONTH_NAME && what != STEP_MERIDIEM &&
	       what != STEP_ZONE;
}

static bool follow(const struct moment_format *f, struct slice *s, struct moment *m)
{
	for (unsigned i = 0; i < f->n; i++) {
		bool all = i + 1 < f->n && is_number((enum step)f->part[i + 1].what);
		if (!take(s, (enum step)f->part[i].what, f->part[i].literal, all, m)) {
			return false;
		}
	}
	return true;
}

/* hh:mi[:ss], hhmi[ss] */
static bool clock(struct slice *s, struct moment *m)
{
	if (!number(s, 2, false, &m->hour)) {
		return false;
	}
	bool colon = literal(s, ':');
	if (!number(s, 2, !colon, &m->minute)) {
		return false;
	}
	return colon ? !literal(s, ':') || number(s, 2, false, &m->second)
		     : !is_digit(*s) || number(s, 2, true, &m->second);
}

/* What may stand behind a time. */
static bool tail(struct slice *s, struct moment *m)
{
	if (s->n > 1 && s->p[0] == '.') {
		skip(s, 1);
		if (!fraction(s, m)) {
			return false;
		}
	}
	literal(s, ' ');
	if (meridiem(s, m)) {
		literal(s, ' ');
	}
	return s->n == 0 || (zone(s, m) && s->n == 0);
}

static bool clock_and_tail(struct slice *s, struct moment *m)
{
	if (s->n == 0) {
		return true;
	}
	return (literal(s, ' ') || literal(s, 'T')) && clock(s, m) && tail(s, m);
}

/* ---- values ---- */

static unsigned days_in(int64_t year, unsigned month)
{
	static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return month == 2 && leap ? 29 : days[month - 1];
}

static bool days_of(const struct moment *m, int64_t *out)
{
	if (m->year < 1 || m->month < 1 || m->month > 12 || m->day < 1 ||
		m->day > days_in(m->year, m->month)) {
		return false;
	}
	*out = sql_days_of(m->year, m->month, m->day);
	return true;
}

static bool micros_of(const struct moment *m, int64_t *out)
{
	unsigned hour = m->hour;

	if (m->has_meridiem && (hour < 1 || hour > 12)) {
		return false;
	}
	if (m->has_meridiem) {
		hour = hour % 12 + (m->pm ? 12 : 0);
	}
	if (hour > 24 || m->minute > 59 || m->second > 59) {
		return false;
	}
	int64_t seconds = (int64_t)hour * 3600 + (int64_t)m->minute * 60 + m->second;
	*out = seconds * SECOND + m->micros;
	return *out <= DAY;
}

static bool wrong_moment(const struct rs_fields *f, struct sql_type t, struct rs_mistake *m)
{
	if (t.kind == SQL_DATE) {
		return rs_mistake(m, 1205, 0, "Invalid Date Format or value [%s]", f->date.told);
	}
	return rs_mistake(m, 1206, 0, "Invalid timestamp format or value [%s]", f->time.told);
}

/* The commonest of all: 2008-01-02, in ten bytes. */
static bool plain_day(struct slice *s, struct moment *m)
{
	const char *p = s->p;
	unsigned d[8];
	static const unsigned char at[] = {0, 1, 2, 3, 5, 6, 8, 9};

	if (s->n < 10 || p[4] != '-' || p[7] != '-') {
		return false;
	}
	for (unsigned i = 0; i < 8; i++) {
		d[i] = (unsigned)(unsigned char)p[at[i]] - '0';
		if (d[i] > 9) {
			return false;
		}
	}
	m->year = d[0] * 1000 + d[1] * 100 + d[2] * 10 + d[3];
	m->month = d[4] * 10 + d[5];
	m->day = d[6] * 10 + d[7];
	skip(s, 10);
	return true;
}

/* The day at the front, by the default or by what 'auto' finds. */
static bool known_day(struct moment_rules *r, struct slice *s, struct moment *m)
{
	if (r->rule == MOMENT_DEFAULT) {
		return plain_day(s, m) || follow(&r->format, s, m);
	}
	for (unsigned i = 0; i < r->n_all; i++) {
		struct slice at = *s;
		unsigned which = (r->last + i) % r->n_all;
		int64_t days;
		*m = (struct moment){0};
		if (follow(&r->all[which], &at, m) && !is_digit(at) && days_of(m, &days)) {
			r->last = which;
			*s = at;
			return true;
		}
	}
	return false;
}

static bool date_value(struct rs_fields *f, struct slice s, int64_t *out)
{
	struct moment m = {0};
	bool fits = f->date.rule == MOMENT_FORMAT ? follow(&f->date.format, &s, &m)
						  : known_day(&f->date, &s, &m);

	/* A time behind a day that is looked for is passed over. */
	if (fits && s.n > 0 && f->date.rule == MOMENT_AUTO) {
		fits = clock_and_tail(&s, &m);
	}
	return fits && s.n == 0 && days_of(&m, out);
}

static bool time_value(struct rs_fields *f, struct slice s, int64_t *out)
{
	struct moment m = {0};
	bool fits = f->time.rule == MOMENT_FORMAT ? follow(&f->time.format, &s, &m) : clock(&s, &m);

	return fits && tail(&s, &m) && micros_of(&m, out) && *out < DAY;
}

static bool stamp_value(struct rs_fields *f, bool zoned, struct slice s, int64_t *out)
{
	struct moment m = {0};
	int64_t days = 0;
	int64_t micros = 0;
	bool fits = f->time.rule == MOMENT_FORMAT
			    ? follow(&f->time.format, &s, &m) && tail(&s, &m)
			    : known_day(&f->time, &s, &m) && clock_and_tail(&s, &m);

	if (!fits || !days_of(&m, &days) || !micros_of(&m, &micros)) {
		return false;
	}
	*out = days * DAY + micros - (zoned ? m.zone : 0);
	return true;
}

/* Since 1970, with a fraction perhaps: in seconds (scale 6) or milliseconds (scale 3). */
static bool epoch_value(unsigned scale, struct slice s, int64_t *out)
{
	const struct sql_type exact = {.kind = SQL_DECIMAL, .size = 18, .scale = scale};
	struct rs_mistake m;
	struct sql_value v;

	if (!rs_field_decimal(exact, s, true, &v, &m)) {
		return false;
	}
	*out = (int64_t)v.decimal;
	return true;
}

bool rs_field_moment(struct rs_fields *f, struct sql_type t, struct slice s, struct sql_value *out,
	struct rs_mistake *m)
{
	bool ok;

	if (t.kind == SQL_DATE) {
		ok = date_value(f, s, &out->days);
	} else if (t.kind == SQL_TIME) {
		ok = time_value(f, s, &out->micros);
	} else if (f->time.rule == MOMENT_SECONDS) {
		ok = epoch_value(6, s, &out->micros);
	} else if (f->time.rule == MOMENT_MILLISECONDS) {
		ok = epoch_value(3, s, &out->micros);
	} else {
		ok = stamp_value(f, t.kind == SQL_TIMESTAMPTZ, s, &out->micros);
	}
	return ok || wrong_moment(f, t, m);
}
