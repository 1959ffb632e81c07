/* Threads of the engines' own. */
#ifndef DBMOUNT_THREAD_H
#define DBMOUNT_THREAD_H

#include <pthread.h>

/* As pthread_create(), its code too; no signal is delivered on the thread: those of the
 * daemon are for its main one. */
int thread_start(pthread_t *thread, void *(*main)(void *), void *arg);

#endif
