#include "engines/common/thread.h"

#include <signal.h>

int thread_start(pthread_t *thread, void *(*main)(void *), void *arg)
{
	sigset_t all;
	sigset_t old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int code = pthread_create(thread, NULL, main, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return code;
}
