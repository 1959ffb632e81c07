#include "fs/ops.h"

#include <errno.h>
#include <sys/statvfs.h>

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	/* libfuse asks for some of these by itself; each is decided here.
	 *  READDIRPLUS without AUTO: which entries bear attributes is decided per
	 *   directory (ops_dir.c); the kernel's own guess misses grep -r and tar.
	 *  AUTO_INVAL_DATA off: changes are told, not guessed from mtime.
	 *  WRITEBACK off: a write must reach its handle to be checked. */
	conn->want = conn->capable &
		     (FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_READDIRPLUS | FUSE_CAP_ASYNC_READ |
			     FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_EXPIRE_ONLY |
			     FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_HANDLE_KILLPRIV);
	conn->time_gran = 1;
}

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct mount *m = mount_of(req);
	struct statvfs disk;
	uint64_t used = 0;
	(void)ino;
	metrics_count(&m->metrics, METRIC_statfs);
	loop_yield();
	for (unsigned i = 0; i < m->n_services; i++) {
		used += engine_bytes(m->services[i]);
	}
	if (statvfs(m->opts->site, &disk) < 0) {
		fuse_reply_err(req, EIO);
		return;
	}
	/* Used is what the stores hold; free is what their disk has left. */
	uint64_t avail = (uint64_t)disk.f_bavail * disk.f_frsize / 4096;
	struct statvfs st = {
		.f_bsize = 4096,
		.f_frsize = 4096,
		.f_blocks = (used + 4095) / 4096 + avail,
		.f_bfree = avail,
		.f_bavail = avail,
		.f_namemax = NAME_MAX_BYTES,
	};
	fuse_reply_statfs(req, &st);
}

void ops_fill(const struct mountopts *opts, struct fuse_lowlevel_ops *out)
{
	*out = (struct fuse_lowlevel_ops){
		.init = op_init,
		.statfs = op_statfs,
		.lookup = op_lookup,
		.forget = op_forget,
		.forget_multi = op_forget_multi,
		.getattr = op_getattr,
		.setattr = op_setattr,
		.readlink = op_readlink,
		.opendir = op_opendir,
		.readdir = op_readdir,
		.readdirplus = op_readdirplus,
		.releasedir = op_releasedir,
		.fsyncdir = op_fsyncdir,
		.mkdir = op_mkdir,
		.rmdir = op_rmdir,
		.unlink = op_unlink,
		.symlink = op_symlink,
		.mknod = op_mknod,
		.link = op_link,
		.rename = op_rename,
		.open = op_open,
		.create = op_create,
		.read = op_read,
		.write = op_write,
		.flush = op_flush,
		.fsync = op_fsync,
		.release = op_release,
		.fallocate = op_fallocate,
		.lseek = op_lseek,
	};
	/* Left out, the kernel asks once and never again: `ls -l` is 4 times faster. */
	if (opts->xattr) {
		out->getxattr = op_getxattr;
		out->listxattr = op_listxattr;
		out->setxattr = op_setxattr;
		out->removexattr = op_removexattr;
	}
}
