#!/bin/bash
# What a service may offer besides items and containers: replicas, points in time,
# files beside directories, scripts, queries, members. Shown with the toy engine of
# tests/engine/, which has them all, in a dbmount of its own.
. "$(dirname "$0")/lib.sh"

DBMOUNT=$(cd "$(dirname "$DBMOUNT")/.." && pwd)/tests/engine/dbmount-toy
[ -x "$DBMOUNT" ] || skip "no $DBMOUNT: build everything"
TOY=$MNT/toy

# box NAME [ITEM=JSON..]: a box of its own for a test.
box() {
	B=$TOY/$1
	mkdir "$B"
	local pair
	for pair in "${@:2}"; do
		put "$B/${pair%%=*}.json" "${pair#*=}"
	done
}

errors_of() {
	cat "$1/.errors"
}

# ------------------------------------------------------------------ views

test_replicas_are_made_listed_and_removed() {
	box rep1 'a={"n": 1}'
	mkdir "$B/.replicas/r1" "$B/.replicas/r2"
	check_eq "listing" "r1 r2" "$(names_in "$B/.replicas" | xargs)"
	fails mkdir "$B/.replicas/r1"
	check_json "$B/.replicas/r1/a.json" '{"n": 1}'
	rmdir "$B/.replicas/r2"
	check_eq "listing" "r1" "$(names_in "$B/.replicas" | xargs)"
	fails ls "$B/.replicas/r2"
	check_eq "not listed" "a.json" "$(names_in "$B" | xargs)"
	check_has "help" "$(cat "$B/.help")" '^ *\.replicas '
}

test_a_replica_shows_what_comes_by_itself() {
	box rep2 'a={"n": 1}'
	mkdir "$B/.replicas/r1"
	local r=$B/.replicas/r1
	ls -l "$r" >/dev/null
	check_json "$r/a.json" '{"n": 1}'
	put "$B/a.json" '{"n": 2222222}'
	put "$B/b.json" '{"n": 3}'
	check_json "$r/a.json" '{"n": 2222222}'
	check_eq "size" "$(stat -c %s "$B/a.json")" "$(stat -c %s "$r/a.json")"
	check_eq "listing" "a.json b.json" "$(names_in "$r" | xargs)"
	rm "$B/a.json"
	fails cat "$r/a.json"
	check_eq "listing" "b.json" "$(names_in "$r" | xargs)"
	put "$B/a.json" '{"n": 4}'
	check_json "$r/a.json" '{"n": 4}'
}

test_a_replica_takes_commands_and_no_writes() {
	box rep3 'a={"n": 1}'
	mkdir "$B/.replicas/r1"
	local r=$B/.replicas/r1
	control "$r" count
	check_has "result" "$(cat "$r/.control")" '^1$'
	check_eq "status" 1 "$(jq .items "$r/.status")"
	check_eq "errno" EROFS "$(py errno write "$r/a.json" '{"n": 2}')"
	fails rm -f "$r/a.json"
	fails mv "$r/a.json" "$r/b.json"
	fails truncate -s 0 "$r/a.json"
	fails touch "$r/new.json"
	fails mkdir "$r/.snapshots/s"
	check_eq "mode" 444 "$(stat -c %a "$r/a.json" | tr 6 4 | tr 0 4)"
	check_has "sentence" "$(errors_of "$r")" 'EROFS: .*takes no writes'
	fails ls "$r/.rejected"
	fails ls "$r/.import"
	check_json "$B/a.json" '{"n": 1}'
}

test_mv_promotes_a_replica() {
	box rep4 'a={"n": 1}'
	mkdir "$B/.replicas/r1"
	ls "$TOY" "$B/.replicas/r1" >/dev/null
	mv "$B/.replicas/r1" "$TOY/promoted"
	check_has "listing" "$(names_in "$TOY")" '^promoted$'
	check_eq "replicas" "" "$(names_in "$B/.replicas")"
	fails ls "$B/.replicas/r1"
	put "$TOY/promoted/a.json" '{"n": 2}'
	check_json "$TOY/promoted/a.json" '{"n": 2}'
	check_json "$B/a.json" '{"n": 1}'
}

test_moving_a_view_elsewhere_is_refused() {
	box rep5 'a={"n": 1}'
	mkdir "$B/.replicas/r1" "$B/.snapshots/s1" "$TOY/taken"
	fails mv -T "$B/.replicas/r1" "$B/.replicas/r2"
	fails mv -T "$B/.replicas/r1" "$TOY/taken"
	fails mv -T "$B/.replicas/r1" "$T/x"
	fails mv -T "$B/.snapshots/s1" "$TOY/of-a-snapshot"
	check_eq "still there" "r1" "$(names_in "$B/.replicas")"
	fails ls "$TOY/of-a-snapshot"
	check_has "sentence" "$(errors_of "$MNT")" 'replica can be moved to where its copy is to stand'
}

test_a_shell_in_a_replica_that_goes() {
	box rep6 'a={"n": 1}'
	mkdir "$B/.replicas/r1" "$B/.replicas/r2"
	cd "$B/.replicas/r1"
	cat a.json >/dev/null
	rmdir "$B/.replicas/r1"
	fails cat a.json
	check_has "errno" "$(cat "$OUT")" 'No such file'
	fails touch b.json
	cd "$B/.replicas/r2"
	mv "$B/.replicas/r2" "$TOY/left"
	fails touch b.json
	fails cat a.json
	cd "$TOY/left"
	check_json a.json '{"n": 1}'
	# One of the same name is another one.
	mkdir "$B/.replicas/r1"
	check_json "$B/.replicas/r1/a.json" '{"n": 1}'
}

test_points_in_time_are_read_by_name() {
	box at1 'a={"n": 1}'
	local t=$B/.at/2026-11-23T02:00:00Z
	check_json "$t/a.json" '{"n": 1}'
	check_eq "nothing is listed" "" "$(names_in "$B/.at")"
	fails touch "$t/a2.json"
	fails rm -f "$t/a.json"
	check_has "sentence" "$(errors_of "$MNT")" 'EROFS.*read-only'
	fails ls "$B/.at/yesterday"
	fails mkdir "$B/.at/2026-11-23T03:00:00Z"
	put "$B/a.json" '{"n": 2}'
	check_json "$t/a.json" '{"n": 1}'
}

run_tests "$@"
