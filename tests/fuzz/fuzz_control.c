/* Command lines as they come through `.control`, over the toy engine of the
 * tests: the first byte is the depth of the directory, the rest the line. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engines/common/log.h"
#include "tests/engine/toy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One engine for all inputs: opening one for each would be most of the work. */
static struct engine *engine;

static void open_engine(void)
{
	static char dir[] = "/tmp/fuzz_control.XXXXXX";
	struct err err = {0};
	struct epath box = {1, {{"box", 3}}};
	struct engine_config config = {.dir = mkdtemp(dir)};
	log_set_stderr(false);
	if (config.dir == NULL || engine_open(&toy_memory_ops, &config, &engine, &err) != 0 ||
		engine_mkdir(engine, &box, &err) != 0) {
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf out = BUF_INIT;
	struct err err = {0};
	struct epath path = {0, {{"box", 3}, {"item", 4}}};
	if (size == 0) {
		return 0;
	}
	if (engine == NULL) {
		open_engine();
	}
	path.depth = data[0] % 3;
	struct slice line = slice_make(data + 1, size - 1);
	int r = engine_command(engine, &path, line, &out, &err);
	assert(r == -err.code && (r == 0) == (err.msg[0] == '\0'));
	assert(strchr(err.msg, '\n') == NULL);
	buf_clear(&out);
	engine_commands_help(engine, path.depth, &out);
	buf_free(&out);
	return 0;
}
