/* What went wrong, in one line and as an errno. */
#include <errno.h>

#include "engines/redshift/driver/duckdb_impl.h"

static bool says(const char *message, const char *what)
{
	return strstr(message, what) != NULL;
}

static int errno_of(duckdb_error_type type, const char *message)
{
	if (says(message, "No space left on device") || says(message, "Disk quota exceeded") ||
		says(message, "max_temp_directory_size")) {
		return ENOSPC;
	}
	switch (type) {
	case DUCKDB_ERROR_INTERRUPT: return EINTR;
	case DUCKDB_ERROR_OUT_OF_MEMORY: return ENOMEM;
	case DUCKDB_ERROR_IO:
	case DUCKDB_ERROR_FATAL:
	case DUCKDB_ERROR_INTERNAL:
	case DUCKDB_ERROR_SERIALIZATION: return EIO;
	case DUCKDB_ERROR_PERMISSION: return EACCES;
	case DUCKDB_ERROR_TRANSACTION: return says(message, "onflict") ? EBUSY : EINVAL;
	default: return EINVAL;
	}
}

/* The first line, without the kind of error before it: "Binder Error: ". */
static struct slice first_line(const char *message)
{
	const char *kind = strstr(message, " Error: ");
	const char *end = strchr(message, '\n');
	size_t n = end != NULL ? (size_t)(end - message) : strlen(message);
	if (kind != NULL && (size_t)(kind - message) < n) {
		size_t skip = (size_t)(kind - message) + strlen(" Error: ");
		return slice_make(message + skip, n - skip);
	}
	return slice_make(message, n);
}

int duck_error(struct duck_site *site, duckdb_error_type type, const char *message, struct err *err)
{
	if (message == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	if (type == DUCKDB_ERROR_FATAL || type == DUCKDB_ERROR_INTERNAL) {
		atomic_store(&site->broken, true);
	}
	struct slice line = first_line(message);
	return err_set(err, errno_of(type, message), "%.*s", (int)line.n, line.p);
}

/* Of those whose errno is their own. */
static const struct {
	const char *prefix;
	duckdb_error_type type;
} prefixes[] = {
	{"IO Error", DUCKDB_ERROR_IO},
	{"FATAL Error", DUCKDB_ERROR_FATAL},
	{"INTERNAL Error", DUCKDB_ERROR_INTERNAL},
	{"Serialization Error", DUCKDB_ERROR_SERIALIZATION},
	{"INTERRUPT Error", DUCKDB_ERROR_INTERRUPT},
	{"Out of Memory Error", DUCKDB_ERROR_OUT_OF_MEMORY},
	{"Permission Error", DUCKDB_ERROR_PERMISSION},
};

int duck_message(struct duck_site *site, const char *message, struct err *err)
{
	for (size_t i = 0; message != NULL && i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		if (strncmp(message, prefixes[i].prefix, strlen(prefixes[i].prefix)) == 0) {
			return duck_error(site, prefixes[i].type, message, err);
		}
	}
	return duck_error(site, DUCKDB_ERROR_INVALID, message, err);
}

int duck_run(struct duck_site *site, duckdb_connection conn, const char *text, struct err *err)
{
	duckdb_result result;
	int rc = 0;
	if (duckdb_query(conn, text, &result) != DuckDBSuccess) {
		rc = duck_error(
			site, duckdb_result_error_type(&result), duckdb_result_error(&result), err);
	}
	duckdb_destroy_result(&result);
	return rc;
}
