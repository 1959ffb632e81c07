#!/bin/bash
# Redshift where it may not go on: mounts that may only read, clusters of a driver that is not there.
# REDSHIFT_DRIVER: duckdb or sqlite; else the better one of the build.
. "$(dirname "$0")/lib.sh"
need jq python3
export DBMOUNT_OPTS="${DBMOUNT_OPTS:-} -o redshift_driver=${REDSHIFT_DRIVER:-auto}"

R=$MNT/redshift

sql() {
	printf "%s\n" "$2" | dd of="$R/$1/.sql" status=none
}

answer() {
	put "$R/$1/.query/answer.sql" "$2"
	tail -n +2 "$R/$1/.query/answer.csv" | xargs
}

numbers() {
	control "$R" "create $1 nodes=2 slices=2"
	sql "$1" 'create table n(i int, triple bigint) diststyle even'
	seq "$2" | awk '{ print $1 "," $1 * 3 }' >>"$R/$1/n/data.csv"
}

# refused COMMAND..: as a file system that is read-only refuses.
refused() {
	fails "$@"
	check_has "$*" "$(cat "$OUT")" 'Read-only file system'
}

write_to() {
	printf '%s\n' "$2" | dd of="$1" conv=notrunc status=none
}

check_read_only() {
	local c=$R/kept command
	check_eq rows 100 "$(answer_kept)"
	check_eq csv 101 "$(wc -l <"$c/n/data.csv")"
	check_eq snapshot 101 "$(wc -l <"$c/.snapshots/before/n/data.csv")"
	check_eq slices 4 "$(names_in "$c/n/.slices" | wc -l)"
	check_eq state available "$(jq -r .ClusterStatus "$c/.status")"
	check_eq lake '1,ada' "$(tail -n +2 "$c/.lake/store/people/data.csv")"
	refused mkdir "$R/other"
	refused mkdir "$c/t"
	refused rmdir "$c/n"
	refused rm "$c/n/data.csv"
	refused mv "$c/n" "$c/m"
	refused write_to "$c/n/data.csv" '1,2'
	refused write_to "$c/.sql" 'insert into n values (1, 2)'
	refused write_to "$c/n/.schema" 'create table n(i int)'
	refused write_to "$c/n/.load/more.csv" '1,2'
	refused mkdir "$c/.snapshots/s"
	refused rmdir "$c/.snapshots/before"
	for command in pause reboot 'resize nodes=3' 'snapshot s' 'modify snapshot-retention=2' 'vacuum' \
		'restore before as other' 'delete-snapshot before' 'restore-table before n as m'; do
		refused write_to "$c/.control" "$command"
	done
	refused write_to "$R/.control" 'create other'
	refused write_to "$R/.control" 'delete kept'
	refused write_to "$c/.lake/.control" "map other $WORK"
	check_eq clusters kept "$(names_in "$R" | xargs)"
}

answer_kept() {
	tail -n +2 "$R/kept/.query/count.csv"
}

test_a_read_only_mount_reads_and_refuses_every_write() {
	cd "$WORK"
	mkdir -p bucket/people
	printf 'id,name\n1,ada\n' >bucket/people/a.csv
	numbers kept 100
	put "$R/kept/.query/count.sql" 'select count(*) from n'
	control "$R/kept/.lake" "map store $WORK/bucket"
	control "$R/kept" 'snapshot before'
	remount -o ro=redshift
	check_read_only
	mkdir "$T/still"
	remount -o ro
	check_read_only
	remount
	sql kept 'insert into n values (0, 0)'
	check_eq 'after that' 101 "$(answer kept 'select count(*) from n')"
}

test_what_a_crash_left_is_read_without_writing() {
	cd "$WORK"
	numbers crashed 100
	put "$R/crashed/.query/count.sql" 'select count(*) from n'
	sql crashed 'insert into n values (0, 0)'
	kill_daemon
	start_mount -o ro=redshift
	check_eq rows 101 "$(tail -n +2 "$R/crashed/.query/count.csv")"
	check_eq csv 102 "$(wc -l <"$R/crashed/n/data.csv")"
	remount
	check_eq rows 101 "$(answer crashed 'select count(*) from n')"
}

# catalog SQL: in the list of clusters and snapshots, while nobody serves it.
catalog() {
	python3 -c 'import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit()' \
		"$SITE/redshift/catalog.db" "$1"
}

test_a_cluster_of_a_driver_that_is_not_there() {
	local c=$R/elsewhere driver option=-Dduckdb_dir
	cd "$WORK"
	numbers elsewhere 100
	numbers here 100
	driver=$(jq -r .Driver "$c/.status")
	control "$c" 'snapshot theirs'
	stop_mount
	catalog "update clusters set driver = 'oracle' where name = 'elsewhere'"
	catalog "update snapshots set driver = 'oracle' where name = 'theirs'"
	start_mount
	check_eq state incompatible-restore "$(jq -r .ClusterStatus "$c/.status")"
	fails ls "$c"
	fails sql elsewhere 'select 1'
	check_has said "$(tail -1 "$MNT/.dbmount/errors")" "elsewhere was made with driver oracle.*$option"
	check_has status "$(jq -r .StatusMessage "$c/.status")" "driver oracle.*$option"
	fails control "$R" 'restore theirs as again'
	check_has restore "$(tail -1 "$MNT/.dbmount/errors")" "theirs was made with driver oracle.*$option"
	fails ls "$c/.snapshots/theirs"
	check_has listed "$(names_in "$R")" '^elsewhere$'
	check_eq others 100 "$(answer here 'select count(*) from n')"
	stop_mount
	catalog "update clusters set driver = '$driver' where name = 'elsewhere'"
	catalog "update snapshots set driver = '$driver' where name = 'theirs'"
	start_mount
	check_eq 'and there again' 100 "$(answer elsewhere 'select count(*) from n')"
	check_eq 'and there again' 101 "$(wc -l <"$c/.snapshots/theirs/n/data.csv")"
}

run_tests "$@"
