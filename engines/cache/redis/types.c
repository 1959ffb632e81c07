/* The types of keys. */
#include "engines/cache/redis/type.h"

const struct redis_type_ops *const redis_types[REDIS_TYPES] = {
	[REDIS_STRING] = &redis_string_type,
	[REDIS_HASH] = &redis_hash_type,
	[REDIS_LIST] = &redis_list_type,
	[REDIS_SET] = &redis_set_type,
	[REDIS_ZSET] = &redis_zset_type,
	[REDIS_STREAM] = &redis_stream_type,
};
