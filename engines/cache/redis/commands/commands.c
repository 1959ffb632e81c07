/* COMMAND: what commands there are. */
#include <errno.h>

#include "engines/cache/redis/command.h"

static unsigned count_all(void)
{
	unsigned n = 0;
	const struct redis_command *c;
	for (unsigned i = 0; (c = redis_command_nth(i)) != NULL; i++) {
		n += strchr(c->name, '|') == NULL;
	}
	return n;
}

static int run_count(struct redis_call *c, struct err *err)
{
	(void)err;
	redis_reply_int(c->out, count_all());
	return 0;
}

static void reply_flags(struct buf *out, const struct redis_command *command)
{
	static const struct {
		unsigned flag;
		const char *name;
	} names[] = {{REDIS_WRITE, "write"}, {REDIS_DENYOOM, "denyoom"},
		{REDIS_NOSCRIPT, "noscript"}, {REDIS_NO_MULTI, "no_multi"}};
	size_t at = redis_reply_begin(out);
	size_t n = 0;
	if (command->first > 0 && !(command->flags & REDIS_WRITE)) {
		redis_reply_status(out, "readonly");
		n++;
	}
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (command->flags & names[i].flag) {
			redis_reply_status(out, names[i].name);
			n++;
		}
	}
	redis_reply_end(out, at, n);
}

static bool is_sub_of(const struct redis_command *sub, const char *name)
{
	size_t n = strlen(name);
	return strncmp(sub->name, name, n) == 0 && sub->name[n] == '|';
}

static void reply_info(struct buf *out, const struct redis_command *command)
{
	redis_reply_array(out, 10);
	redis_reply_text(out, command->name);
	redis_reply_int(out, command->arity);
	reply_flags(out, command);
	redis_reply_int(out, command->first);
	redis_reply_int(out, command->last);
	redis_reply_int(out, command->step);
	redis_reply_array(out, 0); /* categories of ACL: there is none */
	redis_reply_array(out, 0); /* tips */
	redis_reply_array(out, 0); /* key specifications */
	size_t at = redis_reply_begin(out);
	size_t n = 0;
	const struct redis_command *sub;
	for (unsigned i = 0;
		command->flags & REDIS_CONTAINER && (sub = redis_command_nth(i)) != NULL; i++) {
		if (is_sub_of(sub, command->name)) {
			reply_info(out, sub);
			n++;
		}
	}
	redis_reply_end(out, at, n);
}

static void reply_all(struct buf *out, void (*reply)(struct buf *, const struct redis_command *))
{
	size_t at = redis_reply_begin(out);
	size_t n = 0;
	const struct redis_command *c;
	for (unsigned i = 0; (c = redis_command_nth(i)) != NULL; i++) {
		if (strchr(c->name, '|') == NULL) {
			reply(out, c);
			n++;
		}
	}
	redis_reply_end(out, at, n);
}

static int run_command(struct redis_call *c, struct err *err)
{
	(void)err;
	reply_all(c->out, reply_info);
	return 0;
}

static int run_command_info(struct redis_call *c, struct err *err)
{
	(void)err;
	if (c->argc == 2) {
		reply_all(c->out, reply_info);
		return 0;
	}
	redis_reply_array(c->out, c->argc - 2);
	for (unsigned i = 2; i < c->argc; i++) {
		const struct redis_command *command = redis_command_find(c->argv[i]);
		if (command == NULL) {
			redis_reply_nil_array(c->out);
		} else {
			reply_info(c->out, command);
		}
	}
	return 0;
}

static void reply_name(struct buf *out, const struct redis_command *command)
{
	redis_reply_text(out, command->name);
}

/* COMMAND LIST [FILTERBY PATTERN glob] */
static int run_command_list(struct redis_call *c, struct err *err)
{
	if (c->argc == 2) {
		reply_all(c->out, reply_name);
		return 0;
	}
	if (c->argc != 5 || !redis_arg_is(c->argv[2], "filterby") ||
		!redis_arg_is(c->argv[3], "pattern")) {
		return redis_syntax_error(err);
	}
	size_t at = redis_reply_begin(c->out);
	size_t n = 0;
	const struct redis_command *command;
	for (unsigned i = 0; (command = redis_command_nth(i)) != NULL; i++) {
		if (redis_glob(c->argv[4], slice_of(command->name))) {
			reply_name(c->out, command);
			n++;
		}
	}
	redis_reply_end(c->out, at, n);
	return 0;
}

static void reply_docs(struct buf *out, const struct redis_command *command)
{
	redis_reply_text(out, command->name);
	redis_reply_array(out, 2);
	redis_reply_text(out, "arity");
	redis_reply_int(out, command->arity);
}

/* Names and what is known of them, one behind the other. */
static int run_command_docs(struct redis_call *c, struct err *err)
{
	(void)err;
	size_t at = redis_reply_begin(c->out);
	size_t n = 0;
	const struct redis_command *command;
	for (unsigned i = 0; (command = redis_command_nth(i)) != NULL; i++) {
		bool asked = c->argc == 2 && strchr(command->name, '|') == NULL;
		for (unsigned j = 2; j < c->argc && !asked; j++) {
			asked = redis_arg_is(c->argv[j], command->name);
		}
		if (asked) {
			reply_docs(c->out, command);
			n += 2;
		}
	}
	redis_reply_end(c->out, at, n);
	return 0;
}

/* EVAL script numkeys key ..: the keys are counted. */
static bool counts_keys(const struct redis_command *command)
{
	return strncmp(command->name, "eval", 4) == 0 || strncmp(command->name, "fcall", 5) == 0;
}

static int keys_of(const struct redis_command *command, unsigned argc, const struct slice *argv,
	unsigned *first, unsigned *last, unsigned *step, struct err *err)
{
	int64_t n = 0;
	struct err ignored = {0};
	*step = 1;
	if (counts_keys(command)) {
		if (redis_arg_int(argv[2], &n, &ignored) != 0 || n < 0 || n > argc - 3) {
			return err_set(err, EINVAL, "ERR Invalid arguments specified for command");
		}
		*first = 3;
		*last = 2 + (unsigned)n;
		return 0;
	}
	if (command->first == 0) {
		return err_set(err, EINVAL, "ERR The command has no key arguments");
	}
	*first = (unsigned)command->first;
	*last = command->last < 0 ? argc - (unsigned)-command->last : (unsigned)command->last;
	*step = (unsigned)command->step;
	return 0;
}

static int run_getkeys(struct redis_call *c, struct err *err)
{
	const struct redis_command *command;
	unsigned argc = c->argc - 2;
	const struct slice *argv = c->argv + 2;
	struct err why = {0};
	if (redis_command_check(argc, argv, &command, &why) != 0) {
		bool known = redis_command_find(argv[0]) != NULL;
		return err_set(err, EINVAL, "%s",
			known ? "ERR Invalid number of arguments specified for command"
			      : "ERR Invalid command specified");
	}
	unsigned first = 0;
	unsigned last = 0;
	unsigned step = 1;
	int rc = keys_of(command, argc, argv, &first, &last, &step, err);
	if (rc != 0) {
		return rc;
	}
	size_t at = redis_reply_begin(c->out);
	size_t n = 0;
	for (unsigned i = first; i <= last && i < argc; i += step) {
		redis_reply_bulk(c->out, argv[i]);
		n++;
	}
	redis_reply_end(c->out, at, n);
	return 0;
}

const struct redis_command redis_command_commands[] = {
	{"command", -1, REDIS_CONTAINER, 0, 0, 0, run_command},
	{"command|count", 2, 0, 0, 0, 0, run_count},
	{"command|docs", -2, 0, 0, 0, 0, run_command_docs},
	{"command|getkeys", -3, 0, 0, 0, 0, run_getkeys},
	{"command|info", -2, 0, 0, 0, 0, run_command_info},
	{"command|list", -2, 0, 0, 0, 0, run_command_list},
	{NULL, 0, 0, 0, 0, 0, NULL},
};
