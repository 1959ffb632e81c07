/* The daemon's log: four levels, to standard error and, once opened, a file.
 * errno is kept by every call. Never log document bodies or credentials; keys
 * appear in the escaped form the tree shows. */
#ifndef DBMOUNT_LOG_H
#define DBMOUNT_LOG_H

#include <stdbool.h>

#include "engines/common/err.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Appends to `path` from now on. Also what HUP calls to reopen it. 0 or -errno. */
int log_open(const char *path, struct err *err);
/* Opens the file of the last log_open() anew, after rotation. */
int log_reopen(struct err *err);
void log_set_level(enum log_level level);
/* Whether lines also go to standard error (true until the daemon detaches). */
void log_set_stderr(bool on);
void log_close(void);

void log_write(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool log_enabled(enum log_level level);

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)                                                                             \
	do {                                                                                       \
		if (log_enabled(LOG_LEVEL_DEBUG)) {                                                \
			log_write(LOG_LEVEL_DEBUG, __VA_ARGS__);                                   \
		}                                                                                  \
	} while (0)

#endif
