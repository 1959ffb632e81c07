#include "tests/unit/redis_random.h"

#include <ctype.h>
#include <stdio.h>

#include "tests/unit/random.h"

/* ---- templates ----
 *
 * Words as they are, and:  [..] perhaps   (a|b) one of them   {..} one to three times
 * %k %l %h %s %z %x  a key, mostly of a string, list, hash, set, sorted set, stream
 * %v a value   %m a member or field   %n an integer   %i an index   %f a float   %p a pattern
 * %t milliseconds since 1970, past or far ahead   %T the same in seconds   %u ahead
 * %d a stream's id, %e without itself   %g a group   %c a consumer   %b (exclusive) bounds of
 * scores   %y of words %o an offset of bits or bytes */
static const char *const templates[] = {
	/* strings */
	"set %k %v [(nx|xx)] [get] [(keepttl|pxat %u|exat 4102444801)]",
	/* what is gone at once; of a key that nobody watches (that it was there and is not
	 * any more between WATCH and EXEC is a change for Redis, not for us) */
	"set gone %v [(nx|xx)] [get] [(keepttl|pxat %t|exat %T)]",
	"get gone",
	"set %k %n",
	"setnx %k %v",
	"get %k",
	"getset %k %v",
	"getdel %k",
	"getex %k [(persist|pxat %t)]",
	"mset {%k %v}",
	"msetnx {%k %v}",
	"mget {%k}",
	"append %k %v",
	"strlen %k",
	"setrange %k %o %v",
	"getrange %k %i %i",
	"substr %k %i %i",
	"incr %k",
	"decr %k",
	"incrby %k %n",
	"decrby %k %n",
	"incrbyfloat %k %f",
	"setbit %k %o (0|1)",
	"getbit %k %o",
	"bitcount %k [%i %i [(byte|bit)]]",
	"bitpos %k (0|1) [%i [%i [(byte|bit)]]]",
	"bitop (and|or|xor) %k {%k}",
	"bitop not %k %k",
	"lcs %k %k [(len|idx)]",
	/* keys */
	"del {%*}",
	"unlink {%*}",
	"exists {%*}",
	"touch {%*}",
	"type %*",
	"expireat %* %T [(nx|xx|gt|lt)]",
	"pexpireat %* %t [(nx|xx|gt|lt)]",
	"expire %* -1",
	"persist %*",
	"expiretime %*",
	"pexpiretime %*",
	"ttl %*",
	"pttl %*",
	"rename %* %*",
	"renamenx %* %*",
	"copy %* %* [replace]",
	"keys %p",
	"scan 0 count 1000 [match %p] [type (string|list|hash|set|zset|stream)]",
	"sort %l [limit %i %i] [(asc|desc)] alpha",
	"sort %s alpha [desc]",
	"sort %l alpha store %l",
	"flushall",
	/* hashes */
	"hset %h {%m %v}",
	"hset %h {%m %n}",
	"hsetnx %h %m %v",
	"hmset %h {%m %v}",
	"hget %h %m",
	"hmget %h {%m}",
	"hgetall %h",
	"hdel %h {%m}",
	"hlen %h",
	"hexists %h %m",
	"hkeys %h",
	"hvals %h",
	"hstrlen %h %m",
	"hincrby %h %m %n",
	"hincrbyfloat %h %m %f",
	"hscan %h 0 count 1000 [match %p]",
	"hrandfield %h 1000 [withvalues]",
	/* lists */
	"lpush %l {%v}",
	"rpush %l {%v}",
	"lpushx %l {%v}",
	"rpushx %l {%v}",
	"lpop %l [%i]",
	"rpop %l [%i]",
	"llen %l",
	"lindex %l %i",
	"lset %l %i %v",
	"lrange %l %i %i",
	"lrem %l %i %v",
	"ltrim %l %i %i",
	"linsert %l (before|after) %v %v",
	"lpos %l %v [rank %i] [count %i] [maxlen %i]",
	"rpoplpush %l %l",
	"lmove %l %l (left|right) (left|right)",
	"lmpop 2 %l %l (left|right) [count %i]",
	/* sets */
	"sadd %s {%m}",
	"sadd %s {%n}",
	"srem %s {%m}",
	"smembers %s",
	"sismember %s %m",
	"smismember %s {%m}",
	"scard %s",
	"smove %s %s %m",
	"sinter %s {%s}",
	"sunion %s {%s}",
	"sdiff %s {%s}",
	"sinterstore %s {%s}",
	"sunionstore %s {%s}",
	"sdiffstore %s {%s}",
	"sintercard 2 %s %s [limit %i]",
	"spop %s 1000",
	"srandmember %s 1000",
	"sscan %s 0 count 1000 [match %p]",
	/* sorted sets */
	"zadd %z {%f %m}",
	"zadd %z [(nx|xx)] [(gt|lt)] [ch] {%f %m}",
	"zadd %z incr %f %m",
	"zincrby %z %f %m",
	"zscore %z %m",
	"zmscore %z {%m}",
	"zrem %z {%m}",
	"zcard %z",
	"zcount %z %b %b",
	"zlexcount %z %y %y",
	"zrank %z %m",
	"zrevrank %z %m",
	"zrange %z %i %i [rev] [withscores]",
	"zrange %z %b %b byscore [rev] [limit %i %i] [withscores]",
	"zrange %z %y %y bylex [rev] [limit %i %i]",
	"zrevrange %z %i %i [withscores]",
	"zrangebyscore %z %b %b [withscores] [limit %i %i]",
	"zrevrangebyscore %z %b %b [withscores] [limit %i %i]",
	"zrangebylex %z %y %y [limit %i %i]",
	"zrevrangebylex %z %y %y [limit %i %i]",
	"zrangestore %z %z %i %i [rev]",
	"zremrangebyrank %z %i %i",
	"zremrangebyscore %z %b %b",
	"zremrangebylex %z %y %y",
	"zpopmin %z [%i]",
	"zpopmax %z [%i]",
	"zmpop 2 %z %z (min|max) [count %i]",
	"zrangestore %z %z %b %b byscore [rev] [limit %i %i]",
	"zrandmember %z 1000 [withscores]",
	"zunion 2 %z %z [weights %f %f] [aggregate (sum|min|max)] [withscores]",
	"zinter 2 %z %s [weights %f %f] [aggregate (sum|min|max)] [withscores]",
	"zdiff 2 %z %z [withscores]",
	"zunionstore %z 2 %z %s [weights %f %f] [aggregate (sum|min|max)]",
	"zinterstore %z 2 %z %z [weights %f %f] [aggregate (sum|min|max)]",
	"zdiffstore %z 2 %z %z",
	"zintercard 2 %z %z [limit %i]",
	"zscan %z 0 count 1000 [match %p]",
	/* streams */
	"xadd %x [nomkstream] [(maxlen [=] %i|minid [=] %d)] %d {%m %v}",
	"xadd %x %d {%m %v}",
	"xlen %x",
	"xrange %x (-|%d|%e) (+|%d) [count %i]",
	"xrange %x - +",
	"xrevrange %x (+|%d) (-|%d) [count %i]",
	"xdel %x {%d}",
	"xtrim %x (maxlen|minid) %i",
	"xread [count %i] streams %x %x (0|%d|$) (0|%d|$)",
	"xsetid %x %d",
	"xgroup create %x %g (0|$|%d) [mkstream]",
	"xgroup setid %x %g (0|$|%d)",
	"xgroup destroy %x %g",
	"xgroup createconsumer %x %g %c",
	"xgroup delconsumer %x %g %c",
	"xreadgroup group %g %c [count %i] [noack] streams %x (>|0|%d)",
	"xack %x %g {%d}",
	"xpending %x %g",
	"xclaim %x %g %c 0 {%d} justid [force]",
	"xautoclaim %x %g %c 0 0 justid",
	"xinfo groups %x",
	/* the session */
	"multi",
	"multi",
	"exec",
	"exec",
	"exec",
	"discard",
	"watch {%*}",
	"watch {%*}",
	"unwatch",
	"ping [%v]",
	"echo %v",
	"select 0",
	"publish %m %v",
	"script exists %v",
	"evalsha %v 0",
	"nosuch %v %v",
	/* scripts */
	"eval return(redis.call('get',KEYS[1])) 1 %*",
	"eval return(redis.call('set',KEYS[1],ARGV[1])) 1 %k %v",
	"eval return({redis.call('llen',KEYS[1]),redis.call('exists',KEYS[2])}) 2 %l %h",
	"eval "
	"redis.call('rpush',KEYS[1],ARGV[1])redis.call('incr',KEYS[2])return(redis.call('get',KEYS["
	"2])) 2 %l %k %v",
	"eval local\tr=redis.pcall('incr',KEYS[1])if(type(r)=='number')then\tr=1\tend\treturn(r) 1 "
	"%*",
	"eval "
	"local\tv=redis.call('lpop',KEYS[1])if(v)then\tredis.call('append',KEYS[2],v)end\treturn(v)"
	" "
	"2 %l %h",
	"eval return({1,'a',false,3.7,{ARGV[1]},KEYS}) 1 %k %v",
	"eval_ro return(redis.call('del',KEYS[1])) 1 %*",
};

struct expander {
	char words[RANDOM_WORDS_MAX][96];
	size_t n[RANDOM_WORDS_MAX];
	unsigned argc;
	bool open; /* a word is being made */
};

static void put(struct expander *x, const char *p, size_t n)
{
	if (!x->open) {
		if (x->argc == RANDOM_WORDS_MAX) {
			return;
		}
		x->n[x->argc++] = 0;
		x->open = true;
	}
	char *word = x->words[x->argc - 1];
	size_t *have = &x->n[x->argc - 1];
	for (size_t i = 0; i < n && *have < sizeof(x->words[0]); i++) {
		word[(*have)++] = p[i];
	}
}

static void put_text(struct expander *x, const char *text)
{
	put(x, text, strlen(text));
}

static unsigned pick(unsigned n)
{
	return (unsigned)rng() % n;
}

#define PICK_FROM(list) ((list)[pick(sizeof(list) / sizeof((list)[0]))])

static void put_key(struct expander *x, char kind)
{
	static const char kinds[] = "klhszx";
	if (kind == '*' || pick(12) == 0) {
		kind = kinds[pick(6)];
	}
	char name[3] = {kind, (char)('0' + pick(3)), '\0'};
	put_text(x, name);
}

static void put_value(struct expander *x)
{
	static const char *const values[] = {"a", "b", "c", "hello", "10", "-3", "0", "2.5", "a b",
		"\xc3\xa4", "12345678901234567890", "x\r\ny"};
	unsigned n = pick(sizeof(values) / sizeof(values[0]) + 2);
	if (n == 0) {
		put(x, "", 0);
	} else if (n == 1) {
		put(x, "\0\xff", 2);
	} else {
		put_text(x, values[n - 2]);
	}
}

static void put_id(struct expander *x)
{
	char text[40];
	snprintf(text, sizeof(text), pick(4) == 0 ? "%u" : (pick(12) == 0 ? "%u-*" : "%u-%u"),
		pick(12), pick(4));
	put_text(x, text);
}

/* Far enough from now that nothing is about to expire while it is looked at. */
static void put_time(struct expander *x, bool seconds)
{
	static const char *const ms[] = {"1000", "1", "4102444800000", "4102444800123",
		"4000000000000", "-1", "0", "9223372036854775807", "abc"};
	static const char *const s[] = {
		"1", "4102444800", "4000000000", "-1", "0", "9223372036854775807", "1.5"};
	put_text(x, seconds ? PICK_FROM(s) : PICK_FROM(ms));
}

static void put_number(struct expander *x, int low, int high)
{
	char text[16];
	snprintf(text, sizeof(text), "%d", low + (int)pick((unsigned)(high - low + 1)));
	put_text(x, text);
}

static void put_one(struct expander *x, char what)
{
	static const char *const members[] = {"a", "b", "c", "d", "e", "1", "2"};
	static const char *const integers[] = {"1", "5", "-7", "100", "0", "9223372036854775807",
		"-9223372036854775808", "abc", "1.5", "", " 1", "01"};
	static const char *const floats[] = {
		"1", "-2.5", "0.25", "3", "10", "1e3", "0", "inf", "-inf", "nan", "x", "7.75"};
	static const char *const patterns[] = {
		"*", "k*", "?0", "[kl]*", "[^k]*", "a*", "nomatch", "\\*", "*1", "[a-c]"};
	static const char *const scores[] = {
		"-inf", "+inf", "0", "(0", "1", "(1", "3", "(10", "-2.5", "x"};
	static const char *const bounds[] = {"-", "+", "[a", "(a", "[c", "(c", "[e", "b"};
	static const char *const offsets[] = {"0", "1", "7", "12", "40", "-1", "x", "4294967296"};
	switch (what) {
	case 'v': put_value(x); break;
	case 'm': put_text(x, PICK_FROM(members)); break;
	case 'n': put_text(x, integers[pick(3) == 0 ? pick(12) : pick(4)]); break;
	case 'f': put_text(x, floats[pick(4) == 0 ? pick(12) : pick(6)]); break;
	case 'i': put_number(x, pick(8) == 0 ? -100 : -4, 6); break;
	case 'o': put_text(x, offsets[pick(4) == 0 ? pick(8) : pick(5)]); break;
	case 'p': put_text(x, PICK_FROM(patterns)); break;
	case 'b': put_text(x, scores[pick(10) == 0 ? 9 : pick(9)]); break;
	case 'y': put_text(x, bounds[pick(10) == 0 ? 7 : pick(7)]); break;
	case 't': put_time(x, false); break;
	case 'T': put_time(x, true); break;
	case 'u': put_text(x, pick(2) == 0 ? "4102444800000" : "4102444800123"); break;
	case 'd': put_id(x); break;
	case 'e':
		put_text(x, "(");
		put_id(x);
		break;
	case 'g': put_text(x, pick(3) == 0 ? "g2" : "g1"); break;
	case 'c': put_text(x, pick(2) == 0 ? "c2" : "c1"); break;
	default: put_key(x, what); break;
	}
}

static const char *closing(const char *p, char open, char close)
{
	unsigned depth = 0;
	for (; *p != '\0'; p++) {
		depth += *p == open;
		depth -= *p == close;
		if (depth == 0) {
			break;
		}
	}
	return p;
}

static void expand(struct expander *x, const char *p, const char *end);

/* One of the parts that | separates. */
static void expand_choice(struct expander *x, const char *p, const char *end)
{
	unsigned n = 1;
	for (const char *q = p; q < end; q++) {
		n += *q == '|';
	}
	for (unsigned chosen = pick(n); chosen > 0; chosen--) {
		p = (const char *)memchr(p, '|', (size_t)(end - p)) + 1;
	}
	const char *stop = memchr(p, '|', (size_t)(end - p));
	expand(x, p, stop != NULL ? stop : end);
}

static bool begins_word(const char *begin, const char *p)
{
	return p == begin || p[-1] == ' ' || p[-1] == '[' || p[-1] == '{' || p[-1] == '|' ||
	       p[-1] == '(';
}

static void expand(struct expander *x, const char *p, const char *end)
{
	const char *begin = p;
	while (p < end) {
		const char *stop;
		if (*p == ' ') {
			x->open = false;
			p++;
		} else if (*p == '[' && begins_word(begin, p)) {
			stop = closing(p, '[', ']');
			if (pick(5) < 2) {
				expand(x, p + 1, stop);
			}
			p = stop + 1;
		} else if (*p == '{' && begins_word(begin, p)) {
			stop = closing(p, '{', '}');
			for (unsigned n = 1 + pick(3); n > 0; n--) {
				expand(x, p + 1, stop);
				x->open = false;
			}
			p = stop + 1;
		} else if (*p == '(' && begins_word(begin, p)) {
			stop = closing(p, '(', ')');
			expand_choice(x, p + 1, stop);
			p = stop + 1;
		} else if (*p == '%') {
			put_one(x, p[1]);
			p += 2;
		} else {
			put(x, p++, 1);
		}
	}
}

/* Now and then a word is missing, or there is one too many, or another. */
static void spoil(struct expander *x)
{
	x->open = false;
	switch (pick(60)) {
	case 0: x->argc -= x->argc > 1; break;
	case 1: put_value(x); break;
	case 2:
		if (x->argc > 1) {
			unsigned i = 1 + pick(x->argc - 1);
			x->n[i] = (size_t)snprintf(x->words[i], sizeof(x->words[i]), "bad");
		}
		break;
	default: break;
	}
}

/* Scripts stand as one word: there parentheses are no choice. */
static void expand_eval(struct expander *x, const char *p)
{
	const char *script = strchr(p, ' ') + 1;
	const char *end = strchr(script, ' ');
	put(x, p, (size_t)(script - 1 - p));
	x->open = false;
	put(x, script, (size_t)(end - script));
	x->open = false;
	expand(x, end + 1, end + strlen(end));
}

static void finish(const struct expander *x, struct random_command *out)
{
	buf_clear(&out->resp);
	buf_clear(&out->shown);
	out->argc = x->argc;
	buf_printf(&out->resp, "*%u\r\n", x->argc);
	for (unsigned i = 0; i < x->argc; i++) {
		buf_printf(&out->resp, "$%zu\r\n", x->n[i]);
		out->at[i] = out->resp.n;
		out->n[i] = x->n[i];
		buf_append(&out->resp, x->words[i], x->n[i]);
		buf_puts(&out->resp, "\r\n");
		buf_puts(&out->shown, i > 0 ? " \"" : "\"");
		for (size_t j = 0; j < x->n[i]; j++) {
			unsigned char c = (unsigned char)x->words[i][j];
			buf_printf(&out->shown,
				isprint(c) && c != '"' && c != '\\' ? "%c" : "\\x%02x", c);
		}
		buf_putc(&out->shown, '"');
	}
}

struct slice random_word(const struct random_command *c, unsigned i)
{
	return slice_make(c->resp.p + c->at[i], c->n[i]);
}

void random_command(struct random_command *out)
{
	static struct expander x; /* too large for a stack */
	const char *template = PICK_FROM(templates);
	x.argc = 0;
	x.open = false;
	if (strncmp(template, "eval", 4) == 0 && strstr(template, "return") != NULL) {
		expand_eval(&x, template);
	} else {
		expand(&x, template, template + strlen(template));
	}
	spoil(&x);
	finish(&x, out);
	out->connection = pick(5) == 0;
}

void command_from(struct random_command *out, const char *words)
{
	static struct expander x;
	x.argc = 0;
	x.open = false;
	for (const char *p = words; *p != '\0'; p++) {
		if (*p == ' ') {
			x.open = false;
		} else {
			put(&x, p, 1);
		}
	}
	finish(&x, out);
	out->connection = 0;
}

void random_command_free(struct random_command *c)
{
	buf_free(&c->resp);
	buf_free(&c->shown);
}
