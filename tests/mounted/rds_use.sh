#!/bin/bash
# RDS as a demanding user meets it: what views show, what is said, what is appended.
. "$(dirname "$0")/lib.sh"
need sqlite3 jq

R=$MNT/rds

# shop NAME: an instance with a table and a view over it.
shop() {
	mkdir "$R/$1"
	put "$R/$1/.sql" "CREATE TABLE a(id INTEGER PRIMARY KEY, v TEXT);
		CREATE VIEW w AS SELECT id, length(v) AS n FROM a WHERE v IS NOT NULL;
		INSERT INTO a(v) VALUES('one'), ('two'), ('three');"
}

test_a_view_shows_what_changed_in_its_tables_at_once() {
	shop views
	cd "$R/views"
	check_eq listed '1.json 2.json 3.json' "$(ls w | xargs)"
	rm a/3.json
	check_eq removed '1.json 2.json' "$(ls w | xargs)"
	put .sql "INSERT INTO a VALUES(7, 'seven')"
	check_eq by-sql '1.json 2.json 3.json' "$(ls w | xargs)"
	check_eq value 5 "$(jq .n w/3.json)"
	put a/7.json '{"v": "much longer than it was"}'
	check_eq value 23 "$(jq .n w/3.json)"
	check_eq size "$(wc -c <w/3.json)" "$(stat -c %s w/3.json)"
	put a/8.json '{"v": "8"}'
	check_eq entries 4 "$(find w -type f | wc -l)"
}

test_a_table_in_place_of_a_view_and_back() {
	shop swapped
	cd "$R/swapped"
	check_eq view 3 "$(ls w | wc -l)"
	put .sql "DROP VIEW w; CREATE TABLE w(id INTEGER PRIMARY KEY, n INT); INSERT INTO w VALUES(1, 1)"
	check_eq table 1 "$(ls w | wc -l)"
	put .sql "DROP TABLE w; CREATE VIEW w AS SELECT * FROM a"
	check_eq view 3 "$(ls w | wc -l)"
	rm a/1.json
	check_eq view 2 "$(ls w | wc -l)"
}

test_a_failing_script_says_why_once() {
	shop once
	fails bash -c 'echo "DELETE FROM nowhere" | cat >"$1"' _ "$R/once/.sql"
	check_eq event 1 "$(tail -1 "$R/once/.events" | grep -o 'no such table' | wc -l)"
	check_eq result 1 "$(grep -o 'no such table' "$R/once/.sql" | wc -l)"
}

test_help_says_an_instance() {
	shop grammar
	check_has instance "$(head -1 "$R/grammar/.help")" 'is an instance of rds; it holds tables'
	check_has service "$(head -1 "$R/.help")" 'is the service rds; it holds instances'
}

test_lines_are_appended_to_a_table_as_csv() {
	shop appended
	cd "$R/appended"
	printf '10,ten\n11,"e,leven"\n' | cat >>a.csv
	check_eq last '"e,leven"' "$(jq .v a/11.json)"
	printf 'v,id\ntwelve,12\n' | cat >>a.csv
	check_eq header '"twelve"' "$(jq .v a/12.json)"
	fails bash -c 'printf "13,x,y\n" | cat >>"$1"' _ "$R/appended/a.csv"
	fails bash -c 'printf "13,thirteen\n" | cat >"$1"' _ "$R/appended/a.csv"
	check_eq rows 6 "$(ls a | wc -l)"
}

# What vim does in its default settings when the close of its new text fails.
test_a_refused_save_of_vim_leaves_what_refers_to_the_row() {
	shop refused
	cd "$R/refused"
	put .sql "CREATE TABLE b(id INTEGER PRIMARY KEY, a INT REFERENCES a ON DELETE CASCADE); INSERT INTO b VALUES(5, 1)"
	python3 - a/1.json <<-'END'
		import os, sys
		name = sys.argv[1]
		os.rename(name, name + '~')
		fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
		try:
		    os.write(fd, b'{"v": [\n')
		    os.close(fd)
		    sys.exit('not refused')
		except OSError:
		    pass
		os.unlink(name)
		assert not os.path.exists(name)
		os.rename(name + '~', name)
		assert os.path.exists(name)
	END
	check_eq row '"one"' "$(jq .v a/1.json)"
	check_eq child 1 "$(jq .a b/5.json)"
	rm a/1.json
	fails cat b/5.json
}

test_an_attached_file_must_be_there() {
	cd "$WORK"
	fails remount -o "rds.gone=$WORK/nowhere.db"
	remount
}

test_an_attached_file_has_empty_views() {
	cd "$WORK"
	sqlite3 "$WORK/plain.db" "CREATE TABLE t(id INTEGER PRIMARY KEY)" >/dev/null
	remount -o "show_reserved,rds.plain=$WORK/plain.db"
	find "$R/plain" >/dev/null
	check_eq none '' "$(ls "$R/plain/.snapshots" "$R/plain/.replicas" "$R/plain/.at" | grep -v :)"
	fails mkdir "$R/plain/.replicas/r"
	remount
}

run_tests "$@"
