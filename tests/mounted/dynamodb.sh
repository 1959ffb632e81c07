#!/bin/bash
# DynamoDB in the tree: types, tables, keys, commands, backups, import and export (DESIGN 7).
. "$(dirname "$0")/lib.sh"

# refused FILE TEXT PATTERN: the text is refused, .errors says why.
refused() {
	fails bash -c 'printf "%s\n" "$2" | cat >"$1"' _ "$1" "$2"
	check_has .errors "$(tail -1 "$(dirname "$1")/.errors")" "$3"
}

# Same item after it was written in the other form?
both_forms() {
	echo "$1" >a.json
	cp a.ddb.json "$WORK/typed"
	rm a.json
	cp "$WORK/typed" a.ddb.json
	check_json a.json "$2"
}

# ------------------------------------------------------------------ types

test_all_ten_types_in_both_forms() {
	cat >a.ddb.json <<-'END'
		{"s": {"S": "text"}, "n": {"N": "12.5"}, "b": {"B": "aGk="}, "bool": {"BOOL": true},
		 "null": {"NULL": true}, "l": {"L": [{"S": "x"}, {"N": "1"}]}, "m": {"M": {"k": {"BOOL": false}}},
		 "ss": {"SS": ["a", "b"]}, "ns": {"NS": ["1", "2"]}, "bs": {"BS": ["aGk=", "eW8="]}}
	END
	check_json a.json '{"pk":"all-ten-types-in-both-forms","sk":"a","s":"text","n":12.5,"b":{"$b":"aGk="},"bool":true,"null":null,"l":["x",1],"m":{"k":false},"ss":{"$ss":["a","b"]},"ns":{"$ns":["1","2"]},"bs":{"$bs":["aGk=","eW8="]}}' ||
		check_json a.json '{"pk":"all-ten-types-in-both-forms","sk":"a","s":"text","n":12.5,"b":{"$b":"aGk="},"bool":true,"null":null,"l":["x",1],"m":{"k":false},"ss":{"$ss":["a","b"]},"ns":{"$ns":[1,2]},"bs":{"$bs":["aGk=","eW8="]}}'
	cp a.json "$WORK/plain"
	cp a.ddb.json "$WORK/typed"
	rm a.json
	cp "$WORK/plain" a.json
	check_same "typed form after a round through plain" "$WORK/typed" a.ddb.json
}

test_tagged_forms_are_accepted() {
	echo '{"ss": {"$ss": ["x"]}, "ns": {"$ns": ["1", "2.50"]}, "bs": {"$bs": ["aGk="]}, "b": {"$b": ""}, "n": {"$n": "007.10"}}' >a.json
	check_eq ss '["x"]' "$(jq -c .ss.SS a.ddb.json)"
	check_eq ns '["1","2.5"]' "$(jq -c .ns.NS a.ddb.json)"
	check_eq bs '["aGk="]' "$(jq -c .bs.BS a.ddb.json)"
	check_eq b '""' "$(jq -c .b.B a.ddb.json)"
	check_eq n '"7.1"' "$(jq -c .n.N a.ddb.json)"
}

test_names_that_begin_with_a_dollar_are_doubled() {
	echo '{"m": {"$$ss": ["no set"]}, "$$price": 3}' >a.json
	check_eq typed '{"L":[{"S":"no set"}]}' "$(jq -c '.m.M["$ss"]' a.ddb.json)"
	check_eq typed '{"N":"3"}' "$(jq -c '.["$price"]' a.ddb.json)"
	check_eq plain 3 "$(jq '.["$$price"]' a.json)"
}

test_unknown_tags_are_refused() {
	refused a.json '{"x": {"$foo": 1}}' '\$foo'
	refused a.json '{"x": {"$ss": "no list"}}' 'line 1'
	refused a.json '{"x": {"$b": "***"}}' 'line 1|base64'
}

test_numbers_are_exact_to_38_digits() {
	echo '{"n": 12345678901234567890123456789012345678, "f": 0.1234567890123456789012345678901234567, "e": 1.5E2, "z": -0, "t": 3.1400}' >a.json
	check_has text "$(cat a.json)" '12345678901234567890123456789012345678'
	check_eq f '"0.1234567890123456789012345678901234567"' "$(jq -c .f.N a.ddb.json)"
	check_eq e '"150"' "$(jq -c .e.N a.ddb.json)"
	check_eq z '"0"' "$(jq -c .z.N a.ddb.json)"
	check_eq t '"3.14"' "$(jq -c .t.N a.ddb.json)"
}

test_numbers_out_of_range_are_refused() {
	refused a.json '{"n": 123456789012345678901234567890123456789}' 'more than 38 significant digits'
	refused a.json '{"n": 1e126}' 'Number overflow'
	refused a.json '{"n": 1e-131}' 'Number underflow'
	refused a.ddb.json '{"n": {"N": "abc"}}' 'cannot be converted to a numeric value: abc'
	echo '{"n": 1e125, "m": 1e-130}' >a.json
}

test_set_rules() {
	refused a.json '{"s": {"$ss": []}}' 'set.*may not be empty'
	refused a.json '{"s": {"$ss": ["a", "a"]}}' 'contains duplicates'
	refused a.json '{"s": {"$ns": ["1", "1.0"]}}' 'contains duplicates'
	refused a.json '{"s": {"$bs": ["YQ==", "YQ=="]}}' 'contains duplicates'
	refused a.ddb.json '{"s": {"SS": []}}' 'set.*may not be empty'
}

test_typed_form_rules() {
	refused a.ddb.json '{"x": {}}' 'must contain exactly one of the supported datatypes'
	refused a.ddb.json '{"x": {"S": "a", "N": "1"}}' 'more than one datatypes set'
	refused a.ddb.json '{"x": {"NULL": false}}' 'Null attribute value types must have the value of true'
	refused a.ddb.json '{"x": "plain"}' 'line 1'
}

test_empty_strings_binary_lists_and_maps_are_fine() {
	echo '{"s": "", "l": [], "m": {}, "b": {"$b": ""}}' >a.json
	both_forms "$(cat a.json)" "$(cat a.json)"
}

nested() {
	printf '{"x": %s1%s}' "$(printf '[%.0s' $(seq "$1"))" "$(printf ']%.0s' $(seq "$1"))"
}

test_thirty_two_levels_and_no_more() {
	nested 31 >a.json
	refused b.json "$(nested 32)" 'Nesting Levels have exceeded supported limits'
}

test_item_of_400_kb_and_no_more() {
	python3 -c 'print("{\"big\": \"" + "x" * 405000 + "\"}")' >a.json
	check_eq errno EFBIG "$(python3 -c '
import errno
try:
    with open("b.json", "w") as f:
        f.write("{\"big\": \"" + "x" * 412000 + "\"}")
    print("OK")
except OSError as e:
    print(errno.errorcode[e.errno])')"
	check_has .errors "$(tail -1 .errors)" 'EFBIG: .*Item size has exceeded the maximum allowed size'
	check_eq listing a.json "$(ls)"
}

test_strings_keep_every_character() {
	printf '%s' '{"s": "tab\t nul\u0000 quote\" back\\ slash/ \u00e9 \ud83d\ude00 \u2028"}' >a.json
	check_eq s '"tab\t nul\u0000 quote\" back\\ slash/ é 😀 \u2028"' "$(jq -c .s a.json | python3 -c 'import sys; print(sys.stdin.read().strip().replace("\u2028", "\\u2028"))')"
}

# ------------------------------------------------------------------ tables and keys

test_numeric_keys_sort_by_value() {
	make_table Numbers pk:S sk:N
	mkdir "$DDB/Numbers/p"
	local n
	for n in 10 2 -5 0 -1 1.5 -1.05 100 0.001; do
		echo '{}' >"$DDB/Numbers/p/$n.json"
	done
	check_eq order "-5 -1.05 -1 0 0.001 1.5 2 10 100" "$(ls -f "$DDB/Numbers/p" | grep json | sed 's/.json$//' | xargs)"
	check_eq type number "$(jq -r '.sk | type' "$DDB/Numbers/p/-1.05.json")"
}

test_numeric_keys_must_be_canonical() {
	make_table Numbers2 pk:N sk:N
	mkdir "$DDB/Numbers2/7"
	check_has_not mkdir "$(py errno mkdir "$DDB/Numbers2/07")" OK
	check_has_not mkdir "$(py errno mkdir "$DDB/Numbers2/seven")" OK
	local name
	for name in 1.0 01 +1 1e3 x -0 %; do
		fails put "$DDB/Numbers2/7/$name.json" '{}'
		fails cat "$DDB/Numbers2/7/$name.json"
	done
	check_eq listing "" "$(ls "$DDB/Numbers2/7")"
}

test_binary_keys_are_base64url_in_byte_order() {
	make_table Binary pk:S sk:B
	mkdir "$DDB/Binary/p"
	echo '{"n": 1}' >"$DDB/Binary/p/_-8.json"
	echo '{"n": 2}' >"$DDB/Binary/p/AAE.json"
	echo '{"n": 3}' >"$DDB/Binary/p/eg.json"
	check_eq order "AAE.json eg.json _-8.json" "$(ls -f "$DDB/Binary/p" | grep json | xargs)"
	check_eq typed '{"B":"/+8="}' "$(jq -c .sk "$DDB/Binary/p/_-8.ddb.json")"
	fails put "$DDB/Binary/p/a+b.json" '{}'
	fails put "$DDB/Binary/p/eg==.json" '{}'
	fails put "$DDB/Binary/p/eh.json" '{}'
}

test_string_keys_list_in_byte_order() {
	local name
	for name in b a B 10 9 é z; do echo '{}' >"$name.json"; done
	check_eq order "10 9 B a b z é" "$(ls -f | grep json | sed 's/.json$//' | xargs)"
}

test_key_type_in_the_item_must_match_the_table() {
	echo '{"n": 1}' >a.json
	refused a.json '{"sk": 5}' 'Type mismatch for key sk expected: S actual: N'
	make_table Numbers3 pk:S sk:N
	mkdir "$DDB/Numbers3/p"
	echo '{"n": 1}' >"$DDB/Numbers3/p/5.json"
	refused "$DDB/Numbers3/p/5.json" '{"sk": "5"}' 'Type mismatch for key sk expected: N actual: S'
}

test_create_table_command_names_keys_and_types() {
	make_table Movies year:N title:S
	mkdir "$DDB/Movies/1999"
	echo '{"rating": 8.7}' >"$DDB/Movies/1999/The Matrix.json"
	check_json "$DDB/Movies/1999/The Matrix.json" '{"year":1999,"title":"The Matrix","rating":8.7}'
}

test_create_table_refuses_bad_arguments() {
	fails make_table Movies2 year:X
	check_has .errors "$(tail -1 "$DDB/.errors")" 'X'
	fails make_table Movies2
	fails make_table Movies2 a:S b:S c:S
	fails make_table 'a b' a:S
	fails make_table Movies2 a:S a:S
	fails ls "$DDB/Movies2"
}

test_create_table_that_is_there_is_refused() {
	make_table Twice id:S
	fails make_table Twice id:S
	check_has said "$(cat "$OUT")" 'File exists'
	check_has .errors "$(tail -1 "$DDB/.errors")" 'Table already exists: Twice'
}

test_schema_creates_a_table() {
	mkdir "$DDB/BySchema" 2>/dev/null || true
	rmdir "$DDB/BySchema"
	mkdir "$DDB/BySchema"
	cat >"$DDB/BySchema/.schema" <<-'END'
		{"TableName": "BySchema",
		 "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "N"}],
		 "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
		 "BillingMode": "PAY_PER_REQUEST"}
	END
	echo '{"n": 1}' >"$DDB/BySchema/5.json"
	check_json "$DDB/BySchema/5.json" '{"id":5,"n":1}'
}

test_schema_of_a_table_makes_its_twin() {
	make_table Model year:N title:S
	mkdir "$DDB/Model2"
	jq '.TableName = "Model2"' "$DDB/Model/.schema" >"$WORK/schema"
	cp "$WORK/schema" "$DDB/Model2/.schema"
	mkdir "$DDB/Model2/2001"
	check_eq schema "$(jq -c '[.KeySchema, .AttributeDefinitions]' "$DDB/Model/.schema")" "$(jq -c '[.KeySchema, .AttributeDefinitions]' "$DDB/Model2/.schema")"
}

test_bad_schema_is_refused_with_a_reason() {
	mkdir "$DDB/BadSchema"
	refused "$DDB/BadSchema/.schema" '{"KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}], "AttributeDefinitions": [{"AttributeName": "other", "AttributeType": "S"}]}' 'no definition'
	refused "$DDB/BadSchema/.schema" '{"KeySchema": ' 'line'
}

test_schema_of_a_table_with_items_stays() {
	echo '{"n": 1}' >a.json
	fails bash -c 'cat >"$1/.schema" <<<"{\"AttributeDefinitions\":[{\"AttributeName\":\"id\",\"AttributeType\":\"N\"}],\"KeySchema\":[{\"AttributeName\":\"id\",\"KeyType\":\"HASH\"}]}"' _ "$T"
	check_eq n 1 "$(jq .n a.json)"
}

test_delete_table_removes_all() {
	mkdir "$DDB/Doomed" "$DDB/Doomed/p"
	echo '{}' >"$DDB/Doomed/p/a.json"
	control "$DDB/Doomed" delete-table
	fails ls "$DDB/Doomed"
	check_has_not listing "$(ls "$DDB")" '^Doomed$'
}

test_deletion_protection_holds() {
	mkdir "$DDB/Guarded"
	control "$DDB/Guarded" 'deletion-protection on'
	fails control "$DDB/Guarded" delete-table
	check_has .errors "$(tail -1 "$DDB/Guarded/.errors")" 'protect'
	check_has_not rmdir "$(py errno rmdir "$DDB/Guarded")" '^OK$'
	cd "$WORK"
	remount
	fails control "$DDB/Guarded" delete-table
	control "$DDB/Guarded" 'deletion-protection off'
	control "$DDB/Guarded" delete-table
	fails ls "$DDB/Guarded"
}

test_tables_survive_a_remount() {
	make_table Lasting year:N title:S
	mkdir "$DDB/Lasting/1999"
	echo '{"n": 1}' >"$DDB/Lasting/1999/a.json"
	cd "$WORK"
	remount
	check_json "$DDB/Lasting/1999/a.json" '{"year":1999,"title":"a","n":1}'
}

test_status_counts_items() {
	mkdir "$DDB/Counted" "$DDB/Counted/p"
	echo '{}' >"$DDB/Counted/p/a.json"
	echo '{}' >"$DDB/Counted/p/b.json"
	check_has .status "$(jq -c . "$DDB/Counted/.status")" '"(items|item_count|ItemCount)":2'
	check_has .status "$(jq -c . "$DDB/Counted/.status")" 'ACTIVE'
}

# ------------------------------------------------------------------ backups

test_backup_can_be_browsed_and_compared() {
	echo '{"n": 1}' >a.json
	control "$T" 'backup browse'
	echo '{"n": 2}' >a.json
	echo '{"n": 3}' >b.json
	local s=$T/.snapshots/browse/backup-can-be-browsed-and-compared
	check_eq n 1 "$(jq .n "$s/a.json")"
	fails cat "$s/b.json"
	fails_with 1 diff -r "$s" .
	check_has diff "$(cat "$OUT")" 'b.json'
	check_eq size "$(wc -c <"$s/a.json")" "$(stat -c %s "$s/a.json")"
	check_has typed "$(cat "$s/a.ddb.json")" '"N"'
}

test_backup_is_read_only() {
	echo '{"n": 1}' >a.json
	control "$T" 'backup frozen'
	local s=$T/.snapshots/frozen/backup-is-read-only
	check_eq write EROFS "$(py errno write "$s/a.json" '{}')"
	check_eq create EROFS "$(py errno create "$s/new.json")"
	check_eq unlink EROFS "$(py errno unlink "$s/a.json")"
	check_eq mkdir EROFS "$(py errno mkdir "$T/.snapshots/frozen/new")"
	check_eq rename EROFS "$(py rename "$s/a.json" "$s/b.json")"
	check_eq n 1 "$(jq .n "$s/a.json")"
}

test_mkdir_in_snapshots_makes_a_backup_and_rmdir_removes_it() {
	echo '{"n": 1}' >a.json
	mkdir "$T/.snapshots/by-mkdir"
	check_eq n 1 "$(jq .n "$T/.snapshots/by-mkdir/$(basename "$D")/a.json")"
	check_eq again EEXIST "$(py errno mkdir "$T/.snapshots/by-mkdir")"
	rmdir "$T/.snapshots/by-mkdir"
	fails ls "$T/.snapshots/by-mkdir"
}

test_delete_backup() {
	control "$T" 'backup going'
	control "$T" 'delete-backup going'
	check_has_not listing "$(ls "$T/.snapshots")" '^going$'
	fails control "$T" 'delete-backup going'
	check_has .errors "$(tail -1 "$T/.errors")" 'going'
}

test_backup_names_are_checked() {
	fails control "$T" 'backup ab'
	fails control "$T" 'backup bad/name'
	fails control "$T" 'backup "bad name"'
	control "$T" 'backup same-name'
	fails control "$T" 'backup same-name'
}

test_restore_makes_a_new_table() {
	echo '{"n": 1}' >a.json
	control "$T" 'backup to-restore'
	echo '{"n": 2}' >a.json
	control "$T" 'restore to-restore as Restored'
	check_eq restored 1 "$(jq .n "$DDB/Restored/restore-makes-a-new-table/a.json")"
	check_eq "as it was" 2 "$(jq .n a.json)"
	echo '{"n": 3}' >"$DDB/Restored/restore-makes-a-new-table/a.json"
	check_eq writable 3 "$(jq .n "$DDB/Restored/restore-makes-a-new-table/a.json")"
	diff -r "$T/.snapshots/to-restore/restore-makes-a-new-table" . >"$WORK/d" || true
}

test_restore_never_overwrites() {
	control "$T" 'backup no-overwrite'
	mkdir "$DDB/Existing"
	fails control "$T" 'restore no-overwrite as Existing'
	check_has said "$(cat "$OUT")" 'File exists'
	fails control "$T" 'restore no-such as Fresh'
	check_has said "$(cat "$OUT")" 'No such file'
	fails ls "$DDB/Fresh"
}

test_backup_survives_a_remount_and_a_crash() {
	echo '{"n": 1}' >a.json
	control "$T" 'backup lasting'
	echo '{"n": 2}' >a.json
	cd "$WORK"
	remount
	check_eq n 1 "$(jq .n "$T/.snapshots/lasting/$(basename "$D")/a.json")"
	kill_daemon
	start_mount
	check_eq n 1 "$(jq .n "$T/.snapshots/lasting/$(basename "$D")/a.json")"
}

test_backup_of_a_busy_table_is_consistent() {
	# A writer counts a.json up, then b.json: in any snapshot a is b or b + 1.
	echo '{"n": 0}' >a.json
	echo '{"n": 0}' >b.json
	bash -c 'i=0; while [ ! -e "$1/halt" ]; do i=$((i + 1)); echo "{\"n\": $i}" >a.json; echo "{\"n\": $i}" >b.json; done' _ "$WORK" &
	local writer=$! i s a b
	for i in 1 2 3 4 5; do
		sleep 0.1
		control "$T" "backup busy$i"
		s=$T/.snapshots/busy$i/$(basename "$D")
		a=$(jq .n "$s/a.json")
		b=$(jq .n "$s/b.json")
		[ "$a" = "$b" ] || [ "$a" = $((b + 1)) ] || { echo "a=$a b=$b"; touch "$WORK/halt"; return 1; }
	done
	touch "$WORK/halt"
	wait "$writer"
}

# ------------------------------------------------------------------ export and import

fill() {
	echo '{"n": 1, "s": {"$ss": ["x", "y"]}}' >a.json
	echo '{"n": 2.5, "t": "ü"}' >b.json
	echo '{"b": {"$b": "aGk="}, "m": {"k": [1, null]}}' >'c%2Fd.json'
}

lines_of() {
	grep "\"$2\"" "$1/.export/jsonl" | sort
}

test_export_jsonl_is_one_item_a_line() {
	fill
	check_eq lines 3 "$(lines_of "$T" "$(basename "$D")" | wc -l)"
	lines_of "$T" "$(basename "$D")" | jq -c . >"$WORK/x"
	check_eq parsed 3 "$(wc -l <"$WORK/x")"
}

test_export_json_is_an_array() {
	fill
	check_eq type array "$(jq -r type "$T/.export/json")"
	check_eq count "$(wc -l <"$T/.export/jsonl")" "$(jq length "$T/.export/json")"
}

test_export_of_an_empty_table() {
	mkdir "$DDB/Hollow"
	check_eq json '[]' "$(jq -c . "$DDB/Hollow/.export/json")"
	check_eq jsonl "" "$(cat "$DDB/Hollow/.export/jsonl")"
}

test_export_sizes_are_exact() {
	fill
	local format
	for format in json jsonl; do
		check_eq "$format" "$(cat "$T/.export/$format" | wc -c)" "$(stat -c %s "$T/.export/$format")"
	done
	cp "$T/.export/jsonl" "$WORK/copied"
	cmp "$WORK/copied" "$T/.export/jsonl"
}

test_export_and_import_make_an_identical_table() {
	fill
	local format
	for format in json jsonl; do
		mkdir "$DDB/Round-$format"
		cat "$T/.export/$format" >"$DDB/Round-$format/.import/append/$format"
		diff <(sort "$T/.export/jsonl") <(sort "$DDB/Round-$format/.export/jsonl")
	done
}

test_cp_imports_too() {
	fill
	mkdir "$DDB/Round-cp"
	cp "$T/.export/jsonl" "$WORK/all.jsonl"
	cp "$WORK/all.jsonl" "$DDB/Round-cp/.import/append/jsonl"
	check_eq count "$(wc -l <"$WORK/all.jsonl")" "$(wc -l <"$DDB/Round-cp/.export/jsonl")"
}

test_import_takes_item_lines() {
	mkdir "$DDB/FromLines"
	printf '%s\n' '{"Item":{"pk":{"S":"p"},"sk":{"S":"a"},"n":{"N":"1"}}}' \
		'{"Item":{"pk":{"S":"p"},"sk":{"S":"b"},"s":{"SS":["x"]}}}' >"$DDB/FromLines/.import/append/jsonl"
	check_eq listing "a.json b.json" "$(ls "$DDB/FromLines/p" | xargs)"
	check_json "$DDB/FromLines/p/b.json" '{"pk":"p","sk":"b","s":{"$ss":["x"]}}'
}

test_import_takes_put_requests() {
	make_table Product Id:N
	cat >"$DDB/Product/.import/append/json" <<-'END'
		{"Product": [
		  {"PutRequest": {"Item": {"Id": {"N": "101"}, "Title": {"S": "Book"}}}},
		  {"PutRequest": {"Item": {"Id": {"N": "102"}, "Title": {"S": "Bike"}}}}]}
	END
	check_json "$DDB/Product/102.json" '{"Id":102,"Title":"Bike"}'
}

test_import_takes_an_array_of_plain_items() {
	mkdir "$DDB/FromArray"
	echo '[{"pk":"p","sk":"a","n":1},{"pk":"q","sk":"b","n":2}]' >"$DDB/FromArray/.import/append/json"
	check_eq listing "p q" "$(ls "$DDB/FromArray" | xargs)"
}

test_import_append_refuses_items_that_are_there() {
	echo '{"n": 1}' >a.json
	local p
	p=$(basename "$D")
	printf '%s\n' "{\"pk\":\"$p\",\"sk\":\"new\"}" "{\"pk\":\"$p\",\"sk\":\"a\",\"n\":2}" >"$WORK/rows"
	fails cp "$WORK/rows" "$T/.import/append/jsonl"
	check_eq n 1 "$(jq .n a.json)"
	check_eq "one transaction" a.json "$(ls)"
	check_has .errors "$(tail -2 "$T/.errors")" '2'
}

test_import_upsert_replaces_what_is_there() {
	local p
	p=$(basename "$D")
	echo '{"n": 1}' >a.json
	echo '{"n": 1}' >b.json
	printf '%s\n' "{\"pk\":\"$p\",\"sk\":\"a\",\"n\":2}" "{\"pk\":\"$p\",\"sk\":\"c\",\"n\":3}" >"$T/.import/upsert/jsonl"
	check_eq n 213 "$(jq -j .n a.json b.json c.json)"
}

test_import_replace_drops_the_rest() {
	mkdir "$DDB/Swap" "$DDB/Swap/p" "$DDB/Swap/q"
	echo '{"n": 1}' >"$DDB/Swap/p/a.json"
	echo '{"n": 1}' >"$DDB/Swap/q/b.json"
	echo '{"pk":"p","sk":"z","n":2}' >"$DDB/Swap/.import/replace/jsonl"
	check_eq items '{"pk":"p","sk":"z","n":2}' "$(cat "$DDB/Swap/.export/jsonl")"
}

test_import_with_bad_rows_changes_nothing_and_names_them() {
	local p
	p=$(basename "$D")
	printf '%s\n' "{\"pk\":\"$p\",\"sk\":\"a\"}" "{\"pk\":\"$p\",\"sk\":5}" "{\"pk\":\"$p\"}" >"$WORK/rows"
	fails cp "$WORK/rows" "$T/.import/append/jsonl"
	check_eq listing "" "$(ls)"
	check_has "the bad rows" "$(cat "$T/.control")" 'item 2, line 2: .*Type mismatch for key sk expected: S actual: N'
	check_has "the bad rows" "$(cat "$T/.control")" 'item 3, line 3: .*Missing the key sk in the item'
	check_has .errors "$(tail -1 "$T/.errors")" '2 of 3 items'
}

test_import_of_broken_json_names_line_and_column() {
	local p
	p=$(basename "$D")
	fails bash -c 'printf "%s\n" "$2" "{\"pk\": \"x\", }" >"$1/.import/append/jsonl"' _ "$T" "{\"pk\":\"$p\",\"sk\":\"a\"}"
	check_has .errors "$(tail -1 "$T/.errors")" 'line 2, column 13'
	check_eq listing "" "$(ls)"
}

test_import_reports_how_many_were_loaded() {
	py make-items 123 "$(basename "$D")" >"$T/.import/append/jsonl"
	check_has report "$(cat "$T/.events" "$T/.control")" '\b123\b'
	check_eq count 123 "$(ls | wc -l)"
}

test_directories_of_import_and_export_list_their_formats() {
	check_eq import "append replace upsert" "$(ls "$T/.import" | xargs)"
	check_eq formats "json jsonl" "$(ls "$T/.import/append" | xargs)"
	check_eq export "json jsonl" "$(ls "$T/.export" | xargs)"
}

test_head_of_an_export_stops_early() {
	py make-items 20000 "$(basename "$D")" >"$T/.import/append/jsonl"
	check_eq lines 3 "$(head -3 "$T/.export/jsonl" | wc -l)"
	check_eq "whole" "$(wc -l <"$T/.export/jsonl")" "$(find "$T" -name '*.json' -type f | wc -l)"
	find . -delete 2>/dev/null || true
}

run_tests "$@"
