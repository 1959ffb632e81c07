/* JSON objects one after the other, white space between them or not. 'auto' puts members in order
 * by the columns' names, a jsonpaths file by its paths.
 *
 * Where an object ends is found by counting its brackets, so that one that is wrong within costs
 * only itself. */
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "engines/redshift/load/json_paths.h"
#include "engines/redshift/load/parser.h"

struct json_records {
	struct rs_parser parser;
	rs_record_fn *fn;
	void *arg;
	const char *const *columns;
	bool ignore_case;
	struct json_paths paths; /* n 0: by name */
	uint64_t line;		 /* of the next byte that is scanned */
	uint64_t offset;	 /* of what `rest`, or else the next feed, begins with */
	struct buf rest;	 /* an object that is not whole */
	size_t scanned;
	unsigned depth;
	bool in_string, escaped;
	struct rs_field *field;
	unsigned n;
	struct buf plain; /* strings without escapes */
};

/* ---- one record ---- */

static bool set_field(
	struct json_records *j, struct slice raw, struct slice value, struct rs_field *f)
{
	*f = (struct rs_field){.text = value, .at = (size_t)(value.p - raw.p)};
	if (value.p[0] != '"') {
		f->null = value.p[0] == 'n';
		return true;
	}
	f->quoted = true;
	f->text = slice_make(value.p + 1, value.n - 2);
	if (memchr(f->text.p, '\\', f->text.n) == NULL) {
		return true;
	}
	size_t begin = j->plain.n;
	bool ok = json_text_unescape(f->text, &j->plain);
	f->text = slice_make(j->plain.p + begin, j->plain.n - begin);
	return ok;
}

static bool is_column(const struct json_records *j, unsigned i, struct slice name)
{
	const char *column = j->columns[i];

	return strlen(column) == name.n && (j->ignore_case ? strncasecmp(column, name.p, name.n)
							   : memcmp(column, name.p, name.n)) == 0;
}

/* Members mostly stand in the order of the columns. n: it is none. */
static unsigned column_of(const struct json_records *j, struct slice name, unsigned hint)
{
	for (unsigned i = 0; i < j->n; i++) {
		unsigned at = (hint + i) % j->n;
		if (is_column(j, at, name)) {
			return at;
		}
	}
	return j->n;
}

static bool one_member(
	struct json_records *j, struct slice raw, struct json_text *t, unsigned *hint)
{
	struct slice name;
	struct slice value;
	bool escaped;

	if (!json_text_string(t, &name, &escaped) || !json_text_expect(t, ':') ||
		!json_text_skip(t, &value)) {
		return false;
	}
	if (escaped) {
		size_t begin = j->plain.n;
		if (!json_text_unescape(name, &j->plain)) {
			t->wrong = "an escape that is none";
			return false;
		}
		name = slice_make(j->plain.p + begin, j->plain.n - begin);
	}
	unsigned i = column_of(j, name, *hint);
	if (i < j->n) {
		*hint = i + 1;
		if (!set_field(j, raw, value, &j->field[i])) {
			t->wrong = "an escape that is none";
			return false;
		}
	}
	return true;
}

static const char *by_name(struct json_records *j, struct slice raw)
{
	struct json_text t = {raw.p, raw.p + raw.n, NULL};
	unsigned hint = 0;

	if (!json_text_expect(&t, '{')) {
		return t.wrong;
	}
	if (json_text_peek(&t) == '}') {
		t.at++;
	} else {
		while (one_member(j, raw, &t, &hint) && json_text_peek(&t) == ',') {
			t.at++;
		}
		if (t.wrong != NULL || !json_text_expect(&t, '}')) {
			return t.wrong;
		}
	}
	return t.at == t.end ? NULL : "more than one value between brackets";
}

static const char *by_path(struct json_records *j, struct slice raw)
{
	struct json_text t = {raw.p, raw.p + raw.n, NULL};
	struct json_text whole = t;
	struct slice value;
	const char *wrong = NULL;

	if (!json_text_skip(&whole, &value) || whole.at != whole.end) {
		return whole.wrong != NULL ? whole.wrong : "more than one value between brackets";
	}
	for (unsigned i = 0; i < j->n; i++) {
		int rc = json_path_find(&j->paths.path[i], t, &value, &wrong);
		if (rc < 0) {
			return wrong;
		}
		if (rc == 1 && !set_field(j, raw, value, &j->field[i])) {
			return "an escape that is none";
		}
	}
	return NULL;
}

static int give(struct json_records *j, struct slice raw, bool junk, struct err *err)
{
	struct rs_record r = {
		.line = j->line, .offset = j->offset, .raw = raw, .field = j->field, .n = j->n};

	for (unsigned i = 0; i < j->n; i++) {
		j->field[i] = (struct rs_field){.absent = true};
	}
	buf_clear(&j->plain);
	/* So that slices of it stay where they are: no string is longer without its escapes. */
	if (!buf_reserve(&j->plain, raw.n)) {
		return err_set(err, ENOMEM, "out of memory");
	}
	r.reason = junk		    ? "Invalid JSON: an object expected"
		   : j->paths.n > 0 ? by_path(j, raw)
				    : by_name(j, raw);
	r.code = r.reason != NULL ? 1216 : 0;
	return j->fn(j->arg, &r, err);
}

/* ---- where records end ---- */

static bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Behind the bracket that closes what opened at 0; text.n: it is not there. */
static size_t end_of_object(struct json_records *j, struct slice text, size_t at)
{
	for (; at < text.n; at++) {
		char c = text.p[at];
		j->line += c == '\n';
		if (j->in_string) {
			j->in_string = j->escaped || c != '"';
			j->escaped = !j->escaped && c == '\\';
		} else if (c == '"') {
			j->in_string = true;
		} else if (c == '{' || c == '[') {
			j->depth++;
		} else if ((c == '}' || c == ']') && --j->depth == 0) {
			j->scanned = 0;
			return at + 1;
		}
	}
	j->scanned = at;
	return 0;
}

/* What is no object goes to the end of its line, or to where one begins. */
static size_t end_of_junk(struct json_records *j, struct slice text, size_t at)
{
	while (at < text.n && text.p[at] != '\n' && text.p[at] != '{' && text.p[at] != '[') {
		at++;
	}
	j->scanned = at < text.n ? 0 : at;
	return at < text.n ? at : 0;
}

/* Whole records at the front; *used bytes are done. */
static int give_all(struct json_records *j, struct slice text, size_t *used, struct err *err)
{
	size_t at = 0;
	int rc = 0;

	while (rc == 0 && at < text.n) {
		struct slice left = slice_make(text.p + at, text.n - at);
		bool junk = left.p[0] != '{' && left.p[0] != '[';
		if (j->scanned == 0 && is_space(left.p[0])) {
			j->line += left.p[0] == '\n';
			j->offset++;
			at++;
			continue;
		}
		size_t n = junk ? end_of_junk(j, left, j->scanned)
				: end_of_object(j, left, j->scanned);
		if (n == 0) {
			break;
		}
		rc = give(j, slice_make(left.p, n), junk, err);
		j->offset += n;
		at += n;
	}
	*used = at;
	return rc;
}

static int too_long(const struct json_records *j, struct err *err)
{
	return err_set(err, EINVAL,
		"line %llu: an object of more than 4 MB, which is the most (is a bracket left "
		"open?)",
		(unsigned long long)j->line);
}

static int json_feed_records(struct rs_parser *p, struct slice bytes, struct err *err)
{
	struct json_records *j = (struct json_records *)p;
	size_t used = 0;
	int rc;

	if (j->rest.n == 0) {
		rc = give_all(j, bytes, &used, err);
		buf_append(&j->rest, bytes.p + used, rc == 0 ? bytes.n - used : 0);
	} else {
		buf_append_slice(&j->rest, bytes);
		rc = buf_check(&j->rest, err);
		rc = rc == 0 ? give_all(j, buf_slice(&j->rest), &used, err) : rc;
		memmove(j->rest.p, j->rest.p + used, j->rest.n - used);
		j->rest.n -= used;
	}
	if (rc == 0 && j->rest.n > RS_ROW_MAX) {
		return too_long(j, err);
	}
	return rc == 0 ? buf_check(&j->rest, err) : rc;
}

static int json_end_records(struct rs_parser *p, struct err *err)
{
	struct json_records *j = (struct json_records *)p;

	if (j->rest.n == 0) {
		return 0;
	}
	if (j->rest.p[0] == '{' || j->rest.p[0] == '[') {
		return err_set(err, EINVAL, "line %llu: the file ends within an object",
			(unsigned long long)j->line);
	}
	return give(j, buf_slice(&j->rest), true, err);
}

static void json_free_records(struct rs_parser *p)
{
	struct json_records *j = (struct json_records *)p;

	json_paths_clear(&j->paths);
	buf_free(&j->rest);
	buf_free(&j->plain);
	free(j->field);
	free(j);
}

static const struct rs_parser_ops json_ops = {
	json_feed_records, json_end_records, json_free_records};

static int set_paths(struct json_records *j, struct slice paths, struct err *err)
{
	int rc = json_paths_parse(paths, &j->paths, err);

	if (rc == 0 && j->paths.n != j->n) {
		return err_set(err, EINVAL,
			"the jsonpaths file has %u paths, but %u columns are loaded", j->paths.n,
			j->n);
	}
	return rc;
}

int rs_json_new(const struct rs_copy *c, struct slice paths, const char *const *columns,
	unsigned n_columns, rs_record_fn *fn, void *arg, struct rs_parser **out, struct err *err)
{
	if (c->json_paths != NULL && strcasecmp(c->json_paths, "noshred") == 0) {
		return err_set(err, ENOTSUP,
			"JSON 'noshred' loads into a SUPER column, which this does not have");
	}
	struct json_records *j = calloc(1, sizeof(*j));
	if (j == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	j->parser.ops = &json_ops;
	j->fn = fn;
	j->arg = arg;
	j->columns = columns;
	j->n = n_columns;
	j->line = 1;
	j->ignore_case = c->json_paths != NULL && strcasecmp(c->json_paths, "auto ignorecase") == 0;
	j->field = calloc(n_columns, sizeof(*j->field));
	int rc = j->field == NULL ? err_set(err, ENOMEM, "out of memory")
		 : paths.n > 0	  ? set_paths(j, paths, err)
				  : 0;
	if (rc < 0) {
		json_free_records(&j->parser);
		return rc;
	}
	*out = &j->parser;
	return 0;
}
