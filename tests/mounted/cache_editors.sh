#!/bin/bash
# Editors and tools on the keys of a Redis-like cluster, in their default settings: each leaves
# one key, with the text it saved, and no other. That all of them do, on any such directory, is
# keys_editors.sh's.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_edits.sh"

NAME=user:123
C=$MNT/cache/edited
TEXT='"FirstName" is "John"'
export EDITOR_HOME=$WORK/home

setup() {
	mkdir "$C"
}

# ask COMMAND: one Redis command, its reply.
ask() {
	python3 - "$C/.exec" "$1" <<-'END'
		import sys
		with open(sys.argv[1], "r+b", buffering=0) as f:
		    f.write(sys.argv[2].encode() + b"\n")
		    sys.stdout.write(f.read().decode())
	END
}

edited() {
	tty_quit
	ask FLUSHALL >/dev/null
	echo "$TEXT" >"$C/$NAME"
	"$@"
	tty_quit
	check_eq "text" "${TEXT/John/Johnny}" "$(cat "$C/$NAME")"
	check_eq "keys" "1) \"$NAME\"" "$(ask 'KEYS *')"
}

with_tool() {
	case $1 in
	sed) sed -i s/John/Johnny/ "$C/$NAME" ;;
	perl) perl -pi -e s/John/Johnny/ "$C/$NAME" ;;
	sponge) sed s/John/Johnny/ "$C/$NAME" | sponge "$C/$NAME" ;;
	rsync)
		echo "${TEXT/John/Johnny}" >"$WORK/$NAME"
		rsync -c "$WORK/$NAME" "$C/"
		;;
	esac
}

test_editors_on_a_key() {
	need vim nano
	edited edit_vi "$C" vim
	check_eq "left behind" "$NAME" "$(ls -A "$C")"
	edited edit_nano "$C"
	check_eq "left behind" "$NAME" "$(ls -A "$C")"
	check_eq errors "" "$(cat "$C/.errors")"
}

test_tools_on_a_key() {
	need perl sponge rsync
	local tool
	for tool in sed perl sponge rsync; do
		edited with_tool "$tool"
		check_eq "left behind by $tool" "$NAME" "$(ls -A "$C")"
	done
}

test_a_key_can_be_empty() {
	ask FLUSHALL >/dev/null
	touch "$C/a"
	echo text >"$C/b"
	: >"$C/b"
	mkdir "$C/h.hash"
	touch "$C/h.hash/field"
	check_eq "length" '(integer) 0' "$(ask 'STRLEN b')"
	check_eq "there" '(integer) 2' "$(ask 'EXISTS a b')"
	check_eq "field" '""' "$(ask 'HGET h field')"
}

run_tests "$@"
