#include "fs/scratch_name.h"

#include <stdlib.h>
#include <string.h>

#include "fs/tree.h"

#define VIM_FIRST 4913 /* the name it tries first, and how it goes on */
#define VIM_STEP  123
#define VIM_LAST  (VIM_FIRST + 1000 * VIM_STEP)

#define RANDOM_LETTERS 6 /* of mkstemp(3) */

bool scratch_looks(const char *name)
{
	size_t n = strlen(name);
	bool sed = n == 9 && strncmp(name, "sed", 3) == 0;
	return name[0] == '.' || name[0] == '#' || name[n - 1] == '~' || name[n - 1] == '#' ||
	       sed || strspn(name, "0123456789") == n;
}

bool scratch_names_are_bare(const struct engine_level *level)
{
	if (!level->tagged && level->child == ENGINE_DIR) {
		return true;
	}
	for (unsigned i = 0; i < level->names.n; i++) {
		if (level->names.suffixes[i][0] == '\0') {
			return true;
		}
	}
	return false;
}

bool scratch_may_be(const struct engine_level *level, const char *name)
{
	bool containers = !level->tagged && level->child == ENGINE_DIR;
	return scratch_names_are_bare(level) && (!containers || scratch_looks(name));
}

static bool is_vims(const char *name)
{
	size_t n = strlen(name);
	if (name[0] == '0' || n > 6 || strspn(name, "0123456789") != n) {
		return false;
	}
	long number = strtol(name, NULL, 10);
	return number >= VIM_FIRST && number <= VIM_LAST && (number - VIM_FIRST) % VIM_STEP == 0;
}

static bool ends_random(const char *name)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	size_t n = strlen(name);
	return n >= RANDOM_LETTERS && strspn(name + n - RANDOM_LETTERS, letters) == RANDOM_LETTERS;
}

bool scratch_is_temporary(const char *name, unsigned want)
{
	if ((want & TREE_WANT_NEW) == 0) {
		return false;
	}
	return is_vims(name) || ((want & TREE_WANT_TEMPORARY) != 0 && ends_random(name));
}

bool scratch_of_another(const char *name, size_t *before, size_t *behind)
{
	size_t n = strlen(name);
	*before = 0;
	*behind = 1;
	if (n > 1 && name[n - 1] == '~') {
		return true;
	}
	*before = 1;
	return n > 2 && name[0] == '#' && name[n - 1] == '#';
}
