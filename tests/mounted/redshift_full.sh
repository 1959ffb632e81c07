#!/bin/bash
# Redshift on a disk that is full: each refusal says so, nothing is lost, and it is no end.
# REDSHIFT_DRIVER: duckdb or sqlite; else the better one of the build.
. "$(dirname "$0")/lib.sh"
need jq
need_root
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

# A SITE of its own on a tmpfs.
begin() {
	cd "$WORK"
	stop_mount
	SITE=$WORK/small-$RANDOM
	mkdir "$SITE"
	mount -t tmpfs -o "size=$1" none "$SITE" || skip "tmpfs cannot be mounted here"
	trap end EXIT
	start_mount
}

end() {
	stop_mount || kill_daemon
	umount -l "$SITE"
}

# Not a byte is left; `make_room` takes that back.
fill_up() {
	cat /dev/zero >"$SITE/filler" 2>/dev/null || true
}

make_room() {
	rm "$SITE/filler"
}

no_space() {
	fails "$@"
	check_has "$*" "$(cat "$OUT"; tail -3 "$MNT/.dbmount/errors")" 'No space left|ENOSPC'
	check_has "$*" "$(cat "$OUT"; tail -3 "$MNT/.dbmount/errors")" 'ENOSPC: .'
}

load() {
	seq 1000 200000 | awk '{ print $1 "," $1 * 3 }' >>"$R/tight/n/data.csv"
}

test_a_full_disk_is_told_loses_nothing_and_is_no_end() {
	local c=$R/tight n round
	begin 48m
	numbers tight 500
	mkdir -p space
	seq 1000 200000 | awk '{ print $1 "|" $1 * 3 }' >space/more.txt
	control "$c/.lake" "map store $WORK/space"
	for round in 1 2; do
		n=$(answer tight 'select count(*) from n')
		fill_up
		no_space sql tight 'insert into n select a.i, b.i from n a, n b'
		no_space sql tight "copy n from 's3://store/more.txt'"
		no_space load
		no_space control "$c" "snapshot s$round"
		no_space control "$c" 'resize nodes=3'
		no_space control "$R" 'create another'
		check_eq rows "$n" "$(tail -n +2 "$c/n/data.csv" | wc -l)"
		check_eq shape 2 "$(jq .NumberOfNodes "$c/.status")"
		check_eq state available "$(jq -r .ClusterStatus "$c/.status")"
		make_room
		sql tight 'insert into n values (1, 1)'
		check_eq rows "$((n + 1))" "$(answer tight 'select count(*) from n')"
		remount
		check_eq rows "$((n + 1))" "$(answer tight 'select count(*) from n')"
	done
	control "$c" 'snapshot last'
	control "$c" 'resize nodes=1'
	check_eq rows "$((n + 1))" "$(answer tight 'select count(*) from n')"
	check_eq snapshots last "$(names_in "$R/.snapshots" | xargs)"
	check_eq clusters tight "$(names_in "$R" | xargs)"
	check_has events "$(cat "$c/.events")" 'Resize of cluster tight failed: .'
	check_has events "$(cat "$c/.events")" 'Snapshot s1 failed: .'
}

run_tests "$@"
