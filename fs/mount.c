/* The life of a mount: engines, side files, session, loop; and what engines may
 * ask of the daemon. */
#include "engines/common/clock.h"
#include "fs/mount.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engines/common/cleanup.h"
#include "engines/common/log.h"
#include "engines/common/suggest.h"
#include "fs/level.h"
#include "fs/mount_impl.h"
#include "fs/ops.h"
#include "fs/reserved.h"

#define SETTINGS_MAX 16 /* options of one service that hold no name */

/* ---- what engines ask ---- */

/* What is told of: a path of a service, in one of its views or (NULL) in its tree. */
struct told {
	const char *service;
	const struct engine_view_at *view;
	const struct epath *path;
	struct engine *engine; /* that knows it */
};

/* The name that the i-th key of the path has in its directory. Only a key that begins like
 * the number of a form can be of a level that has several sorts: others cost no question. */
static void print_step(const struct told *t, const struct epath *path, unsigned i, struct buf *out)
{
	struct slice key = path->key[i];
	struct engine_level level;
	struct err ignored = {0};
	struct epath up = *path;
	up.depth = i;
	bool inside = t->view == NULL || i >= t->view->depth;
	bool asked = t->engine != NULL && inside && key.n > 0 && (unsigned char)key.p[0] < ' ' &&
		     engine_level(t->engine, &up, &level, &ignored) == 0;
	if (asked && level.tagged) {
		level_print(&level, ENGINE_DIR, key, 0, out);
	} else {
		name_print(key, &NAME_RULES_DIR, 0, out);
	}
}

static void print_view(const struct engine_view_at *view, struct buf *out)
{
	buf_putc(out, '/');
	if (view->kind == ENGINE_VIEW_ROOM) {
		buf_append_slice(out, view->name);
	} else {
		buf_printf(out, "%s/", reserved_views(view->kind));
		name_print(view->name, &NAME_RULES_DIR, 0, out);
	}
}

/* The directory of a path of keys, as the tree shows it. */
static void text_of_path(const struct told *t, struct buf *out)
{
	buf_printf(out, "/%s", t->service);
	for (unsigned i = 0;; i++) {
		if (t->view != NULL && i == t->view->depth) {
			print_view(t->view, out);
		}
		if (i == t->path->depth) {
			return;
		}
		buf_putc(out, '/');
		print_step(t, t->path, i, out);
	}
}

static struct engine *service_named(struct mount *m, const char *service)
{
	for (unsigned i = 0; i < m->n_services; i++) {
		if (strcmp(engine_service(m->services[i]), service) == 0) {
			return m->services[i];
		}
	}
	return NULL;
}

static void host_event_in(void *arg, const char *service, const struct engine_view_at *view,
	const struct epath *path, const char *text)
{
	struct mount *m = arg;
	CLEANUP(buf_free) struct buf dir = BUF_INIT;
	struct told t = {.service = service, .view = view, .path = path};
	t.engine = view == NULL && m->all_open ? service_named(m, service) : NULL;
	text_of_path(&t, &dir);
	side_event(&m->side, buf_cstr(&dir), text);
}

static void host_event(void *arg, const char *service, const struct epath *path, const char *text)
{
	host_event_in(arg, service, NULL, path, text);
}

/* Called under nodes.lock, which notices need too: the nodes are only noted. */
static void collect_node(void *arg, struct node *n)
{
	struct buf *found = arg;
	buf_append(found, &n, sizeof(n)); /* NOLINT(bugprone-sizeof-expression): pointers */
	if (!found->failed) {
		n->refs++;
	}
}

static void tell_one(struct mount *m, struct node *n)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	struct node *dir = node_place(&m->nodes, n, &name);
	notify_node(m->notify, n);
	if (dir != NULL) {
		notify_name(m->notify, dir, buf_cstr(&name));
	}
	/* A view may be another one by the same name now. A cluster that is gone says so
	 * itself (view.c), and who stands in one that is there goes on to be told. */
	if (n->owns_engine && dir != NULL && dir->type == NODE_RESERVED &&
		node_row(dir)->view != ENGINE_VIEW_CLUSTER) {
		node_unlink(&m->nodes, n);
	}
	node_unref(&m->nodes, dir);
}

static void tell_all(struct mount *m, const struct buf *found)
{
	for (size_t i = 0; i < found->n; i += sizeof(struct node *)) {
		struct node *n;
		memcpy(&n, found->p + i, sizeof(n)); /* NOLINT(bugprone-sizeof-expression) */
		tell_one(m, n);
		node_unref(&m->nodes, n);
	}
}

/* The child's node in place of the parent's, whose reference goes; NULL: not known. */
static struct node *step(struct mount *m, struct node *n, const char *name)
{
	struct node *child = n != NULL ? node_peek(&m->nodes, n, name) : NULL;
	node_unref(&m->nodes, n);
	return child;
}

static struct node *step_into_view(
	struct mount *m, struct node *n, const struct engine_view_at *view)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	if (view->kind == ENGINE_VIEW_ROOM) {
		buf_append_slice(&name, view->name);
		return step(m, n, buf_cstr(&name));
	}
	name_print(view->name, &NAME_RULES_DIR, 0, &name);
	n = step(m, n, reserved_views(view->kind));
	return step(m, n, buf_cstr(&name));
}

/* The node of a directory's path, if the kernel knows it (*exact); else its nearest
 * known directory above, in the same view. Referenced. */
static struct node *nearest_node(
	struct mount *m, const struct told *t, const struct epath *path, bool *exact)
{
	struct node *n = node_peek(&m->nodes, m->nodes.root, t->service);
	*exact = true;
	for (unsigned i = 0; n != NULL; i++) {
		bool outside = t->view != NULL && i < t->view->depth;
		if (t->view != NULL && i == t->view->depth) {
			n = step_into_view(m, n, t->view);
		}
		if (n == NULL || i >= path->depth) {
			break;
		}
		CLEANUP(buf_free) struct buf name = BUF_INIT;
		print_step(t, path, i, &name);
		struct node *child = node_peek(&m->nodes, n, buf_cstr(&name));
		if (child == NULL && !outside) {
			*exact = false;
			break;
		}
		node_unref(&m->nodes, n);
		n = child;
	}
	return n;
}

static bool is_gone(struct engine *e, const struct epath *dir, const char *name)
{
	CLEANUP(buf_free) struct buf raw = BUF_INIT;
	CLEANUP(buf_free) struct buf key = BUF_INIT;
	struct engine_level level = {0};
	struct engine_info info;
	struct err err = {0};
	unsigned form;
	engine_level(e, dir, &level, &err);
	err_clear(&err);
	if (name_parse(slice_of(name), level_rules(&level, ENGINE_DIR), &form, &raw) != NAME_KEY) {
		return false;
	}
	if (level.tagged) {
		buf_putc(&key, (char)form);
	}
	buf_append_slice(&key, buf_slice(&raw));
	struct epath child = epath_child(dir, buf_slice(&key));
	return engine_stat(e, &child, 0, &info, &err) == -ENOENT;
}

/* Scratch files of a container that is gone, be it this one or one in it, must not turn
 * up in a later one of the same name. */
static void drop_gone(struct mount *m, const struct told *t)
{
	CLEANUP(buf_free) struct buf dir = BUF_INIT;
	CLEANUP(buf_free) struct buf names = BUF_INIT;
	struct engine_info info;
	struct err err = {0};
	text_of_path(t, &dir);
	if (t->path->depth > 0 && engine_stat(t->engine, t->path, 0, &info, &err) == -ENOENT) {
		side_drop_dir(&m->side, buf_cstr(&dir));
		return;
	}
	side_list_dirs(&m->side, buf_cstr(&dir), &names);
	for (size_t i = 0; i < names.n; i += strlen(names.p + i) + 1) {
		if (is_gone(t->engine, t->path, names.p + i)) {
			CLEANUP(buf_free) struct buf child = BUF_INIT;
			buf_printf(&child, "%s/%s", buf_cstr(&dir), names.p + i);
			side_drop_dir(&m->side, buf_cstr(&child));
		}
	}
}

/* The level of the directory that an item is in; false when `path` is no item's. */
static bool is_item(const struct told *t, struct engine_level *level)
{
	struct err ignored = {0};
	if (t->path->depth == 0) {
		return false;
	}
	struct epath up = epath_parent(t->path);
	struct slice key = t->path->key[up.depth];
	return engine_level(t->engine, &up, level, &ignored) == 0 &&
	       level_kind(level, level_form(level, key, 0)) == ENGINE_FILE;
}

/* One item changed, came or went. What shows its members is never cached. */
static void tell_item(struct mount *m, const struct told *t, const struct engine_level *level)
{
	struct epath up = epath_parent(t->path);
	bool exact;
	struct node *dir = nearest_node(m, t, &up, &exact);
	unsigned n_names = level->tagged ? 1 : level->n_forms;
	for (unsigned form = 0; dir != NULL && exact && form < n_names; form++) {
		CLEANUP(buf_free) struct buf name = BUF_INIT;
		level_print(level, ENGINE_FILE, t->path->key[up.depth], form, &name);
		struct node *n = node_peek(&m->nodes, dir, buf_cstr(&name));
		if (n != NULL) {
			tell_one(m, n);
			node_unref(&m->nodes, n);
		}
	}
	if (dir != NULL && exact) {
		notify_list_now(m->notify, dir);
	}
	node_unref(&m->nodes, dir);
}

static void tell_known(struct mount *m, const struct told *t)
{
	CLEANUP(buf_free) struct buf found = BUF_INIT;
	struct engine_level level;
	bool exact;
	if (is_item(t, &level)) {
		tell_item(m, t, &level);
		return;
	}
	drop_gone(m, t);
	struct node *top = nearest_node(m, t, t->path, &exact);
	if (top == NULL) {
		return;
	}
	if (!exact) {
		/* Nothing below is known; what lists it may list something else now. */
		notify_node(m->notify, top);
		node_unref(&m->nodes, top);
		return;
	}
	nodes_below(&m->nodes, top, collect_node, &found);
	tell_all(m, &found);
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	struct node *dir = node_place(&m->nodes, top, &name);
	if (dir != NULL) {
		notify_node(m->notify, dir);
	}
	node_unref(&m->nodes, dir);
	node_unref(&m->nodes, top);
}

/* Of a view that the kernel does not know it keeps nothing. */
static void tell_changed(struct mount *m, struct told *t)
{
	/* What was asked of the engine before must not be told as lasting. */
	m->nodes.changes++;
	if (t->view == NULL) {
		t->engine = service_named(m, t->service);
		if (t->engine != NULL) {
			tell_known(m, t);
		}
		return;
	}
	struct epath root = *t->path;
	bool exact;
	root.depth = t->view->depth;
	struct node *n = nearest_node(m, t, &root, &exact);
	if (n != NULL && n->owns_engine) {
		t->engine = n->engine;
		tell_known(m, t);
	}
	node_unref(&m->nodes, n);
}

static void host_changed_in(
	void *arg, const char *service, const struct engine_view_at *view, const struct epath *path)
{
	struct mount *m = arg;
	struct told t = {.service = service, .view = view, .path = path};
	pthread_rwlock_rdlock(&m->telling);
	/* While engines open nobody has seen anything yet; while they end (and their
	 * threads with them) nobody is left to tell. */
	if (m->notify != NULL) {
		tell_changed(m, &t);
	}
	pthread_rwlock_unlock(&m->telling);
}

static void host_changed(void *arg, const char *service, const struct epath *path)
{
	host_changed_in(arg, service, NULL, path);
}

static struct engine *host_peer(void *arg, const char *service)
{
	struct mount *m = arg;
	struct engine *e = m->all_open ? service_named(m, service) : NULL;
	for (unsigned i = 0; e != NULL && i < m->n_services; i++) {
		if (m->services[i] == e) {
			m->asked[i] = true;
		}
	}
	return e;
}

/* ---- what side files tell ---- */

static void scratch_failed(void *arg, uid_t uid, const char *path, const struct err *err)
{
	struct mount *m = arg;
	metrics_add(&m->metrics.errors, 1);
	errlog_add(&m->errlog, uid, "write", path, err->code, err->msg);
}

/* ---- opening ---- */

static bool service_read_only(const struct mountopts *o, const char *service)
{
	for (unsigned i = 0; i < o->n_read_only_services; i++) {
		if (strcmp(o->read_only_services[i], service) == 0) {
			return true;
		}
	}
	return o->read_only;
}

static const char *next_service(const void *arg, unsigned i)
{
	(void)arg;
	return engine_registry[i] != NULL ? engine_registry[i]->service : NULL;
}

static int check_read_only_names(const struct mountopts *o, struct err *err)
{
	for (unsigned i = 0; i < o->n_read_only_services; i++) {
		if (engine_find(o->read_only_services[i], NULL) == NULL) {
			const char *known = suggest(o->read_only_services[i], next_service, NULL);
			return err_set(err, EINVAL, "ro=%s: there is no such service%s%s",
				o->read_only_services[i], known != NULL ? "; did you mean " : "",
				known != NULL ? known : "");
		}
	}
	return 0;
}

static unsigned split_settings(
	const struct buf *text, struct engine_setting *settings, unsigned max)
{
	unsigned n = 0;
	for (const char *p = text->p; p < text->p + text->n && n < max; n++) {
		settings[n].key = p;
		p += strlen(p) + 1;
		settings[n].value = p;
		p += strlen(p) + 1;
	}
	return n;
}

/* A file for a service that is not built in would be missed only much later. */
static int check_named(const struct mountopts *o, struct err *err)
{
	for (unsigned i = 0; i < o->n_named; i++) {
		CLEANUP(buf_free) struct buf service = BUF_INIT;
		const char *key = o->named[i].key;
		buf_append(&service, key, strcspn(key, "."));
		if (engine_find(buf_cstr(&service), NULL) == NULL) {
			return err_set(err, EINVAL, "%s=%s: there is no service %s", key,
				o->named[i].value, buf_cstr(&service));
		}
	}
	return 0;
}

static int open_service(struct mount *m, const struct engine_ops *ops, struct err *err)
{
	CLEANUP(buf_free) struct buf dir = BUF_INIT;
	static const enum store_sync sync[] = {
		[MOUNTOPTS_SYNC_CLOSE] = STORE_SYNC_CLOSE,
		[MOUNTOPTS_SYNC_FSYNC] = STORE_SYNC_FSYNC,
		[MOUNTOPTS_SYNC_INTERVAL] = STORE_SYNC_INTERVAL,
	};
	buf_printf(&dir, "%s/%s", m->opts->site, ops->service);
	if (mkdir(buf_cstr(&dir), 0700) < 0 && errno != EEXIST) {
		return err_errno(err, "cannot make %s", buf_cstr(&dir));
	}
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	int rc = mountopts_settings(m->opts, ops->service, &text, err);
	unsigned max = m->opts->n_named + SETTINGS_MAX;
	CLEANUP(cleanup_free) struct engine_setting *settings = calloc(max, sizeof(*settings));
	if (rc < 0 || settings == NULL) {
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not know CLEANUP */
		return rc < 0 ? rc : err_set(err, ENOMEM, "out of memory");
	}
	struct engine_config config = {
		.dir = buf_cstr(&dir),
		.sync = sync[m->opts->sync],
		.read_only = service_read_only(m->opts, ops->service),
		.settings = settings,
		.n_settings = split_settings(&text, settings, max),
		.host = {.changed = host_changed,
			.event = host_event,
			.changed_in = host_changed_in,
			.event_in = host_event_in,
			.peer = host_peer,
			.arg = m},
	};
	rc = engine_open(ops, &config, &m->services[m->n_services], err);
	if (rc < 0) {
		return err_wrap(err, "%s", ops->service);
	}
	m->n_services++;
	return 0;
}

static int open_services(struct mount *m, struct err *err)
{
	int rc = check_read_only_names(m->opts, err);
	rc = rc == 0 ? check_named(m->opts, err) : rc;
	for (size_t i = 0; rc == 0 && engine_registry[i] != NULL; i++) {
		const struct engine_ops *ops = engine_registry[i];
		/* The first backend of each service. */
		if (engine_find(ops->service, NULL) == ops) {
			rc = open_service(m, ops, err);
		}
	}
	m->all_open = rc == 0;
	return rc;
}

static int check_empty(const char *path, struct err *err)
{
	DIR *d = opendir(path);
	int n = 0;
	if (d == NULL) {
		return err_errno(err, "mount point %s", path);
	}
	while (n <= 2 && readdir(d) != NULL) {
		n++;
	}
	closedir(d);
	return n <= 2 ? 0
		      : err_set(err, ENOTEMPTY,
				"mount point %s is not empty: name an empty directory, or make one "
				"with mkdir",
				path);
}

static int check_mountpoint(const char *path, struct err *err)
{
	struct stat st;
	if (stat(path, &st) < 0) {
		int code = errno;
		return code == ENOENT
			       ? err_set(err, ENOENT,
					 "mount point %s does not exist: mkdir it first", path)
		       : code == ENOTCONN
			       ? err_set(err, ENOTCONN,
					 "mount point %s holds a mount whose daemon is gone: "
					 "fusermount3 -u %s, then mount again",
					 path, path)
			       : err_errno(err, "mount point %s", path);
	}
	if (!S_ISDIR(st.st_mode)) {
		return err_set(err, ENOTDIR, "mount point %s is not a directory", path);
	}
	return check_empty(path, err);
}

static int check_device(struct err *err)
{
	CLEANUP(cleanup_close) int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fd >= 0) {
		return 0;
	}
	if (errno == ENOENT || errno == ENODEV || errno == ENXIO) {
		return err_set(err, ENODEV,
			"there is no /dev/fuse: load the module (modprobe fuse), or give the "
			"container the device (--device /dev/fuse --cap-add SYS_ADMIN)");
	}
	return err_errno(err, "/dev/fuse cannot be opened");
}

__attribute__((format(printf, 2, 0))) static void libfuse_log(
	enum fuse_log_level level, const char *fmt, va_list ap)
{
	char line[512];
	vsnprintf(line, sizeof(line), fmt, ap);
	line[strcspn(line, "\n")] = '\0';
	if (level <= FUSE_LOG_ERR) {
		log_error("libfuse: %s", line);
	} else {
		log_debug("libfuse: %s", line);
	}
}

static void session_options(const struct mountopts *o, struct buf *out)
{
	buf_puts(out, "fsname=dbmount,subtype=dbmount");
	if (o->allow_other) {
		buf_puts(out, ",allow_other");
	}
	if (o->default_permissions) {
		buf_puts(out, ",default_permissions");
	}
	if (o->read_only) {
		buf_puts(out, ",ro");
	}
	if (o->kernel_options != NULL && o->kernel_options[0] != '\0') {
		buf_printf(out, ",%s", o->kernel_options);
	}
}

static int open_session(struct mount *m, struct err *err)
{
	CLEANUP(buf_free) struct buf options = BUF_INIT;
	session_options(m->opts, &options);
	char name[] = "dbmount";
	char flag[] = "-o";
	buf_cstr(&options); /* ends it */
	char *argv[] = {name, flag, options.p, NULL};
	struct fuse_args args = FUSE_ARGS_INIT(3, argv);
	fuse_set_log_func(libfuse_log);
	ops_fill(m->opts, &m->ops);
	m->session = fuse_session_new(&args, &m->ops, sizeof(m->ops), m);
	fuse_opt_free_args(&args);
	if (m->session == NULL) {
		return err_set(err, EINVAL, "libfuse refuses the options %s", buf_cstr(&options));
	}
	if (fuse_session_mount(m->session, m->opts->mountpoint) != 0) {
		return err_set(err, EPERM,
			"cannot mount at %s: mounting needs root or the program fusermount3 "
			"(package fuse3)%s",
			m->opts->mountpoint,
			m->opts->allow_other ? "; allow_other needs user_allow_other in "
					       "/etc/fuse.conf"
					     : "");
	}
	m->mounted = true;
	return 0;
}

static int open_all(struct mount *m, struct err *err)
{
	int rc = nodes_init(&m->nodes, err);
	rc = rc == 0 ? check_device(err) : rc;
	rc = rc == 0 ? check_mountpoint(m->opts->mountpoint, err) : rc;
	rc = rc == 0 ? side_init(&m->side, m->opts->site, err) : rc;
	rc = rc == 0 ? errlog_init(&m->errlog, m->opts->site, err) : rc;
	rc = rc == 0 ? open_services(m, err) : rc;
	rc = rc == 0 ? open_session(m, err) : rc;
	if (rc < 0) {
		return rc;
	}
	pthread_rwlock_wrlock(&m->telling);
	m->notify = notify_new(m->session, &m->nodes, err);
	pthread_rwlock_unlock(&m->telling);
	m->loop = loop_new(m->session, m->opts->threads, m->opts->spin_us, err);
	return m->notify == NULL || m->loop == NULL ? -err->code : 0;
}

int mount_create(const struct mountopts *opts, struct mount **out, struct err *err)
{
	struct mount *m = calloc(1, sizeof(*m));
	if (m == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	m->opts = opts;
	m->started_ns = clock_wall_ns();
	m->errlog.fd = -1;
	m->side.max_bytes = opts->scratch_size;
	m->side.max_files = opts->scratch_files;
	m->side.max_rejected = opts->rejected_files;
	m->side.report = (struct side_report){scratch_failed, m};
	control_results_init(&m->results);
	pthread_rwlock_init(&m->telling, NULL);
	displaced_init(&m->displaced);
	pthread_mutex_init(&m->gather.lock, NULL);
	int rc = open_all(m, err);
	if (rc < 0) {
		mount_destroy(m);
		return rc;
	}
	*out = m;
	return 0;
}

int mount_loop(struct mount *m, struct err *err)
{
	return loop_run(m->loop, err);
}

void mount_stop(struct mount *m)
{
	/* Requests that wait for notices to be told would keep the loop from ending:
	 * a notice may wait for a request that is not read any more. */
	notify_stop(m->notify);
	loop_stop(m->loop);
}

/* Who stands in front of another still needs it at its end. */
static void close_services(struct mount *m)
{
	bool last[MOUNT_SERVICES_MAX];
	m->all_open = false;
	for (unsigned i = 0; i < m->n_services; i++) {
		last[i] = m->asked[i];
	}
	for (unsigned turn = 0; turn < 2; turn++) {
		for (unsigned i = 0; i < m->n_services; i++) {
			if (last[i] == (turn == 1)) {
				engine_unref(m->services[i]);
			}
		}
	}
}

void mount_destroy(struct mount *m)
{
	if (m == NULL) {
		return;
	}
	if (m->mounted && m->loop != NULL && loop_was_stopped(m->loop)) {
		/* Requests that nobody will answer any more must not keep locks that a
		 * notice under way waits for. Works for root; else the window stays. */
		umount2(m->opts->mountpoint, MNT_FORCE | MNT_DETACH);
	}
	if (m->mounted) {
		fuse_session_unmount(m->session);
	}
	pthread_rwlock_wrlock(&m->telling);
	struct notify *notify = m->notify;
	m->notify = NULL;
	pthread_rwlock_unlock(&m->telling);
	notify_free(notify);
	if (m->session != NULL) {
		fuse_session_destroy(m->session);
	}
	loop_free(m->loop);
	displaced_finish(m);
	pthread_mutex_destroy(&m->gather.lock);
	/* Nodes of views let go of their engines; then the services end. */
	nodes_finish(&m->nodes);
	close_services(m);
	side_finish(&m->side); /* may have something to say in the error log */
	errlog_finish(&m->errlog);
	control_results_finish(&m->results);
	pthread_rwlock_destroy(&m->telling);
	free(m);
}
