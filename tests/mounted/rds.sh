#!/bin/bash
# RDS in the tree: a dump loaded, rows as files, SQL, snapshots, points in time (DESIGN 7).
. "$(dirname "$0")/lib.sh"
need sqlite3 jq

R=$MNT/rds
C=$R/chinook
# The sample database of everybody: where its dump and its file are.
CHINOOK=${CHINOOK:-$TOP/../shared/data/chinook}
[ -r "$CHINOOK/Chinook_Sqlite.sql" ] || CHINOOK=/work/shared/data/chinook

setup() {
	if [ -r "$CHINOOK/Chinook_Sqlite.sql" ]; then
		cp "$CHINOOK/Chinook_Sqlite.sql" "$R/chinook.sql"
	fi
}

need_chinook() {
	[ -d "$C" ] || skip "no Chinook database: set CHINOOK to its directory"
}

# shop NAME: an instance with a table of three rows.
shop() {
	mkdir "$R/$1"
	put "$R/$1/.sql" "CREATE TABLE Item(Id INTEGER PRIMARY KEY, Name TEXT NOT NULL, Price REAL DEFAULT 1.5,
		CHECK(Price >= 0)); INSERT INTO Item(Name) VALUES('a'), ('b'), ('c');"
}

# refused FILE TEXT PATTERN: the text is refused, .errors says why.
refused() {
	fails bash -c 'printf "%s\n" "$2" | cat >"$1"' _ "$1" "$2"
	check_has .errors "$(tail -1 "$(dirname "$1")/.errors")" "$3"
}

# ------------------------------------------------------------------ the sample database

test_a_dump_becomes_an_instance() {
	need_chinook
	check_eq tables 11 "$(ls "$C" | wc -l)"
	check_eq rows 15607 "$(find "$C" -type f | wc -l)"
	check_eq name '"Balls to the Wall"' "$(jq .Name "$C/Track/2.json")"
	check_eq names-of-a-composite-key 8715 "$(ls "$C/PlaylistTrack" | grep -c '^[0-9]*,[0-9]*\.json$')"
	check_eq grep 2 "$(grep -rl 'Balls to the Wall' "$C" | wc -l)"
}

test_a_join_is_what_the_sqlite3_tool_says() {
	need_chinook
	local sql='SELECT ar.Name AS artist, al.Title, count(*) AS n, sum(t.Milliseconds) AS ms, round(sum(t.UnitPrice), 2) AS price
		FROM Track t JOIN Album al USING(AlbumId) JOIN Artist ar USING(ArtistId)
		GROUP BY al.AlbumId ORDER BY ar.Name, al.Title'
	echo "$sql;" >"$C/.query/albums.sql"
	sqlite3 -csv -header "$CHINOOK/Chinook_Sqlite.sqlite" "$sql" | tr -d '\r' >"$WORK/expected"
	check_eq rows 348 "$(wc -l <"$WORK/expected")"
	# The tool quotes more than it must: compare what is meant.
	python3 - "$WORK/expected" "$C/.query/albums.csv" <<-'END'
		import csv, sys
		a, b = (list(csv.reader(open(name, newline=''))) for name in sys.argv[1:])
		assert a == b, next((x, y) for x, y in zip(a, b) if x != y)
	END
	check_eq json 347 "$(jq length "$C/.query/albums.json")"
	check_has txt "$(tail -1 "$C/.query/albums.txt")" '347 rows'
}

test_a_dump_loaded_again_gives_the_same_dump() {
	need_chinook
	cp "$R/chinook.sql" "$WORK/dump.sql"
	cp "$WORK/dump.sql" "$R/again.sql"
	check_same dump "$WORK/dump.sql" "$R/again.sql"
	diff -r "$C" "$R/again"
	control "$R/again" delete
}

test_vim_edits_a_row() {
	need_chinook
	need vim
	timeout 30 vim -es -u NONE -c '%s/Fast As a Shark/Slow As a Shark/' -c wq "$C/Track/3.json" </dev/null
	check_eq name '"Slow As a Shark"' "$(jq .Name "$C/Track/3.json")"
	check_eq sql 'Name
Slow As a Shark' "$(put "$C/.query/t.sql" 'SELECT Name FROM Track WHERE TrackId = 3' && cat "$C/.query/t.csv")"
	check_eq left 3503 "$(ls -A "$C/Track" | wc -l)"
}

test_a_snapshot_differs_by_what_was_edited() {
	need_chinook
	mkdir "$C/.snapshots/s1"
	sed -i 's/"UnitPrice": 0.99/"UnitPrice": 1.29/' "$C/Track/10.json" "$C/Track/11.json"
	diff -rq "$C/.snapshots/s1/Track" "$C/Track" >"$WORK/diff" || true
	check_eq edited 2 "$(wc -l <"$WORK/diff")"
	cp "$C/.snapshots/s1/Track/10.json" "$C/Track/10.json"
	check_eq restored 0.99 "$(jq .UnitPrice "$C/Track/10.json")"
	check_eq other 1.29 "$(jq .UnitPrice "$C/Track/11.json")"
	fails_with 1 touch "$C/.snapshots/s1/Track/99999.json"
	rmdir "$C/.snapshots/s1"
	check_has_not left "$(ls "$C/.snapshots")" '^s1$'
}

test_a_row_as_it_was_before_an_update_without_where() {
	need_chinook
	need rsync
	local before
	before=$(date -u +%Y-%m-%dT%H:%M:%S.%NZ)
	put "$C/.sql" "UPDATE Artist SET Name = 'oops'"
	check_eq oops '"oops"' "$(jq .Name "$C/Artist/1.json")"
	check_eq before '"AC/DC"' "$(jq .Name "$C/.at/$before/Artist/1.json")"
	rsync -rc "$C/.at/$before/Artist/" "$C/Artist/"
	diff -r "$C/.at/$before/Artist" "$C/Artist"
	check_eq restored '"AC/DC"' "$(jq .Name "$C/Artist/1.json")"
	fails ls "$C/.at/2020-01-01T00:00:00Z"
	fails ls "$C/.at/yesterday"
}

# ------------------------------------------------------------------ rows

test_rows_are_made_changed_and_removed() {
	shop rows
	cd "$R/rows/Item"
	check_eq list '1.json 2.json 3.json' "$(echo *)"
	echo '{"Name": "d"}' >9.json
	check_json 9.json '{"Id":9,"Name":"d","Price":1.5}'
	sed -i 's/1.5/0.25/' 9.json
	check_eq price 0.25 "$(jq .Price 9.json)"
	mv 9.json 10.json
	check_eq key 10 "$(jq .Id 10.json)"
	rm 10.json
	check_eq list '1.json 2.json 3.json' "$(echo *)"
}

test_refusals_name_the_constraint() {
	shop refusals
	cd "$R/refusals/Item"
	refused 1.json '{"Price": 1}' 'NOT NULL.*Item.Name'
	refused 1.json '{"Name": "x", "Price": -1}' 'CHECK.*Price >= 0'
	refused 1.json '{"Name": "x", "Colour": "red"}' 'Colour'
	refused 1.json '{"Name": "x",' 'line 2|line 1'
	refused 1.json '{"Id": 2, "Name": "x"}' 'rename the file'
	check_json 1.json '{"Id":1,"Name":"a","Price":1.5}'
	# The shell's own echo hears of it too: write(2) fails already.
	fails bash -c "echo '{\"Price\": 1}' >1.json"
}

test_a_column_is_a_file_of_its_own() {
	shop columns
	cd "$R/columns/Item"
	check_eq name a "$(cat 1/Name)"
	printf 'x y' >1/Name
	check_eq name '"x y"' "$(jq .Name 1.json)"
	rm 1/Price
	check_eq null null "$(jq .Price 1.json)"
	check_eq columns 'Id Name' "$(ls 1 | xargs)"
}

test_what_sql_changes_is_seen_at_once() {
	shop seen
	cd "$R/seen/Item"
	cat 1.json 2.json >/dev/null
	ls >/dev/null
	put ../.sql "UPDATE Item SET Name = 'new' WHERE Id = 1; DELETE FROM Item WHERE Id = 2; INSERT INTO Item(Id, Name) VALUES(7, 'g');"
	check_eq changed '"new"' "$(jq .Name 1.json)"
	check_eq list '1.json 3.json 7.json' "$(echo *)"
	fails cat 2.json
}

# ------------------------------------------------------------------ SQL

test_a_script_runs_whole_or_not_at_all() {
	shop script
	echo 'DELETE FROM Item; INSERT INTO Nowhere VALUES(1);' >"$WORK/script.sql"
	fails cp "$WORK/script.sql" "$R/script/.sql"
	check_has .errors "$(tail -1 "$R/script/.errors")" 'line 1, column 19.*Nowhere'
	check_eq rows 3 "$(ls "$R/script/Item" | wc -l)"
	put "$R/script/.sql" 'DELETE FROM Item WHERE Id > 1; SELECT count(*) FROM Item;'
	check_eq rows 1 "$(ls "$R/script/Item" | wc -l)"
}

test_a_bad_dump_leaves_no_instance() {
	printf 'CREATE TABLE t(x);\nINSERT INTO u VALUES(1);\n' >"$WORK/bad.sql"
	fails cp "$WORK/bad.sql" "$R/bad.sql"
	check_has .errors "$(tail -1 "$R/.errors")" 'line 2'
	fails ls "$R/bad"
	put "$R/good.sql" 'CREATE TABLE t(x);'
	fails cp "$WORK/bad.sql" "$R/good.sql"
	check_eq kept t "$(ls "$R/good")"
}

# ------------------------------------------------------------------ instances

test_identifiers_as_the_service_has_them() {
	cd "$R"
	fails mkdir 1a
	fails mkdir a--b
	fails mkdir Shop
	check_has .errors "$(tail -1 .errors)" "use 'shop'"
	fails mkdir "$(printf 'a%.0s' {1..64})"
	mkdir "$(printf 'a%.0s' {1..63})"
	rmdir "$(printf 'a%.0s' {1..63})"
}

test_mv_renames_an_instance() {
	cd "$WORK"
	shop one
	mv "$R/one" "$R/two"
	check_eq rows 3 "$(ls "$R/two/Item" | wc -l)"
	fails ls "$R/one"
	remount
	check_eq rows 3 "$(ls "$R/two/Item" | wc -l)"
}

test_rmdir_asks_for_an_empty_instance() {
	shop full
	fails rmdir "$R/full"
	fails rmdir "$R/full/Item"
	rm "$R/full/Item"/*
	rmdir "$R/full/Item" "$R/full"
}

test_stop_and_start() {
	shop halted
	control "$R/halted" stop
	fails cat "$R/halted/Item/1.json"
	check_eq state '"stopped"' "$(jq .DBInstanceStatus "$R/halted/.status")"
	control "$R/halted" start
	check_eq name '"a"' "$(jq .Name "$R/halted/Item/1.json")"
	check_has events "$(cat "$R/halted/.events")" 'RDS-EVENT-0088 notification: DB instance started\.'
}

test_a_snapshot_outlives_its_instance() {
	shop mortal
	control "$R/mortal" 'delete final-snapshot mortal-last'
	fails ls "$R/mortal"
	check_eq browse '"b"' "$(jq .Name "$R/.snapshots/mortal-last/mortal/Item/2.json")"
	control "$R" 'restore mortal-last as risen'
	check_eq restored '"b"' "$(jq .Name "$R/risen/Item/2.json")"
	rmdir "$R/.snapshots/mortal-last"
}

test_restore_to_a_time_makes_a_new_instance() {
	shop timed
	local before
	before=$(date -u +%Y-%m-%dT%H:%M:%S.%NZ)
	put "$R/timed/.sql" "DELETE FROM Item"
	control "$R/timed" "restore-to-time $before as timed2"
	check_eq rows 3 "$(ls "$R/timed2/Item" | wc -l)"
	check_has events "$(cat "$R/timed2/.events")" 'RDS-EVENT-0019 restoration: Restored from DB instance timed to timed2\.'
}

test_maintenance_and_backup() {
	shop kept
	control "$R/kept" maintenance
	control "$R/kept" backup
	control "$R/kept" 'backup-retention 3'
	check_eq days 3 "$(jq .BackupRetentionPeriod "$R/kept/.status")"
	check_has events "$(cat "$R/kept/.events")" 'RDS-EVENT-0002 backup: Finished DB instance backup\.'
	check_has automated "$(ls "$R/kept/.snapshots")" '^rds:kept-20[0-9-]*$'
	check_eq browse 3 "$(ls "$R/kept/.snapshots/$(ls "$R/kept/.snapshots" | tail -1)/Item" | wc -l)"
}

# ------------------------------------------------------------------ attached files

test_an_attached_file_is_used_in_place() {
	cd "$WORK"
	sqlite3 "$WORK/own.db" "CREATE TABLE t(id INTEGER PRIMARY KEY, x); INSERT INTO t VALUES(1, 'a')" >/dev/null
	remount -o "rds.mine=$WORK/own.db"
	check_eq read '"a"' "$(jq .x "$R/mine/t/1.json")"
	sqlite3 "$WORK/own.db" "UPDATE t SET x = 'other'; INSERT INTO t VALUES(2, 'b')"
	wait_for 5 test -e "$R/mine/t/2.json"
	check_eq seen '"other"' "$(jq .x "$R/mine/t/1.json")"
	put "$R/mine/t/3.json" '{"x": "c"}'
	check_eq written c "$(sqlite3 "$WORK/own.db" 'SELECT x FROM t WHERE id = 3')"
	fails mkdir "$R/mine/.snapshots/s1"
	check_has .errors "$(tail -1 "$R/mine/.errors")" 'attached'
	remount
	fails ls "$R/mine"
}

run_tests "$@"
