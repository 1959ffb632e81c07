#!/bin/bash
# The command line, SITE, and how a mount begins and ends (DESIGN 1).
AUTOMOUNT=no
. "$(dirname "$0")/lib.sh"

# Each test has a SITE of its own: $SITE and $MNT are given anew.
begin() {
	SITE=$WORK/site-$RANDOM
	MNT=$WORK/mnt-$RANDOM
	DDB=$MNT/dynamodb
	T=$DDB/Table
	mkdir "$MNT"
	trap end EXIT
}

end() {
	is_mounted && stop_mount
	local pid
	if pid=$(daemon_pid); then kill -9 "$pid"; fi
}

with_item() {
	start_mount "$@"
	mkdir -p "$T/p"
	echo '{"n": 1}' >"$T/p/a.json"
}

# refused PATTERN ARGUMENT..: the command ends with status 1 before it detaches, and says why.
refused() {
	local pattern=$1
	shift
	fails_with 1 timeout 20 "$DBMOUNT" "$@"
	check_has "said by dbmount $*" "$(cat "$OUT")" "$pattern"
	check_eq lines 1 "$(grep -c . "$OUT")"
}

# ------------------------------------------------------------------ help and refusals

test_help_names_every_option() {
	local text word
	text=$("$DBMOUNT" --help)
	for word in ro allow_other uid= gid= umask= default_permissions show_reserved xattr sync= \
		dynamodb_json= max_file_size= scratch_size= scratch_files= rejected_files= threads= log= az.a= az.b= docdb.ttl_interval= rds.NAME= -f -d --version; do
		grep -qF -e "$word" <<<"$text" || { echo "not in --help: $word"; return 1; }
	done
}

test_version_is_one_line() {
	check_has version "$("$DBMOUNT" --version)" '^dbmount [0-9]+\.[0-9]+'
	check_eq lines 1 "$("$DBMOUNT" --version | wc -l)"
}

test_unknown_options_name_the_nearest() {
	begin
	refused 'show_reserved' -o show_reservd "$SITE" "$MNT"
	refused 'umask' -o umaks=022 "$SITE" "$MNT"
	refused '.help' --hepl "$SITE" "$MNT"
}

test_a_file_for_a_service_that_is_not_there_is_refused() {
	begin
	refused 'did you mean .rds.NAME' -o rdx.shop=/x "$SITE" "$MNT"
	refused 'rds. lacks a name' -o rds.=/x "$SITE" "$MNT"
}

test_malformed_values_are_refused_by_name() {
	begin
	refused 'sync.*close' -o sync=never "$SITE" "$MNT"
	refused 'uid' -o uid=many "$SITE" "$MNT"
	refused 'umask' -o umask=9 "$SITE" "$MNT"
	refused 'threads' -o threads=0 "$SITE" "$MNT"
	refused 'threads' -o threads=65 "$SITE" "$MNT"
	refused 'scratch_size' -o scratch_size=12Q "$SITE" "$MNT"
	refused 'dynamodb_json.*plain' -o dynamodb_json=xml "$SITE" "$MNT"
	refused 'ro=.*dynamodb|dynamodb.*ro' -o ro=dynamo "$SITE" "$MNT"
	refused 'show_reserved' -o show_reserved=perhaps "$SITE" "$MNT"
}

test_missing_arguments_are_refused() {
	begin
	refused 'MOUNTPOINT|mount point' "$SITE"
	refused 'SITE' -f
	refused 'third|extra|too many|argument' "$SITE" "$MNT" "$MNT"
}

test_missing_mount_point_is_told() {
	begin
	refused "$WORK/none" "$SITE" "$WORK/none"
	touch "$WORK/file"
	refused "$WORK/file" "$SITE" "$WORK/file"
}

test_mount_point_that_is_not_empty_is_refused() {
	begin
	touch "$MNT/something"
	refused 'empty' "$SITE" "$MNT"
}

test_site_that_cannot_be_made_is_told() {
	begin
	touch "$WORK/plainfile"
	refused 'plainfile' "$WORK/plainfile/site" "$MNT"
	refused 'plainfile' "$WORK/plainfile" "$MNT"
}

test_locked_site_names_the_pid() {
	begin
	start_mount
	mkdir "$WORK/second"
	refused "$(daemon_pid)" "$SITE" "$WORK/second"
	check_has said "$(cat "$OUT")" 'in use|lock'
}

test_lock_of_a_killed_daemon_does_not_stay() {
	begin
	with_item
	kill_daemon
	start_mount
	check_eq n 1 "$(jq .n "$T/p/a.json")"
}

# ------------------------------------------------------------------ beginning and ending

test_site_is_created() {
	begin
	start_mount
	test -d "$SITE"
}

test_the_command_detaches_and_serves() {
	begin
	"$DBMOUNT" "$SITE" "$MNT"
	is_mounted
	mkdir "$T"
	check_eq listing Table "$(ls "$DDB")"
	stop_mount
}

test_f_stays_in_the_foreground() {
	begin
	start_mount
	# start_mount uses -f: its process is still the daemon.
	check_eq pid "$(cat "$WORK/pid")" "$(daemon_pid)"
}

test_d_writes_debug_lines() {
	begin
	start_mount -d
	mkdir "$T"
	stop_mount
	test "$(wc -l <"$WORK/daemon.log")" -gt 0 || test -s "$SITE/dbmount.log"
	: >"$WORK/daemon.log"
}

test_umount_ends_the_daemon_with_status_0() {
	begin
	with_item
	stop_mount
	check_eq status 0 "$(cat "$WORK/status")"
}

test_fusermount3_ends_it_too() {
	begin
	with_item
	fusermount3 -u "$MNT"
	wait_for 10 no_daemon
	wait_for 5 test -s "$WORK/status"
	check_eq status 0 "$(cat "$WORK/status")"
}

signal_ends() {
	begin
	with_item
	echo '{"n": 2}' >"$T/p/a.json"
	kill "-$1" "$(daemon_pid)"
	wait_for 10 no_daemon
	wait_for 5 test -s "$WORK/status"
	check_eq status 0 "$(cat "$WORK/status")"
	fails mountpoint -q "$MNT"
	start_mount
	check_eq n 2 "$(jq .n "$T/p/a.json")"
}

test_term_unmounts_cleanly() {
	signal_ends TERM
}

test_int_unmounts_cleanly() {
	signal_ends INT
}

has_lines() {
	[ -e "$1" ] && [ "$(wc -l <"$1")" -ge "$2" ]
}

# A shell's `echo >file` does not look at what close(2) says, and close is what acknowledges.
test_term_during_writes_loses_nothing_acknowledged() {
	begin
	with_item
	local n last
	py write-on "$T/p/a.json" >"$WORK/acknowledged" &
	wait_for 30 has_lines "$WORK/acknowledged" 20
	kill "$(daemon_pid)"
	wait
	is_mounted && unmount -l
	start_mount
	n=$(jq .n "$T/p/a.json")
	last=$(tail -1 "$WORK/acknowledged")
	# The one that was under way may be there or not.
	[ "$n" = "$last" ] || check_eq n "$((last + 1))" "$n"
}

test_hup_reopens_the_log() {
	begin
	with_item -o log="$WORK/my.log"
	fails put "$T/p/a.json" '{bad'
	wait_for 5 grep -q EINVAL "$WORK/my.log"
	mv "$WORK/my.log" "$WORK/my.log.1"
	kill -HUP "$(daemon_pid)"
	wait_for 5 test -e "$WORK/my.log"
	fails put "$T/p/a.json" '{bad again'
	wait_for 5 grep -q EINVAL "$WORK/my.log"
	check_eq n 1 "$(jq .n "$T/p/a.json")"
}

# ------------------------------------------------------------------ effects

test_ro_refuses_every_write() {
	begin
	with_item
	remount -o ro
	check_eq n 1 "$(jq .n "$T/p/a.json")"
	check_eq write EROFS "$(py errno write "$T/p/a.json" '{}')"
	check_eq mkdir EROFS "$(py errno mkdir "$DDB/Other")"
	check_eq unlink EROFS "$(py errno unlink "$T/p/a.json")"
}

test_ro_service_refuses_writes_to_that_service() {
	begin
	with_item
	remount -o ro=dynamodb
	check_eq n 1 "$(jq .n "$T/p/a.json")"
	check_eq write EROFS "$(py errno write "$T/p/a.json" '{}')"
	check_eq create EROFS "$(py errno create "$T/p/new.json")"
	check_eq mkdir EROFS "$(py errno mkdir "$DDB/Other")"
	check_eq rename EROFS "$(py rename "$T/p/a.json" "$T/p/b.json")"
	fails control "$T" 'backup nope'
}

test_uid_gid_and_umask_show() {
	begin
	with_item -o uid=1234,gid=2345,umask=027
	check_eq item "1234 2345 640" "$(stat -c '%u %g %a' "$T/p/a.json")"
	check_eq directory "1234 2345 750" "$(stat -c '%u %g %a' "$T/p")"
}

test_default_permissions_are_enforced() {
	need_root
	begin
	with_item -o allow_other,default_permissions,umask=077
	fails setpriv --reuid=65534 --regid=65534 --clear-groups cat "$T/p/a.json"
	check_has said "$(cat "$OUT")" 'Permission denied'
}

test_allow_other_lets_others_read() {
	need_root
	begin
	with_item
	chmod 711 "$WORK"
	fails setpriv --reuid=65534 --regid=65534 --clear-groups cat "$T/p/a.json"
	remount -o allow_other
	check_has text "$(setpriv --reuid=65534 --regid=65534 --clear-groups cat "$T/p/a.json")" '"n": 1'
	fails setpriv --reuid=65534 --regid=65534 --clear-groups bash -c "echo '{}' >'$T/p/a.json'"
}

test_show_reserved_lists_them() {
	begin
	with_item -o show_reserved
	local name
	for name in .help .control .status .events .schema .errors .rejected .snapshots; do
		ls -A "$T" | grep -qx -e "$name" || { echo "not listed: $name"; return 1; }
	done
	check_has root "$(ls -A "$MNT")" '^\.dbmount$'
	check_has items "$(ls -A "$T/p")" '^a\.json$'
	timeout 60 find "$MNT" >"$WORK/found"
}

test_dynamodb_json_typed_lists_that_form() {
	begin
	with_item -o dynamodb_json=typed
	check_eq listing a.ddb.json "$(ls "$T/p")"
	check_json "$T/p/a.ddb.json" '{"pk":{"S":"p"},"sk":{"S":"a"},"n":{"N":"1"}}'
	check_eq "plain by name" 1 "$(jq .n "$T/p/a.json")"
	check_eq size "$(wc -c <"$T/p/a.ddb.json")" "$(stat -c %s "$T/p/a.ddb.json")"
}

test_xattr_shows_version_and_is_off_by_default() {
	need getfattr
	begin
	with_item
	check_eq "off" "" "$(getfattr -d "$T/p/a.json" 2>/dev/null)"
	remount -o xattr
	check_has "on" "$(getfattr -d "$T/p/a.json")" '^user\.dbmount\.version='
	local before
	before=$(getfattr -n user.dbmount.version --only-values "$T/p/a.json")
	echo '{"n": 2}' >"$T/p/a.json"
	test "$before" != "$(getfattr -n user.dbmount.version --only-values "$T/p/a.json")"
}

test_sync_fsync_and_interval_work() {
	local mode
	for mode in fsync interval; do
		begin
		with_item -o "sync=$mode"
		python3 -c '
import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_TRUNC)
os.write(fd, b"{\"n\": 5}")
os.fsync(fd)
os.close(fd)' "$T/p/a.json"
		sleep 1.5
		kill_daemon
		start_mount
		check_eq "$mode" 5 "$(jq .n "$T/p/a.json")"
		stop_mount
	done
}

test_max_file_size_is_a_limit() {
	begin
	with_item -o max_file_size=2000
	check_eq errno EFBIG "$(py errno write "$T/p/b.json" "{\"x\": \"$(printf 'x%.0s' $(seq 3000))\"}")"
	check_has .errors "$(cat "$T/p/.errors")" 'EFBIG: .*2000'
	check_eq "lines for one refusal" 1 "$(wc -l <"$T/p/.errors")"
	check_eq n 1 "$(jq .n "$T/p/a.json")"
}

test_rejected_files_is_a_limit() {
	begin
	with_item -o rejected_files=3
	local i
	for i in 1 2 3 4 5; do
		fails bash -c "echo '{\"n\": bad$i' | cat >'$T/p/a.json'"
	done
	check_eq kept 3 "$(ls "$T/p/.rejected" | wc -l)"
	check_eq "the newest stay" 1 "$(cat "$T"/p/.rejected/* | grep -c bad5)"
	check_eq "the oldest go" 0 "$(cat "$T"/p/.rejected/* | grep -c bad1)"
}

test_threads_and_spin_are_taken() {
	begin
	with_item -o threads=2,spin_us=0
	check_eq n 1 "$(jq .n "$T/p/a.json")"
	check_has config "$(cat "$MNT/.dbmount/config")" '^threads=2$'
	check_has config "$(cat "$MNT/.dbmount/config")" '^spin_us=0$'
	test "$(find "/proc/$(daemon_pid)/task" -mindepth 1 -maxdepth 1 | wc -l)" -le 14
	remount -o threads=1
	check_eq n 1 "$(jq .n "$T/p/a.json")"
}

test_log_option_names_the_file() {
	begin
	with_item -o log="$WORK/other.log"
	fails put "$T/p/a.json" '{bad'
	wait_for 5 grep -q 'a.json.*EINVAL' "$WORK/other.log"
	check_has config "$(cat "$MNT/.dbmount/config")" "^log=$WORK/other.log$"
}

test_standard_options_reach_the_kernel() {
	begin
	with_item -o noatime,nosuid,nodev
	check_has mounts "$(grep " $MNT " /proc/self/mounts)" 'noatime'
	check_has mounts "$(grep " $MNT " /proc/self/mounts)" 'fuse\.dbmount'
}

# ------------------------------------------------------------------ dbmount.conf

test_conf_sets_options_and_the_command_line_wins() {
	begin
	mkdir "$SITE"
	printf '# a comment\n\nshow_reserved\numask = 027\nthreads=3\n' >"$SITE/dbmount.conf"
	with_item -o threads=4
	ls -A "$T" | grep -qx .help
	check_eq mode 640 "$(stat -c %a "$T/p/a.json")"
	check_has config "$(cat "$MNT/.dbmount/config")" '^threads=4$'
}

test_conf_mistakes_name_file_and_line() {
	begin
	mkdir "$SITE"
	printf 'umask=027\nshow_reservd\n' >"$SITE/dbmount.conf"
	refused 'dbmount\.conf.*2.*show_reserved' "$SITE" "$MNT"
}

test_example_conf_is_accepted() {
	begin
	mkdir "$SITE"
	cp "$TOP/examples/dbmount.conf" "$SITE/dbmount.conf"
	with_item
	check_eq n 1 "$(jq .n "$T/p/a.json")"
	# And with every commented-out setting in force.
	stop_mount
	sed -i 's/^#\([a-z_]*\( *=.*\)*\)$/\1/' "$SITE/dbmount.conf"
	start_mount
	check_eq n 1 "$(jq .n "$T/p/a.json")"
}

# ------------------------------------------------------------------ mount(8)

installed() {
	need_root
	for helper in /usr/bin/dbmount /usr/local/bin/dbmount; do
		[ ! -e "$helper" ] || [ "$(readlink "$helper")" = "$DBMOUNT" ] || skip "another dbmount is installed at $helper"
	done
	# mount.fuse3 looks the program up in $PATH.
	ln -sfn "$DBMOUNT" /usr/local/bin/dbmount
	trap 'rm -f /usr/local/bin/dbmount; end' EXIT
	command -v mount.fuse3 >/dev/null || [ -x /sbin/mount.fuse3 ] || skip "mount.fuse3 is not installed"
}

test_mount_t_fuse_dbmount() {
	begin
	installed
	mount -t fuse.dbmount "$SITE" "$MNT" -o umask=027,noatime
	mkdir -p "$T/p"
	echo '{"n": 1}' >"$T/p/a.json"
	check_eq mode 640 "$(stat -c %a "$T/p/a.json")"
	umount "$MNT"
	wait_for 10 no_daemon
}

test_a_line_in_fstab() {
	begin
	installed
	echo "$SITE $MNT fuse.dbmount noauto,nofail,ro=dynamodb,_netdev 0 0" >"$WORK/fstab"
	mount -T "$WORK/fstab" "$MNT"
	check_eq mkdir EROFS "$(py errno mkdir "$T")"
	umount "$MNT"
	wait_for 10 no_daemon
}

test_mount_8_shows_errors() {
	begin
	installed
	fails mount -t fuse.dbmount "$SITE" "$MNT" -o show_reservd
	check_has said "$(cat "$OUT")" show_reserved
}

run_tests "$@"
