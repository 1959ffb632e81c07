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

# ------------------------------------------------------------------ feeds

test_what_is_appended_reaches_who_listens() {
	store feed1
	local f=$S/.feeds/news
	check_eq "nobody listens" "" "$(names_in "$S/.feeds")"
	echo lost >>"$f"
	tail -f "$f" >"$WORK/by-f" 2>/dev/null &
	tail -n0 -f "$f" >"$WORK/by-n0" 2>/dev/null &
	tail -F "$f" >"$WORK/by-F" 2>/dev/null &
	wait_for 10 test -e "$f"
	# Once all three have it open, it says what comes.
	wait_for 10 eval '[ "$(ls -l /proc/*/fd 2>/dev/null | grep -c "$f\$")" -ge 3 ]'
	check_eq "listed" news "$(names_in "$S/.feeds")"
	echo one >>"$f"
	echo two >"$f"
	printf 'three' >>"$f"
	local by
	for by in f n0 F; do
		wait_for 20 grep -q three "$WORK/by-$by"
		check_eq "-$by" '[one ][two ][three]' "$(tr '\n' ' ' <"$WORK/by-$by")"
	done
	check_eq "size" "$(wc -c <"$WORK/by-f")" "$(stat -c %s "$f")"
	kill %1 %2 %3
	wait_for 10 eval '[ -z "$(names_in "$S/.feeds")" ]'
	check_eq "who comes later" "" "$(cat "$f")"
	check_has "help" "$(cat "$S/.help")" '\.feeds .*tail -f'
}

test_each_write_is_one_message() {
	store feed2
	python3 - "$S/.feeds/x" <<-'END'
		import os, sys
		path = sys.argv[1]
		r = os.open(path, os.O_RDONLY)
		w = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
		for text in (b"a", b"two lines\nin one\n", b""):
		    os.write(w, text)
		os.pwrite(w, b"any offset", 1000)
		both = os.open(path, os.O_RDWR | os.O_APPEND)
		os.write(both, b"z")
		assert os.read(r, 1000) == b"[a][two lines\nin one\n][any offset][z]", "read"
		assert os.fstat(r).st_size == os.stat(path).st_size == 37, os.fstat(r)
		assert os.read(r, 1000) == b""
		os.ftruncate(w, 0)
		os.write(w, b"more")
		assert os.read(r, 1000) == b"[more]"
		try:
		    os.write(w, b"x" * 1001)
		    raise SystemExit("too large a message went through")
		except OSError as e:
		    assert e.errno == 27, e
	END
	check_has "sentence" "$(errors_of "$S/.feeds")" 'at most 1000 bytes'
	check_eq "closed" "" "$(names_in "$S/.feeds")"
}

# ------------------------------------------------------------------ times and attributes

test_touch_gives_an_item_a_time_of_its_own() {
	store time1 a=1 b=2
	touch "$S/a"
	fails cat "$S/.ttl/a"
	touch -d '+100 seconds' "$S/a"
	local left
	left=$(cat "$S/.ttl/a")
	[ "$left" -gt 50 ] && [ "$left" -le 101 ]
	touch -d '+200 seconds' "$S/new"
	check_eq "made" "" "$(cat "$S/new")"
	[ "$(cat "$S/.ttl/new")" -gt 150 ]
	# With a text that is not committed yet.
	echo text >"$WORK/file"
	touch -d '+300 seconds' "$WORK/file"
	cp -p "$WORK/file" "$S/copied"
	check_eq "text" text "$(cat "$S/copied")"
	[ "$(cat "$S/.ttl/copied")" -gt 250 ]
	cp -p "$S/a" "$S/b"
	cat "$S/b" >/dev/null
	touch -d @0 "$S/b"
	fails cat "$S/b"
	check_eq "listing" "a copied new" "$(names_in "$S" | xargs)"
	chmod 600 "$S/a"
	check_eq errors "" "$(errors_of "$S")"
}

test_attributes_that_a_service_has() {
	need getfattr
	cd "$WORK"
	remount -o xattr
	store attr1 a=1 b=2
	check_eq "none" "" "$(getfattr -d "$S/a" 2>/dev/null | grep -v version | grep '^user' || true)"
	setfattr -n user.dbmount.ttl -v 77 "$S/a"
	check_has "listed" "$(getfattr -d "$S/a" 2>/dev/null)" '^user\.dbmount\.ttl="77"$'
	check_has_not "not there" "$(getfattr -d "$S/a" 2>/dev/null)" unset
	check_eq "the same" 77 "$(cat "$S/.ttl/a")"
	fails setfattr -n user.dbmount.ttl -v soon "$S/a"
	check_has "sentence" "$(errors_of "$S")" 'a number of seconds'
	fails setfattr -n user.dbmount.version -v 1 "$S/a"
	fails setfattr -n user.other -v 1 "$S/a"
	cp -a "$S/a" "$S/c"
	check_eq "copied" 77 "$(cat "$S/.ttl/c")"
	setfattr -x user.dbmount.ttl "$S/a"
	fails setfattr -x user.dbmount.ttl "$S/a"
	fails getfattr -n user.dbmount.ttl "$S/a"
	fails setfattr -n user.dbmount.ttl -v 5 "$S"
	remount
}

# ------------------------------------------------------------------ sessions

test_a_script_answers_who_wrote_it() {
	store exec1 a=1
	cd "$S"
	# As a user would type it.
	# shellcheck disable=SC2016
	bash -ec '
		exec 3<>.exec
		echo "get a" >&3
		cat <&3
		printf "set b x y\nget b\nge" >&3
		cat <&3
		printf "t b\n" >&3
		read -r line <&3
		echo "read: $line"
		cat <&3
		echo "nothing comes: $(cat <&3)"
		printf "set c last" >&3
		exec 3>&-
		echo "and then: $(cat c)"' >"$WORK/said" 2>&1 || { cat "$WORK/said"; return 1; }
	cat >"$WORK/expected" <<-END
		1
		OK
		x y
		read: x y
		nothing comes: 
		and then: last
	END
	check_same "said" "$WORK/expected" "$WORK/said"
	check_eq "text" "x y" "$(cat "$S/b")"
	check_has "last report" "$(cat "$S/.exec")" '^OK$'
}

test_each_session_has_its_own_replies() {
	store exec2 a=1
	python3 - "$S/.exec" <<-'END'
		import sys
		one = open(sys.argv[1], "r+b", buffering=0)
		two = open(sys.argv[1], "r+b", buffering=0)
		one.write(b"set k one\nget k\n")
		two.write(b"set k two\nget k\n")
		assert two.read() == b"OK\ntwo\n"
		assert one.read() == b"OK\none\n"
		two.write(b"get k\n")
		assert two.read(2) == b"on" and two.read(100) == b"e\n" and two.read(1) == b""
		one.write(b"get\n")
		assert one.read() == b"ERR no such line\n"
		one.write(b"get k\n")
		assert one.read() == b"one\n"
	END
	cat "$S/a" >/dev/null
	exec 3<>"$S/.exec"
	echo 'set a 2222' >&3
	check_eq reply OK "$(cat <&3)"
	check_eq "seen at once" 2222 "$(cat "$S/a")"
	exec 3>&-
	# Only written: as any script.
	echo 'set a 3' >"$S/.exec"
	check_eq "text" 3 "$(cat "$S/a")"
	check_eq "report" OK "$(cat "$S/.exec")"
}

test_an_answer_is_read_back_byte_for_byte() {
	store exec3 a=1
	printf 'two\377three' >"$S/b"
	printf 'get a\nget b\n' >"$S/.exec"
	printf '1\ntwo\377three\n' >"$WORK/expected"
	cmp "$WORK/expected" "$S/.exec"
	check_eq "events" 0 "$(grep -c exec "$S/.events")"
	# Of one that failed it is why.
	bash -c 'echo "get" >"$1"; true' _ "$S/.exec" 2>/dev/null
	check_has "why" "$(cat "$S/.exec")" 'no such line'
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
