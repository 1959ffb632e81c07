#!/bin/bash
# What the tree holds, what it lists, what it keeps for itself (DESIGN 2).
. "$(dirname "$0")/lib.sh"

test_root_lists_readme_and_services() {
	check_has "root" "$(ls -A "$MNT")" '^README$'
	check_has "root" "$(ls -A "$MNT")" '^dynamodb$'
}

test_root_readme_gives_things_to_try() {
	check_has README "$(cat "$MNT/README")" 'dynamodb'
	check_has README "$(cat "$MNT/README")" 'mkdir|echo|cat|ls'
}

test_tables_partitions_and_items_are_listed() {
	put a.json '{"n": 1}'
	put b.json '{"n": 2}'
	check_has "service" "$(ls "$DDB")" '^Table$'
	check_has "table" "$(ls "$T")" '^tables-partitions-and-items-are-listed$'
	check_eq "partition" "a.json b.json" "$(echo *)"
}

test_table_without_sort_key_lists_items() {
	make_table Flat id:S
	put "$DDB/Flat/x.json" '{"n": 1}'
	check_eq "listing" "x.json" "$(ls -A "$DDB/Flat")"
	check_json "$DDB/Flat/x.json" '{"id":"x","n":1}'
}

test_reserved_names_are_not_listed() {
	put a.json '{"n": 1}'
	check_eq "names with a dot" "" "$(find "$MNT" -name '.*' | grep -v "^$MNT\$" || true)"
}

test_reserved_names_open_by_name() {
	local name
	for name in .help .control .status .events .schema .errors; do
		cat "$T/$name" >"$WORK/x" || { echo "$name"; return 1; }
	done
	ls "$T/.rejected" "$T/.snapshots"
	test -d "$T/.rejected"
	test -d "$T/.snapshots"
	test -f "$T/.status"
}

test_reserved_sizes_are_exact() {
	local name
	for name in "$MNT/README" "$T/.help" "$T/.schema" "$MNT/.dbmount/version"; do
		check_eq "$name" "$(stat -c %s "$name")" "$(wc -c <"$name")"
	done
}

test_help_has_commands_to_paste() {
	check_has .help "$(cat "$T/.help")" '\.control'
	check_has .help "$(cat "$T/.help")" 'backup'
	check_has .help "$(cat "$DDB/.help")" 'create-table'
	cat .help
}

test_control_lists_the_commands_understood_here() {
	local word
	for word in backup restore delete-backup delete-table deletion-protection; do
		check_has .control "$(cat "$T/.control")" "^ *$word"
	done
	check_has .control "$(cat "$DDB/.control")" '^ *create-table'
	check_has_not .control "$(cat "$DDB/.control")" '^ *deletion-protection'
}

test_control_shows_the_last_result() {
	fails control "$T" 'bakcup x'
	check_has .control "$(cat "$T/.control")" 'bakcup'
}

test_unknown_command_names_the_nearest() {
	fails control "$T" 'bakcup one'
	check_has "said" "$(cat "$OUT")" 'Invalid argument'
	check_has .errors "$(tail -1 "$T/.errors")" 'backup'
}

test_wrong_arguments_are_refused() {
	fails control "$T" 'backup'
	fails control "$T" 'deletion-protection perhaps'
	check_has .errors "$(tail -1 "$T/.errors")" 'on\|off|on or off|"on"|on.*off'
}

test_control_takes_several_lines() {
	printf 'backup twolines1\nbackup twolines2\n' >"$T/.control"
	check_has "snapshots" "$(ls "$T/.snapshots")" '^twolines1$'
	check_has "snapshots" "$(ls "$T/.snapshots")" '^twolines2$'
}

test_events_tell_start_and_end_of_commands() {
	control "$T" 'backup for-events'
	check_has .events "$(cat "$T/.events")" 'backup for-events'
	fails control "$T" 'restore no-such-backup as Other'
	check_has .events "$(tail -2 "$T/.events")" 'no-such-backup'
}

test_tail_f_follows_events() {
	control "$T" 'backup before-tail'
	timeout 60 tail -n 1 -f "$T/.events" >"$WORK/tail" &
	local pid=$!
	wait_for 20 grep -q before-tail "$WORK/tail"
	control "$T" 'backup for-tail'
	wait_for 20 grep -q for-tail "$WORK/tail"
	kill "$pid"
}

test_status_is_json() {
	put a.json '{"n": 1}'
	jq -e 'type == "object"' "$T/.status"
	jq -e . "$DDB/.status"
}

test_schema_is_json_with_the_keys() {
	check_has .schema "$(jq -c . "$T/.schema")" '"AttributeName":"pk"'
	check_has .schema "$(jq -c . "$T/.schema")" '"KeyType":"RANGE"'
}

test_dbmount_directory_tells_of_the_daemon() {
	check_has listing "$(ls "$MNT/.dbmount")" '^version$'
	check_eq version "$("$DBMOUNT" --version)" "$(head -1 "$MNT/.dbmount/version")"
	check_has config "$(cat "$MNT/.dbmount/config")" '^sync=close$'
	cat "$MNT/.dbmount/errors" "$MNT/.dbmount/log" >"$WORK/x"
}

test_metrics_are_prometheus_text() {
	local odd
	odd=$(grep -vE '^(# (HELP|TYPE) [a-zA-Z_:]+ .*|[a-zA-Z_:][a-zA-Z0-9_:]*(\{[^}]*\})? -?[0-9.e+-]+)$' \
		"$MNT/.dbmount/metrics" || true)
	check_eq "lines that are no Prometheus text" "" "$odd"
	check_has metrics "$(cat "$MNT/.dbmount/metrics")" '^dbmount_'
}

test_errors_reach_the_mount_wide_list_and_log() {
	fails put a.json '{bad'
	check_has errors "$(cat "$MNT/.dbmount/errors")" "errors-reach-the-mount-wide-list-and-log/a.json EINVAL"
	check_has log "$(cat "$MNT/.dbmount/log")" "errors-reach-the-mount-wide-list-and-log/a.json.*EINVAL"
}

test_find_du_and_cp_see_the_data_once() {
	local i
	for i in 1 2 3 4 5; do put "$i.json" "{\"n\": $i}"; done
	check_eq "find" 5 "$(find . -type f | wc -l)"
	check_eq "du" 5 "$(du -ab . | grep -c json)"
	cp -r . "$WORK/copy"
	check_eq "copy" "1.json 2.json 3.json 4.json 5.json" "$(names_in "$WORK/copy" | xargs)"
	diff -r . "$WORK/copy"
}

test_rm_r_removes_a_partition() {
	mkdir "$T/doomed"
	put "$T/doomed/a.json" '{}'
	put "$T/doomed/b.json" '{}'
	rm -r "$T/doomed"
	fails ls "$T/doomed"
}

test_emptied_partition_stays_until_rmdir() {
	put a.json '{}'
	rm a.json
	check_eq "listing" "" "$(ls -A)"
	check_has "table" "$(ls "$T")" '^emptied-partition-stays-until-rmdir$'
	cd ..
	rmdir emptied-partition-stays-until-rmdir
	check_has_not "table" "$(ls "$T")" '^emptied-partition-stays-until-rmdir$'
}

test_empty_partition_is_gone_after_remount() {
	cd "$WORK"
	mkdir "$T/never-filled"
	remount
	fails test -e "$T/never-filled"
}

test_rmdir_refuses_what_holds_items() {
	put a.json '{}'
	check_eq "partition" ENOTEMPTY "$(py errno rmdir "$D")"
	check_eq "table" ENOTEMPTY "$(py errno rmdir "$T")"
	check_json a.json '{"pk":"rmdir-refuses-what-holds-items","sk":"a"}'
}

test_mkdir_and_rmdir_of_a_table() {
	mkdir "$DDB/Short.lived"
	check_eq "again" EEXIST "$(py errno mkdir "$DDB/Short.lived")"
	rmdir "$DDB/Short.lived"
	check_eq "gone" ENOENT "$(py errno rmdir "$DDB/Short.lived")"
}

test_mkdir_checks_the_table_name() {
	check_eq "too short" EINVAL "$(py errno mkdir "$DDB/ab")"
	check_eq "a space" EINVAL "$(py errno mkdir "$DDB/bad table")"
	check_has .errors "$(tail -1 "$DDB/.errors")" 'Member must satisfy regular expression pattern'
}

test_wrong_kinds_are_told_apart() {
	put a.json '{}'
	check_eq "below an item" ENOTDIR "$(py errno listdir "$D/a.json")"
	check_eq "unlink a directory" EISDIR "$(py errno unlink "$D")"
	check_eq "rmdir an item" ENOTDIR "$(py errno rmdir "$D/a.json")"
	check_eq "read a directory" EISDIR "$(py errno write "$D" x)"
	check_eq "missing" ENOENT "$(py errno open "$D/none.json")"
	check_eq "missing partition" ENOENT "$(py errno create "$T/none/x.json")"
}

test_files_where_only_directories_live_are_refused() {
	check_eq "in the root" OK "$(py errno create "$MNT/x.json" | sed 's/E[A-Z]*/OK/')"
	fails put "$DDB/Thing.json" '{}'
	fails test -e "$DDB/Thing.json"
}

test_hard_links_are_refused_and_harmless() {
	put a.json '{"n": 1}'
	fails ln a.json b.json
	check_eq "listing" "a.json" "$(ls)"
}

test_listing_is_complete_and_each_once() {
	py make-items 3000 "$(basename "$D")" >"$T/.import/append/jsonl"
	check_eq "ls -f" 3002 "$(ls -f | wc -l)"
	check_eq "each once" 3000 "$(ls | sort -u | wc -l)"
	check_eq "ls -l" 3000 "$(ls -l | grep -c json)"
}

test_seekdir_and_rewinddir_work() {
	py make-items 3000 "$(basename "$D")" >"$T/.import/append/jsonl"
	py seekdir .
}

test_rm_star_of_a_large_directory_removes_all() {
	py make-items 3000 "$(basename "$D")" >"$T/.import/append/jsonl"
	find . -type f -delete
	check_eq "left" "" "$(ls -A)"
}

test_df_shows_the_stores_size() {
	check_has "df" "$(df -k --output=fstype,size,used "$MNT" | tail -1)" 'fuse.* [1-9][0-9]* +[0-9]+'
	test "$(stat -f -c %b "$MNT")" -gt 0
	check_eq "longest name" 255 "$(stat -f -c %l "$MNT")"
}

test_modes_and_owner_are_the_mounters() {
	put a.json '{}'
	check_eq "item" "600 $(id -u) $(id -g)" "$(stat -c '%a %u %g' a.json)"
	check_eq "directory" "700 $(id -u) $(id -g)" "$(stat -c '%a %u %g' .)"
}

test_chmod_chown_and_touch_succeed() {
	put a.json '{"n": 1}'
	chmod 644 a.json
	chown "$(id -u):$(id -g)" a.json
	touch a.json
	touch -d 2001-01-01 a.json
	check_json a.json '{"pk":"chmod-chown-and-touch-succeed","sk":"a","n":1}'
}

test_touch_of_a_new_name_makes_no_item() {
	touch new.json || true
	check_eq "export" "" "$(grep -c '"sk":"new"' "$T/.export/jsonl" | grep -v '^0$' || true)"
}

test_advisory_locks_are_granted() {
	put a.json '{}'
	flock -n a.json true
	py locks a.json
}

test_inodes_tell_files_apart() {
	put a.json '{}'
	put b.json '{}'
	test "$(stat -c %i a.json)" != "$(stat -c %i b.json)"
	check_eq "readdir and stat agree" "$(stat -c %i a.json)" "$(ls -i a.json | cut -d' ' -f1)"
}

test_nothing_answers_enosys() {
	put a.json '{"n": 1}'
	local call
	for call in "mkfifo f" "ln a.json l" "fallocate -l 100 a.json" "setfattr -n user.x -v 1 a.json" \
		"truncate -s 1000 .help" "rm .help" "mv .help x.json" "mkdir a.json/x"; do
		# shellcheck disable=SC2086
		$call >"$WORK/out" 2>&1 || true
		check_has_not "$call" "$(cat "$WORK/out")" 'not implemented|Stale'
	done
	cat a.json
	put a.json '{"n": 2}'
}

run_tests "$@"
