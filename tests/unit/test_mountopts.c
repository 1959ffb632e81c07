/* Options: every key, every refusal by its text, and who wins. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mountopts/mountopts.h"
#include "tests/unit/fixture.h"

static char site[SITE_MAX];
static struct mountopts o;
static struct err err;

static void setup(void)
{
	make_site(site);
	err_clear(&err);
}

static void conf_path(char path[128])
{
	snprintf(path, 128, "%s/dbmount.conf", site);
}

static void teardown(void)
{
	remove_site(site);
	mountopts_finish(&o);
}

static void write_conf(const char *text)
{
	char path[128];
	conf_path(path);
	FILE *f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

/* Parses "dbmount ARGS..." with the words given; NULL ends. */
static int parse_words(const char *const *words)
{
	int argc = 0;
	while (words[argc] != NULL) {
		argc++;
	}
	mountopts_finish(&o);
	err_clear(&err);
	return mountopts_parse(&o, argc, (char *const *)words, &err);
}

#define parse(...) parse_words((const char *const[]){"dbmount", __VA_ARGS__, NULL})

/* Options over a SITE that is there, and a mount point. */
#define parse_o(list) parse("-o", list, site, "/mnt")

#define assert_refused(r, text)                                                                    \
	do {                                                                                       \
		ck_assert_int_eq(r, -EINVAL);                                                      \
		ck_assert_int_eq(err.code, EINVAL);                                                \
		ck_assert_str_eq(err.msg, text);                                                   \
	} while (0)

/* A conf refusal begins with the path of the file, which changes. */
static void assert_conf_refused(const char *conf, const char *tail)
{
	char whole[ERR_MSG_MAX];
	write_conf(conf);
	snprintf(whole, sizeof(whole), "%s/dbmount.conf%s", site, tail);
	assert_refused(parse(site, "/mnt"), whole);
}

/* ---- what is set when nothing is said ---- */

START_TEST(test_defaults)
{
	ck_assert_int_eq(parse(site, "/mnt"), 0);
	ck_assert_int_eq(o.action, MOUNTOPTS_MOUNT);
	ck_assert_str_eq(o.site, site);
	ck_assert_str_eq(o.mountpoint, "/mnt");
	ck_assert(!o.foreground && !o.debug && !o.read_only && !o.allow_other);
	ck_assert(!o.default_permissions && !o.show_reserved && !o.xattr && !o.dynamodb_typed);
	ck_assert_uint_eq(o.n_read_only_services, 0);
	ck_assert_uint_eq(o.uid, getuid());
	ck_assert_uint_eq(o.gid, getgid());
	ck_assert_uint_eq(o.umask, 077);
	ck_assert_int_eq(o.sync, MOUNTOPTS_SYNC_CLOSE);
	ck_assert_uint_eq(o.max_file_size, 64 << 20);
	ck_assert_uint_eq(o.scratch_size, 256 << 20);
	ck_assert_uint_eq(o.scratch_files, 1000);
	ck_assert_uint_eq(o.rejected_files, 100);
	ck_assert_uint_eq(o.threads, 8);
	ck_assert_uint_eq(o.spin_us, 50);
	ck_assert_uint_eq(o.docdb_ttl_interval, 60);
	ck_assert_int_eq(o.redshift_driver, MOUNTOPTS_AUTO);
	ck_assert_str_eq(o.kernel_options, "");
	char log[128];
	snprintf(log, sizeof(log), "%s/dbmount.log", site);
	ck_assert_str_eq(o.log_file, log);
}
END_TEST

/* ---- each option ---- */

START_TEST(test_flags)
{
	ck_assert_int_eq(parse_o("ro,default_permissions,show_reserved,xattr"), 0);
	ck_assert(o.read_only && o.default_permissions && o.show_reserved && o.xattr);
	ck_assert_int_eq(parse_o("show_reserved=yes,xattr=no"), 0);
	ck_assert(o.show_reserved && !o.xattr);
}
END_TEST

START_TEST(test_ro_of_services)
{
	ck_assert_int_eq(parse_o("ro=dynamodb,ro=rds,ro=rds"), 0);
	ck_assert(!o.read_only);
	ck_assert_uint_eq(o.n_read_only_services, 2);
	ck_assert_str_eq(o.read_only_services[0], "dynamodb");
	ck_assert_str_eq(o.read_only_services[1], "rds");
	assert_refused(parse_o("ro=a,ro=b,ro=c,ro=d,ro=e,ro=f,ro=g,ro=h,ro=i"),
		"-o ro=a,ro=b,ro=c,ro=d,ro=e,ro=f,ro=g,ro=h,ro=i: ro=i: at most 8 services can be "
		"named");
}
END_TEST

START_TEST(test_allow_other_brings_checks_and_a_wider_umask)
{
	ck_assert_int_eq(parse_o("allow_other"), 0);
	ck_assert(o.allow_other && o.default_permissions);
	ck_assert_uint_eq(o.umask, 022);
	ck_assert_int_eq(parse_o("allow_other,umask=007,default_permissions=no"), 0);
	ck_assert_uint_eq(o.umask, 07);
	ck_assert(o.default_permissions);
}
END_TEST

START_TEST(test_ids)
{
	ck_assert_int_eq(parse_o("uid=1234,gid=4321"), 0);
	ck_assert_uint_eq(o.uid, 1234);
	ck_assert_uint_eq(o.gid, 4321);
	ck_assert_int_eq(parse_o("uid=root,gid=root"), 0);
	ck_assert_uint_eq(o.uid, 0);
	ck_assert_uint_eq(o.gid, 0);
	assert_refused(parse_o("uid=no such"),
		"-o uid=no such: uid=no such: no user of this name or number");
	assert_refused(parse_o("gid=-1"), "-o gid=-1: gid=-1: no group of this name or number");
	ck_assert_int_eq(parse_o("uid=4294967294"), 0);
	ck_assert_int_eq(parse_o("uid=4294967295"), -EINVAL);
	ck_assert_int_eq(parse_o("uid=4294967296"), -EINVAL);
}
END_TEST

START_TEST(test_umask)
{
	ck_assert_int_eq(parse_o("umask=0"), 0);
	ck_assert_uint_eq(o.umask, 0);
	ck_assert_int_eq(parse_o("umask=0777"), 0);
	ck_assert_uint_eq(o.umask, 0777);
	assert_refused(parse_o("umask=8"),
		"-o umask=8: umask=8: accepted are octal numbers from 0 to 777");
	ck_assert_int_eq(parse_o("umask=1000"), -EINVAL);
}
END_TEST

START_TEST(test_sync)
{
	ck_assert_int_eq(parse_o("sync=fsync"), 0);
	ck_assert_int_eq(o.sync, MOUNTOPTS_SYNC_FSYNC);
	ck_assert_int_eq(parse_o("sync=interval"), 0);
	ck_assert_int_eq(o.sync, MOUNTOPTS_SYNC_INTERVAL);
	/* mount(8)'s bare word asks for what close gives. */
	ck_assert_int_eq(parse_o("sync=interval,sync"), 0);
	ck_assert_int_eq(o.sync, MOUNTOPTS_SYNC_CLOSE);
	assert_refused(parse_o("sync=never"),
		"-o sync=never: sync=never: accepted are close, fsync, interval");
}
END_TEST

START_TEST(test_dynamodb_json)
{
	ck_assert_int_eq(parse_o("dynamodb_json=typed"), 0);
	ck_assert(o.dynamodb_typed);
	ck_assert_int_eq(parse_o("dynamodb_json=typed,dynamodb_json=plain"), 0);
	ck_assert(!o.dynamodb_typed);
	assert_refused(parse_o("dynamodb_json=x"),
		"-o dynamodb_json=x: dynamodb_json=x: accepted are plain, typed");
}
END_TEST

START_TEST(test_redshift_driver)
{
	ck_assert_int_eq(parse_o("redshift_driver=sqlite"), 0);
	ck_assert_int_eq(o.redshift_driver, MOUNTOPTS_SQLITE);
	ck_assert_int_eq(parse_o("redshift_driver=duckdb"), 0);
	ck_assert_int_eq(o.redshift_driver, MOUNTOPTS_DUCKDB);
	assert_refused(parse_o("redshift_driver=x"),
		"-o redshift_driver=x: redshift_driver=x: accepted are auto, duckdb, sqlite");
}
END_TEST

START_TEST(test_sizes)
{
	ck_assert_int_eq(parse_o("max_file_size=1G,scratch_size=3k"), 0);
	ck_assert_uint_eq(o.max_file_size, 1 << 30);
	ck_assert_uint_eq(o.scratch_size, 3072);
	ck_assert_int_eq(parse_o("max_file_size=2048,scratch_size=0"), 0);
	ck_assert_uint_eq(o.max_file_size, 2048);
	ck_assert_uint_eq(o.scratch_size, 0);
	assert_refused(parse_o("max_file_size=5x"), "-o max_file_size=5x: max_file_size=5x is not "
						    "a size: accepted are 1K to 64G, in bytes "
						    "or with K, M or G");
	const char *const bad[] = {"max_file_size=0", "max_file_size=65G", "max_file_size=K",
		"max_file_size=-1", "max_file_size=1.5M", "max_file_size=99999999999999999999",
		"max_file_size=18446744073709551615G", "scratch_size=1KK", "scratch_size= 1", NULL};
	for (unsigned i = 0; bad[i] != NULL; i++) {
		ck_assert_msg(parse_o(bad[i]) == -EINVAL, "%s was accepted", bad[i]);
	}
}
END_TEST

START_TEST(test_numbers)
{
	ck_assert_int_eq(parse_o("scratch_files=5,rejected_files=0,threads=64,spin_us=0"), 0);
	ck_assert_uint_eq(o.scratch_files, 5);
	ck_assert_uint_eq(o.rejected_files, 0);
	ck_assert_uint_eq(o.threads, 64);
	ck_assert_uint_eq(o.spin_us, 0);
	assert_refused(
		parse_o("threads=0"), "-o threads=0: threads=0 is not a number from 1 to 64");
	ck_assert_int_eq(parse_o("docdb.ttl_interval=5"), 0);
	ck_assert_uint_eq(o.docdb_ttl_interval, 5);
	assert_refused(parse_o("docdb.ttl_interval=0"),
		"-o docdb.ttl_interval=0: docdb.ttl_interval=0 is not a number from 1 to 86400");
	assert_refused(parse_o("spin_us=1001"),
		"-o spin_us=1001: spin_us=1001 is not a number from 0 to 1000");
	assert_refused(parse_o("scratch_files=1K"),
		"-o scratch_files=1K: scratch_files=1K is not a number from 0 to 1000000");
	ck_assert_int_eq(parse_o("rejected_files=100001"), -EINVAL);
}
END_TEST

START_TEST(test_log)
{
	ck_assert_int_eq(parse_o("log=/var/log/x"), 0);
	ck_assert_str_eq(o.log_file, "/var/log/x");
	char cwd[256];
	char want[300];
	ck_assert_ptr_nonnull(getcwd(cwd, sizeof(cwd)));
	ck_assert_int_eq(parse_o("log=x.log"), 0);
	snprintf(want, sizeof(want), "%s/x.log", cwd);
	ck_assert_str_eq(o.log_file, want);
}
END_TEST

START_TEST(test_availability_zones)
{
	char want[300];
	ck_assert_int_eq(parse(site, "/mnt"), 0);
	snprintf(want, sizeof(want), "%s/az-a", site);
	ck_assert_str_eq(o.az_a, want);
	snprintf(want, sizeof(want), "%s/az-b", site);
	ck_assert_str_eq(o.az_b, want);
	write_conf("az.b=other disk\n");
	ck_assert_int_eq(parse("-o", "az.a=/fast", site, "/mnt"), 0);
	ck_assert_str_eq(o.az_a, "/fast");
	snprintf(want, sizeof(want), "%s/other disk", site);
	ck_assert_str_eq(o.az_b, want);
	assert_refused(
		parse_o("az.c=/x"), "-o az.c=/x: unknown option 'az.c'; did you mean 'az.a'?");
}
END_TEST

START_TEST(test_options_with_a_name_in_the_key)
{
	char want[300];
	write_conf("rds.shop=/conf.db\nrds.b=b.db\n");
	ck_assert_int_eq(parse("-o", "rds.shop=/argv.db,rds.x.y=/dotted", site, "/mnt"), 0);
	ck_assert_uint_eq(o.n_named, 3);
	ck_assert_str_eq(o.named[0].key, "rds.shop");
	ck_assert_str_eq(o.named[0].value, "/argv.db");
	ck_assert_str_eq(o.named[1].key, "rds.x.y");
	ck_assert_str_eq(o.named[2].key, "rds.b");
	snprintf(want, sizeof(want), "%s/b.db", site);
	ck_assert_str_eq(o.named[2].value, want);
	ck_assert_int_eq(parse("-o", "rds.b=/1,rds.b=/2", site, "/mnt"), 0);
	ck_assert_str_eq(o.named[0].value, "/2");
	assert_conf_refused("rds.b=1\nrds.b=2\n", ", line 2: rds.b is set twice, first in line 1");
	write_conf("");
	assert_refused(parse_o("rds."), "-o rds.: rds. lacks a name behind the dot: rds.NAME=FILE");
	assert_refused(parse_o("rds.a"), "-o rds.a: rds.a needs a value: rds.a=FILE");
	assert_refused(parse_o("rds.a="), "-o rds.a=: rds.a= has no value");
	assert_refused(parse_o("rdss.shop=x"),
		"-o rdss.shop=x: unknown option 'rdss.shop'; did you mean 'rds.NAME'?");
}
END_TEST

static bool has_setting(const struct buf *all, const char *key, const char *value)
{
	for (size_t i = 0; i < all->n;) {
		const char *k = all->p + i;
		const char *v = k + strlen(k) + 1;
		if (strcmp(k, key) == 0 && strcmp(v, value) == 0) {
			return true;
		}
		i += strlen(k) + strlen(v) + 2;
	}
	return false;
}

START_TEST(test_each_service_gets_its_own_settings)
{
	struct buf dynamodb = BUF_INIT;
	struct buf rds = BUF_INIT;
	ck_assert_int_eq(parse_o("az.a=/a,az.b=/b,rds.shop=/s,dynamodb_json=typed"), 0);
	ck_assert_int_eq(mountopts_settings(&o, "dynamodb", &dynamodb, NULL), 0);
	ck_assert_int_eq(mountopts_settings(&o, "rds", &rds, NULL), 0);
	ck_assert(has_setting(&dynamodb, "dynamodb_json", "typed"));
	ck_assert(!has_setting(&dynamodb, "rds.shop", "/s"));
	ck_assert(has_setting(&rds, "rds.shop", "/s"));
	ck_assert(!has_setting(&rds, "dynamodb_json", "typed"));
	ck_assert(has_setting(&dynamodb, "az.a", "/a") && has_setting(&rds, "az.b", "/b"));
	buf_free(&dynamodb);
	buf_free(&rds);
}
END_TEST

START_TEST(test_a_value_is_needed)
{
	assert_refused(parse_o("threads"), "-o threads: threads needs a value: threads=N");
	assert_refused(parse_o("log="), "-o log=: log= has no value");
	assert_refused(parse_o("ro="), "-o ro=: ro= has no value");
	assert_refused(parse_o("xattr=maybe"),
		"-o xattr=maybe: xattr=maybe: accepted are xattr, xattr=yes and xattr=no");
}
END_TEST

/* ---- letters ---- */

START_TEST(test_letters)
{
	ck_assert_int_eq(parse("-f", site, "/mnt"), 0);
	ck_assert(o.foreground && !o.debug);
	ck_assert_int_eq(parse("-d", site, "/mnt"), 0);
	ck_assert(o.foreground && o.debug);
	ck_assert_int_eq(parse("-s", site, "/mnt"), 0);
	ck_assert_uint_eq(o.threads, 1);
	ck_assert_int_eq(parse("-fo", "ro", site, "-oxattr", "/mnt"), 0);
	ck_assert(o.foreground && o.read_only && o.xattr);
	ck_assert_int_eq(parse_o("debug"), 0);
	ck_assert(o.foreground && o.debug);
	assert_refused(parse("-q", site, "/mnt"),
		"unknown option -q; known are -f, -d, -s, -o, -h and -V");
	assert_refused(parse(site, "/mnt", "-o"), "-o needs a list of options behind it");
}
END_TEST

START_TEST(test_lists_repeat_and_commas_escape)
{
	ck_assert_int_eq(parse("-o", "ro,xattr", "-o", "log=/a\\,b\\\\c\\d", site, "/mnt"), 0);
	ck_assert(o.read_only && o.xattr);
	ck_assert_str_eq(o.log_file, "/a,b\\c\\d");
	assert_refused(parse_o("ro,,xattr"), "-o ro,,xattr: an option is empty");
	assert_refused(parse_o(""), "-o : an option is empty");
}
END_TEST

START_TEST(test_help_and_version_check_nothing_else)
{
	ck_assert_int_eq(parse("--help"), 0);
	ck_assert_int_eq(o.action, MOUNTOPTS_HELP);
	ck_assert_int_eq(parse("-h", "-o", "nonsense"), 0);
	ck_assert_int_eq(o.action, MOUNTOPTS_HELP);
	ck_assert_int_eq(parse("--version"), 0);
	ck_assert_int_eq(o.action, MOUNTOPTS_VERSION);
	ck_assert_int_eq(parse("-V"), 0);
	ck_assert_int_eq(o.action, MOUNTOPTS_VERSION);
	assert_refused(parse("--halp"),
		"unknown option --halp; known are --help and --version, others go behind -o");
}
END_TEST

START_TEST(test_operands)
{
	static const char missing_both[] =
		"SITE and MOUNTPOINT are missing; usage: dbmount [options] "
		"SITE MOUNTPOINT";
	assert_refused(parse("-f"), missing_both);
	assert_refused(
		parse(site), "MOUNTPOINT is missing; usage: dbmount [options] SITE MOUNTPOINT");
	assert_refused(parse(site, "/mnt", "/x"),
		"'/x' is one argument too many; usage: dbmount [options] SITE MOUNTPOINT");
	assert_refused(parse("-", "/mnt"),
		"'-' is no argument here; usage: dbmount [options] SITE MOUNTPOINT");
	assert_refused(parse("", "/mnt"),
		"an argument is empty; usage: dbmount [options] SITE MOUNTPOINT");
	ck_assert_int_eq(parse("--", "-site", "-mnt"), 0);
}
END_TEST

START_TEST(test_paths_become_absolute)
{
	char cwd[256];
	char want[300];
	ck_assert_ptr_nonnull(getcwd(cwd, sizeof(cwd)));
	ck_assert_int_eq(parse("no/such/site///", "."), 0);
	snprintf(want, sizeof(want), "%s/no/such/site", cwd);
	ck_assert_str_eq(o.site, want);
	ck_assert_str_eq(o.mountpoint, cwd);
	ck_assert_int_eq(parse("/", "//"), 0);
	ck_assert_str_eq(o.site, "/");
	ck_assert_str_eq(o.mountpoint, "/");
}
END_TEST

/* ---- unknown words, words of others ---- */

START_TEST(test_unknown_options_name_the_nearest)
{
	assert_refused(parse_o("show_reservd"),
		"-o show_reservd: unknown option 'show_reservd'; did you mean 'show_reserved'?");
	assert_refused(parse_o("alow_other=x"),
		"-o alow_other=x: unknown option 'alow_other'; did you mean 'allow_other'?");
	assert_refused(parse_o("ro,nosiud"),
		"-o ro,nosiud: unknown option 'nosiud'; did you mean 'nosuid'?");
	assert_refused(
		parse_o("fsnam=x"), "-o fsnam=x: unknown option 'fsnam'; did you mean 'fsname'?");
	assert_refused(parse_o("quux-corge"),
		"-o quux-corge: unknown option 'quux-corge'; --help lists the options");
	assert_refused(parse_o("remount,ro"),
		"-o remount,ro: a mount cannot be changed with remount: "
		"unmount it and mount it again");
}
END_TEST

START_TEST(test_words_of_mount_are_ignored)
{
	static const char list[] = "rw,defaults,auto,noauto,user,users,nouser,nofail,_netdev,owner,"
				   "group,async,relatime,nodiratime,strictatime,lazytime,"
				   "x-systemd.automount,X-mount.mkdir,comment=a b";
	ck_assert_int_eq(parse_o(list), 0);
	ck_assert_str_eq(o.kernel_options, "");
	ck_assert_int_eq(parse_o("ro,rw"), 0);
	ck_assert_msg(o.read_only, "mount(8) adds rw by itself: it takes nothing back");
}
END_TEST

START_TEST(test_words_of_the_kernel_are_passed_on)
{
	static const char list[] =
		"nosuid,nodev,noexec,noatime,dev,suid,exec,atime,dirsync,auto_unmount,"
		"fsname=a\\,b\\\\c,subtype=db";
	ck_assert_int_eq(parse_o(list), 0);
	ck_assert_str_eq(o.kernel_options,
		"nosuid,nodev,noexec,noatime,dev,suid,exec,atime,dirsync,"
		"auto_unmount,fsname=a\\,b\\\\c,subtype=db");
	ck_assert_int_eq(parse_o("fsname="), -EINVAL);
}
END_TEST

/* ---- dbmount.conf ---- */

START_TEST(test_conf_lines)
{
	write_conf("\xef\xbb\xbf# all of it\n\n  xattr\nsync = fsync\t# why not\r\nthreads=3\n"
		   "umask = 007\nro=rds\nlog=logs/a#b\nfsname=a,b\nnofail");
	ck_assert_int_eq(parse(site, "/mnt"), 0);
	ck_assert(o.xattr);
	ck_assert_int_eq(o.sync, MOUNTOPTS_SYNC_FSYNC);
	ck_assert_uint_eq(o.threads, 3);
	ck_assert_uint_eq(o.umask, 07);
	ck_assert_uint_eq(o.n_read_only_services, 1);
	char log[128];
	snprintf(log, sizeof(log), "%s/logs/a#b", site);
	ck_assert_str_eq(o.log_file, log);
	ck_assert_str_eq(o.kernel_options, "fsname=a\\,b");
}
END_TEST

START_TEST(test_the_command_line_wins)
{
	write_conf("xattr\nsync=fsync\nthreads=3\nlog=/a\nallow_other\numask=0\n");
	ck_assert_int_eq(
		parse("-s", "-o", "xattr=no,sync=interval,log=/b,umask=70", site, "/mnt"), 0);
	ck_assert(!o.xattr && o.allow_other);
	ck_assert_int_eq(o.sync, MOUNTOPTS_SYNC_INTERVAL);
	ck_assert_uint_eq(o.threads, 1);
	ck_assert_str_eq(o.log_file, "/b");
	ck_assert_uint_eq(o.umask, 070);
}
END_TEST

START_TEST(test_read_only_adds_up)
{
	write_conf("ro\nro=rds\nro=docdb\n");
	ck_assert_int_eq(parse_o("rw,ro=dynamodb"), 0);
	ck_assert(o.read_only);
	ck_assert_uint_eq(o.n_read_only_services, 3);
}
END_TEST

START_TEST(test_conf_refusals_name_file_and_line)
{
	assert_conf_refused(
		"# x\nxatr\n", ", line 2: unknown option 'xatr'; did you mean 'xattr'?");
	assert_conf_refused(
		"threads=3\n\nthreads=4", ", line 3: threads is set twice, first in line 1");
	assert_conf_refused("threads=\n", ", line 1: threads= has no value");
	assert_conf_refused(
		"xattr,ro\n", ", line 1: unknown option 'xattr,ro'; did you mean 'xattr'?");
	assert_conf_refused("=\n", ", line 1: unknown option ''; --help lists the options");
}
END_TEST

START_TEST(test_a_bad_line_is_refused_also_when_overridden)
{
	write_conf("threads=many\n");
	ck_assert_int_eq(parse_o("threads=2"), -EINVAL);
	ck_assert_str_eq(
		strchr(err.msg, ',') + 1, " line 1: threads=many is not a number from 1 to 64");
}
END_TEST

START_TEST(test_conf_that_cannot_be_read)
{
	char path[128];
	conf_path(path);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(parse(site, "/mnt"), -EISDIR);
	rmdir(path);
	FILE *f = fopen(path, "w");
	for (int i = 0; i < 70000; i++) {
		fputc('\n', f);
	}
	fclose(f);
	ck_assert_int_eq(parse(site, "/mnt"), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.msg, "is longer than 65536 bytes"));
	unlink(path);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(parse(site, "/mnt"), 0);
	unlink(path);
}
END_TEST

/* ---- text ---- */

START_TEST(test_help_names_every_option)
{
	struct buf help = BUF_INIT;
	mountopts_help(&help);
	const char *const words[] = {"-f ", "-d ", "-s ", "--help", "--version", "ro[=SERVICE]",
		"allow_other", "default_permissions", "uid=USER", "gid=GROUP", "umask=OCTAL",
		"debug", "show_reserved", "xattr", "sync=close|fsync|interval",
		"dynamodb_json=plain|typed", "max_file_size=SIZE", "scratch_size=SIZE",
		"scratch_files=N", "rejected_files=N", "threads=N", "spin_us=N", "log=FILE",
		"az.a=DIR", "az.b=DIR", "rds.NAME=FILE", NULL};
	for (unsigned i = 0; words[i] != NULL; i++) {
		ck_assert_msg(strstr(buf_cstr(&help), words[i]) != NULL, "%s is missing", words[i]);
	}
	for (const char *line = buf_cstr(&help); line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		ck_assert_uint_le(strcspn(line, "\n"), 90);
	}
	buf_free(&help);
}
END_TEST

START_TEST(test_what_is_printed_can_be_a_conf)
{
	struct buf first = BUF_INIT;
	struct buf second = BUF_INIT;
	static const char list[] =
		"ro,ro=rds,allow_other,uid=7,gid=8,umask=17,xattr,sync=interval,"
		"dynamodb_json=typed,max_file_size=5000,scratch_size=2G,threads=2,"
		"spin_us=9,log=/l,az.a=/a,az.b=/b,rds.shop=/s,nodev,fsname=a\\,b";
	ck_assert_int_eq(parse_o(list), 0);
	mountopts_print(&o, &first);
	ck_assert_str_eq(buf_cstr(&first),
		"ro\nro=rds\nallow_other=yes\ndefault_permissions=yes\nuid=7\ngid=8\numask=017\n"
		"debug=no\nshow_reserved=no\nxattr=yes\nsync=interval\ndynamodb_json=typed\n"
		"max_file_size=5000\nscratch_size=2G\nscratch_files=1000\nrejected_files=100\n"
		"threads=2\nspin_us=9\nlog=/l\naz.a=/a\naz.b=/b\ndocdb.ttl_interval=60\n"
		"redshift_driver=auto\nrds.shop=/"
		"s\nnodev\nfsname=a,b\n");
	write_conf(buf_cstr(&first));
	ck_assert_int_eq(parse(site, "/mnt"), 0);
	mountopts_print(&o, &second);
	ck_assert_str_eq(buf_cstr(&first), buf_cstr(&second));
	buf_free(&first);
	buf_free(&second);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("mountopts");
	TCase *t = tcase_create("mountopts");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_defaults);
	tcase_add_test(t, test_flags);
	tcase_add_test(t, test_ro_of_services);
	tcase_add_test(t, test_allow_other_brings_checks_and_a_wider_umask);
	tcase_add_test(t, test_ids);
	tcase_add_test(t, test_umask);
	tcase_add_test(t, test_sync);
	tcase_add_test(t, test_dynamodb_json);
	tcase_add_test(t, test_redshift_driver);
	tcase_add_test(t, test_sizes);
	tcase_add_test(t, test_numbers);
	tcase_add_test(t, test_log);
	tcase_add_test(t, test_availability_zones);
	tcase_add_test(t, test_options_with_a_name_in_the_key);
	tcase_add_test(t, test_each_service_gets_its_own_settings);
	tcase_add_test(t, test_a_value_is_needed);
	tcase_add_test(t, test_letters);
	tcase_add_test(t, test_lists_repeat_and_commas_escape);
	tcase_add_test(t, test_help_and_version_check_nothing_else);
	tcase_add_test(t, test_operands);
	tcase_add_test(t, test_paths_become_absolute);
	tcase_add_test(t, test_unknown_options_name_the_nearest);
	tcase_add_test(t, test_words_of_mount_are_ignored);
	tcase_add_test(t, test_words_of_the_kernel_are_passed_on);
	tcase_add_test(t, test_conf_lines);
	tcase_add_test(t, test_the_command_line_wins);
	tcase_add_test(t, test_read_only_adds_up);
	tcase_add_test(t, test_conf_refusals_name_file_and_line);
	tcase_add_test(t, test_a_bad_line_is_refused_also_when_overridden);
	tcase_add_test(t, test_conf_that_cannot_be_read);
	tcase_add_test(t, test_help_names_every_option);
	tcase_add_test(t, test_what_is_printed_can_be_a_conf);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
