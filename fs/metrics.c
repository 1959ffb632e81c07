#include "fs/metrics.h"

static const char *const op_names[] = {
#define X(name) #name,
	METRIC_OPS(X)
#undef X
};

static void counter(struct buf *out, const char *name, const char *help, uint64_t value)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s counter\n%s %llu\n", name, help, name, name,
		(unsigned long long)value);
}

void metrics_print(const struct metrics *m, struct buf *out)
{
	buf_puts(out, "# HELP dbmount_requests_total Requests of the kernel, by kind.\n"
		      "# TYPE dbmount_requests_total counter\n");
	for (unsigned i = 0; i < METRIC_N_OPS; i++) {
		buf_printf(out, "dbmount_requests_total{op=\"%s\"} %llu\n", op_names[i],
			(unsigned long long)m->requests[i]);
	}
	counter(out, "dbmount_errors_total", "Requests answered with an error.", m->errors);
	counter(out, "dbmount_commits_total", "Items written.", m->commits);
	counter(out, "dbmount_refused_total", "Texts refused.", m->refused);
	counter(out, "dbmount_read_bytes_total", "Bytes of content handed out.", m->bytes_read);
	counter(out, "dbmount_written_bytes_total", "Bytes taken by write(2).", m->bytes_written);
	counter(out, "dbmount_stored_total", "Files whose content went along with the open.",
		m->stored);
}
