#include "engines/redshift/load/parser.h"

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
