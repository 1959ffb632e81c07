#!/bin/bash
# kill -9 under load: no acknowledged write is lost, none is torn (DESIGN 5).
#   CRASH_ROUNDS   how often (50; tests/run takes fewer)
. "$(dirname "$0")/lib.sh"

ROUNDS=${CRASH_ROUNDS:-50}
TEST_TIMEOUT=$((120 + ROUNDS * 20))

# Each of the four has had some more answers than when this was true last.
writers_went_on() {
	local w n
	for w in 0 1 2 3; do
		n=$(grep -c '^ack' "$WORK/crashlog.$w") || return 1
		[ "$n" -ge $((${ANSWERS[w]:-0} + 5)) ] || return 1
	done
	for w in 0 1 2 3; do
		ANSWERS[w]=$(grep -c '^ack' "$WORK/crashlog.$w")
	done
}

test_kill_9_under_four_writers_loses_nothing_acknowledged() {
	local round acknowledged=0 ANSWERS=()
	cd "$WORK"
	for ((round = 1; round <= ROUNDS; round++)); do
		mkdir -p "$D"
		py crash-writers "$D" "$WORK/crashlog" 4 >"$WORK/writers" 2>&1 &
		local writers=$!
		wait_for 60 writers_went_on
		sleep "0.$((RANDOM % 6))"
		kill -9 "$(daemon_pid)"
		# Unmounted first, their paths would be those of another directory.
		wait "$writers" || true
		wait_for 10 no_daemon
		is_mounted && unmount -l
		start_mount
		mkdir -p "$D"
		acknowledged=$(py crash-check "$D" "$WORK/crashlog" 4)
		find "$D" -name '*~' -delete
	done
	echo "$acknowledged writes acknowledged in $ROUNDS rounds"
	test "$acknowledged" -gt $((ROUNDS * 4))
}

test_kill_9_during_an_import_loads_all_or_nothing() {
	local before after
	before=$(wc -l <"$T/.export/jsonl")
	py make-items 50000 import-crash >"$WORK/import"
	cat "$WORK/import" >"$T/.import/append/jsonl" 2>/dev/null &
	sleep 0.2
	cd "$WORK"
	kill_daemon
	wait || true
	start_mount
	after=$(wc -l <"$T/.export/jsonl")
	[ "$after" = "$before" ] || [ "$after" = $((before + 50000)) ] || { echo "$before items before, $after after"; return 1; }
}

test_kill_9_during_a_backup_leaves_a_whole_one_or_none() {
	py make-items 20000 backup-crash >"$T/.import/append/jsonl"
	local items
	items=$(wc -l <"$T/.export/jsonl")
	control "$T" 'backup crashed' 2>/dev/null &
	sleep 0.05
	cd "$WORK"
	kill_daemon
	wait || true
	start_mount
	if test -d "$T/.snapshots/crashed"; then
		check_eq items "$items" "$(find "$T/.snapshots/crashed" -type f | wc -l)"
		control "$T" 'delete-backup crashed'
	fi
	control "$T" 'backup crashed'
	check_eq items "$items" "$(find "$T/.snapshots/crashed" -type f | wc -l)"
}

test_readers_get_an_error_not_a_hang_when_the_daemon_dies() {
	echo '{"n": 1}' >a.json
	exec 7<a.json
	cd "$WORK"
	kill -9 "$(daemon_pid)"
	wait_for 10 no_daemon
	fails timeout 10 ls "$T"
	check_has said "$(cat "$OUT")" 'not connected'
	exec 7<&-
	unmount -l
	start_mount
	check_eq n 1 "$(jq .n "$D/a.json")"
}

run_tests "$@"
