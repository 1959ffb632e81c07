#!/bin/bash
# Redshift's operations: resize while queries run, lost and damaged nodes, pause, crashes.
# REDSHIFT_DRIVER: duckdb or sqlite; else the better one of the build.
. "$(dirname "$0")/lib.sh"
need jq
export DBMOUNT_OPTS="${DBMOUNT_OPTS:-} -o redshift_driver=${REDSHIFT_DRIVER:-auto}"
ROUNDS=${CRASH_ROUNDS:-3}

R=$MNT/redshift

sql() {
	printf "%s\n" "$2" | dd of="$R/$1/.sql" status=none
}

answer() {
	put "$R/$1/.query/answer.sql" "$2"
	tail -n +2 "$R/$1/.query/answer.csv" | xargs
}

# numbers CLUSTER N: a table of N rows, number and square.
numbers() {
	control "$R" "create $1 nodes=2 slices=2"
	sql "$1" 'create table n(i int, sq bigint) diststyle even'
	seq "$2" | awk '{ print $1 "," $1 * $1 }' >>"$R/$1/n/data.csv"
}

SUM='select count(*), count(distinct i), sum(sq) from n'

test_a_resize_moves_every_row_once_while_queries_run() {
	local c=$R/grows expected
	numbers grows 20000
	expected=$(answer grows "$SUM")
	put "$c/.query/again.sql" "$SUM"
	(while [ ! -e "$WORK/enough" ]; do tail -1 "$c/.query/again.csv" || echo failed; done) >"$WORK/answers" 2>&1 &
	control "$c" 'resize nodes=4'
	touch "$WORK/enough"
	wait
	check_eq 'while it ran' "$expected" "$(sort -u "$WORK/answers")"
	check_eq nodes 4 "$(jq .NumberOfNodes "$c/.status")"
	check_eq resize SUCCEEDED "$(jq -r .Resize.Status "$c/.status")"
	check_eq after "$expected" "$(answer grows "$SUM")"
	check_eq slices 8 "$(names_in "$c/n/.slices" | wc -l)"
	check_eq 'in slices' 20000 "$(jq '[.RowsOfSlices[]] | add' "$c/n/.slices/.status")"
	check_eq size "$(stat -c %s "$c/n/data.csv")" "$(wc -c <"$c/n/data.csv")"
	sql grows 'insert into n values (0, 0)'
	check_eq size "$(stat -c %s "$c/n/data.csv")" "$(wc -c <"$c/n/data.csv")"
	control "$c" 'resize nodes=1 slices=3'
	check_eq 'and back' 20001 "$(answer grows 'select count(*) from n')"
	fails control "$c" 'resize nodes=1 slices=3'
	fails control "$c" 'cancel-resize'
}

node_files() {
	find "$SITE/az-$1/redshift" -name 'g*-n0*' -type f
}

test_a_lost_node_heals_from_its_mirror() {
	local expected
	cd "$WORK"
	numbers heals 2000
	expected=$(answer heals "$SUM")
	# shellcheck disable=SC2046
	rm $(node_files a)
	wait_for 60 sh -c "[ -n \"\$(find '$SITE/az-a/redshift' -name 'g*-n0*' -type f)\" ]"
	check_eq healed "$expected" "$(answer heals "$SUM")"
	# shellcheck disable=SC2046
	rm $(node_files b)
	check_eq meanwhile "$expected" "$(answer heals "$SUM")"
	wait_for 60 sh -c "[ -n \"\$(find '$SITE/az-b/redshift' -name 'g*-n0*' -type f)\" ]"
	remount
	check_eq 'after a remount' "$expected" "$(answer heals "$SUM")"
}

test_a_damaged_node_heals_when_it_is_opened() {
	local expected file
	cd "$WORK"
	numbers damaged 2000
	expected=$(answer damaged "$SUM")
	stop_mount
	for file in $(node_files a); do
		truncate -s 100 "$file"
	done
	start_mount
	check_eq healed "$expected" "$(answer damaged "$SUM")"
}

test_pause_closes_and_resume_opens() {
	local c=$R/rests
	cd "$WORK"
	numbers rests 100
	control "$c" pause
	check_eq state paused "$(jq -r .ClusterStatus "$c/.status")"
	fails cat "$c/n/data.csv"
	remount
	check_eq state paused "$(jq -r .ClusterStatus "$c/.status")"
	control "$c" resume
	check_eq rows 100 "$(answer rests 'select count(*) from n')"
	control "$c" reboot
	check_eq rows 100 "$(answer rests 'select count(*) from n')"
	control "$R" 'delete rests final-snapshot=rests-end'
	fails test -e "$c"
	check_eq kept 101 "$(wc -l <"$R/.snapshots/rests-end/rests/n/data.csv")"
}

test_snapshots_come_by_themselves() {
	local c=$R/nightly
	numbers nightly 10
	control "$c" 'modify snapshot-interval=2s snapshot-retention=1'
	wait_for 30 sh -c "ls '$c/.snapshots' | grep -q ^rs:nightly-"
	control "$c" 'modify snapshot-retention=0'
}

# What a crash interrupts is there as a whole, or not at all.
test_a_load_that_a_crash_ends() {
	local round n
	cd "$WORK"
	numbers loads 1000
	for round in $(seq "$ROUNDS"); do
		(seq 1001 40000 | awk '{ print $1 "," $1 * $1 }' >>"$R/loads/n/data.csv") 2>/dev/null &
		sleep "0.$((RANDOM % 9 + 1))"
		kill_daemon
		wait
		start_mount
		n=$(answer loads 'select count(*) from n')
		case $n in
		1000) ;;
		40000) sql loads 'delete from n where i > 1000' ;;
		*) check_eq "round $round" '1000 or 40000' "$n" ;;
		esac
	done
}

# The files of the nodes of the newest cluster.
files_of() {
	find "$SITE/az-a/redshift" -maxdepth 1 -name 'n*' | sed 's/.*n//' | sort -n | tail -1 |
		xargs -I{} find "$SITE/az-a/redshift/n{}" -name 'g*-n*' | sed 's/\.wal$//; s/-wal$//; s/-shm$//' | sort -u
}

test_a_resize_that_a_crash_ends() {
	local round expected nodes=3
	cd "$WORK"
	numbers moves 20000
	expected=$(answer moves "$SUM")
	for round in $(seq "$ROUNDS"); do
		(control "$R/moves" "resize nodes=$nodes") 2>/dev/null &
		sleep "0.$((RANDOM % 9 + 1))"
		kill_daemon
		wait
		start_mount
		check_eq "round $round" "$expected" "$(answer moves "$SUM")"
		check_eq files "$(jq .NumberOfNodes "$R/moves/.status")" "$(files_of | wc -l)"
		nodes=$((nodes == 3 ? 2 : 3))
	done
}

test_a_snapshot_that_a_crash_ends() {
	local round
	cd "$WORK"
	numbers shot 20000
	for round in $(seq "$ROUNDS"); do
		(control "$R/shot" "snapshot s$round") 2>/dev/null &
		sleep "0.$((RANDOM % 9 + 1))"
		kill_daemon
		wait
		start_mount
		check_eq rows 20000 "$(answer shot 'select count(*) from n')"
		if test -d "$R/shot/.snapshots/s$round"; then
			check_eq "round $round" 20001 "$(wc -l <"$R/shot/.snapshots/s$round/n/data.csv")"
		fi
	done
	check_eq files "$(names_in "$R/.snapshots" | wc -l)" "$(find "$SITE/redshift" -maxdepth 1 -name 's[0-9]*' | wc -l)"
}

run_tests "$@"
