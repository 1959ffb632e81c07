#!/bin/bash
# A Multi-AZ instance with four writers: failover by command and by damage to the primary's
# files. No acknowledged write is lost, the path stays, service is back in time (DESIGN 7).
#   FAILOVER_ROUNDS   how often by command, and how often by damage (4; 20 for a release)
. "$(dirname "$0")/lib.sh"
need python3 jq

ROUNDS=${FAILOVER_ROUNDS:-4}
TEST_TIMEOUT=$((120 + ROUNDS * 60))
R=$MNT/rds
I=$R/shop

field() {
	jq -r ".$1" "$I/.status"
}

standby_is_ready() {
	[ "$(field StandbyStatus)" = synchronous ]
}

setup() {
	mkdir "$I"
	put "$I/.sql" 'CREATE TABLE Row(id INTEGER PRIMARY KEY, n INTEGER NOT NULL);'
	control "$I" 'multi-az on'
}

start_writers() {
	rm -f "$WORK/log".*
	python3 "$HERE/rds_writers.py" write "$I/Row" "$WORK/log" 4 &
	WRITERS=$!
	wait_for 20 test -s "$WORK/log.1"
}

stop_writers() {
	touch "$WORK/log.stop"
	wait "$WRITERS"
	python3 "$HERE/rds_writers.py" check "$I/Row" "$WORK/log" 4 | tee -a "$WORK/summary"
}

test_failover_by_command_loses_nothing() {
	local round before
	start_writers
	for ((round = 1; round <= ROUNDS; round++)); do
		wait_for 60 standby_is_ready
		before=$(field AvailabilityZone)
		control "$I" failover
		seconds_until_served "$I/Row/1.json" >>"$WORK/times.command"
		[ "$(field AvailabilityZone)" != "$before" ] || { echo "round $round: zone $before still serves"; return 1; }
	done
	stop_writers
	distribution <"$WORK/times.command" | tee -a "$WORK/summary"
}

moved_from() {
	[ "$(field AvailabilityZone)" != "$1" ]
}

note_seconds() {
	seconds_until_served "$I/Row/1.json" >>"$WORK/times.damage"
}

test_failover_by_damage_loses_nothing() {
	local round before how all=(delete truncate garbage remove-zone)
	wait_for 60 standby_is_ready
	start_writers
	for ((round = 0; round < ROUNDS; round++)); do
		how=${all[$((round % 4))]}
		wait_for 60 standby_is_ready
		before=$(field AvailabilityZone)
		damage_until "$how" "$SITE/az-$before/rds" note_seconds moved_from "$before" ||
			{ echo "round $round, $how: zone $before still serves"; tail -5 "$I/.events"; return 1; }
	done
	stop_writers
	distribution <"$WORK/times.damage" | tee -a "$WORK/summary"
	check_has events "$(cat "$I/.events")" 'RDS-EVENT-0013 failover: Multi-AZ instance failover started\.'
	check_has events "$(cat "$I/.events")" 'RDS-EVENT-0049 failover: Multi-AZ instance failover completed\.'
}

test_without_a_standby_damage_is_told() {
	mkdir "$R/alone"
	put "$R/alone/.sql" 'CREATE TABLE T(id INTEGER PRIMARY KEY, x); INSERT INTO T VALUES(1, 2);'
	fails_with 1 put "$R/alone/.control" failover
	check_has .errors "$(tail -1 "$R/alone/.errors")" 'InvalidParameterCombination'
}

clean_up_more() {
	[ ! -e "$WORK/summary" ] || sed 's/^\([^#]\)/# \1/' "$WORK/summary"
}

run_tests "$@"
