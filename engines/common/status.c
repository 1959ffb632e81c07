#include "engines/common/status.h"

#include <errno.h>

#include "engines/common/rfc3339.h"

int status_no_memory(struct err *err)
{
	return err_set(err, ENOMEM, "out of memory");
}

int status_add(json_t *out, json_t *more, struct err *err)
{
	int rc = more != NULL ? json_object_update_new(out, more) : -1;

	return rc == 0 ? 0 : status_no_memory(err);
}

int status_add_time(json_t *out, const char *name, int64_t time_ns, struct err *err)
{
	char text[RFC3339_MAX];

	if (time_ns == 0) {
		return 0;
	}
	rfc3339_print(time_ns, text);
	return status_add(out, json_pack("{s:s}", name, text), err);
}

int status_append(json_t *array, json_t *o, int rc, struct err *err)
{
	if (rc < 0 || o == NULL) {
		json_decref(o);
		return rc < 0 ? rc : status_no_memory(err);
	}
	return json_array_append_new(array, o) == 0 ? 0 : status_no_memory(err);
}
