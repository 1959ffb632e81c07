/* attach NAME rds=INSTANCE/TABLE pattern=PATTERN ...: what the words mean. */
#include <errno.h>
#include <stdio.h>

#include "engines/cache/tables/tables_impl.h"
#include "engines/common/suggest.h"

#define SECONDS_MAX INT64_C(315360000) /* ten years */
#define QUEUE_MAX   INT64_C(10000000)

const char *const tables_patterns[TABLES_PATTERNS] = {
	[TABLES_ASIDE] = "cache-aside",
	[TABLES_THROUGH] = "write-through",
	[TABLES_BEHIND] = "write-behind",
	[TABLES_AROUND] = "write-around",
};

struct given {
	bool rds;
	bool pattern;
};

/* ---- values ---- */

static int take_number(const char *word, const char *value, int64_t least, int64_t most,
	int64_t *out, struct err *err)
{
	int64_t n = 0;
	size_t digits = strspn(value, "0123456789");

	for (size_t i = 0; i < digits && n <= most; i++) {
		n = n * 10 + (value[i] - '0');
	}
	if (digits == 0 || value[digits] != '\0' || n < least || n > most) {
		return err_set(err, EINVAL, "%s=%s: a whole number from %lld to %lld is wanted",
			word, value, (long long)least, (long long)most);
	}
	*out = n;
	return 0;
}

static int take_seconds(const char *word, const char *value, int64_t *out_ms, struct err *err)
{
	int64_t seconds = 0;

	int rc = take_number(word, value, 0, SECONDS_MAX, &seconds, err);
	if (rc == 0) {
		*out_ms = seconds * 1000;
	}
	return rc;
}

static const char *next_pattern(const void *arg, unsigned i)
{
	(void)arg;
	return i < TABLES_PATTERNS ? tables_patterns[i] : NULL;
}

static int take_pattern(const char *value, struct tables_def *out, struct err *err)
{
	for (unsigned i = 0; i < TABLES_PATTERNS; i++) {
		if (strcmp(value, tables_patterns[i]) == 0) {
			out->pattern = i;
			return 0;
		}
	}
	const char *near = suggest(value, next_pattern, NULL);
	return err_set(err, EINVAL,
		"pattern=%s: there is no such pattern%s%s%s; there are cache-aside, write-through, "
		"write-behind and write-around",
		value, near != NULL ? " (did you mean " : "", near != NULL ? near : "",
		near != NULL ? "?)" : "");
}

static int take_source(const char *value, struct tables_def *out, struct err *err)
{
	const char *slash = strchr(value, '/');
	size_t n = slash != NULL ? (size_t)(slash - value) : 0;

	if (n == 0 || n > TABLES_INSTANCE_MAX || slash[1] == '\0' ||
		strlen(slash + 1) > TABLES_SOURCE_MAX) {
		return err_set(err, EINVAL,
			"rds=%s: the name of an instance, a slash and the name of a table are "
			"wanted, "
			"as in rds=shop/Customer",
			value);
	}
	memcpy(out->instance, value, n);
	out->instance[n] = '\0';
	snprintf(out->source, sizeof(out->source), "%s", slash + 1);
	return 0;
}

/* ---- words ---- */

static const char *const words[] = {
	"rds", "pattern", "ttl", "jitter", "negative-ttl", "queue", NULL};

static const char *next_word(const void *arg, unsigned i)
{
	(void)arg;
	return words[i];
}

static int unknown(const char *word, struct err *err)
{
	const char *near = suggest(word, next_word, NULL);

	return err_set(err, EINVAL,
		"%s: there is no such word%s%s%s; there are rds=INSTANCE/TABLE, pattern=, ttl=, "
		"jitter=, negative-ttl= and queue=",
		word, near != NULL ? " (did you mean " : "", near != NULL ? near : "",
		near != NULL ? "=?)" : "");
}

static int take(const char *word, const char *value, struct tables_def *out, struct given *given,
	struct err *err)
{
	int64_t n = 0;
	int rc = 0;

	if (strcmp(word, "rds") == 0) {
		given->rds = true;
		return take_source(value, out, err);
	}
	if (strcmp(word, "pattern") == 0) {
		given->pattern = true;
		return take_pattern(value, out, err);
	}
	if (strcmp(word, "ttl") == 0) {
		return take_seconds(word, value, &out->ttl_ms, err);
	}
	if (strcmp(word, "negative-ttl") == 0) {
		return take_seconds(word, value, &out->negative_ms, err);
	}
	if (strcmp(word, "jitter") == 0) {
		rc = take_number(word, value, 0, 100, &n, err);
		out->jitter = (unsigned)n;
		return rc;
	}
	if (strcmp(word, "queue") == 0) {
		rc = take_number(word, value, 1, QUEUE_MAX, &n, err);
		out->queue = (uint64_t)n;
		return rc;
	}
	return unknown(word, err);
}

static int take_word(const char *text, struct tables_def *out, struct given *given, struct err *err)
{
	char word[TABLES_NAME_MAX];
	const char *equals = strchr(text, '=');
	size_t n = equals != NULL ? (size_t)(equals - text) : strlen(text);

	snprintf(word, sizeof(word), "%.*s", (int)(n < sizeof(word) ? n : sizeof(word)), text);
	if (equals == NULL) {
		return unknown(word, err);
	}
	return take(word, equals + 1, out, given, err);
}

/* It is a directory's name and the beginning of keys. */
static int check_name(const char *name, struct err *err)
{
	size_t n =
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.");

	if (n == 0 || n > TABLES_NAME_MAX || name[n] != '\0' || name[0] == '.' || name[0] == '-') {
		return err_set(err, EINVAL,
			"%s: a cached table's name is 1 to %d letters, digits, '_', '-' and '.', "
			"and "
			"does not begin with '-' or '.'",
			name, TABLES_NAME_MAX);
	}
	return 0;
}

int tables_words(unsigned argc, char *const *argv, struct tables_def *out, struct err *err)
{
	struct tables_def def = {
		.ttl_ms = 60000, .negative_ms = 5000, .jitter = 10, .queue = 100000};
	struct given given = {0};

	if (argc == 0) {
		return err_set(err, EINVAL,
			"attach NAME rds=INSTANCE/TABLE pattern=PATTERN: the name is missing");
	}
	int rc = check_name(argv[0], err);
	for (unsigned i = 1; rc == 0 && i < argc; i++) {
		rc = take_word(argv[i], &def, &given, err);
	}
	if (rc == 0 && (!given.rds || !given.pattern)) {
		rc = err_set(err, EINVAL, "%s is missing",
			given.rds ? "pattern=cache-aside|write-through|write-behind|write-around"
				  : "rds=INSTANCE/TABLE");
	}
	if (rc == 0) {
		snprintf(def.name, sizeof(def.name), "%s", argv[0]);
		*out = def;
	}
	return rc;
}
