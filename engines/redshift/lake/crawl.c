/* What nobody told of a folder's files: their format by the name of the first, their columns by
 * what stands in it.
 *
 * Of a separated file the first records are looked at (a megabyte): a first line of names is a
 * header; a column is a whole number, a number, a truth value, a date or a time where all of its
 * values there are, else a text. Numbers with zeros before them are texts (codes, telephone
 * numbers). JSON's columns are the members of its first objects. A value further on that does not
 * fit is an error that says where it stands, never a NULL: then CREATE EXTERNAL TABLE tells the
 * columns. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/lake/lake_impl.h"
#include "engines/redshift/load/parser.h"

#define SAMPLE ((uint64_t)1 << 20)

static const struct sql_type text_type = {SQL_VARCHAR, SQL_VARCHAR_MAX, 0};

/* ---- names ---- */

static const struct {
	const char *suffix;
	enum rs_compression how;
} compressions[] = {{".gz", RS_GZIP}, {".bz2", RS_BZIP2}, {".zst", RS_ZSTD}};

static bool ends_in(const char *path, size_t n, const char *suffix)
{
	size_t k = strlen(suffix);
	return n > k && memcmp(path + n - k, suffix, k) == 0;
}

/* The length without the suffix of a compression. */
static size_t plain_length(const char *path, enum rs_compression *how)
{
	size_t n = strlen(path);
	*how = RS_PLAIN;
	for (size_t i = 0; i < sizeof(compressions) / sizeof(compressions[0]); i++) {
		if (ends_in(path, n, compressions[i].suffix)) {
			*how = compressions[i].how;
			return n - strlen(compressions[i].suffix);
		}
	}
	return n;
}

enum rs_compression lake_compression_of(const char *path)
{
	enum rs_compression how;
	plain_length(path, &how);
	return how;
}

bool lake_format_of(const char *path, struct lake_format *out)
{
	static const struct {
		const char *suffix;
		enum rs_format format;
		char delimiter;
	} known[] = {
		{".csv", RS_FORMAT_CSV, ','},
		{".tsv", RS_FORMAT_TEXT, '\t'},
		{".txt", RS_FORMAT_TEXT, '|'},
		{".tbl", RS_FORMAT_TEXT, '|'},
		{".psv", RS_FORMAT_TEXT, '|'},
		{".json", RS_FORMAT_JSON, 0},
		{".jsonl", RS_FORMAT_JSON, 0},
		{".ndjson", RS_FORMAT_JSON, 0},
		{".parquet", RS_FORMAT_PARQUET, 0},
	};
	enum rs_compression how;
	size_t n = plain_length(path, &how);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (ends_in(path, n, known[i].suffix)) {
			*out = (struct lake_format){known[i].format, known[i].delimiter, 0};
			return true;
		}
	}
	return false;
}

/* ---- types ---- */

enum guess { WHOLE, NUMBER, TRUTH, DAY, MOMENT, GUESSES };
static const struct sql_type guesses[GUESSES] = {{SQL_BIGINT, 0, 0}, {SQL_DOUBLE, 0, 0},
	{SQL_BOOLEAN, 0, 0}, {SQL_DATE, 0, 0}, {SQL_TIMESTAMP, 0, 0}};

struct column {
	char *name;
	unsigned may; /* bit g: each value so far could be guesses[g] */
	bool any;     /* there was a value */
};

struct sample {
	struct lake_table *t;
	struct column *column;
	unsigned n;
	uint64_t records;
	bool header;
};

static bool is_code(struct slice s)
{
	size_t at = s.n > 0 && s.p[0] == '-' ? 1 : 0;
	return s.n > at + 1 && s.p[at] == '0' && isdigit((unsigned char)s.p[at + 1]);
}

static bool is_truth(struct slice s)
{
	return (s.n == 4 && strncasecmp(s.p, "true", 4) == 0) ||
	       (s.n == 5 && strncasecmp(s.p, "false", 5) == 0);
}

static unsigned may_be(struct slice s)
{
	unsigned may = 0;
	for (unsigned g = 0; g < GUESSES; g++) {
		struct sql_value v;
		struct err ignored = {0};
		bool fits = g == TRUTH ? is_truth(s)
				       : sql_value_parse(s, guesses[g], &v, &ignored) == 0;
		may |= fits ? 1U << g : 0U;
	}
	if (is_code(s)) {
		may &= ~(1U << WHOLE | 1U << NUMBER);
	}
	/* "nan", "inf": more likely a name. */
	if (s.n > 0 && isalpha((unsigned char)s.p[s.n - 1])) {
		may &= ~(1U << NUMBER);
	}
	return may;
}

static struct sql_type type_of(const struct column *c)
{
	for (unsigned g = 0; g < GUESSES && c->any; g++) {
		if (c->may >> g & 1U) {
			return guesses[g];
		}
	}
	return text_type;
}

static struct column *new_column(struct sample *s, struct slice name, struct err *err)
{
	struct column *more = realloc(s->column, (s->n + 1) * sizeof(*more));
	if (more == NULL) {
		err_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	s->column = more;
	struct column *c = &more[s->n];
	*c = (struct column){.name = strndup(name.p != NULL ? name.p : "", name.n), .may = ~0U};
	if (c->name == NULL) {
		err_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	/* As an identifier that is not quoted is. */
	for (char *p = c->name; *p != '\0'; p++) {
		*p = (char)tolower((unsigned char)*p);
	}
	s->n++;
	return c;
}

static void look_at(struct column *c, struct slice value)
{
	c->any = true;
	c->may &= may_be(value);
}

/* ---- separated files ---- */

static bool is_header(const struct rs_record *r)
{
	for (unsigned i = 0; i < r->n; i++) {
		if (r->field[i].text.n == 0 || may_be(r->field[i].text) != 0 ||
			is_code(r->field[i].text)) {
			return false;
		}
		for (unsigned k = 0; k < i; k++) {
			if (slice_equal(r->field[i].text, r->field[k].text)) {
				return false;
			}
		}
	}
	return true;
}

static int first_record(struct sample *s, const struct rs_record *r, struct err *err)
{
	bool may_have_one = s->t->format.format == RS_FORMAT_CSV || s->t->format.delimiter == '\t';
	s->header = may_have_one && is_header(r);
	for (unsigned i = 0; i < r->n; i++) {
		char name[16];
		snprintf(name, sizeof(name), "c%u", i + 1);
		if (new_column(s, s->header ? r->field[i].text : slice_of(name), err) == NULL) {
			return -err->code;
		}
	}
	return 0;
}

static int look_at_record(void *arg, const struct rs_record *r, struct err *err)
{
	struct sample *s = arg;
	int rc = s->records++ == 0 ? first_record(s, r, err) : 0;
	if (rc < 0 || (s->header && s->records == 1)) {
		return rc;
	}
	for (unsigned i = 0; i < r->n && i < s->n; i++) {
		bool nothing = (r->field[i].text.n == 0 && !r->field[i].quoted) ||
			       slice_is(r->field[i].text, "\\N");
		if (!nothing) {
			look_at(&s->column[i], r->field[i].text);
		}
	}
	return 0;
}

static int feed(void *arg, struct slice bytes, struct err *err)
{
	return rs_parser_feed(arg, bytes, err);
}

/* The record that the sample cuts off counts only when nothing else is there. */
static int sample_separated(struct sample *s, struct err *err)
{
	struct rs_copy how = {.format = s->t->format.format,
		.delimiter = s->t->format.delimiter,
		.ignore_blank_lines = true};
	struct rs_parser *p;
	int rc = rs_separated_new(&how, look_at_record, s, &p, err);
	if (rc < 0) {
		return rc;
	}
	rc = lake_read_file(&s->t->files.file[0], SAMPLE, feed, p, err);
	if (rc == 0 && (s->t->files.file[0].size < SAMPLE || s->records == 0)) {
		rc = rs_parser_end(p, err);
	}
	rs_parser_free(p);
	s->t->format.skip = s->header ? 1 : 0;
	return rc;
}

/* ---- JSON ---- */

static int keep(void *arg, struct slice bytes, struct err *err)
{
	buf_append_slice(arg, bytes);
	return buf_check(arg, err);
}

static int look_at_member(struct sample *s, const char *name, const json_t *value, struct err *err)
{
	struct column *c = NULL;
	for (unsigned i = 0; i < s->n && c == NULL; i++) {
		c = strcasecmp(s->column[i].name, name) == 0 ? &s->column[i] : NULL;
	}
	c = c == NULL ? new_column(s, slice_of(name), err) : c;
	if (c == NULL) {
		return -err->code;
	}
	switch (json_typeof(value)) {
	case JSON_NULL: return 0;
	case JSON_TRUE:
	case JSON_FALSE: c->may &= 1U << TRUTH; break;
	case JSON_INTEGER: c->may &= 1U << WHOLE | 1U << NUMBER; break;
	case JSON_REAL: c->may &= 1U << NUMBER; break;
	case JSON_STRING:
		c->may &= may_be(slice_of(json_string_value(value))) & (1U << DAY | 1U << MOMENT);
		break;
	default: c->may = 0;
	}
	c->any = true;
	return 0;
}

static int sample_json(struct sample *s, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	int rc = lake_read_file(&s->t->files.file[0], SAMPLE, keep, &text, err);
	size_t at = 0;
	while (rc == 0 && at < text.n) {
		json_error_t why;
		json_auto_t *o = json_loadb(
			text.p + at, text.n - at, JSON_DISABLE_EOF_CHECK | JSON_DECODE_ANY, &why);
		const char *name;
		json_t *value;
		if (!json_is_object(o)) {
			break; /* the end, or one that the sample cuts off */
		}
		at += (size_t)why.position;
		json_object_foreach (o, name, value) {
			rc = rc == 0 ? look_at_member(s, name, value, err) : rc;
		}
	}
	return rc;
}

/* ---- partitions ---- */

/* The folders of the address below the location: calls fn for each NAME=VALUE. A manifest may name
 * files anywhere: all of their folders. */
static int each_partition(const struct lake_table *t, const char *address,
	int (*fn)(void *arg, struct slice name, struct slice value, struct err *err), void *arg,
	struct err *err)
{
	size_t n = strlen(t->location);
	const char *at = strncmp(address, t->location, n) == 0 ? address + n : address;
	int rc = 0;
	while (rc == 0 && *at != '\0') {
		at += *at == '/';
		const char *slash = strchr(at, '/');
		const char *equals = strchr(at, '=');
		if (slash == NULL) {
			break;
		}
		if (equals != NULL && equals < slash) {
			rc = fn(arg, slice_make(at, (size_t)(equals - at)),
				slice_make(equals + 1, (size_t)(slash - equals - 1)), err);
		}
		at = slash;
	}
	return rc;
}

struct finding {
	char *const *names;
	unsigned n;
	char **values;
};

static int hex(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
				      : -1;
}

/* As Hive writes them: %XX. */
static char *decode(struct slice s)
{
	char *out = malloc(s.n + 1);
	size_t n = 0;
	for (size_t i = 0; out != NULL && i < s.n; i++) {
		bool escaped = s.p[i] == '%' && i + 2 < s.n && hex(s.p[i + 1]) >= 0 &&
			       hex(s.p[i + 2]) >= 0;
		out[n++] = s.p[i];
		if (escaped) {
			out[n - 1] = (char)(unsigned char)(hex(s.p[i + 1]) * 16 + hex(s.p[i + 2]));
			i += 2;
		}
	}
	if (out != NULL) {
		out[n] = '\0';
	}
	return out;
}

static int find_value(void *arg, struct slice name, struct slice value, struct err *err)
{
	struct finding *f = arg;
	for (unsigned i = 0; i < f->n; i++) {
		bool same = strlen(f->names[i]) == name.n &&
			    strncasecmp(f->names[i], name.p, name.n) == 0;
		if (same && f->values[i] == NULL &&
			!slice_is(value, "__HIVE_DEFAULT_PARTITION__")) {
			f->values[i] = decode(value);
			if (f->values[i] == NULL) {
				return err_set(err, ENOMEM, "out of memory");
			}
		}
	}
	return 0;
}

int lake_partition_values(const struct lake_table *t, const char *address, char *const *names,
	unsigned n, char **values, struct err *err)
{
	struct finding f = {names, n, values};
	return each_partition(t, address, find_value, &f, err);
}

static int add_partition(void *arg, struct slice name, struct slice value, struct err *err)
{
	(void)value;
	return new_column(arg, name, err) != NULL ? 0 : -err->code;
}

/* Their names by the first file, their types by all. */
static int sample_partitions(struct sample *s, struct err *err)
{
	struct lake_table *t = s->t;
	int rc = each_partition(t, t->files.file[0].address, add_partition, s, err);
	if (rc < 0 || s->n == 0) {
		return rc;
	}
	char **names = calloc(s->n, sizeof(*names));
	t->values = calloc(t->files.n, sizeof(*t->values));
	t->n_partitions = s->n;
	if (names == NULL || t->values == NULL) {
		free(names);
		return err_set(err, ENOMEM, "out of memory");
	}
	for (unsigned i = 0; i < s->n; i++) {
		names[i] = s->column[i].name;
	}
	for (unsigned k = 0; rc == 0 && k < t->files.n; k++) {
		char **values = calloc(s->n, sizeof(*values));
		t->values[k] = values;
		if (values == NULL) {
			rc = err_set(err, ENOMEM, "out of memory");
			break;
		}
		rc = lake_partition_values(t, t->files.file[k].address, names, s->n, values, err);
		for (unsigned i = 0; rc == 0 && i < s->n; i++) {
			if (values[i] != NULL) {
				look_at(&s->column[i], slice_of(values[i]));
			}
		}
	}
	free(names);
	return rc;
}

/* ---- all of it ---- */

static int add_columns(struct sample *s, struct err *err)
{
	int rc = 0;
	for (unsigned i = 0; rc == 0 && i < s->n; i++) {
		rc = lake_add_column(s->t, s->column[i].name, type_of(&s->column[i]), err);
	}
	return rc;
}

static void sample_free(struct sample *s)
{
	for (unsigned i = 0; i < s->n; i++) {
		free(s->column[i].name);
	}
	free(s->column);
	*s = (struct sample){.t = s->t};
}

/* Files of another format than the first one's are none of the table's. */
static bool keep_format(struct lake_table *t)
{
	unsigned kept = 0;
	bool found = false;
	for (unsigned i = 0; i < t->files.n; i++) {
		struct lake_format f;
		bool ours = lake_format_of(t->files.file[i].path, &f) &&
			    (!found || (f.format == t->format.format &&
					       f.delimiter == t->format.delimiter));
		if (!ours) {
			free(t->files.file[i].address);
			free(t->files.file[i].path);
			continue;
		}
		t->format = f;
		found = true;
		t->files.file[kept++] = t->files.file[i];
	}
	t->files.n = kept;
	return found;
}

int lake_crawl(struct lake_table *t, struct err *err)
{
	struct sample s = {.t = t};
	int rc;
	if (!keep_format(t)) {
		return err_set(err, ENOENT,
			"%s has no files that are known by their names (.csv .tsv .txt .psv .json "
			".jsonl "
			".parquet)",
			t->location);
	}
	rc = t->format.format == RS_FORMAT_PARQUET ? lake_parquet_columns(t, err)
	     : t->format.format == RS_FORMAT_JSON  ? sample_json(&s, err)
						   : sample_separated(&s, err);
	rc = rc == 0 ? add_columns(&s, err) : rc;
	t->n_data = t->n_columns;
	sample_free(&s);
	rc = rc == 0 ? sample_partitions(&s, err) : rc;
	rc = rc == 0 ? add_columns(&s, err) : rc;
	sample_free(&s);
	return rc;
}
