/* Lua scripts: EVAL, EVALSHA, SCRIPT, FCALL, and the files `.scripts/NAME.lua`.
 *
 * A script runs within the transaction of its command, so it is atomic, with redis.call(),
 * redis.pcall(), redis.error_reply(), redis.status_reply(), redis.sha1hex(), redis.log(), KEYS,
 * ARGV and Lua's table, string, math libraries, and no way to files or processes. It is stopped
 * after SCRIPT_MS, and then what it wrote is undone. Scripts given as files are stored with the
 * keys, so replicas and snapshots have them; FCALL runs one by its name, EVALSHA by its SHA-1. */
#ifndef DBMOUNT_REDIS_SCRIPT_H
#define DBMOUNT_REDIS_SCRIPT_H

#include "engines/cache/redis/server.h"

#define SCRIPT_MS 5000

struct redis_scripts *redis_scripts_new(void); /* NULL: out of memory */
void redis_scripts_free(struct redis_scripts *s);

/* The room `.scripts` (script_room.c). */
int redis_scripts_room(struct redis_server *server, struct cache_tree **out, struct err *err);

#endif
