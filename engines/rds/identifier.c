/* What the service calls things, and what it says of names that cannot be. */
#include <ctype.h>
#include <stdio.h>
#include <time.h>

#include "engines/rds/lifecycle.h"

#define SECOND_NS INT64_C(1000000000)

const char *const rds_state_names[] = {
	[RDS_AVAILABLE] = "available",
	[RDS_BACKING_UP] = "backing-up",
	[RDS_CREATING] = "creating",
	[RDS_DELETING] = "deleting",
	[RDS_FAILED] = "failed",
	[RDS_MAINTENANCE] = "maintenance",
	[RDS_MODIFYING] = "modifying",
	[RDS_REBOOTING] = "rebooting",
	[RDS_RENAMING] = "renaming",
	[RDS_STARTING] = "starting",
	[RDS_STOPPED] = "stopped",
	[RDS_STOPPING] = "stopping",
};

/* ---- identifiers ---- */

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_capital(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool shape_is_right(struct slice name)
{
	if (name.n == 0 || !is_letter(name.p[0]) || name.p[name.n - 1] == '-') {
		return false;
	}
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		if (!is_letter(c) && !(c >= '0' && c <= '9') && c != '-') {
			return false;
		}
		if (c == '-' && name.p[i - 1] == '-') {
			return false;
		}
	}
	return true;
}

static int check_shape(const char *parameter, struct slice name, size_t max, struct err *err)
{
	if (!shape_is_right(name)) {
		return err_set(err, EINVAL,
			"InvalidParameterValue: The parameter %s is not a valid identifier. "
			"Identifiers must begin with a letter; must contain only ASCII letters, "
			"digits, and hyphens; and must not end with a hyphen or contain two "
			"consecutive hyphens.",
			parameter);
	}
	if (name.n > max) {
		return err_set(err, EINVAL,
			"InvalidParameterValue: The parameter %s must be provided and must not "
			"have more than %zu characters; %zu were found",
			parameter, max, name.n);
	}
	return 0;
}

static int take(const char *parameter, struct slice name, size_t max, char *out, struct err *err)
{
	int rc = check_shape(parameter, name, max, err);

	for (size_t i = 0; rc == 0 && i < name.n; i++) {
		out[i] = (char)(is_capital(name.p[i]) ? name.p[i] - 'A' + 'a' : name.p[i]);
	}
	if (rc == 0) {
		out[name.n] = '\0';
	}
	return rc;
}

int rds_take_name(const char *parameter, const char *arg, size_t max, char *out, struct err *err)
{
	return take(parameter, slice_of(arg), max, out, err);
}

int rds_check_name(const char *parameter, struct slice name, size_t max, struct err *err)
{
	char lower[RDS_SNAPSHOT_MAX + 1];

	int rc = take(parameter, name, max, lower, err);
	if (rc == 0 && !slice_is(name, lower)) {
		return err_set(err, EINVAL,
			"InvalidParameterValue: The parameter %s is stored in lower case: use '%s'",
			parameter, lower);
	}
	return rc;
}

/* So much of a name that nobody ever gave to anything as fits a sentence. */
static int shown(struct slice name)
{
	return (int)(name.n < 200 ? name.n : 200);
}

int rds_no_instance(struct slice name, struct err *err)
{
	return err_set(err, ENOENT, "DBInstanceNotFound: DBInstance %.*s not found.", shown(name),
		name.n > 0 ? name.p : "");
}

int rds_no_snapshot(struct slice name, struct err *err)
{
	return err_set(err, ENOENT, "DBSnapshotNotFound: DBSnapshot not found: %.*s", shown(name),
		name.n > 0 ? name.p : "");
}

/* ---- times ---- */

void rds_time_print(int64_t time_ns, char out[RDS_TIME_MAX])
{
	time_t seconds = (time_t)(time_ns / SECOND_NS);
	struct tm tm;
	char day[24];

	gmtime_r(&seconds, &tm);
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
	if (time_ns % SECOND_NS != 0) {
		snprintf(out, RDS_TIME_MAX, "%s.%09dZ", day, (int)(time_ns % SECOND_NS));
	} else {
		snprintf(out, RDS_TIME_MAX, "%sZ", day);
	}
}

/* Exactly `n` digits at *p, which moves behind them; false when they are not there. */
static bool digits(const char **p, unsigned n, int *out)
{
	*out = 0;
	for (unsigned i = 0; i < n; i++) {
		if (!isdigit((unsigned char)**p)) {
			return false;
		}
		*out = *out * 10 + (*(*p)++ - '0');
	}
	return true;
}

static bool literal(const char **p, const char *any)
{
	if (**p == '\0' || strchr(any, **p) == NULL) {
		return false;
	}
	(*p)++;
	return true;
}

/* ".5" and so on to nine digits; nothing is fine. */
static bool fraction(const char **p, int64_t *out)
{
	int64_t unit = SECOND_NS / 10;

	*out = 0;
	if (**p != '.') {
		return true;
	}
	(*p)++;
	if (!isdigit((unsigned char)**p)) {
		return false;
	}
	for (; isdigit((unsigned char)**p) && unit > 0; (*p)++, unit /= 10) {
		*out += (**p - '0') * unit;
	}
	return true;
}

/* "Z", "+01:00": seconds to take off. */
static bool offset(const char **p, int *out)
{
	int hours;
	int minutes;
	bool west = **p == '-';

	*out = 0;
	if (literal(p, "Zz")) {
		return true;
	}
	if (!literal(p, "+-") || !digits(p, 2, &hours) || !literal(p, ":") ||
		!digits(p, 2, &minutes) || hours > 23 || minutes > 59) {
		return false;
	}
	*out = (hours * 60 + minutes) * 60;
	if (west) {
		*out = -*out;
	}
	return true;
}

static bool date_and_time(const char **p, struct tm *tm)
{
	bool read = digits(p, 4, &tm->tm_year) && literal(p, "-") && digits(p, 2, &tm->tm_mon) &&
		    literal(p, "-") && digits(p, 2, &tm->tm_mday) && literal(p, "Tt ") &&
		    digits(p, 2, &tm->tm_hour) && literal(p, ":") && digits(p, 2, &tm->tm_min) &&
		    literal(p, ":") && digits(p, 2, &tm->tm_sec);

	tm->tm_year -= 1900;
	tm->tm_mon -= 1;
	return read && tm->tm_year >= 70 && tm->tm_year < 300 && tm->tm_hour < 24 &&
	       tm->tm_min < 60 && tm->tm_sec <= 60;
}

static bool parse(const char *p, int64_t *out_ns)
{
	struct tm tm = {0};
	int64_t nanoseconds;
	int seconds;

	if (!date_and_time(&p, &tm) || !fraction(&p, &nanoseconds) || !offset(&p, &seconds) ||
		*p != '\0') {
		return false;
	}
	struct tm given = tm;
	time_t t = timegm(&tm);
	/* timegm() makes the 30th of February the 1st or 2nd of March. */
	if (tm.tm_mday != given.tm_mday || tm.tm_mon != given.tm_mon) {
		return false;
	}
	*out_ns = ((int64_t)t - seconds) * SECOND_NS + nanoseconds;
	return true;
}

int rds_time_parse(struct slice text, int64_t *out_ns, struct err *err)
{
	char copy[RDS_TIME_MAX + 8];

	if (text.n > 0 && text.n < sizeof(copy) && memchr(text.p, '\0', text.n) == NULL) {
		memcpy(copy, text.p, text.n);
		copy[text.n] = '\0';
		if (parse(copy, out_ns)) {
			return 0;
		}
	}
	return err_set(err, EINVAL,
		"InvalidParameterValue: '%.*s' is no time; one as 2026-11-23T02:31:05Z is expected",
		shown(text), text.n > 0 ? text.p : "");
}
