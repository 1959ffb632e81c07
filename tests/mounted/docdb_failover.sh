#!/bin/bash
# A cluster with four writers: failover by command and by damage to the primary's files. No
# acknowledged write is lost, the path stays; replicas lag and converge.
#   FAILOVER_ROUNDS   how often by command, and how often by damage (4; 20 for a release)
. "$(dirname "$0")/lib.sh"
need python3 jq

ROUNDS=${FAILOVER_ROUNDS:-4}
TEST_TIMEOUT=$((120 + ROUNDS * 60))
C=$MNT/docdb

field() {
	jq -r "$1" "$C/.status"
}

primary_zone() {
	field '.StorageZones | to_entries[] | select(.value == "primary") | .key'
}

other_zone_is_ready() {
	[ "$(field '[.StorageZones[]] | contains(["synchronous"])')" = true ]
}

# Both replicas are there and follow.
replicas_follow() {
	[ "$(field '[.DBClusterMembers[] | select(.Status == "available")] | length')" = 3 ]
}

setup() {
	mkdir "$C/rows"
	control "$C" 'create-instance replica-a az=a'
	control "$C" 'create-instance replica-b az=b'
}

start_writers() {
	rm -f "$WORK/log".*
	python3 "$HERE/rds_writers.py" write "$C/rows" "$WORK/log" 4 &
	WRITERS=$!
	wait_for 20 test -s "$WORK/log.1"
}

stop_writers() {
	touch "$WORK/log.stop"
	wait "$WRITERS"
	python3 "$HERE/rds_writers.py" check "$C/rows" "$WORK/log" 4 | tee -a "$WORK/summary"
}

same_documents() {
	local replica
	for replica in "$C/.replicas"/*; do
		[ "$(find "$replica/rows" -name '*.json' | wc -l)" = "$(find "$C/rows" -name '*.json' | wc -l)" ] || return 1
	done
}

test_failover_by_command_loses_nothing() {
	local round before
	wait_for 60 replicas_follow
	start_writers
	for ((round = 1; round <= ROUNDS; round++)); do
		wait_for 60 other_zone_is_ready
		wait_for 60 replicas_follow
		before=$(field .Primary)
		control "$C" failover
		seconds_until_served "$C/rows/probe.json" >>"$WORK/times.command"
		[ "$(field .Primary)" != "$before" ] || { echo "round $round: $before still writes"; return 1; }
		[ -d "$C/.replicas/$before" ] || { echo "round $round: $before is no replica"; return 1; }
	done
	stop_writers
	wait_for 60 same_documents
	distribution <"$WORK/times.command" | tee -a "$WORK/summary"
}

moved_from() {
	[ "$(primary_zone)" != "$1" ]
}

note_seconds() {
	seconds_until_served "$C/rows/probe.json" >>"$WORK/times.damage"
}

test_failover_by_damage_loses_nothing() {
	local round before zone how all=(delete truncate garbage remove-zone)
	wait_for 60 other_zone_is_ready
	start_writers
	for ((round = 0; round < ROUNDS; round++)); do
		how=${all[$((round % 4))]}
		wait_for 60 other_zone_is_ready
		zone=$(primary_zone)
		damage_until "$how" "$SITE/az-$zone/docdb" note_seconds moved_from "$zone" ||
			{ echo "round $round, $how: zone $zone still serves"; tail -5 "$C/.events"; return 1; }
		# Who writes is where the storage is.
		[ "$(field '.DBClusterMembers[] | select(.IsClusterWriter) | .AvailabilityZone')" = "$(primary_zone)" ] ||
			{ echo "round $round, $how: the primary is elsewhere"; return 1; }
	done
	stop_writers
	wait_for 60 same_documents
	distribution <"$WORK/times.damage" | tee -a "$WORK/summary"
	check_has events "$(cat "$C/.events")" 'RDS-EVENT-0073 failover: Started cross AZ failover'
	check_has events "$(cat "$C/.events")" 'RDS-EVENT-0071 failover: Completed failover to DB instance'
}

test_a_replica_lags_and_converges() {
	control "$C" 'create-instance late delay=10'
	put "$C/rows/late.json" '{"n": 1}'
	[ ! -e "$C/.replicas/late/rows/late.json" ] || { echo 'no lag at all'; return 1; }
	wait_for 60 test -e "$C/.replicas/late/rows/late.json"
	cmp "$C/.replicas/late/rows/late.json" "$C/rows/late.json"
	fails_with 1 put "$C/.replicas/late/rows/late.json" '{"n": 2}'
	rmdir "$C/.replicas/late"
}

clean_up_more() {
	[ ! -e "$WORK/summary" ] || sed 's/^\([^#]\)/# \1/' "$WORK/summary"
}

run_tests "$@"
