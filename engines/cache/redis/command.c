#include "engines/cache/redis/command.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/cache/redis/evict.h"
#include "engines/cache/redis/session.h"

/* A group stands here once it has landed. */
static const struct redis_command *const groups[] = {
	redis_command_commands,
	redis_hash_commands,
	redis_key_commands,
	redis_list_commands,
	redis_stream_commands,
	redis_pubsub_commands,
	redis_script_commands,
	redis_server_commands,
	redis_session_commands,
	redis_set_commands,
	redis_string_commands,
	redis_zset_commands,
	NULL,
};

#define COMMANDS_MAX 400
#define NAME_MAX_LEN 64

/* All commands in order of their names. Made once: the groups are constant. */
static struct {
	pthread_once_t once;
	unsigned n;
	const struct redis_command *command[COMMANDS_MAX];
} table = {.once = PTHREAD_ONCE_INIT};

static int by_name(const void *a, const void *b)
{
	const struct redis_command *const *x = a;
	const struct redis_command *const *y = b;
	return strcmp((*x)->name, (*y)->name);
}

static void make_table(void)
{
	for (unsigned g = 0; groups[g] != NULL; g++) {
		for (const struct redis_command *c = groups[g]; c->name != NULL; c++) {
			if (table.n == COMMANDS_MAX) {
				abort();
			}
			table.command[table.n++] = c;
		}
	}
	qsort(table.command, table.n, sizeof(const struct redis_command *), by_name);
}

const struct redis_command *redis_command_nth(unsigned n)
{
	pthread_once(&table.once, make_table);
	return n < table.n ? table.command[n] : NULL;
}

/* "object|encoding": a row of its own. */
static bool full_name(struct slice name, struct slice sub, char out[NAME_MAX_LEN])
{
	if (name.n + 1 + sub.n + 1 > NAME_MAX_LEN) {
		return false;
	}
	size_t n = 0;
	for (size_t i = 0; i < name.n; i++) {
		out[n++] = (char)tolower((unsigned char)name.p[i]);
	}
	if (sub.p != NULL) {
		out[n++] = '|';
	}
	for (size_t i = 0; i < sub.n; i++) {
		out[n++] = (char)tolower((unsigned char)sub.p[i]);
	}
	out[n] = '\0';
	return memchr(out, 0, n) == NULL;
}

static const struct redis_command *find(struct slice name, struct slice sub)
{
	char text[NAME_MAX_LEN];
	if (!full_name(name, sub, text)) {
		return NULL;
	}
	pthread_once(&table.once, make_table);
	struct redis_command wanted = {.name = text};
	const struct redis_command *key = &wanted;
	const struct redis_command **found = bsearch(
		&key, table.command, table.n, sizeof(const struct redis_command *), by_name);
	return found == NULL ? NULL : *found;
}

const struct redis_command *redis_command_find(struct slice name)
{
	return find(name, (struct slice){0});
}

static int unknown_command(unsigned argc, const struct slice *argv, struct err *err)
{
	char args[160] = "";
	char arg[REDIS_ARG_TEXT_MAX];
	char name[REDIS_ARG_TEXT_MAX];
	size_t n = 0;
	for (unsigned i = 1; i < argc && n < 128; i++) {
		n += (size_t)snprintf(args + n, sizeof(args) - n, "'%.*s' ", 128 - (int)n,
			redis_arg_text(argv[i], arg));
	}
	return err_set(err, EINVAL, "ERR unknown command '%s', with args beginning with: %s",
		redis_arg_text(argv[0], name), args);
}

int redis_unknown_subcommand(const struct slice *argv, struct err *err)
{
	char name[NAME_MAX_LEN] = "";
	char sub[REDIS_ARG_TEXT_MAX];
	for (size_t i = 0; i < argv[0].n && i + 1 < sizeof(name); i++) {
		name[i] = (char)toupper((unsigned char)argv[0].p[i]);
		name[i + 1] = '\0';
	}
	return err_set(err, EINVAL, "ERR unknown subcommand '%s'. Try %s HELP.",
		redis_arg_text(argv[1], sub), name);
}

static bool arity_fits(const struct redis_command *c, unsigned argc)
{
	return c->arity >= 0 ? argc == (unsigned)c->arity : argc >= (unsigned)-c->arity;
}

int redis_command_check(
	unsigned argc, const struct slice *argv, const struct redis_command **out, struct err *err)
{
	const struct redis_command *c = argv[0].n > 0 && memchr(argv[0].p, '|', argv[0].n) != NULL
						? NULL
						: redis_command_find(argv[0]);
	if (c == NULL) {
		return unknown_command(argc, argv, err);
	}
	if (c->flags & REDIS_CONTAINER && argc > 1) {
		c = find(argv[0], argv[1]);
		if (c == NULL) {
			return redis_unknown_subcommand(argv, err);
		}
	}
	if (!arity_fits(c, argc)) {
		return redis_arity_error(c->name, err);
	}
	*out = c;
	return 0;
}

/* Before it runs; in a transaction that reads only there is nothing to evict for. */
static int make_room(struct redis_call *c, const struct redis_command *command, struct err *err)
{
	if (!(command->flags & REDIS_DENYOOM)) {
		return 0;
	}
	uint64_t evicted = 0;
	int rc = redis_evict(c->t, &evicted, err);
	if (c->session != NULL) {
		redis_session_server(c->session)->counts->evicted += evicted;
	}
	return rc;
}

int redis_replies_check(const struct redis_call *c, struct err *err)
{
	size_t max = c->session != NULL ? redis_session_server(c->session)->replies_max : SIZE_MAX;

	if (c->out->n > max) {
		return err_set(err, ENOMEM,
			"ERR the replies take more than %zu MiB: nothing was done", max >> 20);
	}
	return buf_check(c->out, err);
}

int redis_command_run(struct redis_call *c, const struct redis_command *command, struct err *err)
{
	struct err own = {0};
	size_t at = c->out->n;
	if (c->session != NULL) {
		redis_session_server(c->session)->commands++;
	}
	c->t->counting = !(command->flags & REDIS_WRITE);
	int rc = make_room(c, command, &own);
	if (rc == 0) {
		rc = command->run(c, &own);
	}
	if (rc == 0) {
		return redis_replies_check(c, err);
	}
	if (redis_is_fatal(rc)) {
		return err_set(err, own.code, "%s", own.msg);
	}
	c->out->n = at;
	redis_reply_error(c->out, own.msg);
	return buf_check(c->out, err);
}
