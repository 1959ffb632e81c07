#!/bin/bash
# Documents that nobody here wrote (../shared/data/docdb): in, looked at, saved as they are, out.
TEST_TIMEOUT=${TEST_TIMEOUT:-600}
. "$(dirname "$0")/lib.sh"

DATA=${SHARED_DATA:-$TOP/../shared/data}/docdb
[ -d "$DATA" ] || skip "the sample data of ../shared/data is not here"
need jq python3
DOCS=$MNT/docdb
export DATA DOCS
COLLECTIONS="books countries-small grades products profiles students"

# Half of them come as a file beside the collections, half by .import.
setup() {
	local c n=0
	for c in $COLLECTIONS; do
		n=$((n + 1))
		if [ $((n % 2)) = 0 ]; then
			cp "$DATA/$c.json" "$DOCS/$c.json"
		else
			mkdir "$DOCS/$c"
			cat "$DATA/$c.json" >"$DOCS/$c/.import/append/json"
		fi
	done
}

# documents FILE: what its documents mean, a line each, sorted: members in their order, numbers by
# value, dates as milliseconds however they are written.
documents() {
	python3 - "$1" <<'PY'
import datetime, json, sys

def milliseconds(text):
    text = text.replace("Z", "+0000")
    form = "%Y-%m-%dT%H:%M:%S.%f%z" if "." in text else "%Y-%m-%dT%H:%M:%S%z"
    since = datetime.datetime.strptime(text, form) - datetime.datetime(
        1970, 1, 1, tzinfo=datetime.timezone.utc)
    return since // datetime.timedelta(milliseconds=1)

def plain(v):
    if isinstance(v, list):
        return [plain(x) for x in v]
    if not isinstance(v, dict):
        return float(v) if isinstance(v, (int, float)) and not isinstance(v, bool) else v
    if set(v) == {"$date"}:
        d = v["$date"]
        return {"$date": milliseconds(d) if isinstance(d, str) else int(plain(d))}
    for number in ("$numberLong", "$numberInt", "$numberDouble"):
        if set(v) == {number}:
            return float(v[number])
    return {k: plain(x) for k, x in v.items()}

text = open(sys.argv[1], encoding="utf-8").read().strip()
found = json.loads(text) if text.startswith("[") else [
    json.loads(line) for line in text.split("\n") if line.strip()]
print("\n".join(sorted(json.dumps(plain(d)) for d in found)))
PY
}

# empty COLLECTION: takes it away with all that is in it.
empty() {
	echo >"$DOCS/$1/.import/replace/jsonl"
	rmdir "$DOCS/$1"
}

test_every_document_is_a_file() {
	local c n
	for c in $COLLECTIONS; do
		n=$(grep -c . "$DATA/$c.json")
		check_eq "files of $c" "$n" "$(find "$DOCS/$c" -type f | wc -l)"
		check_eq "names of $c" "$n" "$(names_in "$DOCS/$c" | grep -c '\.json$')"
		check_eq "counted in .status of $c" "$n" "$(jq "[.. | numbers | select(. == $n)][0]" "$DOCS/$c/.status")"
		check_eq "nothing refused in $c" "" "$(cat "$DOCS/$c/.errors")"
	done
}

test_ids_of_mixed_types_are_names() {
	check_eq title "Unlocking Android" "$(jq -r .title "$DOCS/books/1.json")"
	check_eq "ids that are numbers" 399 "$(names_in "$DOCS/books" | grep -cE '^[0-9]{1,6}\.json$')"
	check_eq "ids that are ObjectIds" 32 "$(names_in "$DOCS/books" | grep -cE '^[0-9a-f]{24}\.json$')"
	check_eq "an id that is a string" "AC3 Phone" "$(jq -r .name "$DOCS/products/ac3.json")"
	check_eq "an ObjectId" 507d95d5719dbef170f15bf9 \
		"$(jq -r '._id["$oid"]' "$DOCS/products/507d95d5719dbef170f15bf9.json")"
}

test_members_that_begin_with_a_dollar_stay_members() {
	check_eq "documents with \$exists" "$(grep -c '"[$]exists"' "$DATA/profiles.json")" \
		"$(grep -rl '"[$]exists"' "$DOCS/profiles" | wc -l)"
}

test_documents_are_those_of_the_file() {
	local c
	for c in $COLLECTIONS; do
		find "$DOCS/$c" -type f -print0 | xargs -0 cat | jq -c . >"$WORK/found"
		check_same "$c" <(documents "$DATA/$c.json") <(documents "$WORK/found")
	done
}

test_sizes_are_exact() {
	local c
	for c in $COLLECTIONS; do
		check_eq "files of $c" "$(grep -c . "$DATA/$c.json")" "$(py sizes "$DOCS/$c")"
	done
}

# As editors that write the file anew do; a save that changes nothing must not be one.
test_a_document_saved_unchanged_stays_as_it_is() {
	local c
	for c in $COLLECTIONS; do
		cat "$DOCS/$c/.export/ejsonl" >"$WORK/before"
		python3 - "$DOCS/$c" <<'PY'
import os, sys

def read(path):
    with open(path, "rb") as f:
        return f.read()

directory, n = sys.argv[1], 0
for name in sorted(os.listdir(directory)):
    path = os.path.join(directory, name)
    typed = path[:-len(".json")] + ".ejson"
    before, exact, text = os.stat(path), read(typed), read(path)
    for form, content in (path, text), (typed, exact):
        with open(form, "wb") as f:
            f.write(content)
    after = os.stat(path)
    assert read(path) == text and read(typed) == exact, path
    assert after.st_mtime_ns == before.st_mtime_ns and after.st_size == len(text), path
    n += 1
assert n > 0
PY
		cat "$DOCS/$c/.export/ejsonl" >"$WORK/after"
		check_same "$c" "$WORK/before" "$WORK/after"
	done
}

test_exports_are_equal_to_the_import() {
	local c format
	for c in $COLLECTIONS; do
		documents "$DATA/$c.json" >"$WORK/wanted"
		for format in json jsonl ejson ejsonl; do
			cat "$DOCS/$c/.export/$format" >"$WORK/found"
			check_same "$c as $format" "$WORK/wanted" <(documents "$WORK/found")
			check_eq "size of $c as $format" "$(stat -c %s "$WORK/found")" \
				"$(stat -c %s "$DOCS/$c/.export/$format")"
		done
	done
}

test_canonical_exports_load_to_the_same_types() {
	local c
	for c in $COLLECTIONS; do
		cp "$DOCS/$c/.export/ejsonl" "$WORK/all.ejsonl"
		cp "$WORK/all.ejsonl" "$DOCS/again.ejsonl"
		check_same "$c" "$WORK/all.ejsonl" "$DOCS/again/.export/ejsonl"
		cat "$WORK/all.ejsonl" >"$DOCS/again/.import/replace/ejsonl"
		check_same "$c loaded again" "$WORK/all.ejsonl" "$DOCS/again/.export/ejsonl"
		empty again
	done
}

test_csv_loads_what_it_exported() {
	local c
	for c in $COLLECTIONS; do
		cp "$DOCS/$c/.export/csv" "$WORK/all.csv"
		cp "$WORK/all.csv" "$DOCS/fromcsv.csv"
		# Members stand in the order of the columns.
		check_same "$c" <(jq -cS . "$DOCS/$c/.export/jsonl") <(jq -cS . "$DOCS/fromcsv/.export/jsonl")
		empty fromcsv
	done
}

test_an_import_with_bad_documents_changes_nothing() {
	mkdir "$DOCS/bad"
	printf '%s\n' '{"_id": 1}' '{"_id": [1]}' '{"_id": 1.0}' >"$WORK/bad"
	fails cp "$WORK/bad" "$DOCS/bad/.import/append/jsonl"
	check_eq files 0 "$(ls "$DOCS/bad" | wc -l)"
	check_has "the error" "$(cat "$DOCS/bad/.errors")" 'nothing was loaded: 1 of 3 documents'
	rmdir "$DOCS/bad"
}

test_everything_is_there_after_a_remount() {
	local c
	for c in $COLLECTIONS; do
		stat -c '%n %s %.9Y' "$DOCS/$c"/* | sort >"$WORK/$c.before"
	done
	cd /
	remount
	for c in $COLLECTIONS; do
		check_same "$c" "$WORK/$c.before" <(stat -c '%n %s %.9Y' "$DOCS/$c"/* | sort)
	done
}

run_tests "$@"
