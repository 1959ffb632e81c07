/* Parse, prepare SITE, go to the background, mount, serve until unmounted. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engines/common/cleanup.h"
#include "engines/common/log.h"
#include "fs/detach.h"
#include "fs/mount.h"
#include "fs/site.h"

/* Databases, their logs and one descriptor for each open scratch file. */
#define OPEN_FILES_WANTED 65536

/* ---- the process ---- */

/* A descriptor of ours must not be 0, 1 or 2, or detaching would close it. */
static int fill_standard_descriptors(struct err *err)
{
	int fd;
	do {
		fd = open("/dev/null", O_RDWR);
		if (fd < 0) {
			return err_errno(err, "cannot open /dev/null");
		}
	} while (fd <= STDERR_FILENO);
	close(fd);
	return 0;
}

static void raise_open_files(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= OPEN_FILES_WANTED) {
		return;
	}
	limit.rlim_cur = limit.rlim_max < OPEN_FILES_WANTED ? limit.rlim_max : OPEN_FILES_WANTED;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
		log_warn("cannot raise the number of open files: %s", strerror(errno));
	}
}

/* ---- signals ---- */

/* Signals are blocked in all threads and taken by one, so that a handler never
 * interrupts a lock holder, and reopening the log may allocate. */
struct signals {
	pthread_t thread;
	sigset_t set;
	struct mount *mount;
	atomic_bool ended;
};

static void signals_block(struct signals *s)
{
	sigemptyset(&s->set);
	sigaddset(&s->set, SIGTERM);
	sigaddset(&s->set, SIGINT);
	sigaddset(&s->set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &s->set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void reopen_log(void)
{
	struct err err = {0};
	if (log_reopen(&err) != 0) {
		log_error("%s; the old file is written on", err.msg);
		return;
	}
	log_info("log reopened");
}

static void *signals_thread(void *arg)
{
	struct signals *s = arg;
	int number = 0;
	while (sigwait(&s->set, &number) == 0 && !atomic_load(&s->ended)) {
		if (number == SIGHUP) {
			reopen_log();
			continue;
		}
		log_info("signal %d (%s): unmounting", number, strsignal(number));
		mount_stop(s->mount);
	}
	return NULL;
}

static int signals_start(struct signals *s, struct mount *m, struct err *err)
{
	s->mount = m;
	atomic_init(&s->ended, false);
	int code = pthread_create(&s->thread, NULL, signals_thread, s);
	if (code != 0) {
		return err_set(err, code, "cannot start a thread: %s", strerror(code));
	}
	return 0;
}

static void signals_stop(struct signals *s)
{
	atomic_store(&s->ended, true);
	pthread_kill(s->thread, SIGHUP); /* any that it waits for */
	pthread_join(s->thread, NULL);
}

/* ---- serving ---- */

/* From the open log to a mount that serves. `report` is the pipe to the parent,
 * -1 in the foreground. */
static int start(const struct mountopts *o, struct signals *s, int *report, struct mount **out,
	struct err *err)
{
	struct mount *m = NULL;
	int r = mount_create(o, &m, err);
	if (r != 0) {
		return r;
	}
	r = signals_start(s, m, err);
	if (r != 0) {
		mount_destroy(m);
		return r;
	}
	if (*report >= 0) {
		r = detach_done(*report, err);
		if (r != 0) {
			signals_stop(s);
			mount_destroy(m);
			return r;
		}
		*report = -1;
	}
	log_info("dbmount %s: %s is mounted on %s by process %ld", DBMOUNT_VERSION, o->site,
		o->mountpoint, (long)getpid());
	*out = m;
	return 0;
}

static int serve(const struct mountopts *o, int lock, int *report, struct err *err)
{
	struct signals signals = {0};
	struct mount *m = NULL;
	signals_block(&signals);
	int r = start(o, &signals, report, &m, err);
	if (r != 0) {
		return r;
	}
	r = mount_loop(m, err);
	site_ending(o, lock);
	signals_stop(&signals);
	mount_destroy(m);
	log_info("%s is unmounted", o->mountpoint);
	return r;
}

static int run_locked(const struct mountopts *o, int lock, int *report, struct err *err)
{
	int r = log_open(o->log_file, err);
	if (r != 0) {
		return r;
	}
	raise_open_files();
	r = serve(o, lock, report, err);
	if (r != 0) {
		/* Standard error gets it without the log's prefix, from run(). */
		log_set_stderr(false);
		log_error("%s", err->msg);
	}
	log_close();
	return r;
}

static int complain(const struct err *err)
{
	fprintf(stderr, "dbmount: %s\n", err->msg);
	return 1;
}

/* The exit code. */
static int run(const struct mountopts *o)
{
	struct err the_err = {0};
	struct err *err = &the_err;
	int report = -1;
	int lock = -1;

	umask(077);
	log_set_level(o->debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	int r = fill_standard_descriptors(err);
	if (r == 0) {
		r = site_prepare(o, err);
	}
	if (r == 0 && !o->foreground) {
		r = detach(o, &report, err);
	}
	if (r == 0) {
		/* After the fork: the lock names the process that stays. */
		r = site_lock(o, &lock, err);
	}
	if (r == 0 && !o->foreground && chdir("/") != 0) {
		r = err_errno(err, "cannot change to /");
	}
	if (r == 0) {
		r = run_locked(o, lock, &report, err);
	}
	site_unlock(lock);
	if (r != 0 && report >= 0) {
		detach_failed(report, err->msg); /* the parent prints it */
		return 1;
	}
	return r != 0 ? complain(err) : 0;
}

/* ---- texts ---- */

static int print(const char *text)
{
	if (fputs(text, stdout) < 0 || fflush(stdout) != 0) {
		fprintf(stderr, "dbmount: cannot write to standard output: %s\n", strerror(errno));
		return 1;
	}
	return 0;
}

static int print_help(void)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	mountopts_help(&text);
	return print(buf_cstr(&text));
}

int main(int argc, char **argv)
{
	CLEANUP(mountopts_finish) struct mountopts o = {0};
	struct err err = {0};

	if (mountopts_parse(&o, argc, argv, &err) != 0) {
		return complain(&err);
	}
	switch (o.action) {
	case MOUNTOPTS_HELP: return print_help();
	case MOUNTOPTS_VERSION: return print("dbmount " DBMOUNT_VERSION "\n");
	case MOUNTOPTS_MOUNT: return run(&o);
	}
	return 1;
}
