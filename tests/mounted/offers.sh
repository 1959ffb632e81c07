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

test_events_are_bounded_and_can_be_followed() {
	box ev1
	control "$B" count
	local log=$SITE/side/d/toy/d/ev1/events i
	# As after years of events.
	for ((i = 0; i < 41000; i++)); do
		printf '2026-01-01T00:00:00.000Z event number %06d of a long time ago, and so on and so forth, padded\n' "$i"
	done >"$log"
	tail -n 1 -F "$B/.events" >"$WORK/followed" 2>/dev/null &
	wait_for 10 grep -q 040999 "$WORK/followed"
	while [ "$(stat -c %s "$log")" -gt 3000000 ]; do
		control "$B" 'fill 1000'
	done
	[ "$(stat -c %s "$B/.events")" -lt 3000000 ]
	check_has_not "the oldest are gone" "$(head -5 "$B/.events")" 'number 00000'
	check_has "whole lines" "$(head -1 "$B/.events")" '^2026-01-01T00:00:00.000Z event number'
	control "$B" 'fill 7'
	check_has "the newest are there" "$(tail -1 "$B/.events")" 'fill 7: done'
	wait_for 20 grep -q 'fill 7: done' "$WORK/followed"
	kill %1
}

test_a_feed_grows_and_can_be_followed() {
	box feed1
	local f=$TOY/.changes
	put "$B/a.json" '{"n": 1}'
	check_eq "newest" "put feed1 a" "$(tail -n 1 "$f")"
	check_eq "size" "$(wc -c <"$f")" "$(stat -c %s "$f")"
	check_eq "time stays" "$(stat -c %y "$f")" "$(sleep 0.05; stat -c %y "$f")"
	tail -n 1 -f "$f" >"$WORK/by-f" 2>/dev/null &
	tail -n 1 -F "$f" >"$WORK/by-F" 2>/dev/null &
	wait_for 10 grep -q 'put feed1 a' "$WORK/by-f"
	wait_for 10 grep -q 'put feed1 a' "$WORK/by-F"
	put "$B/b.json" '{"n": 2}'
	rm "$B/a.json"
	wait_for 10 grep -q 'del feed1 a' "$WORK/by-f"
	wait_for 10 grep -q 'del feed1 a' "$WORK/by-F"
	kill %1 %2
	check_eq "whole" "put feed1 a put feed1 b del feed1 a" "$(xargs <"$WORK/by-f")"
	check_eq "whole" "put feed1 a put feed1 b del feed1 a" "$(xargs <"$WORK/by-F")"
	check_eq "only read" EACCES "$(py errno write "$f" x)"
	fails rm "$f"
	check_has "help" "$(cat "$TOY/.help")" '^ *\.changes +each write'
	check_has_not "not listed" "$(names_in "$TOY")" changes
}

test_what_a_feed_has_dropped_reads_as_empty_lines() {
	box feed2
	local f=$TOY/.changes first before
	control "$TOY" prune
	put "$B/a.json" '{"n": 1}'
	put "$B/b.json" '{"n": 2}'
	before=$(wc -c <"$f")
	exec 4<"$f"
	read -r first <&4
	control "$TOY" prune
	put "$B/c.json" '{"n": 3}'
	check_eq "it grows while it is open" $((before + 12)) "$(stat -c %s "$f")"
	check_eq "who reads on" "put feed2 b put feed2 c" "$(tail -n 2 "$f" | xargs)"
	check_eq "the rest is empty" "" "$(head -c $((before - 12)) "$f" | xargs)"
	cat <&4 >"$WORK/on"
	check_eq "who reads on" "put feed2 b put feed2 c" "$(xargs <"$WORK/on")"
	check_eq "bytes" $((before + 12 - ${#first} - 1)) "$(wc -c <"$WORK/on")"
	exec 4<&-
	wait_for 10 eval '[ "$(stat -c %s "$f")" -eq 24 ]'
	check_eq "who comes later" "put feed2 b put feed2 c" "$(xargs <"$f")"
}

# ------------------------------------------------------------------ files beside directories

test_a_directory_reads_as_one_file_beside_it() {
	box file1 'a={"n": 1}' 'b={"n": 2}'
	check_same "export" "$B.jsonl" "$B/.export/jsonl"
	check_eq "size" "$(stat -c %s "$B.jsonl")" "$(wc -c <"$B.jsonl")"
	check_has_not "listing" "$(names_in "$TOY")" jsonl
	check_has "help" "$(cat "$TOY/.help")" 'NAME\.jsonl'
	fails cat "$TOY/nosuch.jsonl"
	fails cat "$TOY/file1.csv"
	# A child of that very name wins.
	mkdir "$TOY/wins.jsonl"
	[ -d "$TOY/wins.jsonl" ]
}

test_writing_a_file_makes_the_directory_beside_it() {
	fails ls "$TOY/made1" "$TOY/made1.jsonl"
	ls "$TOY" >/dev/null
	printf '%s\n' '["a", {"n": 1}]' '["b", {}]' >"$TOY/made1.jsonl"
	check_eq "listing" "a.json b.json" "$(names_in "$TOY/made1" | xargs)"
	check_has "parent" "$(names_in "$TOY")" '^made1$'
	check_json "$TOY/made1/a.json" '{"n": 1}'
	cp "$TOY/made1.jsonl" "$TOY/made2.jsonl"
	check_same "copy" "$TOY/made1.jsonl" "$TOY/made2.jsonl"
	check_has "events above" "$(cat "$TOY/.events")" 'import create made2.jsonl: 2 items loaded'
	check_has "events" "$(cat "$TOY/made2/.events")" 'import create made2.jsonl: 2 items loaded'
}

test_overwriting_a_file_replaces_and_appending_adds() {
	box file2 'a={"n": 1}' 'b={"n": 2}'
	cat "$B/a.json" "$B/b.json" >/dev/null
	put "$B.jsonl" '["a", {"n": 10}]'
	check_eq "listing" "a.json" "$(names_in "$B" | xargs)"
	check_json "$B/a.json" '{"n": 10}'
	bash -c 'echo "[\"c\", {\"n\": 3}]" >>"$1"' _ "$B.jsonl"
	check_eq "listing" "a.json c.json" "$(names_in "$B" | xargs)"
	fails cp /dev/stdin "$B.jsonl" <<<'["a", oops'
	check_eq "as it was" "a.json c.json" "$(names_in "$B" | xargs)"
	check_has "sentence" "$(errors_of "$TOY")" 'file2.jsonl EINVAL: line 1'
	fails dd if=/dev/zero of="$B.jsonl" bs=1 count=3 seek=5 conv=notrunc
	check_has "sentence" "$(errors_of "$TOY")" 'front to back'
}

test_an_emptied_file_empties_nothing() {
	box file3 'a={"n": 1}'
	: >"$B.jsonl"
	truncate -s 0 "$B.jsonl"
	: >"$TOY/nothing.jsonl"
	check_json "$B/a.json" '{"n": 1}'
	fails ls "$TOY/nothing"
	check_has "sentence" "$(errors_of "$TOY")" 'file3.jsonl EINVAL: closed without any content'
}

test_a_file_beside_a_directory_is_not_removed() {
	box file4 'a={"n": 1}'
	fails rm -f "$B.jsonl"
	fails mv -T "$B.jsonl" "$TOY/other.jsonl"
	check_has "sentence" "$(errors_of "$TOY")" 'EPERM: file4.jsonl is all of a directory'
	check_json "$B/a.json" '{"n": 1}'
}

test_tools_that_rename_work_on_files_beside() {
	need rsync
	box file5 'a={"n": 1}'
	printf '%s\n' '["x", {"n": 9}]' >"$WORK/new.jsonl"
	rsync "$WORK/new.jsonl" "$B.jsonl"
	check_eq "listing" "x.json" "$(names_in "$B" | xargs)"
	rsync "$WORK/new.jsonl" "$TOY/file6.jsonl"
	check_json "$TOY/file6/x.json" '{"n": 9}'
	sed -i 's/9/8/' "$B.jsonl"
	check_json "$B/x.json" '{"n": 8}'
	check_has_not "leftovers" "$(names_in "$TOY")" '^(sed|\.file)'
}

test_vim_edits_a_file_beside_a_directory() {
	need vim
	box file7 'a={"n": 1}'
	timeout 20 vim -es -u NONE -c 'set backup writebackup' -c '%s/1/7/' -c wq "$B.jsonl" </dev/null
	check_json "$B/a.json" '{"n": 7}'
	timeout 20 vim -es -u NONE -c '%s/7/6/' -c wq "$B.jsonl" </dev/null
	check_json "$B/a.json" '{"n": 6}'
}

# ------------------------------------------------------------------ clusters

test_clusters_are_made_written_to_and_removed() {
	local c=$TOY/.clusters
	mkdir "$c/one" "$c/two"
	fails mkdir "$c/one"
	check_eq "listing" "one two" "$(names_in "$c" | xargs)"
	check_has_not "not listed" "$(names_in "$TOY")" clusters
	check_has "help" "$(cat "$TOY/.help")" '^ *\.clusters '
	mkdir "$c/one/box" "$c/two/box"
	put "$c/one/box/a.json" '{"n": 1}'
	put "$c/two/box/a.json" '{"n": 2}'
	check_json "$c/one/box/a.json" '{"n": 1}'
	check_json "$c/two/box/a.json" '{"n": 2}'
	fails ls "$TOY/box"
	fails ls "$c/one/.clusters"
	check_eq "to another" "OK" "$(mv "$c/one/box/a.json" "$c/two/box/b.json" && echo OK)"
	check_eq "moved" "a.json b.json" "$(names_in "$c/two/box" | xargs)"
	check_eq "refused" ENOTSUP "$(py rename "$c/two" "$c/three")"
	fails rmdir "$c/two"
	cd "$WORK"
	remount
	check_json "$c/two/box/b.json" '{"n": 1}'
	put "$c/one/box/.x.json.swp" scratch
	fails rmdir "$c/one/box"
	rm "$c/one/box/.x.json.swp"
	rmdir "$c/one/box"
	rmdir "$c/one"
	fails ls "$c/one"
	mkdir "$c/one"
	check_eq "a new one" "" "$(names_in "$c/one")"
	rmdir "$c/one"
	rm "$c/two/box"/*
	rmdir "$c/two/box" "$c/two"
}

# in_cluster NAME: a box of its own in a new cluster.
in_cluster() {
	C=$TOY/.clusters/$1
	mkdir "$C" "$C/box"
	B=$C/box
	put "$B/a.json" '{"n": 1}'
}

# What comes another way shows at once, whether the engine tells or nothing is cached.
changes_show() {
	in_cluster "$1"
	put "$B/b.json" '{"n": 2}'
	cat "$B"/*.json >/dev/null
	ls -l "$B" >/dev/null
	control "$B" 'touch a 5555555'
	check_json "$B/a.json" '{"n": 5555555}'
	check_eq "size" "$(wc -c <"$B/a.json")" "$(stat -c %s "$B/a.json")"
	put "$B/.run" $'del b\nset c {}'
	check_eq "script" "a.json c.json" "$(names_in "$B" | xargs)"
	fails cat "$B/b.json"
	put "$B/.keys" '["a", "d"]'
	check_eq "text" "a.json d.json" "$(names_in "$B" | xargs)"
	echo '["e", {"n": 7}]' >"$B.jsonl"
	check_eq "import" "e.json" "$(names_in "$B" | xargs)"
	put "$B/e.line.json" '{"n": 88888}'
	check_json "$B/e.json" '{"n": 88888}'
	put "$B/e.json" '{"n": 9}'
	check_json "$B/e.line.json" '{"n": 9}'
	check_eq "the tree itself" "" "$(ls "$TOY" | grep -x box || true)"
}

test_what_changes_in_a_cluster_shows_at_once() {
	changes_show told
	changes_show untold
}

test_a_cluster_has_names_of_its_own() {
	in_cluster own
	mkdir "$TOY/box"
	put "$TOY/box/.query/q.q" count
	put "$B/.query/q.q" keys
	check_eq "its query" a "$(cat "$B/.query/q.txt")"
	check_eq "the other's" 0 "$(cat "$TOY/box/.query/q.txt")"
	mkdir "$B/.snapshots/s1" "$B/.replicas/r1"
	put "$B/a.json" '{"n": 2}'
	check_json "$B/.snapshots/s1/a.json" '{"n": 1}'
	check_json "$B/.replicas/r1/a.json" '{"n": 2}'
	check_eq "EROFS" EROFS "$(py errno write "$B/.snapshots/s1/a.json" '{}')"
	check_eq "a view's query" a "$(cat "$B/.snapshots/s1/.query/q.txt")"
	control "$B" count
	check_has "events" "$(cat "$B/.events")" ' count: done'
	control "$B/.replicas/r1" count
	check_has "of a replica" "$(cat "$B/.events")" 'replica r1: count: done'
	check_has_not "elsewhere" "$(cat "$TOY/box/.events")" 'count'
	fails cp /etc/hostname "$B/a.json"
	check_has "errors" "$(errors_of "$B")" '/toy/\.clusters/own/box/a\.json EINVAL'
	check_eq "kept" 1 "$(ls "$B/.rejected" | wc -l)"
	check_eq "its feed" "put box a" "$(tail -n 1 "$C/.changes")"
	check_has "status" "$(cat "$C/.status")" '"boxes": 1'
	rmdir "$TOY/box"
	rm -f "$B"/*.json
	rmdir "$B" "$C"
	mkdir "$C" "$B"
	check_eq "nothing of the old one" "" "$(names_in "$B/.query")"
}

test_editors_work_in_a_cluster() {
	need vim
	need sponge
	local name
	for name in edit uncached-edit; do
		in_cluster "$name"
		cd "$B"
		timeout 20 vim -es -u NONE -c '%s/1/2/' -c wq a.json </dev/null
		check_json a.json '{"n": 2}'
		timeout 20 vim -es -u NONE -c 'set backup writebackup backupcopy=no' -c '%s/2/3/' -c wq a.json </dev/null
		check_json a.json '{"n": 3}'
		check_eq "backup" "a.json a.json~" "$(names_in . | xargs)"
		rm a.json~
		sed -i 's/3/4/' a.json
		jq '.n += 1' a.json | sponge a.json
		echo '{"n": 6}' >new
		mv new b.json
		rsync b.json c.json
		cp c.json d.json
		check_json a.json '{"n": 5}'
		check_eq "listing" "a.json b.json c.json d.json" "$(names_in . | xargs)"
		put .x.json.swp scratch
		check_eq "scratch" scratch "$(cat .x.json.swp)"
		cd "$WORK"
	done
}

# ------------------------------------------------------------------ texts of directories

test_a_text_of_a_directory_is_what_is_saved_there() {
	box text1 'a={"n": 1}'
	cat "$B/a.json" >/dev/null
	ls "$B" >/dev/null
	put "$B/.keys" '["a", "b"]'
	check_eq "both" "a.json b.json" "$(names_in "$B" | xargs)"
	check_eq "read" '["a","b"]' "$(jq -c . "$B/.keys")"
	check_eq "size" "$(wc -c <"$B/.keys")" "$(stat -c %s "$B/.keys")"
	{ cat <<<'["b",'; cat <<<'"c"]'; } >"$B/.keys"
	check_eq "of two writers" "b.json c.json" "$(names_in "$B" | xargs)"
	fails cat "$B/a.json"
	check_eq "only read" "EACCES" "$(py errno write "$B/.kind" x)"
	check_eq "mode" 400 "$(stat -c %a "$B/.kind")"
	check_has "help" "$(cat "$B/.help")" '^ *\.keys +the keys of the items'
	check_has "help" "$(cat "$B/.help")" '^ *\.kind +what this is'
	mkdir "$B/.replicas/r1"
	check_eq "of a replica" '["b","c"]' "$(jq -c . "$B/.replicas/r1/.keys")"
	check_eq "no write there" EROFS "$(py errno write "$B/.replicas/r1/.keys" '[]')"
	fails rm "$B/.keys"
	fails mv "$B/.kind" "$B/.kind~"
}

test_a_text_that_is_refused_is_kept_and_changes_nothing() {
	box text2 'a={"n": 1}'
	printf '["a",' >"$WORK/half"
	fails cp "$WORK/half" "$B/.keys"
	check_eq "listing" "a.json" "$(names_in "$B" | xargs)"
	check_has "sentence" "$(errors_of "$B")" '\.keys EINVAL: line 1.*kept as \.rejected/'
	check_eq "kept" '["a",' "$(cat "$B/.rejected/"*-.keys)"
	: >"$B/.keys"
	check_has "sentence" "$(errors_of "$B")" '\.keys EINVAL: closed without any content'
	check_eq "as it was" '["a"]' "$(jq -c . "$B/.keys")"
}

test_editors_work_on_texts_of_directories() {
	need vim
	need sponge
	box text3 'a={"n": 1}'
	cd "$B"
	local vim=(timeout 20 vim -es -u NONE)
	"${vim[@]}" -c '%s/a/b/' -c wq .keys </dev/null
	check_eq "in place" "b.json" "$(names_in . | xargs)"
	"${vim[@]}" -c 'set backup writebackup backupcopy=no' -c '%s/b/c/' -c wq .keys </dev/null
	check_eq "by renaming" ".keys~ c.json" "$(names_in . | xargs)"
	check_eq "backup" '["b"]' "$(jq -c . .keys~)"
	fails "${vim[@]}" -c 'set backupcopy=no' -c '%s/c/"/' -c wq .keys </dev/null
	check_eq "refused" '["c"]' "$(jq -c . .keys)"
	check_has_not "no second sentence" "$(errors_of .)" 'unlink'
	rm .keys~
	sed -i 's/c/d/' .keys
	check_eq "sed" "d.json" "$(names_in . | xargs)"
	jq '. + ["e"]' .keys | sponge .keys
	check_eq "sponge" "d.json e.json" "$(names_in . | xargs)"
	echo '["f"]' >"$WORK/new"
	rsync "$WORK/new" .keys
	check_eq "rsync" "f.json" "$(names_in . | xargs)"
	check_eq "mtime stays" "$(stat -c %y .keys)" "$(sleep 0.05; stat -c %y .keys)"
}

# ------------------------------------------------------------------ scripts

test_a_script_runs_as_one_transaction() {
	box run1 'a={"n": 1}' 'b={"n": 2}'
	cat "$B/a.json" "$B/b.json" >/dev/null
	ls "$B" >/dev/null
	printf '%s\n' 'set a {"n": 5}' 'del b' 'set c {}' >"$B/.run"
	check_eq "listing" "a.json c.json" "$(names_in "$B" | xargs)"
	check_json "$B/a.json" '{"n": 5}'
	check_has "report" "$(cat "$B/.run")" '^3 lines run$'
	check_has "events" "$(cat "$B/.events")" '\.run: 3 lines run$'
	check_has "help" "$(cat "$B/.help")" '^ *\.run +runs lines'
	check_has_not "reports are apart" "$(cat "$TOY/.control")" 'lines run'
}

test_a_script_that_fails_changes_nothing() {
	box run2 'a={"n": 1}'
	printf '%s\n' 'set a {"n": 5}' 'dell b' >"$WORK/script"
	fails cp "$WORK/script" "$B/.run"
	check_json "$B/a.json" '{"n": 1}'
	check_has "sentence" "$(errors_of "$B")" "\.run EINVAL: line 2: 'set' or 'del' is expected"
	check_has "report" "$(cat "$B/.run")" 'line 2'
	check_has "events" "$(cat "$B/.events")" '\.run: failed: line 2'
	: >"$B/.run"
	mkdir "$B/.replicas/r1"
	fails ls "$B/.replicas/r1/.run"
}

test_each_script_of_a_directory_has_its_own_report() {
	box run3 'a={"n": 1}'
	put "$B/.run" 'set b {}'
	put "$B/.new" '{"n": 3}'
	local made
	made=$(tail -1 "$B/.new")
	check_json "$B/$made" '{"n": 3}'
	check_has "of one" "$(cat "$B/.run")" '^1 lines run$'
	fails cp /etc/hostname "$B/.new"
	check_has "of the other" "$(cat "$B/.new")" '\.new: '
	check_has "of one" "$(cat "$B/.run")" '^1 lines run$'
	check_has "help" "$(cat "$B/.help")" '^ *\.new +makes an item'
	check_has "help" "$(cat "$B/.help")" '^ *\.run +runs lines'
	check_eq "listing" "a.json b.json $made" "$(names_in "$B" | xargs)"
}

test_show_reserved_lists_what_the_level_names() {
	box shown 'a={"n": 1}'
	check_eq "not listed" "a.json" "$(names_in "$B" | xargs)"
	cd "$WORK"
	remount -o show_reserved
	local names
	check_has "feed" "$(names_in "$TOY")" '^\.changes$'
	check_has "clusters" "$(names_in "$TOY")" '^\.clusters$'
	names=$(names_in "$B" | xargs)
	remount
	check_has "scripts" " $names " ' \.new .* \.run '
	check_has "texts" " $names " ' \.keys \.kind .* \.schema '
}

# ------------------------------------------------------------------ queries

test_a_saved_query_has_results_by_name() {
	box q1 'a={"n": 1}' 'b={"n": 2}'
	local q=$B/.query
	put "$q/all.q" keys
	check_eq "texts are listed, results not" "all.q" "$(names_in "$q" | xargs)"
	check_eq "txt" "a b" "$(xargs <"$q/all.txt")"
	check_eq "json" '["a","b"]' "$(jq -c . "$q/all.json")"
	check_eq "size" "$(stat -c %s "$q/all.txt")" "$(wc -c <"$q/all.txt")"
	put "$B/c.json" '{}'
	check_eq "never stale" "a b c" "$(xargs <"$q/all.txt")"
	put "$q/all.q" count
	check_eq "of the text of the moment" 3 "$(cat "$q/all.txt")"
	fails cat "$q/none.txt"
	check_has "help" "$(cat "$B/.help")" '\.query/NAME\.txt'
	check_eq "not in the data" "a.json b.json c.json" "$(names_in "$B" | xargs)"
}

test_a_query_that_is_wrong_says_so_when_its_result_is_opened() {
	box q2
	put "$B/.query/bad.q" kyes
	check_eq "errno" EINVAL "$(py errno open "$B/.query/bad.txt")"
	check_has "sentence" "$(errors_of "$B")" "\.query/bad.txt EINVAL: line 1, column 1: 'keys' or"
	fails touch "$B/.query/bad.json" "$B/.query/new.txt"
	check_has "sentence" "$(errors_of "$B")" 'new.txt would be a result, which is read: the query is new.q'
	fails mkdir "$B/.query/sub"
}

test_a_name_with_the_suffix_of_a_result_is_a_result() {
	need vim
	box q9 'a={"n": 1}'
	local q=$B/.query
	put "$q/x.q" keys
	check_eq "result" '["a"]' "$(jq -c . "$q/x.out.q")"
	check_eq "only the text is listed" "x.q" "$(names_in "$q" | xargs)"
	check_eq "no text" EINVAL "$(py errno create "$q/y.out.q")"
	check_eq "read only" EACCES "$(py errno write "$q/x.out.q" count)"
	fails cat "$q/x.out.out.q"
	put "$q/.x.out.q.swp" scratch
	check_eq "an editor's own" scratch "$(cat "$q/.x.out.q.swp")"
	rm "$q/.x.out.q.swp"
	timeout 20 vim -es -u NONE -c 'set backupcopy=no backup' -c '%s/keys/count/' -c wq "$q/x.q" </dev/null
	check_eq "edited" 1 "$(cat "$q/x.out.q")"
	sed -i 's/count/keys/' "$q/x.q"
	check_eq "edited" '["a"]' "$(jq -c . "$q/x.out.q")"
	check_eq "backup" "x.q x.q~" "$(names_in "$q" | xargs)"
	check_has "help" "$(cat "$B/.help")" '\.query/NAME\.out\.q'
}

test_saved_queries_stay_and_go() {
	box q3 'a={"n": 1}'
	local q=$B/.query
	put "$q/one.q" keys
	cd "$WORK"
	remount
	check_eq "after a remount" a "$(cat "$q/one.txt")"
	put "$q/killed.q" count
	kill_daemon
	start_mount
	check_eq "after a crash" count "$(cat "$q/killed.q")"
	mv "$q/one.q" "$q/two.q"
	fails cat "$q/one.txt"
	check_eq "renamed" a "$(cat "$q/two.txt")"
	fails rm "$q/two.txt"
	rm "$q/two.q" "$q/killed.q"
	fails cat "$q/two.txt"
	check_eq "nothing left" "" "$(names_in "$q")"
	put "$q/gone.q" keys
	mv "$B" "$TOY/q3b"
	check_eq "moved along" keys "$(cat "$TOY/q3b/.query/gone.q")"
	rm "$TOY/q3b"/*.json
	rmdir "$TOY/q3b"
	mkdir "$TOY/q3b"
	check_eq "gone with it" "" "$(names_in "$TOY/q3b/.query")"
}

test_editors_work_on_saved_queries() {
	need vim
	box q4 'a={"n": 1}'
	put "$B/.query/e.q" kyes
	timeout 20 vim -es -u NONE -c '%s/kyes/keys/' -c wq "$B/.query/e.q" </dev/null
	check_eq "result" a "$(cat "$B/.query/e.txt")"
	sed -i s/keys/count/ "$B/.query/e.q"
	check_eq "result" 1 "$(cat "$B/.query/e.txt")"
	check_eq "nothing left behind" "e.q" "$(names_in "$B/.query" | xargs)"
}

test_views_run_the_saved_queries_of_what_they_are_of() {
	box q5 'a={"n": 1}'
	mkdir "$B/.snapshots/s1" "$B/.replicas/r1"
	put "$B/b.json" '{}'
	put "$B/.query/k.q" keys
	local s=$B/.snapshots/s1/.query r=$B/.replicas/r1/.query
	check_eq "listed" k.q "$(names_in "$s")"
	check_eq "over the snapshot" a "$(xargs <"$s/k.txt")"
	check_eq "over the replica" "a b" "$(xargs <"$r/k.txt")"
	put "$B/.query/k.q" count
	check_eq "the text of now" 1 "$(cat "$s/k.txt")"
	check_eq "the text" count "$(cat "$s/k.q")"
	fails touch "$s/new.q" "$r/new.q"
	fails rm -f "$s/k.q"
	check_eq "errno" EROFS "$(py errno write "$s/k.q" keys)"
	put "$B/.query/bad.q" nonsense
	fails cat "$s/bad.txt"
	check_has "sentence" "$(errors_of "$B/.snapshots/s1")" 'bad.txt EINVAL'
}

# ------------------------------------------------------------------ members

test_members_of_an_item_are_files_of_a_directory() {
	box m1 '7={"Name": "Ada", "n": 1}'
	check_eq "not listed" "7.json" "$(names_in "$B" | xargs)"
	check_eq "members" "Name n" "$(names_in "$B/7" | xargs)"
	check_eq "raw" "Ada" "$(cat "$B/7/Name")"
	check_eq "size" 3 "$(stat -c %s "$B/7/Name")"
	check_eq "kind" directory "$(stat -c %F "$B/7")"
	fails ls "$B/8"
	fails ls "$B/7/none"
	fails mkdir "$B/8"
	fails mkdir "$B/7/sub"
	fails rmdir "$B/7"
	fails mv -T "$B/7" "$B/8"
	check_has "sentence" "$(errors_of "$B")" 'EOPNOTSUPP: 7 shows the members of an item'
	check_has "help" "$(cat "$B/.help")" '<key>/ is a directory'
}

test_a_member_and_its_item_show_each_other_at_once() {
	box m2 '7={"Name": "Ada", "n": 1}'
	cat "$B/7.json" "$B/7/Name" "$B/7.line.json" >/dev/null
	ls -l "$B" "$B/7" >/dev/null
	printf 'Augusta Ada' >"$B/7/Name"
	check_eq "in the item" "Augusta Ada" "$(jq -r .Name "$B/7.json")"
	check_eq "in its other form" "Augusta Ada" "$(jq -r .Name "$B/7.line.json")"
	check_eq "size" "$(stat -c %s "$B/7.json")" "$(wc -c <"$B/7.json")"
	put "$B/7.json" '{"Name": "Grace"}'
	check_eq "in the member" "Grace" "$(cat "$B/7/Name")"
	check_eq "members" "Name" "$(names_in "$B/7" | xargs)"
	echo 5 >"$B/7/n"
	check_eq "a new one" 5 "$(jq .n "$B/7.json")"
	rm "$B/7/n"
	check_json "$B/7.json" '{"Name": "Grace"}'
	rm "$B/7.json"
	fails ls "$B/7"
	put "$B/7.json" '{"x": "y"}'
	check_eq "again" "y" "$(cat "$B/7/x")"
}

test_editors_work_on_members() {
	need vim
	box m3 '7={"Name": "Ada"}'
	timeout 20 vim -es -u NONE -c 'set backup writebackup noeol nofixeol' -c '%s/Ada/Eve/' -c wq "$B/7/Name" </dev/null
	check_eq "saved" '"Eve"' "$(jq -c '.Name | rtrimstr("\n")' "$B/7.json")"
	sed -i s/Eve/Bob/ "$B/7/Name"
	check_eq "saved" '"Bob"' "$(jq -c '.Name | rtrimstr("\n")' "$B/7.json")"
	check_eq "one member" 1 "$(jq length "$B/7.json")"
	rm -f "$B/7/Name~"
	check_eq "nothing left" "Name" "$(names_in "$B/7" | xargs)"
}

test_members_in_views_are_read_only() {
	box m4 '7={"Name": "Ada"}'
	mkdir "$B/.snapshots/s1" "$B/.replicas/r1"
	put "$B/7.json" '{"Name": "Eve"}'
	check_eq "snapshot" Ada "$(cat "$B/.snapshots/s1/7/Name")"
	check_eq "replica" Eve "$(cat "$B/.replicas/r1/7/Name")"
	check_eq "errno" EROFS "$(py errno write "$B/.snapshots/s1/7/Name" x)"
	check_eq "errno" EROFS "$(py errno write "$B/.replicas/r1/7/Name" x)"
}

test_a_change_told_of_one_item_shows() {
	box m5 'a={"n": 1}' 'b={"n": 2}'
	cat "$B"/*.json >/dev/null
	ls -l "$B" >/dev/null
	control "$B" "touch a 777777"
	check_json "$B/a.json" '{"n":777777}'
	check_eq "size" "$(stat -c %s "$B/a.json")" "$(wc -c <"$B/a.json")"
	check_json "$B/b.json" '{"n": 2}'
	control "$B" "touch c 3"
	check_eq "listing" "a.json b.json c.json" "$(names_in "$B" | xargs)"
}

run_tests "$@"
