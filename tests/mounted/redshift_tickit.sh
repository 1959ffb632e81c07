#!/bin/bash
# TICKIT: the sample's own DDL and COPY commands, the tables that it lacks generated, and the classic
# questions, answered as PostgreSQL answers them on the same data.
TEST_TIMEOUT=${TEST_TIMEOUT:-900}
DBMOUNT_OPTS="${DBMOUNT_OPTS:-}${REDSHIFT_DRIVER:+ -o redshift_driver=$REDSHIFT_DRIVER}"
. "$(dirname "$0")/lib.sh"

DATA=${SHARED_DATA:-$TOP/../shared/data}/tickit
[ -d "$DATA" ] || skip "the sample data of ../shared/data is not here"
need python3 psql
PGBIN=$(dirname "$(find /usr/lib/postgresql -name initdb 2>/dev/null | sort -V | tail -1)" 2>/dev/null)
[ -x "$PGBIN/initdb" ] || skip "there is no PostgreSQL server on this machine"
WH=$MNT/redshift/wh
LAKE=$WORK/lake
PG=$WORK/pg
export WH LAKE PG

# as_postgres COMMAND..: PostgreSQL does not run as root.
as_postgres() {
	if [ "$(id -u)" = 0 ]; then
		runuser -u postgres -- "$@"
	else
		"$@"
	fi
}

start_postgres() {
	mkdir "$PG"
	chmod 755 "$WORK"
	[ "$(id -u)" != 0 ] || chown postgres "$PG"
	as_postgres "$PGBIN/initdb" -D "$PG/data" -U tester -E UTF8 --locale=C.UTF-8 -A trust >"$WORK/initdb.log" 2>&1
	as_postgres "$PGBIN/pg_ctl" -D "$PG/data" -w -l "$PG/log" \
		-o "-c listen_addresses= -k $PG -c fsync=off" start >/dev/null
}

# pg ARGUMENT..: psql on the server of this test.
pg() {
	psql -X -q -v ON_ERROR_STOP=1 -h "$PG" -U tester -d postgres "$@"
}

load_postgres() {
	# Blanks at the end of a CHAR mean nothing, and are not shown here.
	sed -E 's/ (distkey|sortkey)//g; s/\b(char|character)\(/varchar(/g' "$DATA/create_tables.sql" | pg
	pg <<SQL
\\copy users from '$LAKE/allusers_pipe.txt' with (delimiter '|', null '')
\\copy venue from '$LAKE/venue_pipe.txt' with (delimiter '|')
\\copy category from '$LAKE/category_pipe.txt' with (delimiter '|', null '')
\\copy date from '$LAKE/date2008_pipe.txt' with (delimiter '|', null '')
\\copy event from '$LAKE/allevents_pipe.txt' with (delimiter '|', null '')
\\copy listing from '$LAKE/listings_pipe.txt' with (delimiter '|', null '')
set datestyle to 'ISO, MDY';
\\copy sales from '$LAKE/sales_tab.txt' with (null '')
SQL
}

setup() {
	mkdir "$LAKE"
	cp "$DATA"/*_pipe.txt "$LAKE"
	python3 "$TOP/tests/data/tickit.py" "$DATA/allevents_pipe.txt" "$LAKE"
	start_postgres
	load_postgres
	echo 'create wh nodes=2 slices=2' >"$MNT/redshift/.control"
	echo "map tickit $LAKE" >"$WH/.lake/.control"
	cat "$DATA/create_tables.sql" >"$WH/.sql"
	# Only the place that the files are in is another.
	sed 's|s3://<myBucket>/tickit/|s3://tickit/|' "$DATA/copy_commands.sql" >"$WH/.sql"
	cat "$WH/.sql"
}

finish() {
	as_postgres "$PGBIN/pg_ctl" -D "$PG/data" -m immediate stop >/dev/null 2>&1
}
trap finish EXIT

# ask QUESTION: our answer and PostgreSQL's, as CSV with a header.
ask() {
	local text
	text=$(grep -A1 -x -- "-- $1" "$TOP/tests/data/tickit_questions.sql" | tail -1)
	echo "$text" >"$WH/.query/$1.sql"
	cat "$WH/.query/$1.csv" >"$WORK/ours"
	pg -c "copy (${text%;}) to stdout with (format csv, header)" >"$WORK/theirs"
}

# ------------------------------------------------------------------ loading

test_every_row_of_the_sample_is_there() {
	local table
	for table in users:49990 venue:202 category:11 date:365 event:8798 listing:192497 sales:172456; do
		echo "select count(*) as n from ${table%:*}" >"$WH/.query/count.sql"
		check_eq "${table%:*}" "${table#*:}" "$(tail -1 "$WH/.query/count.csv")"
	done
}

# Nothing of a line's end is left in the last column, and each value is what PostgreSQL read.
test_tables_hold_what_the_files_say() {
	local table key
	for table in users:userid venue:venueid category:catid date:dateid event:eventid; do
		key=${table#*:} table=${table%:*}
		echo "select * from $table order by $key" >"$WH/.query/all.sql"
		cat "$WH/.query/all.csv" >"$WORK/ours"
		pg -c "copy (select * from $table order by $key) to stdout with (format csv, header)" >"$WORK/theirs"
		cmp "$WORK/ours" "$WORK/theirs"
	done
}

test_data_csv_is_the_table() {
	local table
	for table in category venue sales; do
		check_eq "size of $table" "$(stat -c %s "$WH/$table/data.csv")" "$(wc -c <"$WH/$table/data.csv")"
		sort "$WH/$table/data.csv" >"$WORK/ours"
		pg -c "copy $table to stdout with (format csv, header)" | sort >"$WORK/theirs"
		cmp "$WORK/ours" "$WORK/theirs"
	done
}

# ------------------------------------------------------------------ questions

test_the_classic_questions_have_postgresql_s_answers() {
	local question n=0
	while read -r question; do
		ask "$question"
		if ! cmp -s "$WORK/ours" "$WORK/theirs"; then
			echo "$question:"
			diff "$WORK/ours" "$WORK/theirs" | head -20
			return 1
		fi
		n=$((n + 1))
	done < <(sed -n 's/^-- //p' "$TOP/tests/data/tickit_questions.sql")
	[ "$n" -ge 15 ]
}

test_plans_say_how_joins_are_spread() {
	echo 'select count(*) from sales join listing on sales.listid = listing.listid' >"$WH/.query/together.sql"
	check_has "rows that lie together" "$(cat "$WH/.query/together.plan")" 'DS_DIST_NONE'
	echo 'select count(*) from sales join users on sales.buyerid = users.userid' >"$WH/.query/apart.sql"
	check_has "rows that do not" "$(cat "$WH/.query/apart.plan")" 'DS_(BCAST_INNER|DIST_(INNER|OUTER|BOTH))'
}

# ------------------------------------------------------------------ slices

# slice_rows TABLE: its rows on each slice, without the header.
slice_rows() {
	local slice
	for slice in "$WH/$1/.slices"/*.csv; do
		echo $(($(wc -l <"$slice") - 1))
	done
}

test_slices_hold_what_the_distribution_says() {
	local rows
	cat >"$WH/.sql" <<'SQL'
create table sales_even diststyle even as select * from sales;
create table venue_all diststyle all as select * from venue;
create table sales_skewed distkey (year) as select s.*, 2008 as year from sales s;
SQL
	mapfile -t rows < <(slice_rows sales_even)
	check_eq "slices" 4 "${#rows[@]}"
	check_eq "even" "43114 43114 43114 43114" "${rows[*]}"
	mapfile -t rows < <(slice_rows sales)
	check_eq "all of them" 172456 $((rows[0] + rows[1] + rows[2] + rows[3]))
	mapfile -t rows < <(slice_rows sales_skewed)
	check_eq "one value, one slice" "172456" "$(printf '%s\n' "${rows[@]}" | sort -n | tail -1)"
	check_eq "a copy a node" "404" "$(slice_rows venue_all | paste -sd+ | bc)"
	check_eq "equal keys are on one slice" "$(tail -qn +2 "$WH"/sales/.slices/*.csv | cut -d, -f2 | sort -u | wc -l)" \
		"$(for s in "$WH"/sales/.slices/*.csv; do tail -n +2 "$s" | cut -d, -f2 | sort -u; done | wc -l)"
	check_has "skew" "$(cat "$WH/sales_even/.slices/.status")" '"Skew": 1(\.0)?\b'
}

run_tests "$@"
