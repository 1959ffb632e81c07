#include "engines/redshift/load/json_paths.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"

/* ---- the file ---- */

void json_paths_clear(struct json_paths *p)
{
	for (unsigned i = 0; i < p->n; i++) {
		for (unsigned k = 0; k < p->path[i].n; k++) {
			free(p->path[i].step[k].name);
		}
		free(p->path[i].step);
	}
	free(p->path);
	*p = (struct json_paths){0};
}

static struct json_step *add_step(struct json_path *p)
{
	struct json_step *more = reallocarray(p->step, p->n + 1, sizeof(*more));

	if (more == NULL) {
		return NULL;
	}
	p->step = more;
	more[p->n] = (struct json_step){0};
	return &more[p->n++];
}

/* 1, 0 it is none, -1 no memory. */
static int name_step(struct json_path *p, const char *begin, size_t n)
{
	struct json_step *s = n > 0 ? add_step(p) : NULL;

	if (s == NULL) {
		return n > 0 ? -1 : 0;
	}
	s->name = strndup(begin, n);
	return s->name != NULL ? 1 : -1;
}

/* ['name'] or [0]; *at stands behind the bracket that opens. */
static int bracket_step(struct json_path *p, const char **at)
{
	char quote = **at;
	char *end;

	if (quote == '\'' || quote == '"') {
		const char *close = strchr(*at + 1, quote);
		if (close == NULL || close[1] != ']') {
			return 0;
		}
		int rc = name_step(p, *at + 1, (size_t)(close - *at - 1));
		*at = close + 2;
		return rc;
	}
	if (quote < '0' || quote > '9') {
		return 0;
	}
	struct json_step *s = add_step(p);
	if (s == NULL) {
		return -1;
	}
	s->index = strtoull(*at, &end, 10);
	*at = end + 1;
	return *end == ']' ? 1 : 0;
}

static int parse_path(const char *text, struct json_path *out)
{
	const char *at = text + 1;
	int rc = text[0] == '$' ? 1 : 0;

	while (rc == 1 && *at != '\0') {
		if (*at == '.') {
			size_t n = strcspn(at + 1, ".[");
			rc = name_step(out, at + 1, n);
			at += n + 1;
		} else if (*at == '[') {
			at++;
			rc = bracket_step(out, &at);
		} else {
			rc = 0;
		}
	}
	return rc == 1 && out->n == 0 ? 0 : rc;
}

static int add_path(struct json_paths *out, const char *text, struct err *err)
{
	int rc = text != NULL ? parse_path(text, &out->path[out->n]) : 0;

	out->n++;
	if (rc < 0) {
		return err_set(err, ENOMEM, "out of memory");
	}
	return rc == 1 ? 0
		       : err_set(err, EINVAL,
				 "jsonpaths: '%s' is none; \"$.name\", \"$['name']\", "
				 "\"$.list[0]\" "
				 "are",
				 text != NULL ? text : "(no text)");
}

int json_paths_parse(struct slice text, struct json_paths *out, struct err *err)
{
	json_error_t why;
	size_t i;
	json_t *path;
	int rc = 0;

	*out = (struct json_paths){0};
	json_auto_t *all = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &why);
	if (all == NULL) {
		return err_set(err, EINVAL, "jsonpaths: line %d: %s", why.line, why.text);
	}
	const json_t *paths = json_object_get(all, "jsonpaths");
	if (json_array_size(paths) == 0) {
		return err_set(err, EINVAL, "jsonpaths: {\"jsonpaths\": [\"$.…\", …]} is expected");
	}
	out->path = calloc(json_array_size(paths), sizeof(*out->path));
	if (out->path == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	json_array_foreach (paths, i, path) {
		rc = rc == 0 ? add_path(out, json_string_value(path), err) : rc;
	}
	if (rc < 0) {
		json_paths_clear(out);
	}
	return rc;
}

/* ---- a record ---- */

static bool is_name(struct slice inner, bool escaped, const char *name)
{
	CLEANUP(buf_free) struct buf plain = BUF_INIT;

	if (!escaped) {
		return slice_is(inner, name);
	}
	return json_text_unescape(inner, &plain) && !plain.failed &&
	       slice_is(buf_slice(&plain), name);
}

/* To the value of the member; else behind the object. */
static int into_member(struct json_text *t, const char *name)
{
	struct slice inner;
	struct slice all;
	bool escaped;

	if (json_text_peek(t) != '{') {
		return 0;
	}
	t->at++;
	while (json_text_peek(t) != '}') {
		if (!json_text_string(t, &inner, &escaped) || !json_text_expect(t, ':')) {
			return -1;
		}
		if (is_name(inner, escaped, name)) {
			return 1;
		}
		if (!json_text_skip(t, &all)) {
			return -1;
		}
		if (json_text_peek(t) == ',') {
			t->at++;
		} else if (json_text_peek(t) != '}') {
			json_text_expect(t, '}');
			return -1;
		}
	}
	return 0;
}

static int into_element(struct json_text *t, uint64_t index)
{
	struct slice all;

	if (json_text_peek(t) != '[') {
		return 0;
	}
	t->at++;
	for (; json_text_peek(t) != ']'; index--) {
		if (index == 0) {
			return 1;
		}
		if (!json_text_skip(t, &all)) {
			return -1;
		}
		if (json_text_peek(t) == ',') {
			t->at++;
		} else if (json_text_peek(t) != ']') {
			json_text_expect(t, ']');
			return -1;
		}
	}
	return 0;
}

int json_path_find(
	const struct json_path *p, struct json_text t, struct slice *value, const char **wrong)
{
	int rc = 1;

	for (unsigned i = 0; rc == 1 && i < p->n; i++) {
		rc = p->step[i].name != NULL ? into_member(&t, p->step[i].name)
					     : into_element(&t, p->step[i].index);
	}
	if (rc == 1 && !json_text_skip(&t, value)) {
		rc = -1;
	}
	*wrong = t.wrong;
	return rc;
}
