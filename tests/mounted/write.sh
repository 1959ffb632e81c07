#!/bin/bash
# How a save becomes an item, and how a refusal is told (DESIGN 5).
. "$(dirname "$0")/lib.sh"

last_rejected() {
	find "$1/.rejected" -mindepth 1 -printf '%f\n' | sort | tail -1
}

# ------------------------------------------------------------------ what works

test_new_item_without_keys() {
	echo '{"name": "Ann"}' >a.json
	check_json a.json '{"pk":"new-item-without-keys","sk":"a","name":"Ann"}'
}

test_new_item_with_its_keys() {
	echo '{"name": "Ann", "sk": "a", "pk": "new-item-with-its-keys"}' >a.json
	check_json a.json '{"name":"Ann","sk":"a","pk":"new-item-with-its-keys"}'
}

test_a_save_replaces_the_whole_item() {
	echo '{"a": 1, "b": 2}' >a.json
	echo '{"c": 3}' >a.json
	check_json a.json '{"pk":"a-save-replaces-the-whole-item","sk":"a","c":3}'
}

test_cp_to_a_new_name_copies_the_item() {
	echo '{"n": 1}' >a.json
	cp a.json b.json
	check_json b.json '{"pk":"cp-to-a-new-name-copies-the-item","sk":"b","n":1}'
	check_json a.json '{"pk":"cp-to-a-new-name-copies-the-item","sk":"a","n":1}'
}

test_existing_item_with_another_key_inside_is_refused() {
	echo '{"n": 1}' >a.json
	echo '{"n": 2}' >b.json
	fails_with 1 cp a.json b.json
	check_has said "$(cat "$OUT")" 'Invalid argument'
	check_eq n 2 "$(jq .n b.json)"
	check_has .errors "$(tail -1 .errors)" 'sk.*rename|rename.*sk'
}

test_cat_heredoc_and_noclobber() {
	cat >a.json <<-END
		{
		  "n": 1
		}
	END
	check_eq n 1 "$(jq .n a.json)"
	fails bash -c 'set -C; echo "{}" >a.json'
	bash -c 'set -C; echo "{\"n\": 2}" >b.json'
	check_eq n 2 "$(jq .n b.json)"
}

test_append_acts_on_the_stored_text() {
	echo '{"n": 1}' >a.json
	echo '   ' >>a.json
	check_eq n 1 "$(jq .n a.json)"
	fails /bin/bash -c 'echo "{\"n\": 2}" >>a.json'
	check_eq n 1 "$(jq .n a.json)"
	# The stored text has five lines; the sixth is the appended one.
	check_has .errors "$(tail -1 .errors)" 'EINVAL: .*line 6, column 1'
}

test_dd_conv_notrunc_writes_in_place() {
	echo '{"n": 1, "text": "abcdef"}' >a.json
	local at
	at=$(grep -abo abcdef a.json | cut -d: -f1)
	printf 'XYZ' | dd of=a.json bs=1 seek="$at" conv=notrunc status=none
	check_json a.json '{"pk":"dd-conv-notrunc-writes-in-place","sk":"a","n":1,"text":"XYZdef"}'
}

test_dd_with_fsync() {
	echo '{"n": 3}' | dd of=a.json conv=fsync status=none
	check_eq n 3 "$(jq .n a.json)"
}

test_truncate_acts_on_the_stored_text() {
	echo '{"n": 1}' >a.json
	truncate -s -1 a.json
	check_eq n 1 "$(jq .n a.json)"
	fails_with 1 truncate -s 5 a.json
	check_eq n 1 "$(jq .n a.json)"
	fails_with 1 truncate -s 4000 a.json
	check_eq n 1 "$(jq .n a.json)"
	py errno truncate a.json 3 | grep -qx TypeError || true
}

test_truncate_by_path_and_write_again() {
	echo '{"n": 1, "long": "xxxxxxxxxxxxxxxxxxxxxxxxxx"}' >a.json
	python3 -c '
import os
fd = os.open("a.json", os.O_RDWR)
os.ftruncate(fd, 0)
os.write(fd, b"{\"n\": 2}")
os.close(fd)'
	check_json a.json '{"pk":"truncate-by-path-and-write-again","sk":"a","n":2}'
}

test_python_r_plus_edits_in_place() {
	echo '{"text": "old and long"}' >a.json
	py r-plus a.json 'old' 'new'
	check_eq text '"new and long"' "$(jq .text a.json)"
}

test_write_in_small_pieces() {
	py write-in-pieces a.json 1 '{"text": "one byte at a time, é too", "list": [1, 2, [3]]}'
	check_eq text '"one byte at a time, é too"' "$(jq .text a.json)"
	py write-in-pieces a.json 7 '{"text": "seven at a time"}'
	check_eq text '"seven at a time"' "$(jq .text a.json)"
}

test_tee_writes_several_items() {
	echo '{"n": 4}' | tee a.json b.json c.json >/dev/null
	check_eq n 444 "$(jq -j .n a.json b.json c.json)"
}

test_cat_two_files_into_one_item() {
	echo '{"x": 1,' >"$WORK/a"
	echo '"y": 2}' >"$WORK/b"
	{ cat "$WORK/a"; cat "$WORK/b"; } >f.json
	check_json f.json '{"pk":"cat-two-files-into-one-item","sk":"f","x":1,"y":2}'
	# And over an item that is there.
	echo '"y": 3}' >"$WORK/b"
	{ cat "$WORK/a"; cat "$WORK/b"; } >f.json
	check_eq y 3 "$(jq .y f.json)"
	check_eq "nothing refused" "" "$(cat .errors)"
}

test_cat_two_files_that_never_get_whole_are_refused() {
	echo '{"n": 1}' >f.json
	echo '{"x": 1,' >"$WORK/a"
	echo '"y": 2' >"$WORK/b"
	{ cat "$WORK/a"; cat "$WORK/b"; } >f.json || true
	check_eq n 1 "$(jq .n f.json)"
	check_has .errors "$(tail -1 .errors)" 'f\.json EINVAL: .*line 3, column 1'
}

test_a_child_that_writes_first_does_not_spoil_it() {
	py child-flush f.json '{"x": 1,' '"y": 2}'
	check_eq both 12 "$(jq -j .x,.y f.json)"
}

test_echo_in_a_loop_into_one_item() {
	{ echo '['; for i in 1 2 3; do echo "$i,"; done; echo '4]'; } >"$WORK/list"
	{ echo '{"list":'; cat "$WORK/list"; echo '}'; } >f.json
	check_eq list '[1,2,3,4]' "$(jq -c .list f.json)"
}

test_fsync_commits_while_the_handle_is_open() {
	echo '{"state": "before"}' >a.json
	py fsync-commits a.json
}

test_a_handle_goes_on_after_fsync() {
	echo '{"n": 0}' >a.json
	py fsync-then-more a.json
}

test_dup_descriptors_commit_once() {
	echo '{"n": 0}' >a.json
	py dup a.json .errors
}

test_redirected_shell_with_inherited_descriptors() {
	bash -c 'exec 3>a.json; echo "{\"n\": 5}" >&3; (true) ; /bin/true; exec 3>&-'
	check_eq n 5 "$(jq .n a.json)"
	check_eq "nothing refused" "" "$(cat .errors)"
}

test_byte_order_mark_is_accepted() {
	printf '\xef\xbb\xbf{"n": 6}\n' >a.json
	check_eq n 6 "$(jq .n a.json)"
}

test_crlf_text_is_accepted() {
	printf '{\r\n  "n": 6\r\n}\r\n' >a.json
	check_eq n 6 "$(jq .n a.json)"
}

# ------------------------------------------------------------------ no commit

test_truncating_and_writing_nothing_leaves_the_item() {
	echo '{"n": 1}' >a.json
	: >a.json
	check_eq n 1 "$(jq .n a.json)"
	check_has .errors "$(tail -1 .errors)" 'a\.json'
	truncate -s 0 a.json || true
	check_eq n 1 "$(jq .n a.json)"
}

test_creating_and_writing_nothing_makes_no_item() {
	: >new.json
	check_eq exported 0 "$(grep -c creating-and-writing-nothing "$T/.export/jsonl")"
}

test_the_empty_flush_of_a_shell_is_no_commit() {
	echo '{"n": 1}' >a.json
	local before
	before=$(wc -l <.errors)
	bash -c 'echo "{\"n\": 2}" >a.json'
	check_eq n 2 "$(jq .n a.json)"
	check_eq "lines in .errors" "$before" "$(wc -l <.errors)"
}

test_opening_for_append_and_writing_nothing_changes_nothing() {
	echo '{"n": 1}' >a.json
	local before
	before=$(stat -c %.9Y a.json)
	: >>a.json
	check_eq mtime "$before" "$(stat -c %.9Y a.json)"
	check_eq errors "" "$(cat .errors)"
}

# ------------------------------------------------------------------ two writers

test_item_that_changed_since_read_is_ebusy() {
	echo '{"text": "first"}' >a.json
	check_eq close EBUSY "$(py lost-update a.json '{"text": "second"}')"
	check_eq text '"second"' "$(jq .text a.json)"
	check_has .errors "$(tail -1 .errors)" 'a\.json EBUSY: .'
	check_has .rejected "$(cat ".rejected/$(last_rejected .)")" third
}

test_handle_that_truncated_overwrites() {
	echo '{"text": "first"}' >a.json
	check_eq close OK "$(py truncated-overwrites a.json '{"text": "second"}' '{"text": "third"}')"
	check_eq text '"third"' "$(jq .text a.json)"
}

# ------------------------------------------------------------------ refusals

refused() {
	check_json a.json "{\"pk\":\"$(basename "$D")\",\"sk\":\"a\",\"n\":1}"
}

test_bash_echo_reports_bad_text() {
	echo '{"n": 1}' >a.json
	fails_with 1 bash -c "echo '{bad' >a.json"
	check_has said "$(cat "$OUT")" 'echo: write error: Invalid argument'
	refused
}

test_external_echo_reports_bad_and_unfinished_text() {
	echo '{"n": 1}' >a.json
	fails_with 1 bash -c "/bin/echo '{bad' >a.json"
	fails_with 1 bash -c "/bin/echo '{\"n\": 2' >a.json"
	refused
}

test_cat_reports_unfinished_text() {
	echo '{"n": 1}' >a.json
	fails_with 1 bash -c "printf '{\"n\": 2' | cat >a.json"
	check_has said "$(cat "$OUT")" 'Invalid argument'
	refused
}

test_cp_of_a_bad_file_fails() {
	echo '{"n": 1}' >a.json
	printf '{\n  "a": 1,\n  "b" 2\n}\n' >"$WORK/bad.json"
	fails_with 1 cp "$WORK/bad.json" a.json
	check_has said "$(cat "$OUT")" 'Invalid argument'
	refused
	check_has .errors "$(tail -1 .errors)" 'line 3, column 7'
}

test_tee_of_bad_text_fails() {
	echo '{"n": 1}' >a.json
	fails_with 1 bash -c "echo '{bad' | tee a.json"
	fails_with 1 bash -c "echo '{\"a\": [1' | tee a.json"
	refused
}

test_dd_of_bad_text_fails() {
	echo '{"n": 1}' >a.json
	fails_with 1 bash -c "echo '{bad' | dd of=a.json status=none"
	fails_with 1 bash -c "echo '{\"a\": [1' | dd of=a.json status=none"
	refused
}

test_python_reports_bad_text() {
	echo '{"n": 1}' >a.json
	fails_with 1 py with-open a.json '{bad'
	check_has said "$(cat "$OUT")" 'Errno 22'
	fails_with 1 py with-open a.json '{"unfinished": '
	refused
}

test_sed_i_with_a_bad_result_fails() {
	echo '{"n": 1}' >a.json
	fails_with 4 sed -i 's/}/]/' a.json
	refused
	check_eq "left behind" "a.json" "$(ls -A)"
}

test_mv_of_a_bad_file_from_elsewhere_fails_and_keeps_the_file() {
	# Across file systems mv itself removes the target first, here as anywhere.
	echo '{bad' >"$WORK/bad.json"
	fails mv "$WORK/bad.json" a.json
	grep -q '{bad' "$WORK/bad.json"
	check_eq listing "" "$(ls -A)"
}

test_text_that_is_no_object_is_refused() {
	echo '{"n": 1}' >a.json
	local text
	for text in '[1]' '"x"' '12' 'null' '{} {}' '{"a":1}}' '{"a":01}' "{'a':1}" '{"a":NaN}' '{"a":1,}' $'{"a":"\x01"}' $'{"a":"\xff"}' '{"a":"\ud800"}' '{"a":1 /* no */}'; do
		fails_with 1 bash -c 'printf "%s" "$1" | cat >a.json' _ "$text"
		refused
	done
	# Nothing but white space is like writing nothing: the item stays.
	bash -c 'echo "   " | cat >a.json' || true
	refused
}

test_unfinished_text_is_refused_at_close() {
	echo '{"n": 1}' >a.json
	local text
	for text in '{' '{"a"' '{"a":' '{"a": [1, 2' '{"a": tru' '{"a": "x' '{"a": 1e'; do
		check_eq "errno of $text" EINVAL "$(py errno write a.json "$text")"
		refused
	done
}

test_duplicate_member_names_are_refused() {
	echo '{"n": 1}' >a.json
	fails_with 1 bash -c "echo '{\"a\": 1, \"a\": 2}' | cat >a.json"
	refused
	check_has .errors "$(tail -1 .errors)" '"?a"?'
}

test_refused_new_item_does_not_exist() {
	fails_with 1 cp /etc/hostname new.json
	fails cat new.json
	check_eq listing "" "$(ls -A)"
}

test_errors_line_has_time_path_errno_line_and_column() {
	echo '{"n": 1}' >a.json
	printf '{\n  "a": 1,\n  "b": tru,\n}\n' >"$WORK/bad.json"
	fails cp "$WORK/bad.json" a.json
	check_has .errors "$(tail -1 .errors)" \
		'^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9:]+) [a-z]+ .*a\.json EINVAL: .*line 3, column (8|11)'
	check_eq "lines" 1 "$(wc -l <.errors)"
	check_has "the daemon's log" "$(cat "$MNT/.dbmount/log")" "errors-line-has-time.*line 3, column"
}

test_columns_count_characters() {
	fails bash -c "echo '{\"é😀\": x}' | cat >a.json"
	check_has .errors "$(tail -1 .errors)" 'line 1, column 8'
}

test_rejected_keeps_the_refused_text() {
	echo '{"n": 1}' >a.json
	printf '{\n  "a": 1,\n  "b" 2\n}\n' >"$WORK/bad.json"
	fails cp "$WORK/bad.json" a.json
	local name
	name=$(last_rejected .)
	check_has name "$name" '^20[0-9T:.Z-]+-a\.json$'
	check_same text "$WORK/bad.json" ".rejected/$name"
}

test_rejected_text_can_be_mended_and_saved() {
	echo '{"n": 1}' >a.json
	fails bash -c "echo '{\"n\": 2]' | cat >a.json"
	sed 's/]/}/' ".rejected/$(last_rejected .)" >"$WORK/mended"
	cp "$WORK/mended" a.json
	check_eq n 2 "$(jq .n a.json)"
}

test_rejected_files_can_be_removed() {
	fails bash -c "echo '{\"n\": 2]' | cat >a.json"
	rm ".rejected/$(last_rejected .)"
	check_eq left "" "$(ls .rejected)"
}

test_rejected_survives_a_remount() {
	fails bash -c "echo '{\"n\": 2]' | cat >a.json"
	local name
	name=$(last_rejected .)
	cd "$WORK"
	remount
	mkdir -p "$D"
	check_has text "$(cat "$D/.rejected/$name")" '\{"n": 2\]'
}

test_a_refused_save_can_be_followed_by_a_good_one() {
	echo '{"n": 1}' >a.json
	fails bash -c "echo '{bad' >a.json"
	check_eq n 1 "$(jq .n a.json)"
	echo '{"n": 2}' >a.json
	check_eq n 2 "$(jq .n a.json)"
	check_eq size "$(wc -c <a.json)" "$(stat -c %s a.json)"
}

test_writing_far_behind_the_end_is_refused() {
	echo '{"n": 1}' >a.json
	fails bash -c "echo x | dd of=a.json bs=1 seek=100000 conv=notrunc status=none"
	refused
}

test_a_file_that_is_far_too_large_is_efbig() {
	echo '{"n": 1}' >a.json
	check_eq errno EFBIG "$(python3 - <<-END
		import json, os, errno
		try:
		    with open("a.json", "w") as f:
		        f.write(json.dumps({"big": "x" * 500000}))
		    print("OK")
		except OSError as e:
		    print(errno.errorcode[e.errno])
	END
	)"
	refused
}

test_writes_to_a_removed_partition_fail_cleanly() {
	mkdir "$T/gone"
	exec 7>"$T/gone/a.json"
	echo '{"n": 1}' >&7
	rm -rf "$T/gone" || true
	exec 7>&- || true
	ls "$T" >/dev/null
}

run_tests "$@"
