/* The tables of a Redis-like cluster's database.
 *
 * `key` has a row a key; a string's bytes stand in `value`, which is last so that rows are read
 * without it. Elements stand under the key's id, each with version and time of its own, since each
 * is a file. */
#ifndef DBMOUNT_REDIS_SCHEMA_H
#define DBMOUNT_REDIS_SCHEMA_H

#define REDIS_APPLICATION_ID 0x64624d52 /* "dbMR" */
#define REDIS_SCHEMA_VERSION 1

extern const char redis_schema[];

#endif
