#include "engines/store/position.h"

#include <errno.h>
#include <fcntl.h>

#include "engines/common/cleanup.h"
#include "engines/store/record.h"

#define SLOT	   512
#define SLOT_BYTES 48

static const unsigned char magic[8] = {'D', 'B', 'M', 'P', 'O', 'S', 'N', '1'};

static void encode(const struct position *p, unsigned char *out)
{
	memcpy(out, magic, sizeof(magic));
	put_u64(out + 8, p->number);
	put_u64(out + 16, p->applied);
	put_u64(out + 24, p->intent);
	record_checksum(out, 32, out + 32);
}

static bool decode(const unsigned char *slot, struct position *out)
{
	unsigned char sum[16];
	record_checksum(slot, 32, sum);
	*out = (struct position){get_u64(slot + 8), get_u64(slot + 16), get_u64(slot + 24)};
	return memcmp(slot, magic, sizeof(magic)) == 0 && memcmp(sum, slot + 32, 16) == 0;
}

int position_write(const struct disk_ops *disk, int fd, const struct position *p)
{
	unsigned char slot[SLOT_BYTES];
	encode(p, slot);
	int rc = disk->write(fd, slot, sizeof(slot), p->number % 2 * SLOT);
	return rc != 0 ? rc : disk->sync(fd);
}

int position_create(
	const struct disk_ops *disk, const char *path, const struct position *p, struct err *err)
{
	CLEANUP(buf_free) struct buf temp = BUF_INIT;
	unsigned char both[SLOT + SLOT_BYTES] = {0};
	encode(p, both);
	encode(p, both + SLOT);
	buf_printf(&temp, "%s.part", path);
	const char *name = buf_cstr(&temp);
	int fd = disk->open(name, O_RDWR | O_CREAT | O_TRUNC);
	int rc = fd < 0 ? fd : disk->write(fd, both, sizeof(both), 0);
	if (fd >= 0) {
		disk->close(fd);
	}
	return rc != 0 ? disk_error(rc, name, "could not be written", err)
		       : disk_publish(disk, name, path, err);
}

int position_open(
	const struct disk_ops *disk, const char *path, struct position *out, struct err *err)
{
	unsigned char both[SLOT + SLOT_BYTES] = {0};
	struct position other;
	int fd = disk->open(path, O_RDWR);
	ssize_t got = fd < 0 ? fd : disk->read(fd, both, sizeof(both), 0);
	if (got < 0) {
		if (fd >= 0) {
			disk->close(fd);
		}
		return disk_error((int)got, path, "cannot be read", err);
	}
	bool first = decode(both, out);
	bool second = decode(both + SLOT, &other);
	if (second && (!first || other.number > out->number)) {
		*out = other;
	}
	if (!first && !second) {
		disk->close(fd);
		return err_set(err, EIO, "%s is damaged: the replica must be made anew", path);
	}
	/* What was read need not be on the disk: the sync after it may have failed, or
	 * the daemon was killed before it. A redo must not begin on such an intent. */
	out->number++;
	int rc = position_write(disk, fd, out);
	if (rc != 0) {
		disk->close(fd);
		return disk_error(rc, path, "could not be written", err);
	}
	return fd;
}
