#include "fs/dirpage.h"

#include <linux/fuse.h>

static size_t head_size(const struct dirpage *page)
{
	return page->plus ? FUSE_NAME_OFFSET_DIRENTPLUS : FUSE_NAME_OFFSET;
}

/* Its end is a struct fuse_dirent in both forms. */
static char *dirent_at(const struct dirpage *page, size_t at)
{
	return page->p + at + head_size(page) - FUSE_NAME_OFFSET;
}

bool dirpage_add(struct dirpage *page, const struct dirpage_entry *e)
{
	size_t n = head_size(page) + e->name.n;
	size_t padded = FUSE_DIRENT_ALIGN(n);
	if (padded > page->size - page->used) {
		return false;
	}
	char *at = page->p + page->used;
	struct fuse_dirent d = {
		.ino = e->ino,
		.off = e->cookie,
		.namelen = (uint32_t)e->name.n,
		.type = (e->type & S_IFMT) >> 12,
	};
	if (page->plus) {
		memset(at, 0, offsetof(struct fuse_direntplus, dirent));
	}
	memcpy(dirent_at(page, page->used), &d, FUSE_NAME_OFFSET);
	memcpy(at + head_size(page), e->name.p, e->name.n);
	memset(at + n, 0, padded - n);
	page->used += padded;
	return true;
}

void dirpage_fill(struct dirpage *page, size_t at, const struct dirpage_node *node)
{
	const struct stat *st = &node->st;
	struct fuse_entry_out out = {
		.nodeid = node->number,
		.entry_valid = node->entry_timeout,
		.attr_valid = node->attr_timeout,
		.attr = {.ino = st->st_ino,
			.size = (uint64_t)st->st_size,
			.blocks = (uint64_t)st->st_blocks,
			.atime = (uint64_t)st->st_atim.tv_sec,
			.mtime = (uint64_t)st->st_mtim.tv_sec,
			.ctime = (uint64_t)st->st_ctim.tv_sec,
			.atimensec = (uint32_t)st->st_atim.tv_nsec,
			.mtimensec = (uint32_t)st->st_mtim.tv_nsec,
			.ctimensec = (uint32_t)st->st_ctim.tv_nsec,
			.mode = st->st_mode,
			.nlink = (uint32_t)st->st_nlink,
			.uid = st->st_uid,
			.gid = st->st_gid,
			.blksize = (uint32_t)st->st_blksize},
	};
	struct fuse_dirent d;
	memcpy(&d, dirent_at(page, at), FUSE_NAME_OFFSET);
	d.ino = st->st_ino;
	memcpy(page->p + at, &out, sizeof(out));
	memcpy(dirent_at(page, at), &d, FUSE_NAME_OFFSET);
}

struct slice dirpage_name(const struct dirpage *page, size_t at)
{
	struct fuse_dirent d;
	memcpy(&d, dirent_at(page, at), FUSE_NAME_OFFSET);
	return slice_make(page->p + at + head_size(page), d.namelen);
}
