#!/bin/bash
# The commands of tests/unit/test_redis_diff.c through a mounted cluster's .exec.resp: whoever
# writes and reads the same open file talks as over a connection, and is answered what redis-server
# answers.
. "$(dirname "$0")/lib.sh"
need redis-server

DIFF=$(dirname "$DBMOUNT")/../tests/unit/test_redis_diff
[ -x "$DIFF" ] || skip "no test program at $DIFF"

test_a_session_is_answered_what_redis_server_answers() {
	mkdir "$MNT/cache/diff"
	EXEC=$MNT/cache/diff/.exec.resp ROUNDS=${DIFF_ROUNDS:-10} "$DIFF"
}

# What the commands left is what ls and cat show.
test_the_files_are_what_the_commands_say() {
	local key
	mkdir "$MNT/cache/seen"
	cd "$MNT/cache/seen"
	printf 'set k1 "a b"\nrpush l1 x y z\nhset h1 f v g w\nsadd s1 m n\nzadd z1 1.5 m 2 n\nxadd x1 1-1 f v\n' >.exec
	check_eq listed 'h1.hash k1 l1.list s1.set x1.stream z1.zset' "$(names_in . | xargs)"
	check_eq string 'a b' "$(cat k1)"
	for key in 0 1 2; do
		check_eq element "\"$(cat "l1.list/$key")\"" "$(put .exec "lindex l1 $key" && tail -n 1 .exec)"
	done
	check_eq fields 'f g' "$(names_in h1.hash | xargs)"
	check_eq score 1.5 "$(cat z1.zset/m)"
	check_eq entry 1-1 "$(names_in x1.stream | xargs)"
	put .exec 'del k1 l1 h1 s1 z1 x1'
	check_eq left '' "$(names_in .)"
}

run_tests "$@"
