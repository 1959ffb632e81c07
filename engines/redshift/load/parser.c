#include "engines/redshift/load/parser.h"

#include <errno.h>

int rs_parser_new(const struct rs_copy *c, struct slice paths, const char *const *columns,
	unsigned n_columns, rs_record_fn *fn, void *arg, struct rs_parser **out, struct err *err)
{
	switch (c->format) {
	case RS_FORMAT_TEXT:
	case RS_FORMAT_CSV: return rs_separated_new(c, fn, arg, out, err);
	case RS_FORMAT_FIXEDWIDTH: return rs_fixed_new(c, fn, arg, out, err);
	case RS_FORMAT_JSON: return rs_json_new(c, paths, columns, n_columns, fn, arg, out, err);
	default: return err_set(err, EINVAL, "Parquet is read as a whole, not as a text");
	}
}

int rs_parser_feed(struct rs_parser *p, struct slice bytes, struct err *err)
{
	return bytes.n > 0 ? p->ops->feed(p, bytes, err) : 0;
}

int rs_parser_end(struct rs_parser *p, struct err *err)
{
	return p->ops->end(p, err);
}

void rs_parser_free(struct rs_parser *p)
{
	if (p != NULL) {
		p->ops->free(p);
	}
}
