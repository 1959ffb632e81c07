#!/bin/bash
# What happens to Redshift's clusters: resizes given up, files lost, cut and overwritten, snapshots that
# were kept long enough.
# REDSHIFT_DRIVER: duckdb or sqlite; else the better one of the build.
. "$(dirname "$0")/lib.sh"
need jq python3
export DBMOUNT_OPTS="${DBMOUNT_OPTS:-} -o redshift_driver=${REDSHIFT_DRIVER:-auto}"

R=$MNT/redshift
SUM='select count(*), count(distinct i), sum(triple) from n'

sql() {
	printf "%s\n" "$2" | dd of="$R/$1/.sql" status=none
}

answer() {
	put "$R/$1/.query/answer.sql" "$2"
	tail -n +2 "$R/$1/.query/answer.csv" | xargs
}

# numbers CLUSTER N: a table of N rows, number and its triple.
numbers() {
	control "$R" "create $1 nodes=2 slices=2"
	sql "$1" 'create table n(i int, triple bigint) diststyle even'
	seq "$2" | awk '{ print $1 "," $1 * 3 }' >>"$R/$1/n/data.csv"
}

status() {
	jq -r ".$2" "$R/$1/.status"
}

# The files of the nodes of a zone, of the newest cluster.
node_files() {
	find "$SITE/az-$1/redshift" -maxdepth 1 -name 'n*' | sed 's/.*n//' | sort -n | tail -1 |
		xargs -I{} find "$SITE/az-$1/redshift/n{}" -name 'g*-n*' | sed 's/\.wal$//; s/-wal$//; s/-shm$//' | sort -u
}

# catalog SQL: in the list of clusters and snapshots, while nobody serves it.
catalog() {
	python3 -c 'import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); print(*(r[0] for r in c.execute(sys.argv[2])), sep="\n"); c.commit()' \
		"$SITE/redshift/catalog.db" "$1"
}

# ---- resize ----

is_resizing() {
	[ "$(status "$1" Resize.Status)" = IN_PROGRESS ]
}

test_a_resize_that_is_given_up_is_before_or_after() {
	local c=$R/gives expected nodes=2 want round
	numbers gives 60000
	expected=$(answer gives "$SUM")
	for round in 1 2 3; do
		want=$((nodes == 2 ? 3 : 2))
		(control "$c" "resize nodes=$want") 2>/dev/null &
		while ! is_resizing gives && jobs -r | grep -q .; do :; done
		control "$c" 'cancel-resize' 2>/dev/null || true
		wait
		case $(status gives Resize.Status) in
		SUCCEEDED) nodes=$want ;;
		CANCELLED) check_has "round $round" "$(cat "$c/.events")" 'was cancelled' ;;
		*) check_eq "round $round" 'SUCCEEDED or CANCELLED' "$(status gives Resize.Status)" ;;
		esac
		check_eq state available "$(status gives ClusterStatus)"
		check_eq nodes "$nodes" "$(status gives NumberOfNodes)"
		check_eq files "$nodes" "$(node_files a | wc -l)"
		check_eq rows "$expected" "$(answer gives "$SUM")"
	done
}

# ---- hardware ----

# spoil HOW ZONE: something happens to the file of node 0.
spoil() {
	local file
	file=$(node_files "$2" | grep -- -n0)
	case $1 in
	delete) rm -f "$file" ;;
	cut) truncate -c -s 4096 "$file" ;;
	empty) truncate -c -s 0 "$file" ;;
	garbage) dd if=/dev/urandom of="$file" bs=4096 count=64 conv=notrunc,nocreat status=none ;;
	directory) rm -rf "$(dirname "$file")" ;;
	esac
}

healed() {
	[ "$(grep -c 'made anew' "$R/$1/.events")" -ge "$2" ]
}

# While the file of node 0 is spoilt in each way, in each zone, somebody asks all the time.
test_a_node_heals_while_queries_run() {
	local c=$R/heals expected how zone n=0
	cd "$WORK"
	numbers heals 3000
	expected=$(answer heals "$SUM")
	put "$c/.query/again.sql" "$SUM"
	(while [ ! -e "$WORK/enough" ]; do tail -1 "$c/.query/again.csv" || true; done) >"$WORK/answers" 2>/dev/null &
	for how in delete garbage empty cut directory; do
		for zone in a b; do
			# Whether a file is cut off, or a checkpoint is making it longer, takes time to tell.
			[ "$how$zone" != cutb ] || continue
			spoil "$how" "$zone"
			n=$((n + 1))
			wait_for 60 healed heals "$n" || check_eq "$how $zone" healed "$(cat "$c/.events")"
			check_eq "rows after $how $zone" "$expected" "$(answer heals "$SUM")"
		done
	done
	touch "$WORK/enough"
	wait
	check_eq 'all the time' "$expected" "$(sort -u "$WORK/answers")"
	sql heals 'insert into n values (0, 0)'
	remount
	check_eq 'after a remount' 3001 "$(answer heals 'select count(*) from n')"
	check_eq state available "$(status heals ClusterStatus)"
}

# Who lost both copies says so, and which files; the other clusters go on, and so does this one
# when a copy is back.
test_a_node_without_any_copy_is_told_and_others_go_on() {
	local c=$R/lost file expected
	cd "$WORK"
	numbers well 100
	numbers lost 100
	expected=$(answer lost "$SUM")
	stop_mount
	file=$(node_files a | grep -- -n0)
	cp "$file" "$WORK/kept"
	spoil delete a
	spoil delete b
	start_mount
	put "$c/.query/q.sql" "$SUM"
	fails cat "$c/.query/q.csv"
	fails sql lost 'insert into n values (1, 1)'
	check_has which "$(tail -1 "$c/.errors" || cat "$MNT/.dbmount/errors")" "node 0.*missing.*$file"
	check_eq state hardware-failure "$(status lost ClusterStatus)"
	check_eq other 100 "$(answer well 'select count(*) from n')"
	cp "$WORK/kept" "$file"
	wait_for 60 cat "$c/.query/q.csv"
	check_eq back "$expected" "$(answer lost "$SUM")"
	wait_for 60 eval '[ "$(status lost ClusterStatus)" = available ]'
}

test_a_node_that_loses_both_copies_while_it_is_used() {
	local c=$R/loses file
	cd "$WORK"
	numbers loses 100
	file=$(node_files a | grep -- -n0)
	spoil delete a & spoil delete b & wait
	wait_for 30 eval '[ "$(status loses ClusterStatus)" = hardware-failure ] || grep -q "made anew" "$c/.events"'
	ls "$R" >/dev/null
	check_eq other 100 "$(answer well 'select count(*) from n')"
}

# ---- snapshots ----

# age DAYS: all snapshots are so much older.
age() {
	stop_mount
	catalog "update snapshots set created = created - $1 * 86400000000000"
	start_mount
}

test_snapshots_go_when_they_were_kept_long_enough() {
	local c=$R/nightly
	cd "$WORK"
	numbers nightly 10
	control "$c" 'snapshot for-ever'
	control "$c" 'snapshot two-days retention=2'
	control "$c" 'modify snapshot-interval=1s snapshot-retention=3'
	wait_for 30 eval 'names_in "$c/.snapshots" | grep -q ^rs:nightly-'
	control "$c" 'modify snapshot-interval=7h'
	age 1
	check_eq 'after a day' 'for-ever two-days' "$(names_in "$c/.snapshots" | grep -v ^rs: | xargs)"
	age 1
	wait_for 30 eval '[ "$(names_in "$c/.snapshots" | grep -v ^rs: | xargs)" = for-ever ]'
	check_has automated "$(names_in "$c/.snapshots")" '^rs:nightly-'
	age 1
	wait_for 30 eval '[ "$(names_in "$c/.snapshots" | xargs)" = for-ever ]'
	check_eq files 1 "$(find "$SITE/redshift" -maxdepth 1 -name 's[0-9]*' | wc -l)"
	check_eq rows 11 "$(wc -l <"$c/.snapshots/for-ever/n/data.csv")"
}

run_tests "$@"
