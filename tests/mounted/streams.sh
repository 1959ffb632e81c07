#!/bin/bash
# Files that pass through without being held (ENGINE_HAS_STREAMS), and directories that load what
# is copied there (ENGINE_HAS_LOADS). Shown with the second toy engine of tests/engine/.
. "$(dirname "$0")/lib.sh"

DBMOUNT=$(cd "$(dirname "$DBMOUNT")/.." && pwd)/tests/engine/dbmount-toy
[ -x "$DBMOUNT" ] || skip "no $DBMOUNT: build everything"
need rsync

# store NAME [KEY=TEXT..]: a store of its own for a test, in $S.
store() {
	S=$MNT/keys/$1
	mkdir "$S"
	local pair
	for pair in "${@:2}"; do
		printf '%s' "${pair#*=}" >"$S/${pair%%=*}"
	done
}

# ------------------------------------------------------------------ streams

test_a_stream_has_its_size_and_is_read_at_any_place() {
	store read a='one two three four five' b=
	check_eq "listing" "a.txt b.txt" "$(names_in "$S/.bulk" | xargs)"
	check_eq "size" 23 "$(stat -c %s "$S/.bulk/a.txt")"
	check_eq "text" "one two three four five" "$(cat "$S/.bulk/a.txt")"
	check_eq "the end" "five" "$(tail -c 4 "$S/.bulk/a.txt")"
	check_eq "empty" "" "$(cat "$S/.bulk/b.txt")"
	ls -l "$S/.bulk" >/dev/null
	printf longer >"$S/b"
	check_eq "size of now" 6 "$(stat -c %s "$S/.bulk/b.txt")"
	check_has "help" "$(cat "$S/.bulk/.help")" 'passes through'
}

test_what_is_written_to_a_stream_replaces_or_adds() {
	store write a=old
	printf new >"$S/.bulk/a.txt"
	check_eq "replaced" new "$(cat "$S/a")"
	printf ' and more' >>"$S/.bulk/a.txt"
	check_eq "added" "new and more" "$(cat "$S/a")"
	cp "$S/.bulk/a.txt" "$S/.bulk/c.txt"
	check_eq "a new one" "new and more" "$(cat "$S/c")"
	fails bash -c 'printf x 1<>"$1"' _ "$S/.bulk/a.txt"
	check_eq "not in the middle" "new and more" "$(cat "$S/a")"
	check_has "why" "$(cat "$S/.bulk/.errors")" 'not changed in the middle'
}

test_a_scratch_file_renamed_onto_a_stream_is_written_to_it() {
	store rename a=old
	printf 'by rename' >"$S/.bulk/.a.txt.tmp"
	mv "$S/.bulk/.a.txt.tmp" "$S/.bulk/a.txt"
	check_eq "text" "by rename" "$(cat "$S/a")"
	check_eq "as a stream" "by rename" "$(cat "$S/.bulk/a.txt")"
	printf 'changed by another way' >"$S/a"
	check_eq "size of now" 22 "$(stat -c %s "$S/.bulk/a.txt")"
	check_eq "text of now" "changed by another way" "$(cat "$S/.bulk/a.txt")"
}

test_an_empty_file_onto_a_stream_changes_nothing() {
	store empty a=kept
	: >"$S/.bulk/a.txt"
	check_eq "text" kept "$(cat "$S/a")"
	check_has "why" "$(cat "$S/.bulk/.errors")" 'closed without any content'
}

# ------------------------------------------------------------------ loads

test_a_file_that_is_copied_is_loaded_and_gone() {
	store load
	printf 'x 1\ny two words\n' >"$WORK/in.kv"
	cp "$WORK/in.kv" "$S/.loads/"
	check_eq "loaded" "1 two words" "$(cat "$S/x") $(cat "$S/y")"
	check_eq "listing" "report.txt" "$(names_in "$S/.loads" | xargs)"
	check_eq "report" "2 keys" "$(cat "$S/.loads/report.txt")"
	[ ! -e "$S/.loads/in.kv" ]
	check_has "event" "$(cat "$S/.loads/.events")" 'import append in.kv: 2 keys'
	rsync "$WORK/in.kv" "$S/.loads/again.kv"
	[ ! -e "$S/.loads/again.kv" ]
	cp -p "$WORK/in.kv" "$S/.loads/with_times.kv"
	cat "$WORK/in.kv" >"$S/.loads/by_shell.kv"
	check_has "help" "$(cat "$S/.loads/.help")" 'cp FILE here'
}

test_a_file_that_cannot_be_loaded_leaves_nothing() {
	store bad x=kept
	printf 'x 1\nnothing\n' >"$WORK/bad.kv"
	fails cp "$WORK/bad.kv" "$S/.loads/"
	check_eq "kept" kept "$(cat "$S/x")"
	check_has "why" "$(cat "$S/.loads/.errors")" 'line 2: KEY TEXT is expected'
	check_eq "report" "line 2 is wrong" "$(cat "$S/.loads/report.txt")"
	fails cp "$WORK/bad.kv" "$S/.loads/bad.csv"
	check_has "why" "$(cat "$S/.loads/.errors")" 'NAME.kv is expected'
	check_eq "listing" "report.txt" "$(names_in "$S/.loads" | xargs)"
}

run_tests "$@"
