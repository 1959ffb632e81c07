/* Text as it comes through `.exec` of a Memcached-like cluster: the first byte says in pieces of
 * what size it comes; whatever it is, replies are the same as of the text in one piece. */
#include <assert.h>
#include <stdlib.h>

#include "engines/cache/memcached/items.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct memcached *cluster(void)
{
	struct memcached_config config = {"fuzz", 1 << 20, 1 << 14, {0}};
	struct memcached *m;
	struct err err = {0};

	if (memcached_open(&config, &m, &err) != 0) {
		abort();
	}
	/* The replies of two must not differ by when they were opened. */
	atomic_store(&m->last_cas, 1000);
	return m;
}

static int run(struct slice text, size_t piece, struct buf *out)
{
	struct memcached *m = cluster();
	struct mc_session *s = mc_session_new(m);
	struct err err = {0};
	int rc = 0;

	while (rc == 0 && text.n > 0) {
		size_t n = piece < text.n ? piece : text.n;
		rc = mc_session_feed(s, slice_make(text.p, n), &err);
		rc = rc < 0 ? rc : mc_session_run(s, false, out, &err);
		text = slice_make(text.p + n, text.n - n);
	}
	rc = rc < 0 ? rc : mc_session_run(s, true, out, &err);
	assert(rc == -err.code && (rc == 0) == (err.msg[0] == '\0'));
	assert(atomic_load(&m->used) <= atomic_load(&m->memory));
	mc_session_free(s);
	memcached_close(m);
	return rc;
}

/* What it says of the clock and of memory differs. */
static bool is_stats(struct slice text)
{
	return memmem(text.p, text.n, "stats", 5) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole = BUF_INIT;
	struct buf pieces = BUF_INIT;

	if (size < 2) {
		return 0;
	}
	struct slice text = slice_make(data + 1, size - 1);
	int rc = run(text, text.n, &whole);
	int again = run(text, 1 + data[0] % 64, &pieces);
	if (!is_stats(text) && text.n < 60000) {
		assert(rc == again && slice_equal(buf_slice(&whole), buf_slice(&pieces)));
	}
	buf_free(&whole);
	buf_free(&pieces);
	return 0;
}
