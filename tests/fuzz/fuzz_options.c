/* The command line and dbmount.conf: the input is words, a line each, then an
 * empty line and the text of the file. */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mountopts/mountopts.h"

#define WORDS_MAX 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char site[] = "/tmp/fuzz_options.XXXXXX";
static char conf[64];

static void write_conf(struct slice text)
{
	int fd = open(conf, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || (text.n > 0 && write(fd, text.p, text.n) != (ssize_t)text.n)) {
		abort();
	}
	close(fd);
}

/* Takes the words off the front of *text. */
static int split(struct slice *text, char **argv)
{
	int argc = 1;
	while (text->n > 0 && argc < WORDS_MAX) {
		const char *end = memchr(text->p, '\n', text->n);
		size_t n = end != NULL ? (size_t)(end - text->p) : text->n;
		size_t skip = n + (end != NULL);
		if (n > 0) {
			argv[argc++] = strndup(text->p, n);
		}
		*text = slice_make(text->p + skip, text->n - skip);
		if (n == 0) {
			break;
		}
	}
	return argc;
}

static void check(const struct mountopts *o, int r, const struct err *err)
{
	assert(r == -err->code && (r == 0) == (err->msg[0] == '\0'));
	assert(strchr(err->msg, '\n') == NULL);
	if (r != 0 || o->action != MOUNTOPTS_MOUNT) {
		return;
	}
	struct buf text = BUF_INIT;
	assert(o->site[0] == '/' && o->mountpoint[0] == '/' && o->log_file[0] == '/');
	assert(o->threads >= 1 && o->threads <= 64 && o->umask <= 0777);
	assert(o->n_read_only_services <= MOUNTOPTS_SERVICES_MAX);
	mountopts_print(o, &text);
	assert(!text.failed);
	buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *argv[WORDS_MAX + 3] = {(char[]){"dbmount"}};
	struct slice text = slice_make(data, size);
	struct mountopts o;
	struct err err = {0};
	if (conf[0] == '\0') {
		if (mkdtemp(site) == NULL) {
			abort();
		}
		snprintf(conf, sizeof(conf), "%s/dbmount.conf", site);
	}
	int own = split(&text, argv);
	write_conf(text);
	argv[own] = site;
	argv[own + 1] = (char[]){"/mnt"};
	int r = mountopts_parse(&o, own + 2, argv, &err);
	check(&o, r, &err);
	mountopts_finish(&o);
	for (int i = 1; i < own; i++) {
		free(argv[i]);
	}
	return 0;
}
