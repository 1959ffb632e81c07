/* How deep a statement nests.
 *
 * PostgreSQL's parser, its writer of trees, and whatever walks a tree afterwards call themselves
 * for each level, on a thread's stack. So what makes levels is counted before: parentheses and
 * CASE; within one of these operators in a row (a+b+c is two levels deep), joins, set operations. A
 * comma, AND and OR begin anew: lists and these are flat in the tree. */
#include "engines/redshift/sql/parse.h"

#include <errno.h>

#define GROUPS_MAX 100
#define LEVELS_MAX 500

#define LONG_OPERATORS "|:=<>!~" /* one of several of these is one operator */

struct level {
	unsigned operators, joins, sets;
	bool of_case;
};

static unsigned level_depth(const struct level *l)
{
	return l->operators + l->joins + l->sets;
}

static bool is_one_of(const struct rs_parse *p, const char *const *words)
{
	for (; *words != NULL; words++) {
		if (rs_is(p, *words)) {
			return true;
		}
	}
	return false;
}

static void count_word(const struct rs_parse *p, struct level *l)
{
	/* No column can be called so. */
	static const char *const flat[] = {"and", "or", "when", "then", "else", "where", "from",
		"on", "having", "limit", NULL};
	static const char *const sets[] = {"union", "except", "intersect", "minus", NULL};
	static const char *const operators[] = {"not", "is", "isnull", "notnull", "collate", "at",
		"like", "ilike", "similar", "between", "in", "operator", NULL};
	if (is_one_of(p, flat)) {
		l->operators = 0;
	} else if (is_one_of(p, sets)) {
		l->sets++;
	} else if (rs_is(p, "select")) {
		l->operators = 0;
		l->joins = 0;
	} else if (rs_is(p, "join")) {
		l->joins++;
	} else if (is_one_of(p, operators)) {
		l->operators++;
	}
}

static void count_mark(const struct rs_parse *p, struct level *l)
{
	const char *at = p->script.p + p->token.at;
	if (*at == ',') {
		l->operators = 0;
	} else if (*at != '.' && (p->token.at == 0 || strchr(LONG_OPERATORS, *at) == NULL ||
					 strchr(LONG_OPERATORS, at[-1]) == NULL)) {
		l->operators++;
	}
}

/* One level more or less; -1: too many. */
static int step(const struct rs_parse *p, struct level *levels, unsigned *n, unsigned *below)
{
	if (p->token.at > 0 && p->script.p[p->token.at - 1] == '.') {
		return 0; /* a.case is a column */
	}
	bool opens = rs_is_mark(p, '(') || rs_is_mark(p, '[') || rs_is(p, "case");
	bool closes =
		rs_is_mark(p, ')') || rs_is_mark(p, ']') || (rs_is(p, "end") && levels[*n].of_case);
	if (opens) {
		levels[*n].operators += rs_is_mark(p, '[');
		*below += level_depth(&levels[*n]);
		if (++*n >= GROUPS_MAX) {
			return -1;
		}
		levels[*n] = (struct level){.of_case = rs_is(p, "case")};
	} else if (closes && *n > 0) {
		(*n)--;
		*below -= level_depth(&levels[*n]);
	} else if (p->token.kind == RS_TOKEN_WORD) {
		count_word(p, &levels[*n]);
	} else if (p->token.kind == RS_TOKEN_MARK) {
		count_mark(p, &levels[*n]);
	}
	return *below + level_depth(&levels[*n]) > LEVELS_MAX ? -1 : 0;
}

int rs_depth_check(struct rs_parse *p, size_t from)
{
	struct rs_parse look = *p;
	struct level levels[GROUPS_MAX] = {{0}};
	unsigned n = 0;
	unsigned below = 0; /* of the levels around the innermost */
	for (look.token = rs_token_at(p->script, from); !rs_at_end(&look); rs_next(&look)) {
		if (step(&look, levels, &n, &below) < 0) {
			return rs_refuse_at(p, look.token.at, EINVAL,
				"nested too deeply; at most %d parentheses in each other, or %d "
				"operators in a row, are allowed",
				GROUPS_MAX - 1, LEVELS_MAX);
		}
	}
	return 0;
}
