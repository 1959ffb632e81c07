#!/bin/bash
# Many processes at once (DESIGN 5, Many writers).
. "$(dirname "$0")/lib.sh"

N=${CONCURRENT_WRITES:-100}

test_writers_of_one_item_and_readers_see_whole_versions() {
	py same-item "$D/a.json" "$WORK/stop-a" 4 "$N"
	check_eq "left behind" "a.json" "$(ls -A)"
}

test_writers_of_different_items_all_arrive() {
	py different-items . 8 "$N"
}

test_each_of_many_closes_is_told_its_own_outcome() {
	check_eq count 320 "$(py closes . 16 30)"
	check_eq "lines in .errors" 160 "$(grep -c 'close.*the text ends' .errors)"
}

test_read_change_write_loses_no_acknowledged_change() {
	py append-race a.json 4
}

test_listing_while_items_come_and_go_is_complete() {
	py make-items 2000 "$(basename "$D")" >"$T/.import/append/jsonl"
	py list-during-churn . "$WORK/stop-b" 20
}

test_shells_in_parallel() {
	seq 200 | xargs -P 8 -I{} bash -c 'echo "{\"n\": {}}" >"i{}.json"'
	check_eq count 200 "$(ls | wc -l)"
	check_eq sum 20100 "$(cat -- *.json | jq -s 'map(.n) | add')"
}

test_mkdir_by_many_succeeds_once() {
	local i
	for i in 1 2 3 4 5 6 7 8; do
		(mkdir "$T/contended" 2>/dev/null && echo made >>"$WORK/made") &
	done
	wait
	check_eq made 1 "$(wc -l <"$WORK/made")"
}

test_exclusive_create_by_many_succeeds_once() {
	local i
	for i in 1 2 3 4 5 6 7 8; do
		(bash -c 'set -C; echo "{\"by\": $1}" >one.json' _ "$i" 2>/dev/null && echo "$i" >>"$WORK/won") &
	done
	wait
	check_eq winners 1 "$(wc -l <"$WORK/won")"
	check_eq by "$(cat "$WORK/won")" "$(jq .by one.json)"
}

test_renames_back_and_forth_keep_one_item() {
	echo '{"n": 1}' >a.json
	bash -c 'for i in $(seq 100); do mv a.json b.json; mv b.json a.json; done' &
	local mover=$! i seen=0
	for ((i = 0; i < 200; i++)); do
		if [ -n "$(cat a.json b.json 2>/dev/null)" ]; then seen=$((seen + 1)); fi
	done
	wait "$mover"
	check_eq listing a.json "$(ls -A)"
	test "$seen" -gt 0
}

test_commands_beside_writes() {
	bash -c 'for i in $(seq 100); do echo "{\"n\": $i}" >a.json; done' &
	local writer=$! i
	for i in 1 2 3; do control "$T" "backup beside$i"; done
	wait "$writer"
	check_eq n 100 "$(jq .n a.json)"
	check_eq snapshots 3 "$(ls "$T/.snapshots" | grep -c beside)"
}

test_interrupted_programs_leave_the_mount_usable() {
	py make-items 3000 "$(basename "$D")" >"$T/.import/append/jsonl"
	local i
	for i in 1 2 3 4 5 6 7 8; do
		timeout -s INT "0.0$i" cat -- *.json >/dev/null 2>&1 || true
		timeout -s KILL "0.0$i" grep -r nothing . >/dev/null 2>&1 || true
		timeout -s KILL "0.0$i" bash -c 'for f in *.json; do echo "{\"n\": 1}" >"$f"; done' >/dev/null 2>&1 || true
	done
	check_eq count 3000 "$(ls | wc -l)"
	cat -- *.json | jq -s length
}

run_tests "$@"
