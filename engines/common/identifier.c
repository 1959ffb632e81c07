#include "engines/common/identifier.h"

#include <errno.h>
#include <stdbool.h>

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

int identifier_take(const char *parameter, const char *arg, size_t max, char *out, struct err *err)
{
	return take(parameter, slice_of(arg), max, out, err);
}

int identifier_check(const char *parameter, struct slice name, size_t max, struct err *err)
{
	char lower[IDENTIFIER_MAX + 1];

	int rc = take(parameter, name, max, lower, err);
	if (rc == 0 && !slice_is(name, lower)) {
		return err_set(err, EINVAL,
			"InvalidParameterValue: The parameter %s is stored in lower case: use '%s'",
			parameter, lower);
	}
	return rc;
}
