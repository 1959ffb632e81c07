#!/bin/bash
# Data that nobody here wrote (../shared/data), through the tools people would use.
. "$(dirname "$0")/lib.sh"

DATA=${SHARED_DATA:-$TOP/../shared/data}/dynamodb
[ -d "$DATA" ] || skip "the sample data of ../shared/data is not here"
export DATA
M=$DDB/Movies

setup() {
	make_table Movies year:N title:S
	cat "$DATA/moviedata.json" >"$M/.import/append/json"
}

test_moviedata_gives_4609_files() {
	check_eq files 4609 "$(find "$M" -type f | wc -l)"
	check_eq years 92 "$(ls "$M" | wc -l)"
	check_eq "titles with a slash" 11 "$(find "$M" -name '*%2F*' | wc -l)"
	check_eq status 4609 "$(jq '[.. | numbers] | map(select(. == 4609)) | first' "$M/.status")"
}

test_moviedata_ls_and_cat() {
	check_eq title "The Matrix" "$(jq -r .title "$M/1999/The Matrix.json")"
	ls -lR "$M" >"$WORK/lsr"
	check_eq lines 4609 "$(grep -c 'json$' "$WORK/lsr")"
}

test_moviedata_values_are_those_of_the_file() {
	jq -cS '.[]' "$DATA/moviedata.json" | sort >"$WORK/wanted"
	find "$M" -type f -print0 | xargs -0 cat | jq -cS . | sort >"$WORK/found"
	check_same items "$WORK/wanted" "$WORK/found"
}

test_moviedata_sizes_are_exact() {
	check_eq files 4609 "$(py sizes "$M")"
}

test_moviedata_grep_r() {
	local wanted
	wanted=$(jq -c '.[]' "$DATA/moviedata.json" | grep -c 'Keanu Reeves')
	check_eq "files with Keanu Reeves" "$wanted" "$(grep -rl 'Keanu Reeves' "$M" | wc -l)"
}

test_moviedata_tar_lists_every_item() {
	check_eq members 4609 "$(tar c -C "$M" . | tar t | grep -c 'json$')"
}

test_moviedata_rsync_out_diff_and_into_a_new_table() {
	need rsync
	rsync -a "$M/" "$WORK/movies/"
	diff -r "$M" "$WORK/movies"
	make_table Movies2 year:N title:S
	rsync -a "$WORK/movies/" "$DDB/Movies2/"
	diff <(sort "$M/.export/jsonl") <(sort "$DDB/Movies2/.export/jsonl")
	check_eq files 4609 "$(find "$DDB/Movies2" -type f | wc -l)"
	check_eq "nothing refused" "" "$(cat "$DDB/Movies2/.errors")"
}

test_moviedata_backup_browse_and_restore() {
	control "$M" 'backup all-movies'
	diff -r "$M/1999" "$M/.snapshots/all-movies/1999"
	control "$M" 'restore all-movies as Movies3'
	diff <(sort "$M/.export/jsonl") <(sort "$DDB/Movies3/.export/jsonl")
}

test_moviedata_rm_r_of_a_year() {
	control "$M" 'restore all-movies as Movies4' 2>/dev/null || { control "$M" 'backup all-movies4' && control "$M" 'restore all-movies4 as Movies4'; }
	local n
	n=$(find "$M/1999" -type f | wc -l)
	rm -r "$DDB/Movies4/1999"
	check_eq files $((4609 - n)) "$(find "$DDB/Movies4" -type f | wc -l)"
}

test_product_catalog_and_forum() {
	make_table ProductCatalog Id:N
	make_table Forum Name:S
	cp "$DATA/ProductCatalog.json" "$DDB/ProductCatalog/.import/append/json"
	cp "$DATA/Forum.json" "$DDB/Forum/.import/append/json"
	check_eq products 8 "$(ls "$DDB/ProductCatalog" | wc -l)"
	check_eq forums 2 "$(ls "$DDB/Forum" | wc -l)"
	check_eq "typed as in the file" \
		"$(jq -cS '.ProductCatalog[].PutRequest.Item' "$DATA/ProductCatalog.json" | sort | md5sum)" \
		"$(cat "$DDB"/ProductCatalog/*.ddb.json 2>/dev/null | jq -cS . | sort | md5sum || true)" ||
		check_eq "typed by name" \
			"$(jq -cS '.ProductCatalog[].PutRequest.Item' "$DATA/ProductCatalog.json" | sort | md5sum)" \
			"$(for f in "$DDB"/ProductCatalog/*.json; do jq -cS . "${f%.json}.ddb.json"; done | sort | md5sum)"
}

test_movie_files_in_batches() {
	local file
	make_table Batches year:N title:S
	for file in "$DATA"/movie_files/movies_*.json; do
		cat "$file" >"$DDB/Batches/.import/upsert/json"
	done
	check_eq files "$(cat "$DATA"/movie_files/movies_*.json | jq -c '.[].PutRequest.Item | [.year, .title]' | sort -u | wc -l)" \
		"$(find "$DDB/Batches" -type f | wc -l)"
}

test_workbench_models_create_tables_and_items() {
	local file n=0
	for file in "$DATA"/nosql-workbench/*.json; do
		# Table name and keys of the first table of each model, in the form of CreateTable.
		jq '.DataModel[0] | {TableName,
			AttributeDefinitions: ([.KeyAttributes.PartitionKey, .KeyAttributes.SortKey] | map(select(. != null))),
			KeySchema: ([{AttributeName: .KeyAttributes.PartitionKey.AttributeName, KeyType: "HASH"}] +
				(if .KeyAttributes.SortKey then [{AttributeName: .KeyAttributes.SortKey.AttributeName, KeyType: "RANGE"}] else [] end))}' \
			"$file" >"$WORK/schema"
		n=$((n + 1))
		mkdir "$DDB/Model-$n"
		jq ".TableName = \"Model-$n\"" "$WORK/schema" >"$DDB/Model-$n/.schema"
		jq -c '.DataModel[0].TableData[]? | {Item: .}' "$file" >"$WORK/rows"
		[ -s "$WORK/rows" ] || continue
		cat "$WORK/rows" >"$DDB/Model-$n/.import/upsert/jsonl"
		test "$(find "$DDB/Model-$n" -type f | wc -l)" -gt 0
	done
	check_eq models 7 "$n"
}

run_tests "$@"
