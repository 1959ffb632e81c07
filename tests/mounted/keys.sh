#!/bin/bash
# A directory whose children are of several sorts, and what belongs to it: rooms, feeds
# that are appended to, times and attributes that mean something, scripts that answer.
# Shown with the second toy engine of tests/engine/, in a dbmount of its own.
. "$(dirname "$0")/lib.sh"

DBMOUNT=$(cd "$(dirname "$DBMOUNT")/.." && pwd)/tests/engine/dbmount-toy
[ -x "$DBMOUNT" ] || skip "no $DBMOUNT: build everything"

# store NAME [KEY=TEXT..]: a store of its own for a test, in $S.
store() {
	S=$MNT/keys/$1
	mkdir "$S"
	local pair
	for pair in "${@:2}"; do
		printf '%s' "${pair#*=}" >"$S/${pair%%=*}"
	done
}

errors_of() {
	cat "$1/.errors"
}

# ------------------------------------------------------------------ sorts

test_files_and_directories_stand_side_by_side() {
	store sorts1 a=one 'with space=two'
	mkdir "$S/colours.set" "$S/cart.hash"
	printf 1 >"$S/colours.set/red"
	printf 2 >"$S/cart.hash/7"
	check_eq "listing" "a cart.hash colours.set with space" "$(names_in "$S" | paste -sd' ')"
	check_eq "types" "d d f f" "$(find "$S" -mindepth 1 -maxdepth 1 -printf '%y\n' | sort | xargs)"
	check_eq "text" one "$(cat "$S/a")"
	check_eq "in a directory" "red" "$(names_in "$S/colours.set")"
	check_eq "all" "/a /cart.hash /cart.hash/7 /colours.set /colours.set/red" \
		"$(find "$S" -mindepth 1 ! -name '* *' -printf '/%P\n' | sort | xargs)"
	ls -l "$S" >/dev/null
	check_eq "size" 3 "$(stat -c %s "$S/a")"
	check_has "help" "$(cat "$S/.help")" '<key>\.set/ +a set'
}

test_one_key_may_be_of_each_sort() {
	store sorts2 x=string
	mkdir "$S/x.set" "$S/x.hash"
	printf m >"$S/x.set/m"
	check_eq "string" string "$(cat "$S/x")"
	check_eq "set" m "$(cat "$S/x.set/m")"
	check_eq "hash" "" "$(names_in "$S/x.hash")"
	rm "$S/x"
	check_eq "listing" "x.hash x.set" "$(names_in "$S" | xargs)"
}

test_a_string_key_that_ends_in_a_suffix_has_its_dot_escaped() {
	store sorts3
	printf 1 >"$S/a%2Ehash"
	printf 2 >"$S/b.c%2Eset"
	printf 3 >"$S/plain.json"
	check_eq "listing" "a%2Ehash b.c%2Eset plain.json" "$(names_in "$S" | xargs)"
	control "$S" 'poke by.way.hash 4'
	check_eq "text" 4 "$(cat "$S/by.way%2Ehash")"
	fails cat "$S/by.way.hash"
	fails cat "$S/plain%2Ejson"
	mkdir "$S/a.hash.hash" "$S/a.set.hash"
	fails mkdir "$S/a%2Ehash.hash"
	check_eq "all" "a%2Ehash a.hash.hash a.set.hash b.c%2Eset by.way%2Ehash plain.json" \
		"$(names_in "$S" | xargs)"
}

test_what_is_made_must_bear_a_suffix_of_its_sort() {
	store sorts4 a=1
	mkdir "$S/d.set"
	fails mkdir "$S/plain"
	check_has "errno" "$(cat "$OUT")" 'Invalid argument'
	check_has "sentence" "$(errors_of "$S")" "'plain' is a name of a file; a directory in a store is named NAME.set, NAME.hash"
	check_eq "errno" EINVAL "$(py errno write "$S/new.hash" x)"
	check_has "sentence" "$(errors_of "$S")" "'new.hash' is a name of a directory; a file in a store is named NAME"
	fails mv "$S/a" "$S/a.hash"
	fails mv -T "$S/d.set" "$S/d"
	fails mv -T "$S/d.set" "$S/d.hash"
	check_has "sentence" "$(errors_of "$S")" "a directory keeps its suffix"
	check_eq "nothing changed" "a d.set" "$(names_in "$S" | xargs)"
}

test_tools_work_on_all_sorts() {
	store sorts5 a=1 b=2
	mkdir "$S/c.set"
	printf x >"$S/c.set/m1"
	printf y >"$S/c.set/m2"
	mv "$S/a" "$S/z"
	mv "$S/c.set" "$S/e.set"
	check_eq "moved" "b e.set z" "$(names_in "$S" | xargs)"
	check_eq "member" y "$(cat "$S/e.set/m2")"
	cp -r "$S/e.set" "$S/f.set"
	check_eq "copied" "m1 m2" "$(names_in "$S/f.set" | xargs)"
	cp -r "$S" "$WORK/copy"
	check_eq "all" "x" "$(cat "$WORK/copy/f.set/m1")"
	mkdir "$MNT/keys/sorts5b"
	cp -r "$WORK/copy/." "$MNT/keys/sorts5b/"
	diff -r "$S" "$MNT/keys/sorts5b"
	tar -C "$S" -cf "$WORK/t.tar" .
	check_eq "grep" "e.set/m2 f.set/m2" "$(cd "$S" && grep -rl y . | sed 's,^\./,,' | sort | xargs)"
	rm -r "$S/f.set"
	rm -rf "$MNT/keys/sorts5b"
	check_eq "gone" "" "$(ls "$MNT/keys" | grep -x sorts5b || true)"
	check_eq "left" "b e.set z" "$(names_in "$S" | xargs)"
}

test_long_names_are_of_a_sort_too() {
	store sorts6
	local key
	key=$(printf 'k%.0s' $(seq 300))
	control "$S" "poke $key text"
	control "$S" "member $key red +"
	local n set
	n=$(names_in "$S" | grep -v '\.set$')
	set=$(names_in "$S" | grep '\.set$')
	check_eq "text" text "$(cat "$S/$n")"
	check_eq "members" red "$(names_in "$S/$set")"
	# The same hash is another name's with another suffix or beginning.
	fails ls "$S/$n.hash"
	fails cat "$S/j${n#k}"
	printf new >"$S/$n"
	check_eq "text" new "$(cat "$S/$n")"
	rm "$S/$n"
	check_eq "left" "$set" "$(names_in "$S")"
	mv "$S/$set" "$S/short.set"
	check_eq "moved" short.set "$(names_in "$S")"
}

test_what_comes_another_way_is_seen() {
	store sorts7 a=1
	cat "$S/a" >/dev/null
	ls -l "$S" >/dev/null
	fails cat "$S/b"
	control "$S" 'poke a changed'
	control "$S" 'poke b new'
	check_eq "text" "changed new" "$(cat "$S/a") $(cat "$S/b")"
	check_eq "size" 7 "$(stat -c %s "$S/a")"
	control "$S" 'member s red +'
	check_eq "a set came" "red" "$(names_in "$S/s.set")"
	control "$S" 'member s blue +'
	check_eq "members" "blue red" "$(names_in "$S/s.set" | xargs)"
	control "$S" 'member s blue -'
	control "$S" 'member s red -'
	fails ls "$S/s.set"
	check_eq "listing" "a b" "$(names_in "$S" | xargs)"
}

# ------------------------------------------------------------------ rooms

test_a_room_is_reached_by_name_and_not_listed() {
	store room1 a=1 b=2
	check_eq "listing" "a b" "$(names_in "$S" | xargs)"
	check_eq "nothing in it" "" "$(names_in "$S/.ttl")"
	echo 60 >"$S/.ttl/a"
	check_eq "one in it" a "$(names_in "$S/.ttl")"
	check_eq "text" 60 "$(cat "$S/.ttl/a")"
	check_has "help" "$(cat "$S/.help")" '^ *\.ttl +the seconds'
	check_has "its own help" "$(cat "$S/.ttl/.help")" 'room1/\.ttl is a room of keys'
	fails rmdir "$S/.ttl"
	fails mkdir "$S/.ttl"
	fails mv "$S/.ttl" "$S/.other"
	fails mkdir "$S/.ttl/x"
	fails ls "$MNT/keys/.ttl"
	rm "$S/.ttl/a"
	check_eq "empty" "" "$(names_in "$S/.ttl")"
	fails rm "$S/.ttl/a"
}

test_what_is_refused_in_a_room() {
	store room2 a=1
	check_eq "errno" EINVAL "$(py errno write "$S/.ttl/a" soon)"
	check_has "sentence" "$(errors_of "$S/.ttl")" 'a number of seconds'
	check_eq "kept" soon "$(cat "$S/.ttl/.rejected/"*)"
	check_has "above" "$(errors_of "$S")" '\.ttl/a'
	check_eq "errno" ENOENT "$(py errno write "$S/.ttl/none" 5)"
	put "$S/.ttl/.scratch" x
	check_eq "scratch" .scratch "$(names_in "$S/.ttl")"
	rm "$S/.ttl/.scratch"
}

test_a_room_is_told_of_changes() {
	store room3 a=1
	echo 60 >"$S/.ttl/a"
	cat "$S/.ttl/a" >/dev/null
	ls -l "$S/.ttl" >/dev/null
	control "$S/.ttl" 'poke a 12345'
	check_eq "text" 12345 "$(cat "$S/.ttl/a")"
	check_eq "size" 6 "$(stat -c %s "$S/.ttl/a")"
	check_has "its events" "$(cat "$S/.ttl/.events")" 'poke a 12345'
}

test_a_room_goes_with_its_directory() {
	store room4 a=1
	echo 60 >"$S/.ttl/a"
	put "$S/.ttl/.note" x
	rm "$S/a"
	rmdir "$S"
	fails ls "$S/.ttl"
	mkdir "$S"
	check_eq "empty" "" "$(names_in "$S/.ttl")"
	printf 2 >"$S/a"
	echo 7 >"$S/.ttl/a"
	mv "$S" "$MNT/keys/room4b"
	check_eq "text" 7 "$(cat "$MNT/keys/room4b/.ttl/a")"
	fails ls "$S/.ttl"
}

# ------------------------------------------------------------------ peers

test_an_engine_asks_for_another() {
	store peer1
	control "$S" 'peer docdb'
	check_has "result" "$(cat "$S/.control")" '^docdb holds [0-9]+$'
	fails bash -c "echo 'peer nothing' >'$S/.control'"
	check_has "sentence" "$(errors_of "$S")" 'there is no service nothing'
}

run_tests "$@"
