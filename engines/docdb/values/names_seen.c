#include "engines/docdb/values/names_seen.h"

#include <stdlib.h>

/* Up to this many members, looking at each is quicker than a table. */
#define FEW 16

void names_seen_start(struct names_seen *s)
{
	s->n = 0;
	s->first_object = s->last_object + 1;
	s->failed = false;
}

void names_seen_free(struct names_seen *s)
{
	free(s->open);
	free(s->slots);
	*s = (struct names_seen){0};
}

struct seen_object names_seen_begin(struct names_seen *s)
{
	return (struct seen_object){++s->last_object, s->n};
}

void names_seen_end(struct names_seen *s, struct seen_object o)
{
	s->n = o.first;
}

/* FNV-1a. */
static uint32_t hash_of(const char *p, size_t n)
{
	uint32_t h = 2166136261U;
	for (size_t i = 0; i < n; i++) {
		h = (h ^ (unsigned char)p[i]) * 16777619U;
	}
	return h;
}

static bool same(const struct seen_name *a, const struct seen_name *b, const char *base)
{
	return a->hash == b->hash && a->object == b->object && a->n == b->n &&
	       memcmp(base + a->at, base + b->at, a->n) == 0;
}

/* ---- the table ---- */

/* The slot that holds the name, or the free one where it belongs. */
static struct seen_name *slot_of(
	struct names_seen *s, const struct seen_name *name, const char *base)
{
	size_t mask = s->n_slots - 1;
	uint64_t spread = (name->hash ^ name->object * 0x9e3779b97f4a7c15U) * 0xff51afd7ed558ccdU;
	size_t i = (size_t)(spread >> 32) & mask;
	while (s->slots[i].object != 0 && !same(&s->slots[i], name, base)) {
		i = (i + 1) & mask;
	}
	return &s->slots[i];
}

/* Room for one more with half of the slots free. What is of documents before falls out, so
 * their names, whose bytes are gone, are compared with nothing: objects differ. */
static bool table_reserve(struct names_seen *s, const char *base)
{
	if (s->n_used * 2 < s->n_slots) {
		return true;
	}
	size_t live = 0;
	for (size_t i = 0; i < s->n_slots; i++) {
		live += s->slots[i].object >= s->first_object;
	}
	struct seen_name *old = s->slots;
	size_t n_old = s->n_slots;
	size_t n = 256;
	while (n < live * 4) {
		n *= 2;
	}
	struct seen_name *p = calloc(n, sizeof(*p));
	if (p == NULL) {
		return false;
	}
	s->slots = p;
	s->n_slots = n;
	s->n_used = live;
	for (size_t i = 0; i < n_old; i++) {
		if (old[i].object >= s->first_object) {
			*slot_of(s, &old[i], base) = old[i];
		}
	}
	free(old);
	return true;
}

static bool table_add(struct names_seen *s, const struct seen_name *name, const char *base)
{
	if (!table_reserve(s, base)) {
		s->failed = true;
		return false;
	}
	struct seen_name *slot = slot_of(s, name, base);
	if (slot->object != 0) {
		return false;
	}
	*slot = *name;
	s->n_used++;
	return true;
}

/* ---- adding ---- */

static bool few_add(
	const struct names_seen *s, size_t first, const struct seen_name *name, const char *base)
{
	for (size_t i = first; i < s->n; i++) {
		if (same(&s->open[i], name, base)) {
			return false;
		}
	}
	return true;
}

/* The object has grown out of looking at each: all its names go into the table. */
static bool move_to_table(struct names_seen *s, size_t first, const char *base)
{
	for (size_t i = first; i < s->n; i++) {
		if (!table_add(s, &s->open[i], base)) {
			return false;
		}
	}
	return true;
}

static bool push(struct names_seen *s, const struct seen_name *name)
{
	if (s->n == s->cap) {
		size_t cap = s->cap > 0 ? s->cap * 2 : 64;
		struct seen_name *p = realloc(s->open, cap * sizeof(*p));
		if (p == NULL) {
			s->failed = true;
			return false;
		}
		s->open = p;
		s->cap = cap;
	}
	s->open[s->n++] = *name;
	return true;
}

bool names_seen_add(
	struct names_seen *s, struct seen_object o, const char *base, size_t at, size_t n)
{
	struct seen_name name = {o.object, hash_of(base + at, n), (uint32_t)n, at};
	size_t count = s->n - o.first;
	if (count < FEW) {
		return few_add(s, o.first, &name, base) && push(s, &name);
	}
	if (count == FEW && (!move_to_table(s, o.first, base) || !push(s, &name))) {
		return false;
	}
	return table_add(s, &name, base);
}
