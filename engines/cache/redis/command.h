/* Redis commands: a table, run within a transaction.
 *
 * Each group of commands is an array (commands/<group>.c) that command.c joins into one table. A
 * command checks everything before it changes anything: when it fails, what it answers is
 * the error's text ("WRONGTYPE Operation ...", "ERR ..."), and what others of the same transaction
 * did stays. A failure that redis_is_fatal() ends the transaction. */
#ifndef DBMOUNT_REDIS_COMMAND_H
#define DBMOUNT_REDIS_COMMAND_H

#include "engines/cache/redis/key.h"
#include "engines/cache/redis/reply.h"

struct redis_session; /* session.h; of a script: that of who runs it */

struct redis_call {
	struct redis_txn *t;
	unsigned argc;
	const struct slice *argv; /* argv[0]: the command's name as written */
	struct buf *out;	  /* one reply is appended, in RESP2 (reply.h) */
	struct redis_session *session;
};

enum {
	REDIS_WRITE = 1 << 0,
	REDIS_DENYOOM = 1 << 1,	 /* refused when memory is used up */
	REDIS_NOSCRIPT = 1 << 2, /* not from scripts */
	REDIS_NO_MULTI = 1 << 3, /* not inside MULTI */
	/* Of the session itself (MULTI, EXEC, WATCH): never queued; runs without a transaction. */
	REDIS_CONTROL = 1 << 4,
	/* Has subcommands, each a row of its own ("object|encoding", argv[1] is "encoding"); no
	 * run. Arity -2. */
	REDIS_CONTAINER = 1 << 5,
	/* Runs commands, which may write: within a write where there can be one. */
	REDIS_MAY_WRITE = 1 << 6,
};

struct redis_command {
	const char *name; /* lower case */
	int arity;	  /* with the name; negative: at least so many */
	unsigned flags;
	int first, last, step; /* which arguments are keys, as COMMAND says: last -1 is the last */
	int (*run)(struct redis_call *c, struct err *err);
};

/* Ended by a NULL name. */
extern const struct redis_command redis_string_commands[];
extern const struct redis_command redis_key_commands[]; /* DEL, EXPIRE, SCAN, TYPE, .. */
extern const struct redis_command redis_hash_commands[];
extern const struct redis_command redis_list_commands[];
extern const struct redis_command redis_set_commands[];
extern const struct redis_command redis_zset_commands[];
extern const struct redis_command redis_stream_commands[];
extern const struct redis_command redis_pubsub_commands[]; /* PUBLISH, PUBSUB */
extern const struct redis_command redis_script_commands[]; /* EVAL, EVALSHA, SCRIPT, FCALL */
extern const struct redis_command redis_server_commands[]; /* PING, ECHO, INFO, TIME, COMMAND, .. */
extern const struct redis_command redis_command_commands[]; /* COMMAND */
extern const struct redis_command redis_session_commands[]; /* MULTI, EXEC, WATCH, .. */

/* NULL: unknown. Upper and lower case alike. */
const struct redis_command *redis_command_find(struct slice name);
/* `ERR unknown command 'foo', with args beginning with: ` or `ERR wrong number of arguments for
 * 'get' command`; 0: it may run. */
int redis_command_check(
	unsigned argc, const struct slice *argv, const struct redis_command **out, struct err *err);
/* The n-th of all, in order of names; NULL behind the last. */
const struct redis_command *redis_command_nth(unsigned n);
/* Runs one that redis_command_check() has passed: its errors become its reply; counts it and
 * evicts as maxmemory says. Fails only with what is fatal. */
int redis_command_run(struct redis_call *c, const struct redis_command *command, struct err *err);

/* ENOMEM: what is replied takes more than the server allows; asked by what may reply without end.
 */
int redis_replies_check(const struct redis_call *c, struct err *err);

/* ---- arguments (arguments.c) ---- */

/* `ERR value is not an integer or out of range` */
int redis_arg_int(struct slice arg, int64_t *out, struct err *err);
/* `ERR value is not a valid float`; takes inf, +inf, -inf */
int redis_arg_double(struct slice arg, double *out, struct err *err);
/* As INCRBYFLOAT reads and prints: `ERR value is not a valid float`; 3.0 is 3, never 1e20. */
int redis_arg_long_double(struct slice arg, long double *out, struct err *err);
void redis_print_long_double(long double value, struct buf *out);
/* Whether the argument is this word, in upper or lower case. */
bool redis_arg_is(struct slice arg, const char *word);
#define REDIS_ARG_TEXT_MAX 129
/* An argument as error texts have it: its first 128 bytes, line ends as spaces. Returns `out`. */
const char *redis_arg_text(struct slice arg, char out[REDIS_ARG_TEXT_MAX]);
int redis_syntax_error(struct err *err); /* `ERR syntax error` */
/* `ERR wrong number of arguments for 'mset' command` */
int redis_arity_error(const char *command, struct err *err);
/* `ERR unknown subcommand 'x'. Try OBJECT HELP.` (of REDIS_CONTAINER, checked already) */
int redis_unknown_subcommand(const struct slice *argv, struct err *err);
/* Shortest text that reads back as the same, as Redis prints scores: 17, 1.5, inf, 1e+20. */
void redis_print_double(double value, struct buf *out);
/* Redis' glob: * ? [a-z] [^a] \x */
bool redis_glob(struct slice pattern, struct slice text);

#endif
