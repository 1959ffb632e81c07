/* The texts of the items read last, for those who read them again.
 *
 * A file's text is read at each open, although most often nothing changed; from
 * SQLite that is three searches. Here it is one look and a copy.
 *
 * Why what is handed out is never old. A text is kept with the table in memory it
 * was read from (`born` is never given twice) and with the `sequence` of the reader
 * that read it: the commits it is known to include. It is handed out only if
 * store_is_current() then says that no write of this item was acknowledged since.
 * That is: the table's store has committed nothing at all since (any commit, of
 * whatever item, ends all that is kept of the table), and with sync=interval no
 * write that is answered and not committed was announced for this item or for
 * everything. So it needs nobody's telling who changed what: every way to change an
 * item (a file of either form, a rename, an import, a command, the schema, a
 * rollback to what was before) is a write of the table's one open store, which the
 * store counts before it answers; no other process can open the file; and a table
 * that is removed, restored, or closed and opened again is another table in memory.
 * A reader that began during a commit may hold what is newer than its sequence says;
 * then what it kept ends with the count, which is too early, never too late.
 *
 * Views keep nothing: there can be many. */
#include <stdlib.h>

#include "engines/dynamodb/dynamodb_sqlite.h"

#define BYTES_MAX   ((size_t)8 << 20) /* of all texts, with what keeps them */
#define TEXT_MAX    ((size_t)16 << 10)
#define N_BUCKETS   16384
#define MALLOC_COST 16

struct ddb_kept_text {
	struct ddb_kept_text *next;	     /* in its bucket */
	struct ddb_kept_text *newer, *older; /* by when they were used */
	struct ddb_kept_key key;
	uint64_t sequence;
	struct ddb_stored stored;
	size_t pk_len;
	size_t sk_len;
	size_t text_len;
	char bytes[]; /* pk, sk, text */
};

void ddb_kept_init(struct ddb_kept *k)
{
	pthread_mutex_init(&k->lock, NULL);
}

void ddb_kept_end(struct ddb_kept *k)
{
	struct ddb_kept_text *older;

	for (struct ddb_kept_text *t = k->newest; t != NULL; t = older) {
		older = t->older;
		free(t);
	}
	free(k->buckets);
	pthread_mutex_destroy(&k->lock);
}

/* ---- the table; all under k->lock ---- */

static struct ddb_kept_text **bucket(struct ddb_kept *k, const struct ddb_kept_key *key)
{
	return &k->buckets[key->hash % N_BUCKETS];
}

static bool is_at(const struct ddb_kept_text *t, const struct ddb_kept_key *key)
{
	const struct ddb_place *p = key->place;

	return t->key.hash == key->hash && t->key.born == key->born && t->key.form == key->form &&
	       slice_equal(slice_make(t->bytes, t->pk_len), buf_slice(&p->pk)) &&
	       slice_equal(slice_make(t->bytes + t->pk_len, t->sk_len), buf_slice(&p->sk));
}

static struct ddb_kept_text *find(struct ddb_kept *k, const struct ddb_kept_key *key)
{
	struct ddb_kept_text *t = k->buckets != NULL ? *bucket(k, key) : NULL;

	while (t != NULL && !is_at(t, key)) {
		t = t->next;
	}
	return t;
}

static size_t cost(const struct ddb_kept_text *t)
{
	return sizeof(*t) + t->pk_len + t->sk_len + t->text_len + MALLOC_COST;
}

static void queue_add(struct ddb_kept *k, struct ddb_kept_text *t)
{
	t->newer = NULL;
	t->older = k->newest;
	*(t->older != NULL ? &t->older->newer : &k->oldest) = t;
	k->newest = t;
}

static void queue_remove(struct ddb_kept *k, const struct ddb_kept_text *t)
{
	*(t->newer != NULL ? &t->newer->older : &k->newest) = t->older;
	*(t->older != NULL ? &t->older->newer : &k->oldest) = t->newer;
}

/* For the caller to free, without the lock. */
static void take_out(struct ddb_kept *k, struct ddb_kept_text *t, struct ddb_kept_text **dead)
{
	struct ddb_kept_text **at = bucket(k, &t->key);

	while (*at != t) {
		at = &(*at)->next;
	}
	*at = t->next;
	queue_remove(k, t);
	k->bytes -= cost(t);
	t->next = *dead;
	*dead = t;
}

static void add(struct ddb_kept *k, struct ddb_kept_text *t)
{
	struct ddb_kept_text **at = bucket(k, &t->key);

	t->next = *at;
	*at = t;
	queue_add(k, t);
	k->bytes += cost(t);
}

static bool make_buckets(struct ddb_kept *k)
{
	if (k->buckets == NULL) {
		k->buckets = calloc(N_BUCKETS, sizeof(struct ddb_kept_text *));
	}
	return k->buckets != NULL;
}

/* ---- get, put ---- */

static char *put_bytes(char *at, const char *p, size_t n)
{
	if (n > 0) {
		memcpy(at, p, n);
	}
	return at + n;
}

static struct ddb_kept_text *text_new(const struct ddb_kept_key *key, uint64_t sequence,
	const struct ddb_stored *stored, struct slice text)
{
	const struct buf *pk = &key->place->pk;
	const struct buf *sk = &key->place->sk;
	struct ddb_kept_text *t = malloc(sizeof(*t) + pk->n + sk->n + text.n);

	if (t == NULL) {
		return NULL;
	}
	*t = (struct ddb_kept_text){
		.key = *key,
		.sequence = sequence,
		.stored = *stored,
		.pk_len = pk->n,
		.sk_len = sk->n,
		.text_len = text.n,
	};
	t->key.place = NULL;
	put_bytes(put_bytes(put_bytes(t->bytes, pk->p, pk->n), sk->p, sk->n), text.p, text.n);
	return t;
}

/* In place of what was kept there, and of those used longest ago: gives what is to
 * be freed. */
static struct ddb_kept_text *exchange(
	struct ddb_kept *k, const struct ddb_kept_key *key, struct ddb_kept_text *t)
{
	struct ddb_kept_text *dead = NULL;

	LOCKED(&k->lock);
	if (!make_buckets(k)) {
		return t;
	}
	struct ddb_kept_text *old = find(k, key);
	if (old != NULL) {
		take_out(k, old, &dead);
	}
	add(k, t);
	while (k->bytes > BYTES_MAX && k->oldest != NULL) {
		take_out(k, k->oldest, &dead);
	}
	return dead;
}

void ddb_kept_put(struct ddb_kept *k, const struct ddb_kept_key *key, uint64_t sequence,
	const struct ddb_stored *stored, struct slice text)
{
	struct ddb_kept_text *t = text.n <= TEXT_MAX ? text_new(key, sequence, stored, text) : NULL;

	if (t == NULL) {
		return; /* read from the table another time */
	}
	for (struct ddb_kept_text *next, *dead = exchange(k, key, t); dead != NULL; dead = next) {
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not see that none is twice */
		next = dead->next;
		free(dead);
	}
}

/* Copies what is kept, if its table has committed nothing since. */
static bool copy(struct ddb_kept *k, const struct ddb_kept_key *key, uint64_t sequence,
	struct buf *out, struct ddb_stored *stored)
{
	LOCKED(&k->lock);
	struct ddb_kept_text *t = find(k, key);
	if (t == NULL || t->sequence != sequence) {
		return false;
	}
	if (t != k->newest) {
		queue_remove(k, t);
		queue_add(k, t);
	}
	*stored = t->stored;
	buf_append(out, t->bytes + t->pk_len + t->sk_len, t->text_len);
	return true;
}

bool ddb_kept_get(struct ddb_kept *k, struct store *s, const struct ddb_kept_key *key,
	struct buf *out, struct ddb_stored *stored)
{
	size_t before = out->n;
	uint64_t sequence = store_sequence(s);

	/* Asked after it is copied: all that was answered before this call is seen. */
	if (copy(k, key, sequence, out, stored) && store_is_current(s, key->hash, sequence)) {
		return true;
	}
	out->n = before;
	return false;
}
