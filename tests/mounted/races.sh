#!/bin/bash
# What happens to a file while it is open (DESIGN 4: a reader sees one version, whole).
. "$(dirname "$0")/lib.sh"

stays() {
	python3 "$HERE/races.py" "$1" "$D"
}

test_open_file_stays_when_the_item_is_written() {
	stays write
}

test_open_file_stays_when_another_is_renamed_onto_it() {
	stays rename
}

test_open_file_stays_when_the_item_is_written_in_another_form() {
	stays other-form
}

test_open_file_stays_when_the_item_is_imported() {
	stays import
}

test_open_file_stays_while_a_writer_has_truncated() {
	stays open-writer
}

test_readers_see_what_was_answered_however_it_was_written() {
	stays beside
}

# The thread that reads requests must not wait for the handle of a running import.
test_closing_a_copy_of_a_busy_descriptor_holds_nobody_up() {
	local i
	{
		for i in $(seq 20); do
			py make-items 500 "$(basename "$D")" >&3 &
			(exec 3>&-)
			stat . >/dev/null
		done
		wait
	} 3>"$T/.import/upsert/jsonl"
	check_eq count 500 "$(ls | wc -l)"
}

run_tests "$@"
