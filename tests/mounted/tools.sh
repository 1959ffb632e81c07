#!/bin/bash
# The tools people use on files, on items (DESIGN 2, 4, 5).
. "$(dirname "$0")/lib.sh"

items() {
	local i
	for ((i = 1; i <= $1; i++)); do
		echo "{\"n\": $i, \"word\": \"needle$i\"}" >"item$i.json"
	done
}

only() {
	check_eq "left behind" "$1" "$(ls -A)"
}

test_sed_i() {
	items 1
	sed -i 's/needle1/thread/' item1.json
	check_eq word '"thread"' "$(jq .word item1.json)"
	only item1.json
}

test_sed_i_with_backup_suffix() {
	items 1
	sed -i.bak 's/needle1/thread/' item1.json
	check_eq word '"thread"' "$(jq .word item1.json)"
	check_has backup "$(cat item1.json.bak)" needle1
	check_eq listing "item1.json item1.json.bak" "$(ls -A | xargs)"
}

test_sed_i_over_many_items() {
	items 30
	sed -i 's/needle/thread/' ./*.json
	check_eq changed 30 "$(grep -l thread -- *.json | wc -l)"
	check_eq count 30 "$(ls -A | wc -l)"
}

test_perl_pi() {
	need perl
	items 1
	perl -pi -e 's/needle1/thread/' item1.json
	check_eq word '"thread"' "$(jq .word item1.json)"
	only item1.json
}

test_perl_pi_with_a_bad_result_keeps_the_item() {
	need perl
	items 1
	fails perl -pi -e 's/\}/]/' item1.json
	check_eq word '"needle1"' "$(jq .word item1.json)"
}

test_jq_and_sponge() {
	need sponge
	items 1
	jq '.n = 5' item1.json | sponge item1.json
	check_eq n 5 "$(jq .n item1.json)"
	only item1.json
}

test_sponge_of_bad_text_fails() {
	need sponge
	items 1
	fails bash -c "echo '{bad' | sponge item1.json"
	check_eq n 1 "$(jq .n item1.json)"
}

test_cp_p_and_cp_a() {
	items 1
	cp -p item1.json two.json
	cp -a item1.json three.json
	cp -p item1.json "$WORK/out.json"
	check_eq mtime "$(stat -c %.9Y item1.json)" "$(stat -c %.9Y "$WORK/out.json")"
	cp -p "$WORK/out.json" item1.json
	check_eq n 111 "$(jq -j .n item1.json two.json three.json)"
}

test_cp_backup_and_update() {
	items 2
	echo '{"n": 9}' >"$WORK/new.json"
	cp --backup=simple "$WORK/new.json" item1.json
	check_eq n 9 "$(jq .n item1.json)"
	check_eq "backup" 1 "$(jq .n item1.json~)"
	touch -d 2001-01-01 "$WORK/new.json"
	cp -u item2.json "$WORK/new.json"
	check_eq n 2 "$(jq .n "$WORK/new.json")"
}

test_install() {
	echo '{"n": 4}' >"$WORK/x.json"
	install -m 644 "$WORK/x.json" a.json
	install -m 644 "$WORK/x.json" a.json
	check_eq n 4 "$(jq .n a.json)"
	only a.json
}

test_tee_a() {
	items 1
	echo ' ' | tee -a item1.json >/dev/null
	check_eq n 1 "$(jq .n item1.json)"
}

test_rsync_out_and_back() {
	need rsync
	items 20
	rsync -a ./ "$WORK/rs/"
	diff -r . "$WORK/rs"
	# Of another size: within one second rsync looks at nothing else.
	sed -i 's/needle/longer-thread/' "$WORK"/rs/item1*.json
	rsync -a "$WORK/rs/" ./
	diff -r . "$WORK/rs"
	check_eq count 20 "$(ls -A | wc -l)"
}

test_rsync_inplace() {
	need rsync
	items 5
	rsync -a ./ "$WORK/ri/"
	sed -i 's/needle3/another-one/' "$WORK/ri/item3.json"
	rsync -a --inplace "$WORK/ri/" ./
	check_eq word '"another-one"' "$(jq .word item3.json)"
	diff -r . "$WORK/ri"
}

test_rsync_a_again_transfers_nothing() {
	need rsync
	items 5
	rsync -a ./ "$WORK/rt/"
	check_eq transferred "" "$(rsync -ai ./ "$WORK/rt/" | grep '^>f' || true)"
}

test_rsync_delete() {
	need rsync
	items 5
	rsync -a ./ "$WORK/rd/"
	rm "$WORK/rd/item2.json"
	rsync -a --delete "$WORK/rd/" ./
	check_eq count 4 "$(ls -A | wc -l)"
	fails cat item2.json
}

test_rsync_of_a_bad_file_fails_and_keeps_the_item() {
	need rsync
	items 2
	mkdir "$WORK/rb"
	echo '{bad' >"$WORK/rb/item1.json"
	fails rsync -a "$WORK/rb/" ./
	check_eq n 1 "$(jq .n item1.json)"
}

test_tar_out_and_into_another_partition() {
	items 20
	tar cf "$WORK/t.tar" .
	check_eq members 21 "$(tar tf "$WORK/t.tar" | wc -l)"
	mkdir "$T/tar-target"
	tar xf "$WORK/t.tar" -C "$T/tar-target"
	check_eq count 20 "$(ls "$T/tar-target" | wc -l)"
	check_json "$T/tar-target/item7.json" '{"pk":"tar-target","sk":"item7","n":7,"word":"needle7"}'
	# And once more over what is there now.
	(cd "$T/tar-target" && tar c .) | tar x -C "$T/tar-target"
	check_eq count 20 "$(ls -A "$T/tar-target" | wc -l)"
}

test_cpio_like_copy_by_find_print0() {
	items 3
	find . -name '*.json' -print0 | tar c --null -T - | tar t >"$WORK/list"
	check_eq members 3 "$(wc -l <"$WORK/list")"
}

test_patch() {
	need patch
	items 1
	cp item1.json "$WORK/new.json"
	sed -i 's/needle1/thread/' "$WORK/new.json"
	diff -u item1.json "$WORK/new.json" >"$WORK/diff" || true
	patch item1.json <"$WORK/diff"
	check_eq word '"thread"' "$(jq .word item1.json)"
	only item1.json
	patch -R item1.json <"$WORK/diff"
	check_eq word '"needle1"' "$(jq .word item1.json)"
}

test_sort_o() {
	items 1
	# A sort whose key is empty everywhere: the order stays, the file is written.
	sort -s -k 100 -o item1.json item1.json
	check_eq n 1 "$(jq .n item1.json)"
	sort -s -k 100 -o copy.json item1.json
	check_eq n 1 "$(jq .n copy.json)"
	fails_with 2 sort -r -o item1.json item1.json
	check_eq n 1 "$(jq .n item1.json)"
	check_eq listing "copy.json item1.json" "$(ls -A | xargs)"
}

test_dd_copies() {
	items 1
	dd if=item1.json of=copy.json bs=7 status=none
	check_eq n 1 "$(jq .n copy.json)"
}

test_git_on_a_copy() {
	need git
	items 3
	cp -r . "$WORK/repo"
	cd "$WORK/repo"
	git init -q .
	git add .
	git -c user.name=t -c user.email=t@example.com commit -qm one
	sed -i 's/needle2/thread/' "$D/item2.json"
	cp "$D/item2.json" .
	check_eq changed item2.json "$(git diff --name-only)"
	git checkout -q item2.json
	cp item2.json "$D/item2.json"
	check_eq word '"needle2"' "$(jq .word "$D/item2.json")"
}

test_git_diff_between_mount_and_copy() {
	need git
	items 3
	cp -r . "$WORK/gd"
	git diff --no-index . "$WORK/gd"
	echo '{"n": 100}' >item1.json
	fails_with 1 git diff --no-index --stat . "$WORK/gd"
	check_has said "$(cat "$OUT")" 'item1.json'
}

test_git_work_tree_in_a_mount() {
	need git
	items 3
	git --git-dir="$WORK/gitdir" --work-tree=. init -q
	git --git-dir="$WORK/gitdir" --work-tree=. add .
	git --git-dir="$WORK/gitdir" --work-tree=. -c user.name=t -c user.email=t@example.com commit -qm one
	echo '{"n": 100}' >item1.json
	check_eq status ' M item1.json' "$(git --git-dir="$WORK/gitdir" --work-tree=. status --porcelain)"
	git --git-dir="$WORK/gitdir" --work-tree=. checkout -q -- item1.json
	check_eq n 1 "$(jq .n item1.json)"
}

test_rg_finds() {
	need rg
	items 12
	check_eq found "item7.json" "$(rg -l needle7 .  | sed 's,^\./,,')"
	check_eq matches 12 "$(rg --no-heading needle . | wc -l)"
}

test_grep_r_finds() {
	items 12
	check_eq found "./item7.json" "$(grep -rl needle7 .)"
	check_eq "in the tree, data once" 1 "$(grep -rl '"grep-r-finds"' "$DDB" | grep -c item7)"
}

test_find_by_size_name_and_time() {
	items 3
	# The kernel stamps with a clock that lags by some milliseconds.
	sleep 0.02
	touch "$WORK/stamp"
	sleep 0.02
	echo '{"n": 50}' >item2.json
	check_eq newer ./item2.json "$(find . -newer "$WORK/stamp" -type f)"
	check_eq empty "" "$(find . -type f -empty)"
	check_eq named 3 "$(find . -name 'item*.json' -size -2 | wc -l)"
}

test_xargs_p_edits_in_parallel() {
	items 40
	find . -name '*.json' -print0 | xargs -0 -P 4 -n 2 sed -i 's/needle/thread/'
	check_eq changed 40 "$(grep -l thread -- *.json | wc -l)"
	check_eq count 40 "$(ls -A | wc -l)"
}

test_jq_over_all_items() {
	items 10
	check_eq sum 55 "$(cat -- *.json | jq -s 'map(.n) | add')"
	check_eq names 10 "$(jq -r '"\(input_filename) \(.n)"' -- *.json | wc -l)"
}

test_awk_wc_md5sum_cmp_diff() {
	items 3
	cp -r . "$WORK/sums"
	(cd "$WORK/sums" && md5sum -- *.json) | md5sum -c --quiet
	check_eq bytes "$(cat -- *.json | wc -c)" "$(wc -c -- *.json | awk 'END { print $1 }')"
	cmp item1.json "$WORK/sums/item1.json"
	diff -r . "$WORK/sums"
}

test_python_walk_and_shutil() {
	items 3
	python3 - "$WORK/sh" <<-'END'
		import os, shutil, sys, pathlib
		shutil.copytree(".", sys.argv[1])
		for path in pathlib.Path(".").glob("*.json"):
		    path.write_text(path.read_text().replace("needle", "thread"))
		shutil.copy2("item1.json", "item9.json")
		shutil.move("item9.json", "item10.json")
	END
	check_eq changed 4 "$(grep -l thread -- *.json | wc -l)"
	diff <(sed 's/needle/thread/' "$WORK/sh/item2.json") item2.json
}

test_ln_s_into_the_mount_from_outside() {
	items 1
	ln -s "$D/item1.json" "$WORK/shortcut"
	check_eq n 1 "$(jq .n "$WORK/shortcut")"
	echo '{"n": 2}' >"$WORK/shortcut"
	check_eq n 2 "$(jq .n item1.json)"
}

test_split_output_and_here_strings() {
	cat <<<'{"n": 8}' >a.json
	printf '{"n": %d}\n' 9 >b.json
	check_eq n 89 "$(jq -j .n a.json b.json)"
}

test_cp_r_of_a_table_makes_a_table() {
	items 3
	mkdir "$DDB/Origin" "$DDB/Origin/p" "$DDB/Origin/q"
	cp -- *.json "$DDB/Origin/p"
	cp -- *.json "$DDB/Origin/q"
	cp -r "$DDB/Origin" "$DDB/CopyOfIt"
	diff -r "$DDB/Origin" "$DDB/CopyOfIt"
}

run_tests "$@"
