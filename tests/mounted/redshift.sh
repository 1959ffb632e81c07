#!/bin/bash
# Redshift with everyday tools: clusters, SQL, COPY, tables as files, slices, a lake, snapshots.
# REDSHIFT_DRIVER: duckdb or sqlite; else the better one of the build.
. "$(dirname "$0")/lib.sh"
need jq
export DBMOUNT_OPTS="${DBMOUNT_OPTS:-} -o redshift_driver=${REDSHIFT_DRIVER:-auto}"

R=$MNT/redshift

# cluster NAME [WORDS]: two nodes of two slices.
cluster() {
	control "$R" "create $*"
}

sql() {
	printf "%s\n" "$2" | dd of="$R/$1/.sql" status=none
}

# answer CLUSTER SELECT: the rows as CSV, without the header, on one line.
answer() {
	put "$R/$1/.query/answer.sql" "$2"
	tail -n +2 "$R/$1/.query/answer.csv" | xargs
}

sales() {
	cluster "$1"
	sql "$1" "create table sales(id int not null, seller varchar(10), price decimal(8,2), sold date) distkey(id) sortkey(sold);
		insert into sales values (1, 'ada', 10.50, '2008-01-02'), (2, 'bob', 7.25, '2008-02-03'), (3, 'ada', 0.25, '2008-01-05'), (4, null, 1, null)"
}

test_mkdir_makes_a_cluster_and_rmdir_removes_it() {
	mkdir "$R/made"
	check_eq state available "$(jq -r .ClusterStatus "$R/made/.status")"
	check_eq nodes 2 "$(jq .NumberOfNodes "$R/made/.status")"
	rmdir "$R/made"
	fails test -e "$R/made"
	fails cluster 'Bad_Name'
}

test_a_script_makes_tables_and_reports() {
	sales script
	check_has report "$(cat "$R/script/.sql")" 'INSERT.*4'
	check_eq tables sales "$(names_in "$R/script" | xargs)"
	fails sql script 'create table other(a int); select nothing from nowhere'
	check_eq 'all or nothing' sales "$(names_in "$R/script" | xargs)"
}

test_a_table_is_a_file() {
	sales whole
	check_eq forms data.csv "$(names_in "$R/whole/sales" | xargs)"
	check_eq header id,seller,price,sold "$(head -1 "$R/whole/sales/data.csv")"
	check_eq rows '1,ada,10.50,2008-01-02 2,bob,7.25,2008-02-03 3,ada,0.25,2008-01-05 4,,1.00,' "$(tail -n +2 "$R/whole/sales/data.csv" | sort | xargs)"
	check_eq size "$(stat -c %s "$R/whole/sales/data.csv")" "$(wc -c <"$R/whole/sales/data.csv")"
	check_eq jsonl 4 "$(jq -c . "$R/whole/sales/data.jsonl" | wc -l)"
	check_eq price 10.50 "$(grep -o '10.50' "$R/whole/sales/data.jsonl")"
}

test_sizes_follow_what_changes() {
	local f=$R/sizes/sales
	sales sizes
	for change in "insert into sales values (5, 'eve', 3, '2009-01-01')" 'delete from sales where id = 2' \
		"update sales set seller = 'a, b' where id = 1" 'alter table sales rename column price to amount' 'vacuum' \
		"insert into sales values (6, 'x', 1, null)"; do
		sql sizes "$change"
		check_eq "csv after $change" "$(stat -c %s "$f/data.csv")" "$(wc -c <"$f/data.csv")"
		check_eq "jsonl after $change" "$(stat -c %s "$f/data.jsonl")" "$(wc -c <"$f/data.jsonl")"
	done
}

test_writing_a_table_replaces_or_adds() {
	local t=$R/written/sales
	sales written
	echo '7,joe,2.00,2010-10-10' >>"$t/data.csv"
	check_eq appended 5 "$(answer written 'select count(*) from sales')"
	printf 'id,seller,price,sold\n1,one,1.00,2001-01-01\n2,two,2.00,2002-02-02\n' >"$t/data.csv"
	check_eq replaced '1,one 2,two' "$(answer written 'select id, seller from sales order by id')"
	echo 'x,y,z' >"$WORK/bad"
	fails cp "$WORK/bad" "$t/data.csv"
	check_eq 'nothing was lost' 2 "$(answer written 'select count(*) from sales')"
	rm "$t/data.csv"
	check_eq emptied 0 "$(answer written 'select count(*) from sales')"
	rm -r "$t"
	check_eq dropped '' "$(names_in "$R/written" | xargs)"
}

# The shell's own echo does not tell what close says.
define() {
	printf '%s\n' "$1" | dd of="$R/defined/t/.schema" status=none
}

test_mkdir_and_a_schema_make_a_table() {
	local c=$R/defined
	cluster defined
	mkdir "$c/t"
	put "$c/t/.schema" 'create table t(a int, b varchar(20) distkey) sortkey(a);'
	check_has schema "$(cat "$c/t/.schema")" 'b .*20'
	check_eq header a,b "$(cat "$c/t/data.csv")"
	fails define 'create table other(a int)'
	sql defined "insert into t values (1, 'x')"
	fails define 'create table t(a int)'
	mv "$c/t" "$c/u"
	check_eq moved u "$(names_in "$c" | xargs)"
	check_eq rows '1,x' "$(answer defined 'select * from u')"
	fails rmdir "$c/u"
}

test_queries_come_in_four_forms() {
	local q=$R/asked/.query
	sales asked
	put "$q/top.sql" 'select seller, sum(price) as total from sales where seller is not null group by 1 order by 2 desc'
	check_eq csv 'seller,total ada,10.75 bob,7.25' "$(xargs <"$q/top.csv")"
	check_eq json '[{"seller":"ada","total":10.75},{"seller":"bob","total":7.25}]' "$(jq -c . "$q/top.json")"
	check_has txt "$(cat "$q/top.txt")" '^ ada +\| 10.75'
	check_has txt "$(cat "$q/top.txt")" '2 rows'
	check_has plan "$(cat "$q/top.plan")" 'XN'
	put "$q/bad.sql" 'select missing from sales'
	fails cat "$q/bad.csv"
}

test_slices_hold_the_rows_once() {
	sales sliced
	check_eq files '0.csv 1.csv 2.csv 3.csv' "$(names_in "$R/sliced/sales/.slices" | xargs)"
	check_eq rows 4 "$(for n in 0 1 2 3; do tail -n +2 "$R/sliced/sales/.slices/$n.csv"; done | sort -u | wc -l)"
	check_eq status 4 "$(jq '[.RowsOfSlices[]] | add' "$R/sliced/sales/.slices/.status")"
	check_has stats "$(jq -c . "$R/sliced/sales/.stats")" 'rows'
	check_has schema "$(cat "$R/sliced/sales/.schema")" 'distkey'
}

test_a_directory_is_a_bucket() {
	local c=$R/lake dir=$WORK/bucket
	mkdir "$dir"
	printf '1|ada\n2|bob\nx|bad\n' >"$dir/people_pipe.txt"
	printf '3,eve\n4,joe\n' >"$WORK/more.csv"
	gzip "$WORK/more.csv"
	cluster lake
	sql lake 'create table people(id int, name varchar(10))'
	put "$c/.lake/.control" "map store $dir"
	sql lake "copy people from 's3://store/people_pipe.txt' maxerror 2"
	check_eq copied '1,ada 2,bob' "$(answer lake 'select * from people order by id')"
	fails sql lake "copy people from 's3://store/people_pipe.txt'"
	check_eq 'all or nothing' 2 "$(answer lake 'select count(*) from people')"
	cp "$WORK/more.csv.gz" "$c/people/.load/"
	check_eq loaded 4 "$(answer lake 'select count(*) from people')"
	printf '5,ok\nsix,bad\n' >"$WORK/bad.csv"
	fails cp "$WORK/bad.csv" "$c/people/.load/"
	check_has errors "$(jq -c . "$c/people/.load/errors.json")" 'six'
	check_eq 'nothing of it' 4 "$(answer lake 'select count(*) from people')"
}

test_a_lake_is_a_schema() {
	local c=$R/outside dir=$WORK/outside
	mkdir -p "$dir/events"
	printf 'id,what\n1,born\n2,died\n' >"$dir/events/a.csv"
	cluster outside
	put "$c/.lake/.control" "map hist $dir"
	check_eq schemas hist "$(names_in "$c/.lake" | xargs)"
	check_eq tables events "$(names_in "$c/.lake/hist" | xargs)"
	check_has rows "$(cat "$c/.lake/hist/events/data.csv")" '^1,born$'
	check_eq joined '2,died' "$(answer outside 'select id, what from hist.events where id > 1')"
	put "$c/.lake/.control" 'unmap hist'
	check_eq gone '' "$(names_in "$c/.lake" | xargs)"
}

test_a_snapshot_is_a_tree_and_comes_back() {
	local c=$R/kept
	sales kept
	control "$c" 'snapshot nightly'
	sql kept 'delete from sales'
	check_eq 'then' 4 "$(tail -n +2 "$c/.snapshots/nightly/sales/data.csv" | wc -l)"
	put "$c/.query/n.sql" 'select count(*) from sales'
	check_eq asked '4' "$(tail -1 "$c/.snapshots/nightly/.query/n.csv")"
	echo 1 >"$WORK/one"
	fails cp "$WORK/one" "$c/.snapshots/nightly/sales/data.csv"
	control "$R" 'restore nightly as kept-2 nodes=3'
	check_eq nodes 3 "$(jq .NumberOfNodes "$R/kept-2/.status")"
	check_eq restored 4 "$(answer kept-2 'select count(*) from sales')"
	control "$c" 'restore-table nightly sales as sales_old'
	check_eq table '4,0' "$(answer kept 'select (select count(*) from sales_old), (select count(*) from sales)')"
	control "$c" 'delete-snapshot nightly'
	fails test -e "$c/.snapshots/nightly"
}

test_parquet_is_written_by_duckdb() {
	sales columns
	if [ "$(jq -r .Driver "$R/columns/.status")" = duckdb ]; then
		check_eq magic PAR1 "$(head -c 4 "$R/columns/sales/data.parquet")"
		check_eq size "$(stat -c %s "$R/columns/sales/data.parquet")" "$(wc -c <"$R/columns/sales/data.parquet")"
	else
		fails cat "$R/columns/sales/data.parquet"
	fi
}

run_tests "$@"
