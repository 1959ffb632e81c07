/* Ids of entries: "<milliseconds>-<sequence>". */
#include <endian.h>
#include <errno.h>
#include <stdio.h>

#include "engines/cache/redis/reply.h"
#include "engines/cache/redis/stream.h"

int redis_id_compare(struct redis_id a, struct redis_id b)
{
	if (a.ms != b.ms) {
		return a.ms < b.ms ? -1 : 1;
	}
	return a.seq == b.seq ? 0 : a.seq < b.seq ? -1 : 1;
}

bool redis_id_next(struct redis_id *id)
{
	if (++id->seq != 0) {
		return true;
	}
	return ++id->ms != 0;
}

bool redis_id_previous(struct redis_id *id)
{
	if (id->seq-- != 0) {
		return true;
	}
	return id->ms-- != 0;
}

static bool parse_number(const char *p, size_t n, uint64_t *out)
{
	*out = 0;
	for (size_t i = 0; i < n; i++) {
		unsigned digit = (unsigned)((unsigned char)p[i] - '0');
		if (digit > 9 || __builtin_mul_overflow(*out, UINT64_C(10), out) ||
			__builtin_add_overflow(*out, (uint64_t)digit, out)) {
			return false;
		}
	}
	return n > 0;
}

static bool parse_pair(struct slice text, uint64_t seq, struct redis_id *out)
{
	const char *dash = text.n > 0 ? memchr(text.p, '-', text.n) : NULL;

	out->seq = seq;
	if (dash == NULL) {
		return parse_number(text.p, text.n, &out->ms);
	}
	size_t n = (size_t)(dash - text.p);
	return parse_number(text.p, n, &out->ms) &&
	       parse_number(dash + 1, text.n - n - 1, &out->seq);
}

int redis_id_parse(
	struct slice text, bool strict, uint64_t seq, struct redis_id *out, struct err *err)
{
	struct redis_id id = REDIS_ID_MIN;
	bool min = slice_is(text, "-"), max = slice_is(text, "+");

	if (max) {
		id = REDIS_ID_MAX;
	}
	if (((min || max) && strict) || (!min && !max && !parse_pair(text, seq, &id))) {
		return err_set(
			err, EINVAL, "ERR Invalid stream ID specified as stream command argument");
	}
	*out = id;
	return 0;
}

static struct slice without_paren(struct slice text, bool *excluded)
{
	*excluded = text.n > 1 && text.p[0] == '(';
	return *excluded ? slice_make(text.p + 1, text.n - 1) : text;
}

int redis_id_parse_start(struct slice text, struct redis_id *out, struct err *err)
{
	bool excluded;
	struct slice bare = without_paren(text, &excluded);
	int rc = redis_id_parse(bare, excluded, 0, out, err);

	if (rc == 0 && excluded && !redis_id_next(out)) {
		return err_set(err, EINVAL, "ERR invalid start ID for the interval");
	}
	return rc;
}

int redis_id_parse_end(struct slice text, struct redis_id *out, struct err *err)
{
	bool excluded;
	struct slice bare = without_paren(text, &excluded);
	int rc = redis_id_parse(bare, excluded, UINT64_MAX, out, err);

	if (rc == 0 && excluded && !redis_id_previous(out)) {
		return err_set(err, EINVAL, "ERR invalid end ID for the interval");
	}
	return rc;
}

bool redis_id_parse_name(struct slice text, struct redis_id *out)
{
	char again[REDIS_ID_TEXT];

	return parse_pair(text, 0, out) && slice_equal(text, redis_id_print(*out, again));
}

struct slice redis_id_print(struct redis_id id, char out[REDIS_ID_TEXT])
{
	int n = snprintf(out, REDIS_ID_TEXT, "%llu-%llu", (unsigned long long)id.ms,
		(unsigned long long)id.seq);

	return slice_make(out, (size_t)n);
}

void redis_reply_id(struct buf *out, struct redis_id id)
{
	char text[REDIS_ID_TEXT];

	redis_reply_bulk(out, redis_id_print(id, text));
}

struct slice redis_id_pack(struct redis_id id, unsigned char out[REDIS_ID_BYTES])
{
	uint64_t ms = htobe64(id.ms), seq = htobe64(id.seq);

	memcpy(out, &ms, sizeof(ms));
	memcpy(out + sizeof(ms), &seq, sizeof(seq));
	return slice_make(out, REDIS_ID_BYTES);
}

struct redis_id redis_id_unpack(struct slice packed)
{
	uint64_t ms = 0, seq = 0;

	if (packed.n == REDIS_ID_BYTES) {
		memcpy(&ms, packed.p, sizeof(ms));
		memcpy(&seq, packed.p + sizeof(ms), sizeof(seq));
	}
	return (struct redis_id){be64toh(ms), be64toh(seq)};
}
