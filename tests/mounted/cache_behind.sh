#!/bin/bash
# Write-behind: what was acknowledged reaches RDS, each row's saves in order, whatever is killed, is
# away or refuses.
#   WRITE_BEHIND_ROUNDS   rounds of kill -9 with four writers (5; 100 for a release)
. "$(dirname "$0")/lib.sh"
need jq python3

ROUNDS=${WRITE_BEHIND_ROUNDS:-5}
TEST_TIMEOUT=$((120 + ROUNDS * 30))
R=$MNT/rds/shop
C=$MNT/cache/c
V=$C/.tables/Row

setup() {
	mkdir "$R" "$C"
	put "$R/.sql" "CREATE TABLE Row(id INTEGER PRIMARY KEY, n INTEGER NOT NULL, mail TEXT UNIQUE);
		CREATE TABLE History(seq INTEGER PRIMARY KEY AUTOINCREMENT, row INTEGER, n INTEGER);
		CREATE TRIGGER made AFTER INSERT ON Row BEGIN
			INSERT INTO History(row, n) VALUES(new.id, new.n); END;
		CREATE TRIGGER changed AFTER UPDATE ON Row BEGIN
			INSERT INTO History(row, n) VALUES(new.id, new.n); END;"
	control "$C" 'attach Row rds=shop/Row pattern=write-behind'
}

pending() {
	jq .Pending "$V/.status"
}

nothing_waits() {
	[ "$(pending)" = 0 ]
}

has_written() {
	[ "$(wc -l <"$WORK/writes.1")" -gt "$1" ]
}

test_kill_9_loses_nothing_and_keeps_the_order() {
	local round writers
	cd "$WORK"
	for ((round = 1; round <= ROUNDS; round++)); do
		python3 "$HERE/cached_rows.py" write "$V" "$WORK/writes" 4 &
		writers=$!
		wait_for 30 test -s "$WORK/writes.1"
		wait_for 30 has_written $((round * 8))
		sleep "0.$((RANDOM % 4))"
		kill_daemon
		wait "$writers"
		start_mount
		control "$C" 'flush-writes Row'
		python3 "$HERE/cached_rows.py" check "$R/Row" "$WORK/writes" 4 "$R/History" >"$WORK/checked" ||
			{ echo "round $round:"; cat "$WORK/checked"; return 1; }
	done
	{ echo -n "# $ROUNDS rounds: "; cat "$WORK/checked"; } | tee -a "$WORK/summary"
}

test_rds_may_be_away() {
	put "$V/1.json" '{"n": 1}'
	sync "$V/1.json"
	check_json "$R/Row/1.json" '{"id": 1, "n": 1, "mail": null}'
	control "$R" stop
	put "$V/1.json" '{"n": 2}'
	put "$V/1.json" '{"n": 3}'
	check_eq "read at once" 3 "$(jq .n "$V/1.json")"
	check_eq waits 1 "$(pending)"
	# Of what nobody here knows nothing can be said.
	fails cat "$V/777.json"
	check_has errors "$(cat "$V/.errors")" 'EIO.*not in the cache.*shop'
	fails python3 -c 'import os, sys; fd = os.open(sys.argv[1], os.O_RDWR); os.fsync(fd)' "$V/1.json"
	control "$R" start
	wait_for 30 nothing_waits
	check_eq "it came" 3 "$(jq .n "$R/Row/1.json")"
	check_has events "$(cat "$C/.events")" 'Row: RDS is back'
}

test_it_waits_over_a_remount() {
	put "$V/2.json" '{"n": 1}'
	control "$R" stop
	put "$V/2.json" '{"n": 2}'
	cd "$WORK"
	remount
	check_eq "read at once" 2 "$(jq .n "$V/2.json")"
	control "$R" start
	control "$C" 'flush-writes Row'
	check_eq "it came" 2 "$(jq .n "$R/Row/2.json")"
}

test_what_is_refused_later_is_told_and_kept() {
	put "$V/3.json" '{"n": 1, "mail": "a@x"}'
	put "$V/4.json" '{"n": 1}'
	control "$C" 'flush-writes Row'
	control "$R" stop
	put "$V/4.json" '{"n": 2, "mail": "a@x"}'
	control "$R" start
	wait_for 30 nothing_waits
	check_eq "as it was" 1 "$(jq .n "$V/4.json")"
	check_eq key 4 "$(jq -r '.[0].key' "$V/.failed")"
	check_has text "$(jq -r '.[0].text' "$V/.failed")" '"n": 2'
	check_has reason "$(jq -r '.[0].reason' "$V/.failed")" 'mail'
	check_has events "$(cat "$C/.events")" 'Row: RDS refused row 4'
	check_eq counted 1 "$(jq .DeadLetters "$V/.status")"
	fails control "$C" 'detach Row'
	put "$V/.failed" '[]'
	check_eq counted 0 "$(jq .DeadLetters "$V/.status")"
}

clean_up_more() {
	[ ! -e "$WORK/summary" ] || cat "$WORK/summary"
}

run_tests "$@"
