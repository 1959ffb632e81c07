/* What a level (engine.h) says of one of its children: its sort, its form, its name. */
#ifndef DBMOUNT_FS_LEVEL_H
#define DBMOUNT_FS_LEVEL_H

#include "engines/engine.h"

/* What is made under a name of this form. */
static inline enum engine_kind level_kind(const struct engine_level *level, unsigned form)
{
	if (!level->tagged) {
		return level->child;
	}
	return (level->dir_forms >> form & 1) != 0 ? ENGINE_DIR : ENGINE_FILE;
}

/* The form that a child shows by its key; `form` where keys do not say. */
static inline unsigned level_form(const struct engine_level *level, struct slice key, unsigned form)
{
	return level->tagged && key.n > 0 ? (unsigned char)key.p[0] : form;
}

/* Whether such a child is a feed. */
static inline bool level_is_feed(const struct engine_level *level, enum engine_kind kind)
{
	return kind == ENGINE_FILE && (level->features & ENGINE_HAS_FEEDS) != 0;
}

/* Whether such a child passes through without being held. */
static inline bool level_is_stream(const struct engine_level *level, enum engine_kind kind)
{
	return kind == ENGINE_FILE && (level->features & ENGINE_HAS_STREAMS) != 0;
}

/* What names of children are made by. */
static inline const struct name_rules *level_rules(
	const struct engine_level *level, enum engine_kind kind)
{
	return level->tagged || kind == ENGINE_FILE ? &level->names : &NAME_RULES_DIR;
}

/* Appends the name of a child. */
static inline void level_print(const struct engine_level *level, enum engine_kind kind,
	struct slice key, unsigned form, struct buf *out)
{
	if (level->tagged && key.n > 0) {
		form = (unsigned char)key.p[0];
		key = slice_make(key.p + 1, key.n - 1);
	}
	name_print(key, level_rules(level, kind), form, out);
}

#endif
