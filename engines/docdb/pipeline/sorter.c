/* Sorting more than memory holds: what has come is kept in one buffer, sorted and written to a
 * file without a name when the buffer is full, and the sorted runs are merged at the end. A
 * few megabytes are enough for any number of documents.
 *
 * Where only the first `limit` are wanted, the rest is dropped each time the buffer holds
 * twice as many, and what comes after the last of those kept is not even taken. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "engines/common/spill.h"
#include "engines/docdb/pipeline/pipeline.h"

#define MEMORY_BYTES ((size_t)32 * 1024 * 1024)
#define READ_BYTES   ((size_t)256 * 1024)

struct entry {
	uint64_t prefix; /* the key's first 8 bytes, as a number */
	size_t at;	 /* in bytes: the key, then the document */
	uint32_t key_n, document_n;
};

/* A sorted run that is being read. */
struct run {
	uint64_t at, end; /* what is not yet in `bytes` */
	struct buf bytes;
	size_t used; /* of bytes */
	struct slice key, document;
};

struct doc_sorter {
	char *tmp_dir;
	uint64_t limit;
	size_t memory; /* bytes that are kept before they are written */
	struct entry *entries;
	size_t n, cap;
	size_t next; /* the entry to give out, where nothing was written */
	struct buf bytes;
	struct buf worst; /* the key of the last one kept; empty: all are taken */
	struct spill *spill;
	struct run *runs;
	size_t n_runs;
	struct run **heap; /* runs that have an element, the smallest first */
	size_t n_heap;
	bool reading;
	uint64_t given;
};

int doc_sorter_new(const char *tmp_dir, uint64_t limit, struct doc_sorter **out, struct err *err)
{
	struct doc_sorter *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	s->limit = limit;
	s->memory = MEMORY_BYTES;
	s->tmp_dir = strdup(tmp_dir == NULL ? "/tmp" : tmp_dir);
	if (s->tmp_dir == NULL) {
		free(s);
		return err_set(err, ENOMEM, "out of memory");
	}
	*out = s;
	return 0;
}

void doc_sorter_memory(struct doc_sorter *s, size_t bytes)
{
	s->memory = bytes;
}

void doc_sorter_free(struct doc_sorter *s)
{
	if (s == NULL) {
		return;
	}
	for (size_t i = 0; i < s->n_runs; i++) {
		buf_free(&s->runs[i].bytes);
	}
	spill_free(s->spill);
	buf_free(&s->bytes);
	buf_free(&s->worst);
	free(s->runs);
	free((void *)s->heap);
	free(s->entries);
	free(s->tmp_dir);
	free(s);
}

static int no_memory(struct err *err)
{
	return err_set(err, ENOMEM, "out of memory while sorting");
}

/* ---- in memory ---- */

static uint64_t prefix_of(struct slice key)
{
	uint64_t out = 0;

	for (size_t i = 0; i < 8; i++) {
		out = out << 8 | (i < key.n ? (unsigned char)key.p[i] : 0);
	}
	return out;
}

static struct slice entry_key(const struct doc_sorter *s, const struct entry *e)
{
	return slice_make(s->bytes.p + e->at, e->key_n);
}

static struct slice entry_document(const struct doc_sorter *s, const struct entry *e)
{
	return slice_make(s->bytes.p + e->at + e->key_n, e->document_n);
}

/* Equal keys stay in the order they came in: later ones stand further on. */
static int compare_entries(const void *a, const void *b, void *arg)
{
	const struct doc_sorter *s = arg;
	const struct entry *x = a;
	const struct entry *y = b;
	int c;

	if (x->prefix != y->prefix) {
		return x->prefix < y->prefix ? -1 : 1;
	}
	c = slice_compare(entry_key(s, x), entry_key(s, y));
	return c != 0 ? c : (x->at > y->at) - (x->at < y->at);
}

static void sort_entries(struct doc_sorter *s)
{
	if (s->n > 1) {
		qsort_r(s->entries, s->n, sizeof(*s->entries), compare_entries, s);
	}
}

/* Keeps the first `limit`, and remembers the last key of them. */
static int drop_rest(struct doc_sorter *s, struct err *err)
{
	struct buf kept = BUF_INIT;

	sort_entries(s);
	if (s->n < s->limit) {
		return 0;
	}
	s->n = (size_t)s->limit;
	for (size_t i = 0; i < s->n; i++) {
		struct entry *e = &s->entries[i];
		size_t at = kept.n;
		buf_append(&kept, s->bytes.p + e->at, (size_t)e->key_n + e->document_n);
		e->at = at;
	}
	if (buf_check(&kept, err) != 0) {
		buf_free(&kept);
		return -ENOMEM;
	}
	buf_free(&s->bytes);
	s->bytes = kept;
	buf_clear(&s->worst);
	buf_append_slice(&s->worst, entry_key(s, &s->entries[s->n - 1]));
	return buf_check(&s->worst, err);
}

/* ---- runs ---- */

static int write_entries(struct doc_sorter *s, struct err *err)
{
	struct buf out = BUF_INIT;
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->n; i++) {
		const struct entry *e = &s->entries[i];
		buf_append(&out, &e->key_n, sizeof(e->key_n));
		buf_append(&out, &e->document_n, sizeof(e->document_n));
		buf_append(&out, s->bytes.p + e->at, (size_t)e->key_n + e->document_n);
		if (out.n >= READ_BYTES || i + 1 == s->n) {
			r = buf_check(&out, err);
			r = r != 0 ? r : spill_add(s->spill, buf_slice(&out), err);
			buf_clear(&out);
		}
	}
	buf_free(&out);
	return r;
}

static int write_run(struct doc_sorter *s, struct err *err)
{
	struct run *more = realloc(s->runs, (s->n_runs + 1) * sizeof(*more));
	int r;

	if (more == NULL) {
		return no_memory(err);
	}
	s->runs = more;
	if (s->spill == NULL) {
		s->spill = spill_new(s->tmp_dir);
	}
	if (s->spill == NULL) {
		return no_memory(err);
	}
	sort_entries(s);
	more[s->n_runs] = (struct run){.at = spill_size(s->spill)};
	r = write_entries(s, err);
	if (r == 0) {
		more[s->n_runs++].end = spill_size(s->spill);
		s->n = 0;
		buf_clear(&s->bytes);
	}
	return r;
}

static int make_room(struct doc_sorter *s, struct err *err)
{
	bool enough = s->limit > 0 && s->n / 2 >= s->limit && s->n >= 1024;
	size_t cap;
	struct entry *more;
	int r = 0;

	if (enough || (s->limit > 0 && s->bytes.n >= s->memory && s->n > s->limit)) {
		r = drop_rest(s, err);
	}
	if (r == 0 && s->bytes.n + s->n * sizeof(*s->entries) >= s->memory) {
		r = write_run(s, err);
	}
	if (r != 0 || s->n < s->cap) {
		return r;
	}
	cap = s->cap == 0 ? 64 : s->cap * 2;
	more = realloc(s->entries, cap * sizeof(*more));
	if (more == NULL) {
		return no_memory(err);
	}
	s->entries = more;
	s->cap = cap;
	return 0;
}

int doc_sorter_add(struct doc_sorter *s, struct slice key, struct slice document, struct err *err)
{
	int r;

	if (s->worst.n > 0 && slice_compare(key, buf_slice(&s->worst)) >= 0) {
		return 0;
	}
	r = make_room(s, err);
	if (r != 0) {
		return r;
	}
	s->entries[s->n++] =
		(struct entry){prefix_of(key), s->bytes.n, (uint32_t)key.n, (uint32_t)document.n};
	buf_append_slice(&s->bytes, key);
	buf_append_slice(&s->bytes, document);
	return buf_check(&s->bytes, err);
}

/* ---- merging ---- */

/* Reads until n bytes that are not used are there. */
static int fill(struct doc_sorter *s, struct run *run, size_t n, struct err *err)
{
	size_t chunk = READ_BYTES / s->n_runs > 16384 ? READ_BYTES : READ_BYTES / 8;
	int r = 0;

	if (run->bytes.n - run->used >= n) {
		return 0;
	}
	if (run->used > 0) {
		memmove(run->bytes.p, run->bytes.p + run->used, run->bytes.n - run->used);
	}
	run->bytes.n -= run->used;
	run->used = 0;
	while (r == 0 && run->bytes.n < n) {
		size_t want = n - run->bytes.n > chunk ? n - run->bytes.n : chunk;
		size_t before = run->bytes.n;
		want = want < run->end - run->at ? want : (size_t)(run->end - run->at);
		r = spill_read(s->spill, run->at, want, &run->bytes, err);
		if (r == 0 && run->bytes.n == before) {
			r = err_set(err, EIO, "the file of a sort ends too early");
		}
		run->at += run->bytes.n - before;
	}
	return r;
}

/* 1, 0 at the run's end. */
static int advance(struct doc_sorter *s, struct run *run, struct err *err)
{
	uint32_t n[2];
	int r;

	if (run->at == run->end && run->used == run->bytes.n) {
		return 0;
	}
	r = fill(s, run, sizeof(n), err);
	if (r == 0) {
		memcpy(n, run->bytes.p + run->used, sizeof(n));
		r = fill(s, run, sizeof(n) + (size_t)n[0] + n[1], err);
	}
	if (r != 0) {
		return r;
	}
	run->key = slice_make(run->bytes.p + run->used + sizeof(n), n[0]);
	run->document = slice_make(run->key.p + n[0], n[1]);
	run->used += sizeof(n) + (size_t)n[0] + n[1];
	return 1;
}

static bool before(const struct run *a, const struct run *b)
{
	int c = slice_compare(a->key, b->key);

	return c != 0 ? c < 0 : a < b;
}

static void sink(struct doc_sorter *s, size_t i)
{
	for (;;) {
		size_t least = i;
		for (size_t k = 2 * i + 1; k <= 2 * i + 2 && k < s->n_heap; k++) {
			least = before(s->heap[k], s->heap[least]) ? k : least;
		}
		if (least == i) {
			return;
		}
		struct run *other = s->heap[i];
		s->heap[i] = s->heap[least];
		s->heap[least] = other;
		i = least;
	}
}

static int begin_merge(struct doc_sorter *s, struct err *err)
{
	int r = s->n > 0 ? write_run(s, err) : 0;

	if (r != 0) {
		return r;
	}
	buf_free(&s->bytes);
	s->heap = (struct run **)calloc(s->n_runs, sizeof(struct run *));
	if (s->heap == NULL) {
		return no_memory(err);
	}
	assert(s->runs != NULL);
	for (size_t i = 0; i < s->n_runs; i++) {
		r = advance(s, &s->runs[i], err);
		if (r < 0) {
			return r;
		}
		if (r == 1) {
			s->heap[s->n_heap++] = &s->runs[i];
		}
	}
	for (size_t i = s->n_heap; i-- > 0;) {
		sink(s, i);
	}
	return 0;
}

/* What the top gave out is left behind only now: it was borrowed. */
static int next_merged(struct doc_sorter *s, struct slice *document, struct err *err)
{
	if (s->given > 0 && s->n_heap > 0) {
		assert(s->heap[0] != NULL);
		int r = advance(s, s->heap[0], err);
		if (r < 0) {
			return r;
		}
		if (r == 0) {
			s->heap[0] = s->heap[--s->n_heap];
		}
		sink(s, 0);
	}
	if (s->n_heap == 0) {
		return 0;
	}
	assert(s->heap[0] != NULL);
	*document = s->heap[0]->document;
	s->given++;
	return 1;
}

int doc_sorter_next(struct doc_sorter *s, struct slice *document, struct err *err)
{
	int r = 0;

	if (!s->reading) {
		s->reading = true;
		if (s->n_runs > 0) {
			r = begin_merge(s, err);
		} else {
			sort_entries(s);
		}
	}
	if (r != 0 || (s->limit > 0 && s->given == s->limit)) {
		return r;
	}
	if (s->n_runs > 0) {
		return next_merged(s, document, err);
	}
	if (s->next == s->n) {
		return 0;
	}
	*document = entry_document(s, &s->entries[s->next++]);
	s->given++;
	return 1;
}
