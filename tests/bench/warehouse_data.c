/* Rows for tests/bench/run's scenario "warehouse": lines and orders as TPC-H has them, in the
 *columns that the queries use, always the same.
 *
 *	warehouse_data LINES DIRECTORY		writes lineitem.tbl (LINES rows) and orders.tbl (a
 *quarter) */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t state = 42;

/* splitmix64 */
static uint64_t next_number(void)
{
	uint64_t z = state += UINT64_C(0x9E3779B97F4A7C15);
	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

static unsigned below(unsigned n)
{
	return (unsigned)(next_number() % n);
}

/* A day of 1992 to 1998, all months of 28 days. */
static void put_day(FILE *out, unsigned day)
{
	fprintf(out, "|%u-%02u-%02u", 1992 + day / 336, day / 28 % 12 + 1, day % 28 + 1);
}

static FILE *create(const char *directory, const char *name)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	FILE *out = fopen(path, "w");
	if (out == NULL) {
		perror(path);
		exit(1);
	}
	return out;
}

int main(int argc, char **argv)
{
	static const char *const modes[] = {
		"AIR", "FOB", "MAIL", "RAIL", "REG AIR", "SHIP", "TRUCK"};
	static const char *const priorities[] = {
		"1-URGENT", "2-HIGH", "3-MEDIUM", "4-NOT SPECIFIED", "5-LOW"};
	if (argc != 3) {
		fprintf(stderr, "usage: warehouse_data LINES DIRECTORY\n");
		return 2;
	}
	uint64_t lines = strtoull(argv[1], NULL, 10);
	FILE *lineitem = create(argv[2], "lineitem.tbl");
	FILE *orders = create(argv[2], "orders.tbl");
	unsigned day = 0;
	for (uint64_t i = 0; i < lines; i++) {
		uint64_t order = i / 4 + 1;
		if (i % 4 == 0) {
			day = below(2200);
			fprintf(orders, "%" PRIu64 "|%u", order, 1 + below(250000));
			put_day(orders, day);
			fprintf(orders, "|%s|%u.%02u\n", priorities[below(5)], 1000 + below(400000),
				below(100));
		}
		unsigned quantity = 1 + below(50);
		unsigned shipped = day + 1 + below(120);
		fprintf(lineitem, "%" PRIu64 "|%u|%u|%u|%u.%02u|0.%02u|0.%02u|%c|%c", order,
			1 + below(200000), 1 + below(10000), quantity, 900 + quantity * below(1000),
			below(100), below(11), below(9), "ANR"[below(3)], "OF"[below(2)]);
		put_day(lineitem, shipped);
		put_day(lineitem, shipped + below(30));
		fprintf(lineitem, "|%s\n", modes[below(7)]);
	}
	return fclose(lineitem) == 0 && fclose(orders) == 0 ? 0 : 1;
}
