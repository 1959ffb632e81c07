/* What every exit of a function frees: `CLEANUP(buf_free) struct buf b = BUF_INIT;`
 * The named function takes a pointer to the variable. */
#ifndef DBMOUNT_CLEANUP_H
#define DBMOUNT_CLEANUP_H

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(fn) __attribute__((cleanup(fn)))

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close(const int *fd)
{
	if (*fd >= 0) {
		close(*fd);
	}
}

static inline void cleanup_unlock(pthread_mutex_t **m)
{
	if (*m != NULL) {
		pthread_mutex_unlock(*m);
	}
}

static inline pthread_mutex_t *lock_mutex(pthread_mutex_t *m)
{
	pthread_mutex_lock(m);
	return m;
}

#define LOCK_CONCAT2(a, b) a##b
#define LOCK_CONCAT(a, b)  LOCK_CONCAT2(a, b)
/* Holds a mutex to the end of the scope. */
#define LOCKED(mutex)                                                                              \
	CLEANUP(cleanup_unlock)                                                                    \
	__attribute__((unused)) pthread_mutex_t *LOCK_CONCAT(locked_, __LINE__) = lock_mutex(mutex)

#endif
