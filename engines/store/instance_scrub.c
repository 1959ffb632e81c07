/* Looking through the databases of both zones, a little at a time: damage to a page
 * that nobody reads would else be found when it is needed, which may be after the
 * other copy is gone. */
#include <errno.h>

#include "engines/store/instance_impl.h"

/* A step: 4 MiB of usual pages, five times a second. */
#define STEP_PAGES 1024
#define PASS_S	   3600

void scrub_end(struct scrub *s)
{
	if (s->open) {
		checksum_scan_close(&s->scan);
	}
	*s = (struct scrub){0};
}

static void pass_is_over(struct instance *i, struct scrub *s)
{
	unsigned pause = i->config.scrub_seconds != 0 ? i->config.scrub_seconds : PASS_S;
	struct scrub over = {.failures = s->failures, .hole = s->hole};
	scrub_end(s);
	*s = over;
	s->next_at = clock_monotonic_ns() + pause * SECOND_NS;
}

/* Somebody has met a damaged page, perhaps of this file. */
static bool is_due(struct scrub *s)
{
	uint64_t failures = checksum_failures();
	bool due = failures != s->failures || clock_monotonic_ns() >= s->next_at;
	s->failures = failures;
	return due;
}

static int begin(struct instance *i, struct scrub *s, unsigned zone)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	struct err ignored = {0};
	zone_path(&i->config, zone, "data.db", &path);
	int rc = buf_check(&path, &ignored);
	rc = rc != 0 ? rc : checksum_scan_open(&s->scan, path.p, &ignored);
	s->open = rc == 0;
	return rc;
}

void scrub_hole(struct instance *i, struct scrub *s, unsigned zone, int fd)
{
	int64_t hole = lseek(fd, 0, SEEK_HOLE);
	if (hole < 0 || hole >= disk_size(fd)) {
		s->hole = 0;
		return;
	}
	if (hole + 1 == s->hole) {
		return;
	}
	struct scrub fresh = {.failures = s->failures};
	scrub_end(s);
	*s = fresh;
	if (begin(i, s, zone) == 0) {
		s->scan.next = (uint32_t)(hole / s->scan.page_size) + 1;
	}
	s->hole = hole + 1;
}

int scrub_step(struct instance *i, struct scrub *s, unsigned zone, struct err *err)
{
	if (!s->open && !is_due(s)) {
		return 0;
	}
	/* A missing file is found by who looks for it; one without checksums has none. */
	if (!s->open && begin(i, s, zone) != 0) {
		pass_is_over(i, s);
		return 0;
	}
	int rc = checksum_scan_step(&s->scan, STEP_PAGES, err);
	if (rc <= 0) {
		pass_is_over(i, s);
	}
	return rc < 0 ? rc : 0;
}
