/* fsbench: the loops that are measured, without a shell or a tool around them.
 *
 *   fsbench [options] COMMAND DIR-OR-FILE [ARGUMENT...]
 *
 * Prints one line of name=value pairs; us_op is microseconds per operation, wall
 * time of all threads together over all operations. README.md explains the rows.
 * Items written carry a text that differs each time: a store may skip equal bytes. */
#include <dirent.h>
#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "item.h"

extern char **environ;

enum { THREADS_MAX = 128, DENTS_BYTES = 32768 };

struct options {
	unsigned count;	     /* -n: operations in all; 0: as many as there are names */
	unsigned threads;    /* -T */
	bool fsync;	     /* -F */
	bool unlisted;	     /* -G: make up the names, do not list */
	unsigned population; /* -P: -G's names are spread over so many */
	bool shuffled;	     /* -R: not in listing order */
	size_t block;	     /* -b: bytes a read */
	const char *cpus;    /* -C a,b */
	const char *target;  /* directory or file */
	char **rest;
};

struct names {
	char **name;
	unsigned n;
};

/* What one thread does: operations [from, to) of `op`. */
struct worker {
	const struct options *o;
	const struct names *names;
	void (*op)(const struct worker *w, unsigned index);
	int dir;
	const char *pk;
	unsigned salt;
	unsigned from;
	unsigned to;
	pthread_t thread;
};

static void die(const char *what)
{
	error(1, errno, "%s", what);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static const char *last_component(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int open_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		die(path);
	}
	return fd;
}

static void report(double us, unsigned n)
{
	printf("us_op=%.3f ops=%u seconds=%.6f\n", n ? us / n : 0, n, us / 1e6);
}

/* ---------------------------------------------------------------- names */

static bool is_dot(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Calls `each` (may be NULL) for every entry. Returns how many; *first_us is set
 * when the first is there. */
static unsigned for_each_entry(
	const char *path, void (*each)(void *, const char *), void *arg, double *first_us)
{
	static _Alignas(struct dirent64) char buf[DENTS_BYTES];
	double start = now();
	int fd = open_dir(path);
	unsigned n = 0;
	long got;

	while ((got = syscall(SYS_getdents64, fd, buf, sizeof(buf))) > 0) {
		for (long at = 0; at < got;) {
			const struct dirent64 *d = (const void *)(buf + at);

			at += d->d_reclen;
			if (is_dot(d->d_name)) {
				continue;
			}
			if (n++ == 0 && first_us) {
				*first_us = now() - start;
			}
			if (each) {
				each(arg, d->d_name);
			}
		}
	}
	if (got < 0) {
		die(path);
	}
	close(fd);
	return n;
}

static void names_add(void *arg, const char *name)
{
	struct names *names = arg;

	if ((names->n & (names->n - 1)) == 0) {
		size_t want = names->n ? 2 * (size_t)names->n : 1;

		names->name = reallocarray(names->name, want, sizeof(char *));
	}
	names->name[names->n++] = strdup(name);
}

static void names_make(struct names *names, unsigned n, unsigned population)
{
	char name[ITEM_NAME_MAX];
	unsigned step = population > n ? population / n : 1;

	for (unsigned i = 0; i < n; i++) {
		item_name(name, i * step);
		names_add(names, name);
	}
}

static void names_shuffle(struct names *names)
{
	unsigned seed = 1;

	for (unsigned i = names->n; i > 1; i--) {
		unsigned j = (unsigned)rand_r(&seed) % i;
		char *name = names->name[j];

		names->name[j] = names->name[i - 1];
		names->name[i - 1] = name;
	}
}

/* The names to work on: listed, or made up with -G (then -n says how many). */
static struct names names_get(const struct options *o)
{
	struct names names = {NULL, 0};

	if (o->unlisted) {
		names_make(&names, o->count, o->population);
	} else {
		for_each_entry(o->target, names_add, &names, NULL);
	}
	if (o->count && o->count < names.n) {
		names.n = o->count;
	}
	if (o->shuffled) {
		names_shuffle(&names);
	}
	return names;
}

/* ---------------------------------------------------------------- operations */

static void op_read(const struct worker *w, unsigned index)
{
	char buf[4096];
	struct stat st;
	int fd = openat(w->dir, w->names->name[index], O_RDONLY);

	if (fd < 0 || fstat(fd, &st) != 0 || read(fd, buf, sizeof(buf)) != st.st_size) {
		die(w->names->name[index]);
	}
	close(fd);
}

static void op_stat(const struct worker *w, unsigned index)
{
	struct stat st;

	if (fstatat(w->dir, w->names->name[index], &st, AT_SYMLINK_NOFOLLOW) != 0) {
		die(w->names->name[index]);
	}
}

static void op_miss(const struct worker *w, unsigned index)
{
	char name[ITEM_NAME_MAX];
	struct stat st;

	snprintf(name, sizeof(name), "m%07u-%x.json", index, w->salt);
	if (fstatat(w->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT) {
		die(name);
	}
}

/* Writes the whole item and closes: the close is where a store commits. */
static void put(const struct worker *w, const char *name, const char *sk, int flags)
{
	char text[ITEM_BYTES + 1];
	size_t size = item_render(text, w->pk, sk, w->salt + (unsigned)w->from);
	int fd = openat(w->dir, name, O_WRONLY | flags, 0644);

	if (fd < 0 || pwrite(fd, text, size, 0) != (ssize_t)size) {
		die(name);
	}
	if (w->o->fsync && fsync(fd) != 0) {
		die(name);
	}
	if (close(fd) != 0) {
		die(name);
	}
}

static void put_index(const struct worker *w, unsigned index, int flags)
{
	char name[ITEM_NAME_MAX];
	char key[ITEM_NAME_MAX];

	item_name(name, index);
	item_key(key, index);
	put(w, name, key, flags);
}

static void op_create(const struct worker *w, unsigned index)
{
	put_index(w, index, O_CREAT | O_EXCL);
}

static void op_over(const struct worker *w, unsigned index)
{
	put_index(w, index, O_TRUNC);
}

static void op_pwrite(const struct worker *w, unsigned index)
{
	put_index(w, index, 0);
}

/* As rsync saves: a hidden file beside, renamed onto the item. */
static void op_rename(const struct worker *w, unsigned index)
{
	char name[ITEM_NAME_MAX];
	char key[ITEM_NAME_MAX];
	char draft[ITEM_NAME_MAX + 16];

	item_name(name, index);
	item_key(key, index);
	snprintf(draft, sizeof(draft), ".%s.Ab12Cd", name);
	put(w, draft, key, O_CREAT | O_EXCL);
	if (renameat(w->dir, draft, w->dir, name) != 0) {
		die(name);
	}
}

static void op_unlink(const struct worker *w, unsigned index)
{
	char name[ITEM_NAME_MAX];

	item_name(name, index);
	if (unlinkat(w->dir, name, 0) != 0) {
		die(name);
	}
}

static const struct {
	const char *name;
	void (*op)(const struct worker *w, unsigned index);
	bool by_name; /* works on the names that are there, else on -n numbers */
} operations[] = {
	{"rl", op_read, true},
	{"stat", op_stat, true},
	{"miss", op_miss, false},
	{"create", op_create, false},
	{"over", op_over, false},
	{"pwrite", op_pwrite, false},
	{"rename", op_rename, false},
	{"unlink", op_unlink, false},
};

static void *work(void *arg)
{
	const struct worker *w = arg;

	for (unsigned i = w->from; i < w->to; i++) {
		w->op(w, i);
	}
	return NULL;
}

static int run_operation(const struct options *o, unsigned which)
{
	struct names names = {NULL, 0};
	struct worker workers[THREADS_MAX];
	unsigned n = o->count;
	int dir = open_dir(o->target);
	double start;

	if (operations[which].by_name) {
		names = names_get(o);
		n = names.n;
	}
	for (unsigned i = 0; i < o->threads; i++) {
		workers[i] = (struct worker){.o = o,
			.names = &names,
			.op = operations[which].op,
			.dir = dir,
			.pk = last_component(o->target),
			.salt = (unsigned)time(NULL) ^ (unsigned)getpid() << 12,
			.from = (unsigned)((uint64_t)n * i / o->threads),
			.to = (unsigned)((uint64_t)n * (i + 1) / o->threads)};
	}
	start = now();
	if (o->threads == 1) {
		work(&workers[0]);
	} else {
		for (unsigned i = 0; i < o->threads; i++) {
			if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) {
				die("pthread_create");
			}
		}
		for (unsigned i = 0; i < o->threads; i++) {
			pthread_join(workers[i].thread, NULL);
		}
	}
	report(now() - start, n);
	return 0;
}

/* ---------------------------------------------------------------- the rest */

static int run_ls(const struct options *o)
{
	double first = 0;
	double start = now();
	unsigned n = for_each_entry(o->target, NULL, NULL, &first);
	double us = now() - start;

	printf("first_us=%.1f us_op=%.4f ops=%u seconds=%.6f\n", first, n ? us / n : 0, n,
		us / 1e6);
	return 0;
}

/* MB/s of one file from start to end. */
static int run_seqread(const struct options *o)
{
	char *buf = malloc(o->block);
	int fd = open(o->target, O_RDONLY);
	double first = 0;
	double start = now();
	uint64_t sum = 0;
	ssize_t got;

	if (fd < 0 || !buf) {
		die(o->target);
	}
	while ((got = read(fd, buf, o->block)) > 0) {
		if (sum == 0) {
			first = now() - start;
		}
		sum += (uint64_t)got;
	}
	if (got < 0) {
		die(o->target);
	}
	close(fd);
	free(buf);
	start = now() - start;
	printf("first_us=%.1f mb_s=%.1f bytes=%llu seconds=%.6f\n", first, (double)sum / start,
		(unsigned long long)sum, start / 1e6);
	return 0;
}

/* Runs ARGUMENT... -n times, one process each, "{}" standing for the next item's
 * path below DIR and "{key}" for its key; output goes to /dev/null. */
static int run_spawn(const struct options *o)
{
	posix_spawn_file_actions_t actions;
	double start;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	start = now();
	for (unsigned i = 0; i < o->count; i++) {
		char path[4096];
		char text[4096];
		char key[ITEM_NAME_MAX];
		char *argv[32];
		unsigned n = 0;
		int status;
		pid_t pid;

		item_key(key, i);
		snprintf(path, sizeof(path), "%s/%s.json", o->target, key);
		for (; o->rest[n] && n < 31; n++) {
			const char *hole = strstr(o->rest[n], "{key}");

			argv[n] = strcmp(o->rest[n], "{}") == 0 ? path : o->rest[n];
			if (hole) { /* one such argument */
				snprintf(text, sizeof(text), "%.*s%s%s", (int)(hole - o->rest[n]),
					o->rest[n], key, hole + strlen("{key}"));
				argv[n] = text;
			}
		}
		argv[n] = NULL;
		errno = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
		if (errno != 0 || waitpid(pid, &status, 0) != pid || status != 0) {
			die(argv[0]);
		}
	}
	report(now() - start, o->count);
	return 0;
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0) {
		die("sched_setaffinity");
	}
}

/* A byte to and fro between two processes on the CPUs of -C. */
static int run_pingpong(const struct options *o)
{
	int there[2];
	int back[2];
	int cpu_a = 0;
	int cpu_b = 0;
	char c = 0;
	double start;

	if (!o->cpus || sscanf(o->cpus, "%d,%d", &cpu_a, &cpu_b) != 2 || pipe(there) != 0 ||
		pipe(back) != 0) {
		error(1, errno, "pingpong needs -C a,b");
	}
	if (fork() == 0) {
		pin(cpu_b);
		close(there[1]);
		while (read(there[0], &c, 1) == 1 && write(back[1], &c, 1) == 1) {
		}
		_exit(0);
	}
	pin(cpu_a);
	start = now();
	for (unsigned i = 0; i < o->count; i++) {
		if (write(there[1], &c, 1) != 1 || read(back[0], &c, 1) != 1) {
			die("pipe");
		}
	}
	start = now() - start;
	close(there[1]);
	report(start, o->count);
	return 0;
}

/* Files of the given number below DIR, which is made. */
static int run_files(const struct options *o)
{
	struct worker w = {.o = o, .pk = last_component(o->target)};

	if (mkdir(o->target, 0755) != 0 && errno != EEXIST) {
		die(o->target);
	}
	w.dir = open_dir(o->target);
	for (unsigned i = 0; i < o->count; i++) {
		put_index(&w, i, O_CREAT | O_TRUNC);
	}
	return 0;
}

/* The same items on standard output, one a line; DIR is the partition key. */
static int run_jsonl(const struct options *o)
{
	char text[ITEM_BYTES + 1];
	char key[ITEM_NAME_MAX];

	for (unsigned i = 0; i < o->count; i++) {
		item_key(key, i);
		item_render(text, o->target, key, 0);
		for (char *p = text; *p; p++) {
			*p = *p == '\n' ? ' ' : *p;
		}
		puts(text);
	}
	return fflush(stdout) == 0 ? 0 : 1;
}

static const struct {
	const char *name;
	int (*run)(const struct options *o);
} others[] = {
	{"ls", run_ls},
	{"seqread", run_seqread},
	{"spawn", run_spawn},
	{"pingpong", run_pingpong},
	{"files", run_files},
	{"jsonl", run_jsonl},
};

static const char usage[] =
	"usage: fsbench [options] COMMAND DIR-OR-FILE [ARGUMENT...]\n"
	"  ls DIR                                getdents; time to the first entry\n"
	"  rl|stat DIR                           open+fstat+read+close, or stat, each item\n"
	"  miss|create|over|pwrite|rename|unlink DIR   -n of them\n"
	"  seqread FILE                          from start to end\n"
	"  spawn DIR COMMAND ARG...              -n processes; {} is a path, {key} a key\n"
	"  pingpong -                            pipe between the CPUs of -C\n"
	"  files DIR, jsonl KEY                  make data\n"
	"  -n COUNT  -T THREADS  -F fsync  -G do not list first  -R random order\n"
	"  -P COUNT: -G spreads its names over so many  -b BYTES a read  -C a,b\n";

static int parse(int argc, char **argv, struct options *o)
{
	int c;

	*o = (struct options){.threads = 1, .block = 131072};
	while ((c = getopt(argc, argv, "+n:T:FGP:Rb:C:")) != -1) {
		switch (c) {
		case 'n': o->count = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'T': o->threads = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'F': o->fsync = true; break;
		case 'G': o->unlisted = true; break;
		case 'P': o->population = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'R': o->shuffled = true; break;
		case 'b': o->block = strtoul(optarg, NULL, 10); break;
		case 'C': o->cpus = optarg; break;
		default: return EINVAL;
		}
	}
	if (argc - optind < 2 || o->threads < 1 || o->threads > THREADS_MAX || o->block == 0) {
		return EINVAL;
	}
	o->target = argv[optind + 1];
	o->rest = argv + optind + 2;
	return 0;
}

int main(int argc, char **argv)
{
	struct options o;

	if (parse(argc, argv, &o) == 0) {
		const char *command = argv[optind];

		for (unsigned i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
			if (strcmp(command, operations[i].name) == 0) {
				return run_operation(&o, i);
			}
		}
		for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
			if (strcmp(command, others[i].name) == 0) {
				return others[i].run(&o);
			}
		}
	}
	fputs(usage, stderr);
	return 2;
}
