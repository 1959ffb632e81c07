#!/bin/bash
# Names that are no item names: ordinary files and symlinks kept under SITE (DESIGN 5).
. "$(dirname "$0")/lib.sh"

test_editor_names_are_ordinary_files() {
	local name
	for name in 4913 .x.json.swp x.json~ '#x#' sedAb12Cd .x.json.Ab12Cd notes.txt .x.json.un~; do
		put "./$name" "text of $name"
		check_eq "text" "text of $name" "$(cat "./$name")"
		check_eq "size" "$(wc -c <"./$name")" "$(stat -c %s "./$name")"
	done
	check_eq count 8 "$(ls -A | wc -l)"
	check_eq "in the store" 0 "$(grep -c 'editor-names-are' "$T/.export/jsonl")"
	find . -type f -delete
	check_eq left "" "$(ls -A)"
}

test_scratch_files_hold_any_bytes() {
	head -c 300000 /dev/urandom >"$WORK/bytes"
	cp "$WORK/bytes" blob.bin
	check_same bytes "$WORK/bytes" blob.bin
	printf 'XX' | dd of=blob.bin bs=1 seek=1000 conv=notrunc status=none
	printf 'XX' | dd of="$WORK/bytes" bs=1 seek=1000 conv=notrunc status=none
	echo more >>blob.bin
	echo more >>"$WORK/bytes"
	check_same bytes "$WORK/bytes" blob.bin
	truncate -s 10 blob.bin
	check_eq size 10 "$(stat -c %s blob.bin)"
}

test_scratch_files_keep_mode_and_time() {
	put notes.txt x
	chmod 640 notes.txt
	touch -d '2001-02-03 04:05:06' notes.txt
	check_eq stat "640 2001-02-03 04:05:06.000000000 +0000" "$(stat -c '%a %y' notes.txt)"
}

test_scratch_files_are_listed_in_their_directory_only() {
	put only-here.txt x
	check_eq "found" "$D/only-here.txt" "$(find "$MNT" -name only-here.txt)"
}

test_symlinks_as_emacs_locks_with() {
	ln -s 'ann@host.123:456' '.#x.json'
	check_eq target 'ann@host.123:456' "$(readlink '.#x.json')"
	test -L '.#x.json'
	fails ln -s other '.#x.json'
	rm '.#x.json'
	check_eq left "" "$(ls -A)"
}

test_symlinks_survive_a_remount() {
	ln -s somewhere link
	cd "$WORK"
	remount
	mkdir -p "$D"
	check_eq target somewhere "$(readlink "$D/link")"
}

test_a_symlink_with_an_items_name_is_refused() {
	fails ln -s x a.json
	check_eq listing "" "$(ls -A)"
}

test_scratch_survives_a_remount() {
	put .a.json.swp 'half a thought'
	cd "$WORK"
	remount
	# An empty partition ends with the mount; its scratch files wait for the next.
	mkdir -p "$D"
	check_eq text 'half a thought' "$(cat "$D/.a.json.swp")"
}

test_scratch_survives_kill_9() {
	put a.json '{"n": 1}'
	put .a.json.swp 'a thought of half a second'
	cd "$WORK"
	wait_for 30 grep -rqF 'a thought of half a second' "$SITE/side"
	kill_daemon
	start_mount
	check_eq text 'a thought of half a second' "$(cat "$D/.a.json.swp")"
	check_eq item 1 "$(jq .n "$D/a.json")"
}

test_scratch_survives_kill_9_at_once_after_fsync() {
	put a.json '{"n": 1}'
	cd "$WORK"
	local pid
	pid=$(daemon_pid)
	echo 'half a thought' | dd of="$D/.a.json.swp" conv=fsync status=none
	kill -9 "$pid"
	kill_daemon
	is_mounted && unmount -l
	start_mount
	check_eq text 'half a thought' "$(cat "$D/.a.json.swp")"
}

# What stands in this directory's folder of scratch files on disk.
scratch_on_disk() {
	find "$SITE/side" -path "*/$(basename "$D")/f/*" -name "$1"
}

is_on_disk() {
	[ -n "$(scratch_on_disk "$1")" ]
}

test_drafts_renamed_onto_an_item_leave_nothing_on_disk() {
	python3 - <<-'END'
		import os
		for i in range(1000):
		    with open(".a.json.Ab12Cd", "w") as f:
		        f.write('{"n": %d}' % i)
		    os.rename(".a.json.Ab12Cd", "a.json")
	END
	check_eq n 999 "$(jq .n a.json)"
	check_eq listing a.json "$(ls -A)"
	check_eq "on disk" "" "$(scratch_on_disk '*')"
}

test_scratch_looks_the_same_in_memory_and_on_disk() {
	local before
	put notes.txt 'a thought'
	chmod 640 notes.txt
	touch -d '2001-02-03 04:05:06.5' notes.txt
	before=$(stat -c '%a %s %y %z %i' notes.txt)
	wait_for 10 is_on_disk notes.txt
	check_eq stat "$before" "$(stat -c '%a %s %y %z %i' notes.txt)"
	check_eq text 'a thought' "$(cat notes.txt)"
	mv notes.txt more.txt
	rm more.txt
	check_eq "on disk" "" "$(scratch_on_disk '*')"
}

test_the_directorys_time_moves_with_its_scratch_files() {
	local before with without
	before=$(stat -c %.Y .)
	put notes.txt x
	with=$(stat -c %.Y .)
	rm notes.txt
	without=$(stat -c %.Y .)
	check_eq moved yes "$(awk -v a="$before" -v b="$with" -v c="$without" 'BEGIN { print a < b && b < c ? "yes" : a " " b " " c }')"
}

test_unlinked_but_open_scratch_goes_on() {
	exec 7>gone.txt
	exec 8<gone.txt
	echo one >&7
	rm gone.txt
	echo two >&7
	check_eq text "one two" "$(cat <&8 | xargs)"
	exec 7>&- 8<&-
}

test_several_handles_share_a_scratch_file() {
	exec 7>shared.txt
	echo one >&7
	check_eq text one "$(cat shared.txt)"
	echo two >>shared.txt
	check_eq text "one two" "$(cat shared.txt | xargs)"
	exec 7>&-
}

test_number_of_scratch_files_is_limited() {
	put a.json '{"n": 1}'
	cd "$WORK"
	remount -o scratch_files=5
	cd "$D"
	local i
	for i in 1 2 3 4 5; do put "$i.txt" x; done
	check_eq sixth ENOSPC "$(py errno create 6.txt)"
	check_has .errors "$(tail -1 .errors)" 'ENOSPC: .*5'
	rm 1.txt
	put 6.txt x
	put a.json '{"n": 2}'
	cd "$WORK"
	remount
}

test_size_of_scratch_files_is_limited() {
	put a.json '{"n": 1}'
	cd "$WORK"
	find "$MNT/dynamodb" -name '*.txt' -delete
	remount -o scratch_size=100k
	cd "$D"
	head -c 50000 /dev/zero >one.txt
	fails bash -c 'head -c 80000 /dev/zero >two.txt'
	check_has said "$(cat "$OUT")" 'No space left'
	check_has .errors "$(tail -1 .errors)" 'ENOSPC: .'
	put a.json '{"n": 2}'
	rm one.txt two.txt
	head -c 80000 /dev/zero >three.txt
	cd "$WORK"
	remount
}

test_a_partition_with_scratch_only_goes_by_rm_r() {
	mkdir "$T/only-scratch"
	put "$T/only-scratch/x.tmp" x
	check_eq rmdir ENOTEMPTY "$(py errno rmdir "$T/only-scratch")"
	rm -r "$T/only-scratch"
	fails test -e "$T/only-scratch"
}

test_deleting_a_table_leaves_no_scratch_for_its_successor() {
	mkdir "$DDB/Again" "$DDB/Again/p"
	put "$DDB/Again/p/x.tmp" x
	control "$DDB/Again" delete-table
	mkdir "$DDB/Again" "$DDB/Again/p"
	check_eq listing "" "$(ls -A "$DDB/Again/p")"
}

test_directories_inside_a_partition_are_refused_with_a_sentence() {
	fails mkdir sub
	check_has .errors "$(tail -1 .errors)" 'mkdir .*sub E[A-Z]+: .'
}

test_vim_recovers_from_its_swap_file() {
	need vim
	put a.json '{"text": "old-value"}'
	{
		echo '%s/old-value/recovered/'
		echo preserve
		sleep 60
	} | vim -es -c 'set shortmess+=A' a.json &
	wait_for 30 grep -qF recovered .a.json.swp
	kill -9 $!
	wait_for 5 test -e .a.json.swp
	cd "$WORK"
	kill_daemon
	start_mount
	cd "$D"
	printf 'wq\n' | timeout 20 vim -es -r a.json
	check_eq text '"recovered"' "$(jq .text a.json)"
}

run_tests "$@"
