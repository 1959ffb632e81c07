/* Where values are in a JSON record: the paths of a jsonpaths file, "$.a.b[0]", "$['a'][1]". */
#ifndef DBMOUNT_REDSHIFT_JSON_PATHS_H
#define DBMOUNT_REDSHIFT_JSON_PATHS_H

#include "engines/redshift/load/json_text.h"

struct json_step {
	char *name; /* NULL: an index */
	uint64_t index;
};
struct json_path {
	struct json_step *step;
	unsigned n;
};
struct json_paths {
	struct json_path *path;
	unsigned n;
};

/* {"jsonpaths": ["$.a", …]}. EINVAL. */
int json_paths_parse(struct slice text, struct json_paths *out, struct err *err);
void json_paths_clear(struct json_paths *p);
/* The value at the path, all of it, without white space around; 1, 0: there is none, -1: the text
 * is wrong (t->wrong). */
int json_path_find(
	const struct json_path *p, struct json_text t, struct slice *value, const char **wrong);

#endif
