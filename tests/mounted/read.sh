#!/bin/bash
# What a reader may rely on (DESIGN 4).
. "$(dirname "$0")/lib.sh"

mtime() {
	stat -c %.9Y "$1"
}

test_size_is_exactly_what_read_returns() {
	put a.json '{"text": "plain"}'
	put b.json '{"text": "é😀\u0001\\ \"", "deep": [[[1,[2]]],{}], "n": 1.50e3}'
	put c.json "{\"big\": \"$(head -c 100000 /dev/zero | tr '\0' x)\"}"
	check_eq "files" 3 "$(py sizes .)"
	check_eq "typed form" "$(wc -c <b.ddb.json)" "$(stat -c %s b.ddb.json)"
}

test_size_follows_each_write() {
	local i
	for i in 1 22 333 4444 1 22; do
		put a.json "{\"n\": $i}"
		check_eq "size" "$(wc -c <a.json)" "$(stat -c %s a.json)"
	done
}

test_json_has_two_spaces_and_a_newline_at_the_end() {
	put a.json '{"pk":"json-has-two-spaces-and-a-newline-at-the-end","sk":"a","list":[1,{"x":null}],"map":{"t":true}}'
	jq --indent 2 . a.json >"$WORK/jq"
	check_same "as jq prints it" "$WORK/jq" a.json
}

test_members_keep_their_order() {
	put a.json '{"zebra": 1, "sk": "a", "apple": 2, "pk": "members-keep-their-order", "mango": {"b": 1, "a": 2}}'
	check_eq "order" '["zebra","sk","apple","pk","mango"]' "$(jq -c keys_unsorted a.json)"
	check_eq "inner order" '["b","a"]' "$(jq -c '.mango | keys_unsorted' a.json)"
}

test_saving_unchanged_text_writes_nothing() {
	put a.json '{"n": 1}'
	local before
	before=$(mtime a.json)
	cat a.json >"$WORK/same"
	cp "$WORK/same" a.json
	check_eq "mtime" "$before" "$(mtime a.json)"
	jq -c . "$WORK/same" >a.json
	check_eq "mtime after another spelling" "$before" "$(mtime a.json)"
}

test_mtime_moves_when_the_item_changes_and_only_then() {
	put a.json '{"n": 1}'
	local first second
	first=$(mtime a.json)
	cat a.json >/dev/null
	ls -l >/dev/null
	put other.json '{"n": 1}'
	chmod 600 a.json
	check_eq "mtime" "$first" "$(mtime a.json)"
	put a.json '{"n": 2}'
	second=$(mtime a.json)
	test "$first" != "$second"
}

test_mtime_has_nanoseconds_and_survives_a_remount() {
	local i
	for i in 1 2 3 4; do put "$i.json" '{}'; done
	stat -c '%n %.9Y' -- *.json >"$WORK/before"
	check_has "nanoseconds" "$(cat "$WORK/before")" '\.[0-9]*[1-9][0-9]{0,5}$'
	cd "$WORK"
	remount
	cd "$D"
	stat -c '%n %.9Y' -- *.json >"$WORK/after"
	check_same "mtimes" "$WORK/before" "$WORK/after"
}

test_inodes_are_stable() {
	put a.json '{"n": 1}'
	local inode
	inode=$(stat -c %i a.json)
	put a.json '{"n": 2}'
	check_eq "after a write" "$inode" "$(stat -c %i a.json)"
	put b.json '{"n": 3}'
	mv b.json c.json
	cd "$WORK"
	remount
	check_eq "after a remount" "$inode" "$(stat -c %i "$D/a.json")"
}

test_mmap_reads_the_item() {
	put a.json '{"text": "mapped"}'
	py mmap a.json
}

test_reading_at_an_offset() {
	put a.json '{"text": "0123456789"}'
	check_eq "tail -c" "$(cat a.json | tail -c 7)" "$(tail -c 7 a.json)"
	check_eq "dd skip" "$(cat a.json | tail -c +6 | head -c 3)" "$(dd if=a.json bs=1 skip=5 count=3 2>/dev/null)"
}

test_an_open_reader_sees_one_version_whole() {
	put a.json "{\"text\": \"$(head -c 50000 /dev/zero | tr '\0' o)\"}"
	py one-version a.json '{"text": "new"}'
}

test_a_removed_item_stays_readable_for_who_has_it_open() {
	put a.json '{"text": "still here"}'
	exec 7<a.json
	rm a.json
	check_has "text" "$(cat <&7)" 'still here'
	exec 7<&-
	check_eq "listing" "" "$(ls -A)"
}

test_a_read_sees_the_write_that_returned_before() {
	local i
	put a.json '{"n": 0}'
	for ((i = 1; i <= 50; i++)); do
		echo "{\"n\": $i}" >a.json
		check_eq "n" "$i" "$(jq .n a.json)"
		check_eq "typed n" "$i" "$(jq -r .n.N a.ddb.json)"
	done
}

test_a_write_to_one_form_shows_in_the_other() {
	put a.json '{"n": 1}'
	cat a.ddb.json a.json >/dev/null
	put a.ddb.json '{"n": {"N": "2"}, "s": {"SS": ["x", "y"]}}'
	check_json a.json '{"pk":"a-write-to-one-form-shows-in-the-other","sk":"a","n":2,"s":{"$ss":["x","y"]}}'
	check_eq "size" "$(wc -c <a.json)" "$(stat -c %s a.json)"
}

test_an_import_shows_at_once_in_what_was_cached() {
	put a.json '{"n": 1}'
	cat a.json >/dev/null
	stat a.json >/dev/null
	ls >/dev/null
	printf '%s\n' '{"pk":"an-import-shows-at-once-in-what-was-cached","sk":"a","n":12345}' \
		'{"pk":"an-import-shows-at-once-in-what-was-cached","sk":"b","n":2}' >"$T/.import/upsert/jsonl"
	wait_for 2 grep -q 12345 a.json
	check_eq "listing" "a.json b.json" "$(ls | xargs)"
	check_eq "size" "$(wc -c <a.json)" "$(stat -c %s a.json)"
}

test_typed_form_is_readable_but_not_listed() {
	put a.json '{"n": 1, "ok": true}'
	check_eq "listing" "a.json" "$(ls -A)"
	check_json a.ddb.json '{"pk":{"S":"typed-form-is-readable-but-not-listed"},"sk":{"S":"a"},"n":{"N":"1"},"ok":{"BOOL":true}}'
}

test_lseek_finds_data_and_end() {
	put a.json '{"n": 1}'
	py holes a.json
}

test_directory_mtime_moves_with_its_list() {
	put a.json '{}'
	local first
	first=$(mtime .)
	put a.json '{"n": 2}'
	put b.json '{}'
	test "$first" != "$(mtime .)"
}

test_reading_changes_no_content_ever() {
	put a.json '{"n": 1}'
	md5sum a.json >"$WORK/sum"
	cat a.json >/dev/null
	head -1 a.json >/dev/null
	md5sum -c "$WORK/sum"
}

test_an_item_changed_by_another_name_is_not_stale() {
	put a.json '{"n": 1}'
	cat a.json >/dev/null
	put b.json '{"n": 2}'
	mv b.json a.json
	check_eq "n" 2 "$(jq .n a.json)"
	rm a.json
	fails cat a.json
	put a.json '{"n": 3}'
	check_eq "n" 3 "$(jq .n a.json)"
}

run_tests "$@"
