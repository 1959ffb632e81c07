#!/bin/bash
# DocumentDB with everyday tools: documents, editors, queries, indexes, snapshots, clusters.
. "$(dirname "$0")/lib.sh"
need jq vim sponge

C=$MNT/docdb

# The two documents of a shop: an address as an object, tags and orders as arrays.
two_users() {
	mkdir "$C/$1"
	put "$C/$1/ada.json" '{"name": "Ada", "address": {"city": "London", "zip": "N1 9GU"}, "tags": ["new", "vip"]}'
	put "$C/$1/bob.json" '{"name": "Bob", "orders": [{"sku": "A1", "n": 2}, {"sku": "B7", "n": 1}]}'
}

test_jq_and_sponge_edit_a_document() {
	two_users sponge
	jq '.address.city = "Paris" | .tags += ["moved"]' "$C/sponge/ada.json" | sponge "$C/sponge/ada.json"
	check_json "$C/sponge/ada.json" '{"_id": "ada", "name": "Ada", "address": {"city": "Paris", "zip": "N1 9GU"}, "tags": ["new", "vip", "moved"]}'
}

test_vim_edits_a_document() {
	two_users vim
	vim -u NONE -es -c '%s/"n": 2/"n": 3/' -c wq "$C/vim/bob.json"
	vim -es -c '%s/London/Rome/' -c wq "$C/vim/ada.json"
	check_eq bob 3 "$(jq '.orders[0].n' "$C/vim/bob.json")"
	check_eq ada Rome "$(jq -r .address.city "$C/vim/ada.json")"
	check_eq left 'ada.json bob.json' "$(names_in "$C/vim" | xargs)"
}

test_a_new_document_tells_its_name() {
	two_users new
	put "$C/new/.new" '{"name": "Eve"}'
	check_eq documents 3 "$(names_in "$C/new" | wc -l)"
	check_has report "$(cat "$C/new/.new")" '[0-9a-f]{24}\.json'
}

test_a_query_an_update_an_index() {
	two_users asked
	cd "$C/asked"
	put .update '{"filter": {"name": "Bob"}, "update": {"$push": {"orders": {"sku": "C3", "n": 5}}}}'
	put .query/big.json '{"filter": {"orders.n": {"$gte": 5}}, "projection": {"name": 1}}'
	check_eq found '[{"_id":"bob","name":"Bob"}]' "$(jq -c . .query/big.out.json)"
	put .control "create-index '{\"key\": {\"orders.n\": 1}}'"
	check_has indexes "$(cat .indexes)" 'orders\.n_1'
	check_has explain "$(cat .query/big.explain.json)" 'IXSCAN'
	check_eq found '[{"_id":"bob","name":"Bob"}]' "$(jq -c . .query/big.out.json)"
}

test_a_snapshot_differs_by_what_changed() {
	local before
	two_users kept
	mkdir "$C/.snapshots/kept-1"
	before=$(date -u +%Y-%m-%dT%H:%M:%S.%NZ)
	rm "$C/kept/ada.json"
	fails diff -r "$C/.snapshots/kept-1/kept" "$C/kept"
	check_has difference "$(cat "$OUT")" 'Only in .*: ada\.json'
	check_eq 'then' 'ada.json bob.json' "$(names_in "$C/.at/$before/kept" | xargs)"
	put "$C/kept/.control" 'restore kept-1 as kept-then'
	check_eq restored 'ada.json bob.json' "$(names_in "$C/kept-then" | xargs)"
	rmdir "$C/.snapshots/kept-1"
}

test_documents_expire() {
	cd "$WORK"
	remount -o docdb.ttl_interval=1
	mkdir "$C/sessions"
	put "$C/sessions/.control" "create-index '{\"key\": {\"at\": 1}, \"expireAfterSeconds\": 0}'"
	put "$C/sessions/old.json" '{"at": {"$date": "2020-01-01T00:00:00Z"}}'
	put "$C/sessions/young.json" '{"at": {"$date": "2099-01-01T00:00:00Z"}}'
	wait_for 60 test ! -e "$C/sessions/old.json"
	check_eq left young.json "$(names_in "$C/sessions" | xargs)"
}

test_another_cluster_is_a_tree_of_its_own() {
	mkdir "$C/.clusters/test" "$C/.clusters/test/users"
	put "$C/.clusters/test/users/1.json" '{"n": 1}'
	check_json "$C/.clusters/test/users/1.json" '{"_id": 1, "n": 1}'
	[ ! -e "$C/users" ] || { echo 'it shows in the default cluster'; return 1; }
	put "$C/.clusters/test/.control" delete-cluster
	[ ! -e "$C/.clusters/test" ] || { echo 'it is still there'; return 1; }
}

run_tests "$@"
