# shellcheck shell=bash
# Verbs for the mounted tests.
#
# A script sources this file, defines functions test_<behaviour>, and ends with
# `run_tests "$@"`. Each function runs in a subshell under `set -e`: the first
# command that fails ends the test. Its output is shown when it fails.
#
#   ok - <behaviour>          the name with dashes for underscores
#   not ok - <behaviour>
#   skip - <behaviour>: why
#
# Everything lives below $WORK, a fresh /var/tmp/dbmount-test.XXXXXX. A daemon is
# started before the first test and serves all of them, unless the script says
# AUTOMOUNT=no. Every test has an empty partition $D of its own and starts in it.
# A function setup(), if there is one, runs once before the tests. Arguments of the
# script choose tests by name.
#
#   DBMOUNT       the program under test; default: the newest build's
#   DBMOUNT_OPTS  options added to every mount
#   TEST_TIMEOUT  seconds one test may take (120)
#   KEEP=1        leave $WORK behind

set -u
export LC_ALL=C.UTF-8 TZ=UTC

SCRIPT=$(basename "$0" .sh)
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOP=$(cd "$HERE/../.." && pwd)
export HERE TOP
TEST_TIMEOUT=${TEST_TIMEOUT:-120}

if [ -z "${DBMOUNT:-}" ]; then
	for DBMOUNT in "$TOP"/build/gcc/fs/dbmount "$TOP"/build*/fs/dbmount; do
		[ -x "$DBMOUNT" ] && break
	done
fi

# ------------------------------------------------------------------ skipping

# Ends the whole script (before run_tests) or one test (within): `skip WHY`.
skip() {
	if [ -n "${IN_TEST:-}" ]; then
		echo "$*" >"$WORK/why"
		exit 77
	fi
	echo "skip - $SCRIPT: $*"
	exit 77
}

need() {
	local tool
	for tool; do
		command -v "$tool" >/dev/null || skip "$tool is not installed"
	done
}

need_root() {
	[ "$(id -u)" = 0 ] || skip "only root may do this"
}

if [ ! -c /dev/fuse ] || [ ! -r /dev/fuse ]; then
	skip "no usable /dev/fuse on this machine"
fi
if [ ! -x "$DBMOUNT" ]; then
	skip "no dbmount program at $DBMOUNT: build first, or set DBMOUNT"
fi

# ------------------------------------------------------------------ mounting

WORK=$(mktemp -d /var/tmp/dbmount-test.XXXXXX)
SITE=$WORK/site
MNT=$WORK/mnt
DDB=$MNT/dynamodb
T=$DDB/Table
HOME=$WORK/home
# Instrumented builds would otherwise leave their reports in the pipe of some tool.
export ASAN_OPTIONS="${ASAN_OPTIONS:-}${ASAN_OPTIONS:+:}detect_leaks=1:abort_on_error=0"
export TSAN_OPTIONS="${TSAN_OPTIONS:-}${TSAN_OPTIONS:+:}halt_on_error=0:second_deadlock_stack=1"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-}${UBSAN_OPTIONS:+:}print_stacktrace=1"
export WORK SITE MNT DDB T HOME DBMOUNT
mkdir "$MNT" "$HOME"

is_mounted() {
	mountpoint -q "$MNT" 2>/dev/null || grep -qs " $MNT fuse" /proc/self/mounts
}

# start_mount [OPTION..]: serves $SITE at $MNT, in the foreground of a process of
# its own, so that its exit status ($WORK/status) and words ($WORK/daemon.log) are kept.
start_mount() {
	rm -f "$WORK/status" "$WORK/pid"
	# A session of its own: what ends a test must not end the daemon.
	# shellcheck disable=SC2086
	setsid bash -c '
		"${@:2}" >>"$1/daemon.log" 2>&1 &
		echo $! >"$1/pid"
		wait $!
		echo $? >"$1/status"' _ "$WORK" \
		"$DBMOUNT" -f ${DBMOUNT_OPTS:-} "$@" "$SITE" "$MNT" </dev/null >/dev/null 2>&1 &
	local i
	for ((i = 0; i < 1500; i++)); do
		mountpoint -q "$MNT" && return 0
		if [ -e "$WORK/status" ]; then
			echo "dbmount ended with status $(cat "$WORK/status") before it mounted:"
			tail -5 "$WORK/daemon.log"
			return 1
		fi
		sleep 0.02
	done
	echo "dbmount did not mount within 30 s"
	return 1
}

# The daemon that serves $SITE, however it was started.
daemon_pid() {
	local p
	for p in /proc/[0-9]*; do
		if [ "$(readlink "$p/exe" 2>/dev/null)" = "$(readlink -f "$DBMOUNT")" ] &&
			tr '\0' '\n' <"$p/cmdline" 2>/dev/null | grep -qxF "$SITE"; then
			echo "${p#/proc/}"
			return 0
		fi
	done
	return 1
}

# wait_for SECONDS COMMAND..: until it succeeds.
wait_for() {
	local i n=$(($1 * 20))
	shift
	for ((i = 0; i < n; i++)); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.05
	done
	echo "gave up waiting for: $*"
	return 1
}

# seconds_until_served FILE: it can be written and read; prints the seconds that took.
seconds_until_served() {
	local begin now
	begin=$(date +%s%N)
	until put "$1" '{"n": 1}' 2>/dev/null && [ "$(jq .n "$1" 2>/dev/null)" = 1 ]; do
		now=$(date +%s%N)
		[ $((now - begin)) -lt 60000000000 ] || { echo "not served within 60 s" >&2; return 1; }
		sleep 0.05
	done
	now=$(date +%s%N)
	awk -v ns=$((now - begin)) 'BEGIN { printf "%.3f\n", ns / 1000000000 }'
}

distribution() {
	sort -n | awk '{ t[NR] = $1 } END { printf "# seconds to service, %d times: min %s median %s max %s\n", NR, t[1], t[int((NR + 1) / 2)], t[NR] }'
}

# damage HOW DIRECTORY: something happens to the copy of a service that is kept in this zone.
damage() {
	local file
	file=$(echo "$2"/*/data.db)
	case $1 in
	delete) rm -f "$file" ;;
	truncate) truncate -c -s 512 "$file" ;;
	garbage) dd if=/dev/urandom of="$file" bs=4096 count=64 conv=notrunc,nocreat status=none ;;
	# What takes over may begin a new copy in there meanwhile.
	remove-zone) rm -rf "$(dirname "$2")" 2>/dev/null || true ;;
	esac
}

# damage_until HOW DIRECTORY SERVED MOVED..: damages it, calls SERVED, and waits until MOVED. A
# checkpoint that comes at once may write the few pages there are over again, which mends the
# file: then it is damaged again.
damage_until() {
	local how=$1 directory=$2 served=$3 _
	shift 3
	damage "$how" "$directory"
	"$served"
	for _ in 1 2 3 4 5 6; do
		! wait_for 10 "$@" || return 0
		damage "$how" "$directory" 2>/dev/null || true
	done
	return 1
}

no_daemon() {
	! daemon_pid >/dev/null
}

unmount() {
	if [ "$(id -u)" = 0 ]; then
		umount "$@" "$MNT"
	else
		fusermount3 -u "${@/-l/-z}" "$MNT"
	fi
}

# Unmounts and waits until the daemon has closed its stores. The last command
# of a test may still hold a file for a moment: so a few tries.
stop_mount() {
	local i
	for ((i = 0; i < 100; i++)); do
		is_mounted || break
		unmount 2>"$WORK/umount.err" && break
		sleep 0.05
	done
	is_mounted && cat "$WORK/umount.err" && return 1
	wait_for 60 no_daemon
	[ ! -e "$WORK/pid" ] || wait_for 5 test -e "$WORK/status"
}

# As a crash: no warning, nothing finished.
kill_daemon() {
	local pid
	pid=$(daemon_pid) || return 0
	kill -9 "$pid"
	wait_for 10 no_daemon
	is_mounted && unmount -l
	return 0
}

remount() {
	stop_mount && start_mount "$@"
}

# Whatever is still mounted or running below $WORK goes.
clean_up() {
	trap - EXIT
	local p mount
	command -v clean_up_more >/dev/null && clean_up_more
	jobs -p | xargs -r kill 2>/dev/null
	is_mounted && stop_mount >/dev/null 2>&1
	for p in /proc/[0-9]*; do
		if [ "$(readlink "$p/exe" 2>/dev/null)" = "$(readlink -f "$DBMOUNT")" ] &&
			tr '\0' '\n' <"$p/cmdline" 2>/dev/null | grep -q "^$WORK/"; then
			kill -9 "${p#/proc/}"
		fi
	done
	for mount in $(awk -v work="$WORK/" 'index($2, work) == 1 { print $2 }' /proc/self/mounts | tac); do
		MNT=$mount unmount -l 2>/dev/null
	done
	if [ -z "${KEEP:-}" ]; then
		rm -rf --one-file-system "$WORK"
	else
		echo "# left: $WORK"
	fi
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

# ------------------------------------------------------------------ checking

# check_eq WHAT EXPECTED FOUND
check_eq() {
	[ "$2" = "$3" ] && return 0
	printf '%s:\n  expected: %s\n  found:    %s\n' "$1" "$2" "$3"
	return 1
}

# check_has WHAT TEXT PATTERN: an extended regular expression, in any line.
check_has() {
	grep -qE -e "$3" <<<"$2" && return 0
	printf '%s: nothing matches /%s/ in:\n%s\n' "$1" "$3" "$2"
	return 1
}

check_has_not() {
	grep -qE -e "$3" <<<"$2" || return 0
	printf '%s: something matches /%s/ in:\n%s\n' "$1" "$3" "$2"
	return 1
}

# check_same WHAT FILE FILE
check_same() {
	cmp -s "$2" "$3" && return 0
	echo "$1: differ:"
	diff "$2" "$3" | head -20
	return 1
}

# check_json FILE JSON: the same value, whatever the spacing; order of members counts.
check_json() {
	check_eq "$1" "$(jq -c . <<<"$2")" "$(jq -c . "$1")"
}

# fails COMMAND..: it must end with a status that is not 0; what it said is in $OUT.
fails() {
	OUT=$WORK/out
	if "$@" >"$OUT" 2>&1; then
		echo "should have failed: $*"
		return 1
	fi
	return 0
}

# fails_with STATUS COMMAND..
fails_with() {
	local want=$1 got=0
	shift
	OUT=$WORK/out
	"$@" >"$OUT" 2>&1 || got=$?
	check_eq "exit status of '$*' ($(head -1 "$OUT"))" "$want" "$got"
}

# ------------------------------------------------------------------ doing

# put FILE TEXT: as `echo TEXT > FILE`, by a shell of its own, so that the test goes on.
put() {
	# shellcheck disable=SC2016
	bash -c 'printf "%s\n" "$2" >"$1"' _ "$1" "$2"
}

control() {
	put "$1/.control" "$2"
}

# make_table NAME KEYS..: `make_table Movies year:N title:S`
make_table() {
	control "$DDB" "create-table $*"
}

py() {
	python3 "$HERE/py.py" "$@"
}

names_in() {
	find "$1" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort
}

# ------------------------------------------------------------------ running

run_one() {
	local name=$1 limit_pid rc
	rm -f "$WORK/why" "$WORK/late"
	set -m
	(
		set -e
		trap - EXIT
		IN_TEST=1
		D=$T/$name
		export D
		if [ "${AUTOMOUNT:-yes}" = yes ]; then
			is_mounted || start_mount
			mkdir -p "$D"
			cd "$D"
		fi
		"test_${name//-/_}"
	) </dev/null >"$WORK/log" 2>&1 &
	local pid=$!
	(
		sleep "$TEST_TIMEOUT"
		touch "$WORK/late"
		[ ! -e "$WORK/pid" ] || kill -9 "$(cat "$WORK/pid")"
		kill -9 -- "-$pid"
	) </dev/null >/dev/null 2>&1 &
	limit_pid=$!
	set +m
	wait "$pid" 2>/dev/null
	rc=$?
	kill -- "-$limit_pid" 2>/dev/null
	# What the test left running would keep the mount busy.
	kill -9 -- "-$pid" 2>/dev/null
	wait "$limit_pid" 2>/dev/null
	[ ! -e "$WORK/late" ] || echo "ended after $TEST_TIMEOUT s" >>"$WORK/log"
	case $rc in
	0) echo "ok - $name" ;;
	77) echo "skip - $name: $(cat "$WORK/why" 2>/dev/null)" ;;
	*)
		echo "not ok - $name"
		sed 's/^/#   /' "$WORK/log" | tail -"${LOG_LINES:-40}"
		failed=1
		;;
	esac
}

# Words of a sanitizer, a failed assertion, or a daemon that ended badly.
check_daemon() {
	local bad='Sanitizer|runtime error:|Assertion|core dumped|Segmentation'
	stop_mount >/dev/null 2>&1
	if grep -qaE "$bad" "$WORK/daemon.log" 2>/dev/null; then
		echo "not ok - daemon-ends-clean"
		grep -aE -A30 "$bad" "$WORK/daemon.log" | grep -avE '^20[0-9]{2}-' | head -80 | sed 's/^/#   /'
		failed=1
	elif [ -e "$WORK/status" ] && ! grep -qxE '0|137' "$WORK/status"; then
		echo "not ok - daemon-ends-clean"
		echo "#   status $(cat "$WORK/status")"
		tail -20 "$WORK/daemon.log" | sed 's/^/#   /'
		failed=1
	else
		echo "ok - daemon-ends-clean"
	fi
}

run_tests() {
	local name chosen
	failed=0
	cd "$WORK" || exit 1
	if [ "${AUTOMOUNT:-yes}" = yes ]; then
		if ! start_mount >"$WORK/log" 2>&1 || ! mkdir "$T" 2>>"$WORK/log"; then
			echo "not ok - mounts"
			sed 's/^/#   /' "$WORK/log"
			exit 1
		fi
	fi
	command -v setup >/dev/null && { setup || echo "# setup failed"; }
	# In the order they stand in the script.
	shopt -s extdebug
	chosen=$(declare -F | awk '$3 ~ /^test_/ { print $3 }' |
		while read -r name; do declare -F "$name"; done | sort -k2n |
		awk '{ sub(/^test_/, "", $1); gsub(/_/, "-", $1); print $1 }')
	shopt -u extdebug
	[ $# -eq 0 ] || chosen=$(grep -xF "$(printf '%s\n' "$@")" <<<"$chosen")
	for name in $chosen; do
		run_one "$name"
	done
	check_daemon
	exit "$failed"
}
