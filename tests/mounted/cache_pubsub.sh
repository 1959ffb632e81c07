#!/bin/bash
# Publishing and listening with everyday tools.
. "$(dirname "$0")/lib.sh"
need tail

C=$MNT/cache/news

setup() {
	mkdir "$C"
}

# Listens to a file in the background, into OUT, and waits until it is known. It begins with
# what comes from now on.
listen() {
	local file=$1 out=$2
	: >"$out"
	tail -n 0 -s 0.05 -f "$file" >"$out" &
	LISTENERS="${LISTENERS:-} $!"
	wait_for 30 listed "$(dirname "$file")" "$(basename "$file")"
}

listed() {
	names_in "$1" | grep -qxF -- "$2"
}

unlisted() {
	! listed "$1" "$2"
}

# Ends those who listen; a shell's children go with it otherwise, but the mount would be in use.
hang_up() {
	# shellcheck disable=SC2086
	kill $LISTENERS
	wait
	LISTENERS=
}

has_lines() {
	[ "$(wc -l <"$1")" -ge "$2" ]
}

test_tail_subscribes_and_echo_publishes() {
	echo 'nobody hears this' >>"$C/.channels/sport"
	listen "$C/.channels/sport" "$WORK/sport"
	echo goal >>"$C/.channels/sport"
	echo 'another game' >>"$C/.channels/weather"
	printf 'a\n\nb' >>"$C/.channels/sport"
	wait_for 30 has_lines "$WORK/sport" 4
	check_eq heard "$(printf 'goal\na\n\nb')" "$(cat "$WORK/sport")"
	hang_up
	wait_for 30 unlisted "$C/.channels" sport
	check_eq channels '' "$(names_in "$C/.channels")"
}

test_several_listen_to_one_channel() {
	listen "$C/.channels/all" "$WORK/one"
	listen "$C/.channels/all" "$WORK/two"
	local i
	for i in 1 2 3 4 5; do
		echo "message $i" >>"$C/.channels/all"
	done
	wait_for 30 has_lines "$WORK/one" 5
	wait_for 30 has_lines "$WORK/two" 5
	cmp "$WORK/one" "$WORK/two"
	check_eq messages 'message 1 message 2 message 3 message 4 message 5' "$(xargs <"$WORK/one")"
	hang_up
}

test_a_pattern_hears_all_channels_that_match() {
	listen "$C/.patterns/room:*" "$WORK/rooms"
	echo hello >>"$C/.channels/room:1"
	echo no >>"$C/.channels/hall:1"
	echo bye >>"$C/.channels/room:2"
	wait_for 30 has_lines "$WORK/rooms" 2
	check_eq heard "$(printf 'room:1 hello\nroom:2 bye')" "$(cat "$WORK/rooms")"
	fails put "$C/.patterns/room:*" text
	hang_up
}

test_commands_publish_and_tell_who_listens() {
	listen "$C/.channels/jobs" "$WORK/jobs"
	put "$C/.exec" 'PUBLISH jobs "from a command"
PUBSUB NUMSUB jobs none
PUBSUB CHANNELS
PUBLISH none x'
	check_has receivers "$(cat "$C/.exec")" '^.integer. 1$'
	check_has channels "$(cat "$C/.exec")" '^1. "jobs"$'
	wait_for 30 has_lines "$WORK/jobs" 1
	check_eq heard 'from a command' "$(cat "$WORK/jobs")"
	put "$C/.exec" 'SUBSCRIBE jobs'
	check_has refusal "$(cat "$C/.exec")" '.channels/NAME'
	hang_up
}

run_tests "$@"
