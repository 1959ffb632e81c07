/* Items that were renamed to a scratch name: an editor's backup step.
 *
 * The item stays until the new text is committed, so that nobody ever misses it.
 * But the process that moved it away expects the name to be free: it may make
 * the new file with O_EXCL. So for that process, and for a while, the name looks
 * free; everybody else goes on seeing the item. */
#ifndef DBMOUNT_FS_DISPLACED_H
#define DBMOUNT_FS_DISPLACED_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct mount;
struct node;

#define DISPLACED_MAX 32

struct displaced_name {
	struct node *dir; /* referenced; NULL: free */
	char *name;
	pid_t pid;
	int64_t since_ns;
	bool taken; /* its new file was made, over the item of this version */
	uint64_t version;
};

struct displaced {
	pthread_mutex_t lock; /* guards the names; nodes.lock may be taken under it */
	struct displaced_name names[DISPLACED_MAX];
	atomic_uint n; /* names in use */
};

void displaced_init(struct displaced *d);
void displaced_finish(struct mount *m);
void displaced_add(struct mount *m, struct node *dir, const char *name, pid_t pid);
/* Whether the name looks free to this process. */
bool displaced_for(struct mount *m, const struct node *dir, const char *name, pid_t pid);
/* That process makes its new file there: the name is free no more. */
void displaced_take(struct mount *m, const struct node *dir, const char *name, uint64_t version);
/* That process removes its new file, whose text was refused, to move the backup back:
 * the item, which is the same all the time, stays. True: the name looks free again. */
bool displaced_again(
	struct mount *m, const struct node *dir, const char *name, pid_t pid, uint64_t version);
/* Something is under that name again. */
void displaced_drop(struct mount *m, const struct node *dir, const char *name);

#endif
