/* What a program of its own pays for a key of a Redis server: hiredis_bench SOCKET COUNT.
 * SETs and GETs one after the other over a Unix socket, 300 bytes each; prints
 * microseconds for each as name=value pairs, as fsbench does. */
#include <errno.h>
#include <error.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define VALUE_BYTES 300

static double now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static void check(const redisContext *c, redisReply *reply, int type)
{
	if (reply == NULL || reply->type != type) {
		error(1, 0, "%s", reply != NULL ? "an unexpected reply" : c->errstr);
	}
	freeReplyObject(reply);
}

static double set_all(redisContext *c, unsigned count)
{
	char value[VALUE_BYTES];
	double start = now_us();

	memset(value, 'v', sizeof(value));
	for (unsigned i = 0; i < count; i++) {
		check(c, redisCommand(c, "SET k%07u %b", i, value, sizeof(value)),
			REDIS_REPLY_STATUS);
	}
	return (now_us() - start) / count;
}

static double get_all(redisContext *c, unsigned count)
{
	double start = now_us();

	for (unsigned i = 0; i < count; i++) {
		check(c, redisCommand(c, "GET k%07u", i), REDIS_REPLY_STRING);
	}
	return (now_us() - start) / count;
}

int main(int argc, char **argv)
{
	unsigned count = argc == 3 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;

	if (count == 0) {
		error(2, 0, "usage: hiredis_bench SOCKET COUNT");
	}
	redisContext *c = redisConnectUnix(argv[1]);
	if (c == NULL || c->err != 0) {
		error(1, 0, "%s: %s", argv[1], c != NULL ? c->errstr : "out of memory");
	}
	double set = set_all(c, count);
	double get = get_all(c, count);
	printf("set_us=%.3f get_us=%.3f\n", set, get);
	redisFree(c);
	return 0;
}
