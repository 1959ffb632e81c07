/* Pub/sub: who publishes to a channel reaches those who listen at that moment, nothing is stored.
 *
 * A listener has the file of a channel (`.channels/NAME`) or of a pattern (`.patterns/GLOB`) open:
 * each such file that is open has a text of what came since, of which the oldest is dropped when it
 * passes CHANNEL_BYTES_MAX. Of a channel a line is a message; of a pattern, the channel's name, a
 * space, and the message. A line end within a message stays. */
#ifndef DBMOUNT_REDIS_CHANNELS_H
#define DBMOUNT_REDIS_CHANNELS_H

#include "engines/common/buf.h"

struct redis_channels;

#define CHANNEL_BYTES_MAX ((size_t)1 << 20)

enum redis_listening { REDIS_CHANNEL, REDIS_PATTERN };

struct redis_channels *redis_channels_new(void); /* NULL: out of memory */
void redis_channels_free(struct redis_channels *c);

/* To how many it went, as PUBLISH says: each open channel, each pattern that matches. */
int redis_channels_publish(struct redis_channels *c, struct slice channel, struct slice message,
	uint64_t *receivers, struct err *err);

/* To how many it would go. */
uint64_t redis_channels_receivers(struct redis_channels *c, struct slice channel);

int redis_channels_listen(
	struct redis_channels *c, enum redis_listening what, struct slice name, struct err *err);
void redis_channels_unlisten(
	struct redis_channels *c, enum redis_listening what, struct slice name);
/* As engine_ops.feed_bounds and feed_read; both 0 while nobody listens. */
void redis_channels_bounds(struct redis_channels *c, enum redis_listening what, struct slice name,
	uint64_t *start, uint64_t *end);
int redis_channels_read(struct redis_channels *c, enum redis_listening what, struct slice name,
	uint64_t offset, size_t max, struct buf *out, struct err *err);

/* Those that somebody listens to, behind `after` in byte order, until fn returns non-zero;
 * listeners: how many. */
typedef int redis_channel_fn(void *arg, struct slice name, uint64_t listeners);
int redis_channels_each(struct redis_channels *c, enum redis_listening what,
	const struct slice *after, redis_channel_fn *fn, void *arg);

/* The rooms `.channels` and `.patterns` (channels_room.c). */
struct redis_server;
struct cache_tree;
int redis_channels_room(struct redis_server *server, enum redis_listening what,
	struct cache_tree **out, struct err *err);

#endif
