#!/bin/bash
# A cluster with four writers: failover by command, as a test, and by damage to the primary's files:
# what is lost is what .events says. Kill -9 for each persistence: losses within the promise.
#   FAILOVER_ROUNDS   how often each (4; 20 for a release)
. "$(dirname "$0")/lib.sh"
need python3 jq

ROUNDS=${FAILOVER_ROUNDS:-4}
TEST_TIMEOUT=$((120 + ROUNDS * 60))
C=$MNT/cache/shop

field() {
	jq -r "$1" "$C/.status"
}

# A primary and two replicas, which follow.
complete() {
	[ "$(field '[.NodeGroupMembers[] | select(.CacheNodeStatus == "available")] | length')" = 3 ]
}

# The only one: whose files are in a zone is plain then. EVENTS: how many lines are another's.
fresh_cluster() {
	[ ! -d "$C" ] || control "$C" delete-cluster
	control "$MNT/cache" "create shop replicas=2"
	EVENTS=$(wc -l <"$C/.events")
	wait_for 60 complete
}

start_writers() {
	rm -f "$WORK/log".*
	python3 "$HERE/cache_writers.py" write "$1" "$WORK/log" 4 &
	WRITERS=$!
	wait_for 20 test -s "$WORK/log.1"
}

stop_writers() {
	touch "$WORK/log.stop"
	wait "$WRITERS"
	python3 "$HERE/cache_writers.py" check "$C" "$WORK/log" 4 | tee -a "$WORK/summary" "$WORK/found"
}

# What .events says of all failovers of this cluster: writes.
lost_in_events() {
	tail -n "+$((EVENTS + 1))" "$C/.events" | grep -oE '[0-9]+ writes? (was|were) lost' | awk '{ n += $1 } END { print n + 0 }'
}

# Nobody's write failed, and those that are gone were announced.
check_losses() {
	local said
	said=$(lost_in_events)
	check_eq failed 0 "$(sed -n 's/.*failed \([0-9]*\).*/\1/p' "$WORK/found" | tail -1)"
	check_eq 'lost as .events says' "$said" "$(sed -n 's/.* lost \([0-9]*\).*/\1/p' "$WORK/found" | tail -1)"
}

rounds_of() {
	local round before
	fresh_cluster
	start_writers "$C"
	for ((round = 1; round <= ROUNDS; round++)); do
		wait_for 60 complete
		before=$(field .Primary)
		control "$C" "$1"
		[ "$(field .Primary)" != "$before" ] || { echo "round $round: $before is still the primary"; return 1; }
		[ -d "$C/.replicas/$before" ] || { echo "round $round: $before is no replica"; return 1; }
	done
	stop_writers
	check_losses
}

test_failover_by_command_loses_nothing() {
	rounds_of failover
	check_eq lost 0 "$(lost_in_events)"
}

test_a_test_failover_says_what_is_lost() {
	rounds_of test-failover
	check_has events "$(cat "$C/.events")" 'Test Failover API called for node group 0001'
	check_has events "$(cat "$C/.events")" 'Failover from primary node shop-001 to replica node shop-00[23] completed'
	check_has events "$(cat "$C/.events")" 'Recovering cache nodes shop-001'
	check_has events "$(cat "$C/.events")" 'Finished recovery for cache nodes shop-001'
}

moved_from() {
	[ "$(field .Primary)" != "$1" ]
}

note_seconds() {
	seconds_until_served "$C/probe" >>"$WORK/times.damage"
}

primary_zone() {
	field '.NodeGroupMembers[] | select(.CurrentRole == "primary") | .PreferredAvailabilityZone'
}

test_failover_by_damage_says_what_is_lost() {
	local round before how all=(delete truncate garbage remove-zone)
	fresh_cluster
	start_writers "$C"
	for ((round = 0; round < ROUNDS; round++)); do
		how=${all[$((round % 4))]}
		wait_for 60 complete
		before=$(field .Primary)
		damage_until "$how" "$SITE/az-$(primary_zone)/cache" note_seconds moved_from "$before" ||
			{ echo "round $round, $how: $before is still the primary"; tail -5 "$C/.events"; return 1; }
	done
	stop_writers
	check_losses
	distribution <"$WORK/times.damage" | tee -a "$WORK/summary"
}

test_without_replicas_all_is_lost_until_recovered() {
	[ ! -d "$C" ] || control "$C" delete-cluster
	control "$MNT/cache" 'create alone'
	put "$MNT/cache/alone/a" 1
	mkdir "$MNT/cache/alone/.snapshots/before"
	damage delete "$SITE/az-a/cache"
	wait_for 60 grep -q 'storage has failed' "$MNT/cache/alone/.events"
	check_eq status failed "$(jq -r .Status "$MNT/cache/alone/.status")"
	fails put "$MNT/cache/alone/b" 1
	control "$MNT/cache/alone" recover
	check_eq left '' "$(names_in "$MNT/cache/alone")"
	control "$MNT/cache/alone" 'restore before as again'
	check_eq a 1 "$(cat "$MNT/cache/again/a")"
	control "$MNT/cache/alone" delete-cluster
	control "$MNT/cache/again" delete-cluster
}

# kill_beside_writers PERSISTENCE: four write for a while, then the daemon is killed.
kill_beside_writers() {
	cd "$WORK"
	[ ! -d "$C" ] || control "$C" delete-cluster
	control "$MNT/cache" "create shop persistence=$1"
	start_writers "$C"
	sleep 2
	date +%s%N >"$WORK/killed"
	kill_daemon
	touch "$WORK/log.stop"
	wait "$WRITERS" || true
	start_mount
}

lost_after_kill() {
	python3 "$HERE/cache_writers.py" check "$C" "$WORK/log" 4 "$(cat "$WORK/killed")" >"$WORK/found"
	tee -a "$WORK/summary" <"$WORK/found"
}

test_kill_9_loses_nothing_with_always() {
	kill_beside_writers always
	lost_after_kill
	check_has losses "$(cat "$WORK/found")" ' lost 0 '
}

test_kill_9_loses_less_than_a_second_with_everysec() {
	local round
	for ((round = 0; round < ROUNDS; round++)); do
		kill_beside_writers everysec
		lost_after_kill
	done
}

test_kill_9_loses_all_without_persistence() {
	kill_beside_writers none
	check_eq left '' "$(names_in "$C")"
	put "$C/a" 1
	check_eq a 1 "$(cat "$C/a")"
}

clean_up_more() {
	[ ! -e "$WORK/summary" ] || sed 's/^\([^#]\)/# \1/' "$WORK/summary"
}

run_tests "$@"
