#!/bin/bash
# Read replicas: lag, older rows, no writes, promotion by command and by mv; kill -9 in the
# middle leaves before or after (DESIGN 7).
#   REPLICA_ROUNDS   rounds of kill -9 of each kind (6; 100 for a release)
. "$(dirname "$0")/lib.sh"
need jq

ROUNDS=${REPLICA_ROUNDS:-6}
TEST_TIMEOUT=$((120 + ROUNDS * 30))
R=$MNT/rds

# shop NAME: an instance with a table of one row.
shop() {
	mkdir "$R/$1"
	put "$R/$1/.sql" "CREATE TABLE T(id INTEGER PRIMARY KEY, n INTEGER); INSERT INTO T VALUES(1, 1);"
}

value_is() {
	[ "$(jq .n "$1" 2>/dev/null)" = "$2" ]
}

test_a_delayed_replica_shows_the_older_rows_and_its_lag() {
	shop lagging
	control "$R/lagging" 'create-replica late delay=1h region=west'
	control "$R/lagging" 'create-replica soon delay=3s'
	local late=$R/lagging/.replicas/late soon=$R/lagging/.replicas/soon
	wait_for 20 value_is "$late/T/1.json" 1
	wait_for 20 value_is "$soon/T/1.json" 1
	put "$R/lagging/T/1.json" '{"n": 2}'
	wait_for 30 value_is "$soon/T/1.json" 2
	wait_for 20 eval "[ \"\$(jq .LagCommits $soon/.status)\" = 0 ]"
	check_eq older 1 "$(jq .n "$late/T/1.json")"
	check_eq lag true "$(jq '.ReplicaLag > 0 and .LagCommits > 0 and .LagBytes > 0' "$late/.status")"
	check_eq region '"west"' "$(jq .Region "$late/.status")"
}

test_a_replica_takes_no_writes() {
	shop fixed
	mkdir "$R/fixed/.replicas/r1"
	local r=$R/fixed/.replicas/r1
	wait_for 10 value_is "$r/T/1.json" 1
	fails put "$r/T/1.json" '{"n": 9}'
	check_has said "$(cat "$OUT")" 'Read-only file system'
	fails rm "$r/T/1.json"
	check_has said "$(cat "$OUT")" 'Read-only file system'
	fails mkdir "$r/U"
	rmdir "$r"
	fails ls "$r"
}

test_promote_makes_an_instance_of_its_own() {
	shop source
	mkdir "$R/source/.replicas/r1"
	wait_for 10 value_is "$R/source/.replicas/r1/T/1.json" 1
	control "$R/source/.replicas/r1" 'promote as promoted'
	put "$R/promoted/T/1.json" '{"n": 3}'
	put "$R/source/T/1.json" '{"n": 4}'
	check_eq independent 3 "$(jq .n "$R/promoted/T/1.json")"
	check_eq source 4 "$(jq .n "$R/source/T/1.json")"
	fails ls "$R/source/.replicas/r1"
}

test_mv_promotes() {
	cd "$WORK"
	shop parent
	mkdir "$R/parent/.replicas/r1"
	wait_for 10 value_is "$R/parent/.replicas/r1/T/1.json" 1
	mv "$R/parent/.replicas/r1" "$R/moved"
	put "$R/moved/T/2.json" '{"n": 5}'
	check_eq rows '1.json 2.json' "$(ls "$R/moved/T" | xargs)"
	check_eq source 1.json "$(ls "$R/parent/T")"
	remount
	check_eq rows '1.json 2.json' "$(ls "$R/moved/T" | xargs)"
}

test_replicas_need_backups() {
	shop bare
	control "$R/bare" 'backup-retention 0'
	fails put "$R/bare/.control" 'create-replica r1'
	check_has .errors "$(tail -1 "$R/bare/.errors")" 'Automated backups are not enabled'
	control "$R/bare" 'backup-retention 1'
	control "$R/bare" 'create-replica r1'
	fails put "$R/bare/.control" 'backup-retention 0'
	check_has .errors "$(tail -1 "$R/bare/.errors")" 'InvalidParameterCombination'
}

# killed_while COMMAND..: the daemon is killed within 40 ms of its start, then mounted again.
killed_while() {
	local pid
	pid=$(daemon_pid)
	("$@" 2>/dev/null) &
	sleep "0.$(printf '%03d' $((RANDOM % 40)))"
	kill -9 "$pid"
	kill_daemon
	is_mounted && unmount -l
	wait || true
	start_mount
}

# A promotion, by command and by mv, is killed; then there is the replica, or the instance,
# with the row.
test_kill_9_during_a_promotion_leaves_before_or_after() {
	local round replica before=0 after=0
	cd "$WORK"
	shop killed
	for ((round = 1; round <= ROUNDS; round++)); do
		replica=$R/killed/.replicas/r$round
		control "$R/killed" "create-replica r$round"
		wait_for 20 value_is "$replica/T/1.json" 1
		if ((round % 2)); then
			killed_while put "$R/killed/.control" "promote r$round"
		else
			killed_while mv "$replica" "$R/r$round"
		fi
		if [ -d "$R/r$round" ]; then
			after=$((after + 1))
			check_eq "round $round: the instance's row" 1 "$(jq .n "$R/r$round/T/1.json")"
			[ ! -d "$replica" ] || { echo "round $round: both"; return 1; }
			control "$R/r$round" delete
		else
			before=$((before + 1))
			check_eq "round $round: the replica's row" 1 "$(jq .n "$replica/T/1.json")"
			control "$R/killed" "delete-replica r$round"
		fi
		check_eq "round $round: the source's row" 1 "$(jq .n "$R/killed/T/1.json")"
	done
	echo "# killed $ROUNDS promotions: $before before, $after after" >>"$WORK/summary"
	check_eq "files of instances" "$(ls "$R" | wc -l)" "$(ls "$SITE/rds" | grep -c '^i[0-9]*$')"
}

test_kill_9_while_a_replica_is_made_leaves_none_or_a_whole_one() {
	local round replica before=0 after=0
	cd "$WORK"
	shop origin
	for ((round = 1; round <= ROUNDS; round++)); do
		replica=$R/origin/.replicas/c$round
		if ((round % 2)); then
			killed_while put "$R/origin/.control" "create-replica c$round"
		else
			killed_while mkdir "$replica"
		fi
		if [ -d "$replica" ]; then
			after=$((after + 1))
		else
			before=$((before + 1))
			control "$R/origin" "create-replica c$round"
		fi
		wait_for 20 value_is "$replica/T/1.json" 1
		control "$R/origin" "delete-replica c$round"
		check_eq "round $round: the source's row" 1 "$(jq .n "$R/origin/T/1.json")"
	done
	echo "# killed $ROUNDS makings of a replica: $before before, $after after" >>"$WORK/summary"
}

clean_up_more() {
	[ ! -e "$WORK/summary" ] || cat "$WORK/summary"
}

run_tests "$@"
