/* A source is what its ops table does. */
#include <errno.h>

#include "engines/rds/source_impl.h"

int rds_source_read(struct rds_source *s, rds_fn *fn, void *arg, struct err *err)
{
	return s->ops->read(s, fn, arg, err);
}

int rds_source_write(struct rds_source *s, rds_fn *fn, void *arg, struct err *err)
{
	if (s->ops->write == NULL) {
		return err_set(err, EROFS, "this copy is read-only");
	}
	return s->ops->write(s, fn, arg, err);
}

uint64_t rds_conn_version(struct rds_conn *c)
{
	return c->source->ops->version(c);
}

int64_t rds_conn_time(struct rds_conn *c)
{
	return c->source->ops->time(c);
}

int rds_source_sync(struct rds_source *s, struct err *err)
{
	return s->ops->sync != NULL ? s->ops->sync(s, err) : 0;
}

uint64_t rds_source_bytes(struct rds_source *s)
{
	return s->ops->bytes(s);
}

void rds_source_close(struct rds_source *s)
{
	if (s != NULL) {
		s->ops->close(s);
	}
}
