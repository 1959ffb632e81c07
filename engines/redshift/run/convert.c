/* Values as the types of the columns they are assigned to. */
#include <errno.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/driver/convert.h"
#include "engines/redshift/run/run.h"

/* Blanks at the end are no part of what has to fit. */
static int fit_text(struct sql_value *v, struct sql_type to, struct err *err)
{
	CLEANUP(buf_free) struct buf type = BUF_INIT;
	size_t n = v->text.n;

	if (to.kind == SQL_CHAR || (to.size > 0 && n > to.size)) {
		size_t least = to.kind == SQL_CHAR ? 0 : to.size;
		while (n > least && v->text.p[n - 1] == ' ') {
			n--;
		}
	}
	v->text.n = n;
	if (to.size == 0 || n <= to.size) {
		return 0;
	}
	sql_type_print(to, &type);
	return err_set(err, EINVAL, "value too long for type %s", buf_cstr(&type));
}

int rs_convert(const struct sql_value *v, struct sql_type from, struct sql_type to,
	struct sql_value *out, struct buf *room, struct err *err)
{
	struct sql_type loose = {.kind = SQL_VARCHAR};

	if (v->null) {
		*out = (struct sql_value){.null = true};
		return 0;
	}
	if (!sql_is_text(to.kind)) {
		return sql_value_convert(v, from, to, out, room, err);
	}
	*out = *v;
	int rc = sql_is_text(from.kind) ? 0 : sql_value_convert(v, from, loose, out, room, err);
	return rc < 0 ? rc : fit_text(out, to, err);
}
