#!/bin/bash
# A SITE without space, and a damaged one: loud, lossless, and it goes on (DESIGN 5, issue 2).
. "$(dirname "$0")/lib.sh"
need_root

AUTOMOUNT=no

# A SITE of its own on a tmpfs of a few MB.
begin() {
	SITE=$WORK/small-$RANDOM
	MNT=$WORK/mnt-$RANDOM
	DDB=$MNT/dynamodb
	T=$DDB/Table
	mkdir "$SITE" "$MNT"
	mount -t tmpfs -o "size=${1:-8m}" none "$SITE" || skip "tmpfs cannot be mounted here"
	trap end EXIT
	start_mount
	mkdir -p "$T/p"
}

end() {
	is_mounted && stop_mount
	if pid=$(daemon_pid); then kill -9 "$pid"; fi
	umount -l "$SITE"
}

test_a_full_disk_is_told_and_loses_nothing() {
	begin
	check_eq errno ENOSPC "$(py fill "$T/p" "$WORK/acked" 2000)"
	check_has errors "$(cat "$MNT/.dbmount/errors")" 'ENOSPC: .'
	py filled "$T/p" "$WORK/acked"
	test "$(wc -l <"$WORK/acked")" -gt 10
}

test_reading_goes_on_while_the_disk_is_full() {
	begin
	echo '{"n": 1}' >"$T/p/first.json"
	check_eq errno ENOSPC "$(py fill "$T/p" "$WORK/acked2" 2000)"
	check_eq n 1 "$(jq .n "$T/p/first.json")"
	ls -l "$T/p" >/dev/null
	jq . "$T/.status" >/dev/null
}

test_writing_goes_on_when_space_returns() {
	begin
	check_eq errno ENOSPC "$(py fill "$T/p" "$WORK/acked3" 2000)"
	mount -o remount,size=64m "$SITE"
	echo '{"n": 2}' >"$T/p/after.json"
	check_eq n 2 "$(jq .n "$T/p/after.json")"
	py filled "$T/p" "$WORK/acked3"
	remount
	check_eq n 2 "$(jq .n "$T/p/after.json")"
	py filled "$T/p" "$WORK/acked3"
}

test_a_full_disk_survives_a_crash() {
	begin
	check_eq errno ENOSPC "$(py fill "$T/p" "$WORK/acked4" 2000)"
	kill_daemon
	mount -o remount,size=64m "$SITE"
	start_mount
	py filled "$T/p" "$WORK/acked4"
}

test_scratch_on_a_full_disk_is_enospc() {
	begin
	fails bash -c "head -c 20000000 /dev/zero >'$T/p/big.tmp'"
	check_has said "$(cat "$OUT")" 'No space left'
	rm "$T/p/big.tmp"
	echo '{"n": 1}' >"$T/p/a.json"
	check_eq n 1 "$(jq .n "$T/p/a.json")"
}

# fill_up: not a byte is left. Making room again: rm "$SITE/filler".
fill_up() {
	cat /dev/zero >"$SITE/filler" 2>/dev/null || true
}

test_fsync_of_scratch_on_a_full_disk_is_enospc() {
	begin
	fill_up
	fails bash -c "echo text | dd of='$T/p/x.tmp' conv=fsync status=none"
	check_has said "$(cat "$OUT")" 'No space left'
}

test_scratch_that_cannot_be_kept_is_told_in_the_error_log() {
	begin
	fill_up
	bash -c "echo text >'$T/p/x.tmp'" || true
	wait_for 20 grep -q 'x.tmp ENOSPC: .*in memory only' "$T/p/.errors"
	check_eq text text "$(cat "$T/p/x.tmp")"
	# Whoever writes the next is told at once.
	fails bash -c "echo text >'$T/p/y.tmp'"
	rm "$SITE/filler"
	wait_for 20 eval 'find "$SITE/side" -name x.tmp | xargs grep -q text'
	remount
	mkdir -p "$T/p"
	check_eq text text "$(cat "$T/p/x.tmp")"
}

test_an_import_that_does_not_fit_changes_nothing() {
	begin
	echo '{"n": 1}' >"$T/p/a.json"
	py make-items 200000 q >"$WORK/huge"
	fails bash -c "cat '$WORK/huge' >'$T/.import/append/jsonl'"
	rm "$WORK/huge"
	check_has said "$(cat "$OUT")" 'No space left'
	check_eq items 1 "$(wc -l <"$T/.export/jsonl")"
	mount -o remount,size=64m "$SITE"
	echo '{"n": 2}' >"$T/p/b.json"
}

test_a_backup_that_does_not_fit_leaves_nothing() {
	begin 10m
	py make-items 25000 q >"$WORK/half"
	cat "$WORK/half" >"$T/.import/append/jsonl"
	local i
	for i in 1 2 3 4 5 6; do
		control "$T" "backup copy$i" >"$WORK/out" 2>&1 || break
	done
	check_has said "$(cat "$WORK/out")" 'No space left'
	check_has_not snapshots "$(ls "$T/.snapshots")" "^copy$i\$"
	check_eq items 25000 "$(wc -l <"$T/.export/jsonl")"
}

# damage TABLE: overwrites the pages of the file that holds the marker.
damage() {
	local file hit=
	grep -rlaF "$1" "$SITE/dynamodb" >"$WORK/files"
	while read -r file; do
		python3 - "$file" <<-'END'
			import os, sys
			size = os.path.getsize(sys.argv[1])
			with open(sys.argv[1], "r+b") as f:
			    for at in range(0, size, 4096):
			        f.seek(at)
			        f.write(b"\xde\xad" * min(2048, (size - at) // 2))
		END
		hit=1
	done <"$WORK/files"
	test -n "$hit"
}

test_a_damaged_table_is_eio_with_a_sentence_others_are_fine() {
	begin 32m
	mkdir "$DDB/Broken" "$DDB/Broken/p"
	echo '{"text": "marker-of-the-broken-one"}' >"$DDB/Broken/p/a.json"
	echo '{"n": 1}' >"$T/p/a.json"
	stop_mount
	damage marker-of-the-broken-one
	start_mount
	check_eq n 1 "$(jq .n "$T/p/a.json")"
	echo '{"n": 2}' >"$T/p/b.json"
	check_eq broken EIO "$(py errno listdir "$DDB/Broken")"
	check_has errors "$(cat "$MNT/.dbmount/errors")" 'Broken.* EIO: .+'
	check_has listing "$(ls "$DDB")" '^Table$'
}

test_a_damaged_table_can_be_deleted_and_made_again() {
	begin 32m
	mkdir "$DDB/Broken" "$DDB/Broken/p"
	echo '{"text": "marker-of-the-broken-one"}' >"$DDB/Broken/p/a.json"
	stop_mount
	damage marker-of-the-broken-one
	start_mount
	control "$DDB/Broken" delete-table || control "$DDB" 'delete-table Broken'
	mkdir "$DDB/Broken" "$DDB/Broken/p"
	echo '{"n": 1}' >"$DDB/Broken/p/a.json"
	check_eq n 1 "$(jq .n "$DDB/Broken/p/a.json")"
}

test_a_site_that_lost_its_files_while_mounted_does_not_kill_the_daemon() {
	begin 32m
	echo '{"n": 1}' >"$T/p/a.json"
	rm -rf "$SITE/dynamodb"
	cat "$T/p/a.json" >/dev/null 2>&1 || true
	echo '{"n": 2}' >"$T/p/b.json" 2>/dev/null || true
	mkdir "$DDB/New" 2>/dev/null || true
	cat "$MNT/.dbmount/version"
	daemon_pid
}

run_tests "$@"
