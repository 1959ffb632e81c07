#!/bin/bash
# A cluster in front of tables of RDS: what the README's session shows, by files.
. "$(dirname "$0")/lib.sh"
need jq

R=$MNT/rds/shop
C=$MNT/cache/c
DBMOUNT_OPTS="${DBMOUNT_OPTS:-} -d"

setup() {
	mkdir "$R" "$C"
}

# new_table NAME PATTERN [WORD..]: a table of three rows, and what stands in front of it.
new_table() {
	put "$R/.sql" "CREATE TABLE $1(id INTEGER PRIMARY KEY, name TEXT NOT NULL, mail TEXT UNIQUE);
		INSERT INTO $1 VALUES(1, 'Ann', 'a@x'), (2, 'Bob', 'b@x'), (3, 'Cid', NULL);"
	control "$C" "attach $1 rds=shop/$1 pattern=$2 ${*:3}"
	V=$C/.tables/$1
}

counted() {
	jq ".$1" "$V/.status"
}

name_of() {
	jq -r .name "$1"
}

# Calls of rows of this table that RDS has had so far.
calls() {
	grep -c "rds [a-z-]* /shop/$1/" "$WORK/daemon.log" || true
}

test_the_second_read_does_not_touch_rds() {
	local before
	new_table Aside cache-aside ttl=60
	check_eq first Ann "$(name_of "$V/1.json")"
	check_eq "not yet a hit" 0 "$(counted Hits)"
	check_eq "a miss" 1 "$(counted Misses)"
	before=$(calls Aside)
	[ "$before" -gt 0 ] || { echo "the log tells nothing of RDS"; return 1; }
	check_eq second Ann "$(name_of "$V/1.json")"
	check_eq "a hit" 1 "$(counted Hits)"
	check_eq "half of them" 0.5 "$(counted HitRatio)"
	check_eq "what RDS was asked" "$before" "$(calls Aside)"
	check_same "an ordinary key" "$V/1.json" "$C/Aside:1"
	check_same "what RDS has" "$V/1.json" "$R/Aside/1.json"
	[ "$(cat "$C/.ttl/Aside:1")" -le 66 ]
	check_eq size "$(stat -c %s "$V/1.json")" "$(wc -c <"$V/1.json")"
}

test_a_row_edited_here_or_there() {
	local pattern
	for pattern in cache-aside write-through write-behind write-around; do
		new_table "E_${pattern//-/_}" "$pattern" ttl=1 jitter=0
		name_of "$V/1.json"
		sed -i 's/Ann/Ada/' "$V/1.json"
		check_eq "$pattern, here" Ada "$(name_of "$V/1.json")"
		sync -f "$V"
		wait_for 20 grep -q Ada "$R/$(basename "$V")/1.json"
		sed -i 's/Ada/Zoe/' "$R/$(basename "$V")/1.json"
		# Until its time is over the cache may say what it knew.
		wait_for 20 grep -q Zoe "$V/1.json"
		put "$V/9.json" '{"name": "Ida"}'
		check_eq "$pattern, new" Ida "$(name_of "$V/9.json")"
		check_eq "$pattern, all" "1.json 2.json 3.json 9.json" "$(names_in "$V" | xargs)"
		rm "$V/2.json"
		fails cat "$V/2.json"
		mv "$V/3.json" "$V/4.json"
		check_eq "$pattern, less" "1.json 4.json 9.json" "$(names_in "$V" | xargs)"
		wait_for 20 test ! -e "$R/$(basename "$V")/2.json"
	done
}

test_what_rds_refuses() {
	local pattern
	for pattern in cache-aside write-through write-behind; do
		new_table "F_${pattern//-/_}" "$pattern"
		name_of "$V/1.json"
		fails_with 1 /bin/sh -c 'echo "{\"nam\": \"x\"}" >"$1"' _ "$V/1.json"
		check_has "$pattern" "$(cat "$V/.errors")" 'EINVAL.*nam'
		check_eq "$pattern, as it was" Ann "$(name_of "$V/1.json")"
	done
}

test_the_room_in_words() {
	new_table Words write-behind
	check_has help "$(cat "$V/.help")" 'write-behind answers at once'
	check_has failed "$(cat "$V/.failed")" '^\[\]$'
	fails mkdir "$C/.tables/x"
	fails rmdir "$V"
	check_has errors "$(cat "$C/.tables/.errors" "$V/.errors")" 'attach NAME'
	fails control "$C" 'attach Words rds=shop/Words pattern=write-behnd'
	check_has near "$(tail -1 "$C/.control")" 'did you mean write-behind\?'
	fails rmdir "$C"
	control "$C" 'detach Words'
	fails ls "$V"
	check_eq "the table stays" 3 "$(names_in "$R/Words" | wc -l)"
}

test_what_is_attached_and_cached_outlives_the_daemon() {
	local before
	new_table Stays write-through ttl=0
	name_of "$V/1.json"
	put "$V/2.json" '{"name": "Bea"}'
	cd "$WORK"
	remount
	before=$(calls Stays)
	check_eq cached Bea "$(name_of "$V/2.json")"
	check_eq "one hit" 1 "$(counted Hits)"
}

run_tests "$@"
