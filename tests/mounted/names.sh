#!/bin/bash
# Keys and file names map one to one (DESIGN 3).
. "$(dirname "$0")/lib.sh"

test_every_byte_of_a_sort_key_maps_to_one_name() {
	py every-byte . | grep -v '^0$'
}

test_every_byte_of_a_partition_key_maps_to_one_name() {
	mkdir "$DDB/Bytes"
	py directory-bytes "$DDB/Bytes"
}

test_names_survive_a_remount() {
	put "a%2Fb.json" '{"n": 1}'
	put "%2Edot.json" '{"n": 2}'
	put "tab%09.json" '{"n": 3}'
	put "quote'\" \$x.json" '{"n": 4}'
	ls >"$WORK/before"
	cd "$WORK"
	remount
	ls "$D" >"$WORK/after"
	check_same "listing" "$WORK/before" "$WORK/after"
	check_json "$D/a%2Fb.json" '{"pk":"names-survive-a-remount","sk":"a/b","n":1}'
}

test_other_spellings_are_refused_not_aliased() {
	put A.json '{"n": 1}'
	put 'a%2Fb.json' '{"n": 2}'
	local name
	for name in '%41.json' 'a%2fb.json' '%.json' 'x%.json' 'x%2.json' 'x%GG.json' '%C3%A9.json' '%20x.json' '%7E.json'; do
		fails test -e "$name"
		fails put "$name" '{"n": 9}'
		check_has_not "errno of $name" "$(cat "$OUT")" 'not implemented|Stale'
	done
	check_eq "listing" "A.json a%2Fb.json" "$(ls | xargs)"
}

test_control_bytes_in_names_are_refused() {
	fails put $'a\tb.json' '{}'
	fails put $'a\nb.json' '{}'
	fails put $'a\x7fb.json' '{}'
	check_eq "listing" "" "$(ls)"
}

test_invalid_utf8_is_refused() {
	fails put $'bad\xff.json' '{}'
	fails put $'half\xc3.json' '{}'
	fails put 'bad%FF.json' '{}'
	check_eq "listing" "" "$(ls)"
}

test_empty_key_is_refused_as_the_service_does() {
	fails put '%.json' '{}'
	check_has .errors "$(tail -1 .errors)" 'empty string value|% '
}

test_spaces_emoji_and_options_stay_as_they_are() {
	local name
	for name in ' ' '-n' '--help' '*' "it's" '"' 'a b' '😀' 'x~y' '#x' 'x:y' '&' 'trailing '; do
		put "./$name.json" '{"n": 1}'
		check_eq "sk of $name" "$name" "$(jq -r .sk <"./$name.json")"
	done
	check_eq "count" 13 "$(ls | wc -l)"
	rm -- *.json
	check_eq "left" "" "$(ls -A)"
}

test_editor_like_keys_are_items_with_their_suffix() {
	local name
	for name in 4913 sedAb12Cd '#x#' 'x~'; do
		put "./$name.json" '{"n": 1}'
	done
	check_eq "exported" 4 "$(grep -c editor-like-keys "$T/.export/jsonl")"
}

test_key_that_ends_like_a_suffix_is_escaped() {
	py make-items 0 x
	echo '{"pk":"key-that-ends-like-a-suffix-is-escaped","sk":"a.ddb","n":1}
{"pk":"key-that-ends-like-a-suffix-is-escaped","sk":"b.json","n":2}' >"$T/.import/append/jsonl"
	check_eq "listing" "a%2Eddb.json b.json.json" "$(ls | xargs)"
	check_eq "n" 1 "$(jq .n 'a%2Eddb.json')"
	check_eq "typed" '{"N":"1"}' "$(jq -c .n a.ddb.ddb.json)"
}

test_composed_and_decomposed_letters_are_two_keys() {
	put $'\u00e9.json' '{"n": 1}'
	put $'e\u0301.json' '{"n": 2}'
	check_eq "count" 2 "$(ls | wc -l)"
	check_eq "n" 1 "$(jq .n $'\u00e9.json')"
}

long_item() {
	# Two keys of 1,000 bytes that differ at the very end.
	local fill
	fill=$(printf 'k%.0s' $(seq 999))
	printf '{"pk":"%s","sk":"%sA","n":1}\n{"pk":"%s","sk":"%sB","n":2}\n' "$1" "$fill" "$1" "$fill"
}

test_long_keys_get_short_distinct_names() {
	long_item "$(basename "$D")" >"$T/.import/append/jsonl"
	check_eq "count" 2 "$(ls | wc -l)"
	check_eq "with a hash" 2 "$(ls | grep -c '%~[0-9a-f]*\.json$')"
	check_eq "longer than 255" 0 "$(ls | awk 'length > 255' | wc -l)"
	check_eq "keys" "A1 B2" "$(for f in *; do jq -r '"\(.sk[-1:])\(.n)"' "$f"; done | sort | xargs)"
}

test_long_keys_open_after_a_remount() {
	long_item "$(basename "$D")" >"$T/.import/append/jsonl"
	local first
	first=$(ls | head -1)
	cd "$WORK"
	remount
	# By name, before any listing.
	check_eq "key length" 1000 "$(jq '.sk | length' "$D/$first")"
}

test_long_keys_edit_and_delete_like_any_other() {
	long_item "$(basename "$D")" >"$T/.import/append/jsonl"
	local first
	first=$(ls | head -1)
	sed -i 's/"n": [12]/"n": 77/' "$first"
	check_eq "n" 77 "$(jq .n "$first")"
	put "$first" '{"n": 78}'
	check_eq "key kept" "1000 78" "$(jq -r '"\(.sk | length) \(.n)"' "$first")"
	rm "$first"
	check_eq "left" 1 "$(ls | wc -l)"
}

test_long_partition_keys_are_directories_with_short_names() {
	local key name
	key=$(printf 'p%.0s' $(seq 2000))
	echo "{\"pk\":\"$key\",\"sk\":\"a\",\"n\":1}" >"$T/.import/append/jsonl"
	name=$(cd "$T" && echo pppp*)
	test "${#name}" -le 255
	check_eq "item" 1 "$(jq .n "$T/$name/a.json")"
	put "$T/$name/b.json" '{"n": 2}'
	check_eq "pk" 2000 "$(jq '.pk | length' "$T/$name/b.json")"
	rm -r "${T:?}/$name"
}

test_keys_at_the_border_of_255_bytes() {
	local key
	key=$(printf 'b%.0s' $(seq 250))
	put "$key.json" '{"n": 1}'
	check_eq "listed" "$key.json" "$(ls)"
	check_eq "one more is no name" ENAMETOOLONG "$(py errno create "${D}/b$key.json")"
}

test_too_long_keys_are_refused_with_the_services_words() {
	local key
	key=$(printf 'k%.0s' $(seq 1025))
	echo "{\"pk\":\"p\",\"sk\":\"$key\"}" >"$WORK/rows"
	fails cp "$WORK/rows" "$T/.import/append/jsonl"
	check_has "the bad row" "$(cat "$T/.control")" 'exceeded the size limit of 1024 bytes'
}

test_names_with_newlines_survive_find_print0_and_xargs() {
	put 'two%0Alines.json' '{"n": 5}'
	check_eq "n" 5 "$(find . -name '*.json' -print0 | xargs -0 jq .n)"
	check_eq "sk" $'two\nlines' "$(jq -r .sk 'two%0Alines.json')"
}

run_tests "$@"
