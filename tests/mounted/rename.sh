#!/bin/bash
# rename(2) in all its directions (DESIGN 2 and 5).
. "$(dirname "$0")/lib.sh"

test_item_to_a_new_name_rekeys_it() {
	put a.json '{"n": 1}'
	mv a.json b.json
	check_eq listing b.json "$(ls -A)"
	check_json b.json '{"pk":"item-to-a-new-name-rekeys-it","sk":"b","n":1}'
}

test_item_onto_an_item_replaces_it() {
	put a.json '{"n": 1}'
	put b.json '{"n": 2}'
	mv a.json b.json
	check_eq listing b.json "$(ls -A)"
	check_json b.json '{"pk":"item-onto-an-item-replaces-it","sk":"b","n":1}'
}

test_item_across_partitions() {
	mkdir "$T/other-side"
	put a.json '{"n": 1}'
	check_eq rename OK "$(py rename a.json "$T/other-side/a.json")"
	check_json "$T/other-side/a.json" '{"pk":"other-side","sk":"a","n":1}'
	check_eq left "" "$(ls -A)"
}

test_item_across_tables_of_the_same_shape() {
	mkdir "$DDB/Twin" "$DDB/Twin/p"
	put a.json '{"n": 1}'
	mv a.json "$DDB/Twin/p/a.json"
	check_json "$DDB/Twin/p/a.json" '{"pk":"p","sk":"a","n":1}'
	check_eq left "" "$(ls -A)"
}

test_item_across_tables_of_other_shape_is_exdev() {
	make_table Shape year:N title:S
	mkdir "$DDB/Shape/1999"
	put a.json '{"n": 1}'
	check_eq rename EXDEV "$(py rename a.json "$DDB/Shape/1999/a.json")"
	check_eq n 1 "$(jq .n a.json)"
}

test_noreplace_refuses_an_item_that_is_there() {
	put a.json '{"n": 1}'
	put b.json '{"n": 2}'
	check_eq rename EEXIST "$(py rename a.json b.json NOREPLACE)"
	check_eq both 12 "$(jq -j .n a.json b.json)"
	check_eq rename OK "$(py rename a.json c.json NOREPLACE)"
	mv -n b.json c.json || true
	check_eq both 21 "$(jq -j .n b.json c.json)"
}

test_exchange_swaps_two_items() {
	put a.json '{"n": 1}'
	put b.json '{"n": 2}'
	check_eq rename OK "$(py rename a.json b.json EXCHANGE)"
	check_json a.json '{"pk":"exchange-swaps-two-items","sk":"a","n":2}'
	check_json b.json '{"pk":"exchange-swaps-two-items","sk":"b","n":1}'
	check_eq "missing" ENOENT "$(py rename a.json none.json EXCHANGE)"
}

test_exchange_of_scratch_files() {
	put one.txt 1
	put two.txt 2
	check_eq rename OK "$(py rename one.txt two.txt EXCHANGE)"
	check_eq texts "2 1" "$(cat one.txt two.txt | xargs)"
}

test_exchange_of_item_and_scratch_commits_or_refuses() {
	put a.json '{"n": 1}'
	put new.tmp '{"n": 2}'
	local said
	said=$(py rename new.tmp a.json EXCHANGE)
	case $said in
	OK) check_eq n 2 "$(jq .n a.json)" ;;
	EINVAL | ENOTSUP | EOPNOTSUPP) check_eq n 1 "$(jq .n a.json)" ;;
	*) check_eq rename "OK or EINVAL or ENOTSUP" "$said" ;;
	esac
}

test_same_name_is_no_change() {
	put a.json '{"n": 1}'
	check_eq rename OK "$(py rename a.json a.json)"
	check_eq n 1 "$(jq .n a.json)"
}

test_missing_names_are_enoent() {
	put a.json '{"n": 1}'
	check_eq "no source" ENOENT "$(py rename none.json b.json)"
	check_eq "no directory" ENOENT "$(py rename a.json "$T/none/a.json")"
	check_eq "no canonical name" EINVAL "$(py rename a.json '%41.json')"
	check_eq n 1 "$(jq .n a.json)"
}

test_scratch_onto_an_item_commits() {
	put a.json '{"n": 1}'
	put a.json.tmp '{"n": 2}'
	mv a.json.tmp a.json
	check_eq listing a.json "$(ls -A)"
	check_json a.json '{"pk":"scratch-onto-an-item-commits","sk":"a","n":2}'
}

test_scratch_onto_a_new_name_creates_the_item() {
	put .new.tmp '{"n": 2}'
	mv .new.tmp a.json
	check_eq listing a.json "$(ls -A)"
	check_json a.json '{"pk":"scratch-onto-a-new-name-creates-the-item","sk":"a","n":2}'
}

test_bad_scratch_onto_an_item_is_refused() {
	put a.json '{"n": 1}'
	put a.json.tmp '{"n": '
	check_eq rename EINVAL "$(py rename a.json.tmp a.json)"
	check_eq n 1 "$(jq .n a.json)"
	check_eq "scratch stays" '{"n": ' "$(cat a.json.tmp)"
	check_has .errors "$(tail -1 .errors)" 'rename .*a\.json EINVAL: .*line 2, column 1'
	check_has .rejected "$(cat .rejected/*)" '\{"n": $'
	rm a.json.tmp
}

test_scratch_with_another_key_onto_an_existing_item_is_refused() {
	put a.json '{"n": 1}'
	put a.json.tmp '{"pk": "x", "sk": "y", "n": 2}'
	check_eq rename EINVAL "$(py rename a.json.tmp a.json)"
	check_eq n 1 "$(jq .n a.json)"
}

test_item_to_a_scratch_name_keeps_the_item() {
	put a.json '{"n": 1}'
	mv a.json a.json~
	check_eq "item" 1 "$(jq .n a.json)"
	check_eq "copy" 1 "$(jq .n a.json~)"
}

test_backup_by_rename_then_new_text() {
	# What vim does with backupcopy=no.
	put a.json '{"n": 1}'
	mv a.json a.json~
	put a.json '{"n": 2}'
	rm a.json~
	check_eq listing a.json "$(ls -A)"
	check_eq n 2 "$(jq .n a.json)"
}

test_backup_by_rename_then_bad_text_keeps_the_item() {
	put a.json '{"n": 1}'
	mv a.json a.json~
	fails put a.json '{bad'
	check_eq n 1 "$(jq .n a.json)"
	mv a.json~ a.json
	check_eq n 1 "$(jq .n a.json)"
	check_eq listing a.json "$(ls -A)"
}

test_scratch_to_scratch() {
	put one.txt hello
	mv one.txt .two
	check_eq listing .two "$(ls -A)"
	check_eq text hello "$(cat .two)"
}

test_scratch_across_partitions() {
	mkdir "$T/scratch-goes-here"
	put one.txt hello
	mv one.txt "$T/scratch-goes-here/one.txt"
	check_eq text hello "$(cat "$T/scratch-goes-here/one.txt")"
	put item.tmp '{"n": 3}'
	mv item.tmp "$T/scratch-goes-here/a.json"
	check_eq n 3 "$(jq .n "$T/scratch-goes-here/a.json")"
	check_eq listing "" "$(ls -A)"
}

test_files_come_and_go_across_file_systems() {
	echo '{"n": 1}' >"$WORK/x.json"
	mv "$WORK/x.json" .
	test ! -e "$WORK/x.json"
	check_eq n 1 "$(jq .n x.json)"
	mv x.json "$WORK/y.json"
	check_eq n 1 "$(jq .n "$WORK/y.json")"
	check_eq listing "" "$(ls -A)"
}

test_table_is_renamed_with_its_items() {
	mkdir "$DDB/Before" "$DDB/Before/p"
	put "$DDB/Before/p/a.json" '{"n": 1}'
	mv "$DDB/Before" "$DDB/After"
	check_eq n 1 "$(jq .n "$DDB/After/p/a.json")"
	fails ls "$DDB/Before"
	put "$DDB/After/p/b.json" '{"n": 2}'
	check_eq listing "a.json b.json" "$(ls "$DDB/After/p" | xargs)"
}

test_table_onto_a_table_that_holds_items_is_refused() {
	mkdir "$DDB/Source" "$DDB/Target" "$DDB/Target/p"
	put "$DDB/Target/p/a.json" '{"n": 1}'
	check_has rename "$(py rename "$DDB/Source" "$DDB/Target")" 'ENOTEMPTY|EEXIST'
	check_eq n 1 "$(jq .n "$DDB/Target/p/a.json")"
}

test_partition_moves_with_its_items() {
	mkdir "$T/part-old"
	put "$T/part-old/a.json" '{"n": 1}'
	put "$T/part-old/b.json" '{"n": 2}'
	mv "$T/part-old" "$T/part-new"
	check_json "$T/part-new/a.json" '{"pk":"part-new","sk":"a","n":1}'
	check_eq listing "a.json b.json" "$(ls -A "$T/part-new" | xargs)"
	fails ls "$T/part-old"
}

test_exchange_of_partitions_takes_scratch_along() {
	mkdir "$T/ex-one" "$T/ex-two"
	put "$T/ex-one/a.json" '{"n": 1}'
	put "$T/ex-two/b.json" '{"n": 2}'
	echo draft >"$T/ex-two/note.txt"
	check_eq exchange OK "$(py rename "$T/ex-one" "$T/ex-two" EXCHANGE)"
	check_eq one "b.json note.txt" "$(ls -A "$T/ex-one" | xargs)"
	check_eq two "a.json" "$(ls -A "$T/ex-two" | xargs)"
	check_eq draft draft "$(cat "$T/ex-one/note.txt")"
	check_json "$T/ex-two/a.json" '{"pk":"ex-two","sk":"a","n":1}'
}

test_a_file_being_made_is_renamed_onto_an_item() {
	put b.json '{"n": 1}'
	python3 -c '
import os
fd = os.open("a.json", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
os.write(fd, b"{\"n\": 2}")
os.rename("a.json", "b.json")
os.close(fd)'
	check_eq listing "b.json" "$(ls -A)"
	check_json b.json '{"pk":"a-file-being-made-is-renamed-onto-an-item","sk":"b","n":2}'
}

test_kinds_do_not_mix() {
	put a.json '{"n": 1}'
	mkdir "$T/some-directory"
	check_eq "item onto directory" EISDIR "$(py rename a.json "$T/some-directory")"
	check_eq "directory onto item" ENOTDIR "$(py rename "$T/some-directory" "$D/a.json")"
	check_eq n 1 "$(jq .n a.json)"
}

test_nothing_is_renamed_onto_reserved_names() {
	put a.json '{"n": 1}'
	local name
	for name in .help .control .status .events .errors .rejected .schema; do
		check_has_not "onto $name" "$(py rename a.json "$name")" '^(OK|ENOSYS|ESTALE)$'
		check_has_not "from $name" "$(py rename "$name" b.json)" '^(OK|ENOSYS|ESTALE)$'
	done
	check_eq n 1 "$(jq .n a.json)"
}

test_a_typed_file_is_renamed_like_its_item() {
	put a.json '{"n": 1}'
	mv a.ddb.json b.ddb.json
	check_eq listing b.json "$(ls -A)"
	check_eq n 1 "$(jq .n b.json)"
}

test_an_open_reader_survives_a_rename() {
	put a.json '{"n": 1}'
	exec 7<a.json
	mv a.json b.json
	check_eq n 1 "$(jq .n <&7)"
	exec 7<&-
}

test_rename_in_numeric_tables_checks_the_key() {
	make_table Nums pk:N sk:N
	mkdir "$DDB/Nums/1"
	put "$DDB/Nums/1/10.json" '{"t": "x"}'
	mv "$DDB/Nums/1/10.json" "$DDB/Nums/1/-2.5.json"
	check_json "$DDB/Nums/1/-2.5.json" '{"pk":1,"sk":-2.5,"t":"x"}'
	fails mv "$DDB/Nums/1/-2.5.json" "$DDB/Nums/1/1.0.json"
	check_eq listing "-2.5.json" "$(ls "$DDB/Nums/1")"
}

run_tests "$@"
