#!/bin/bash
# ElastiCache with everyday tools: clusters, replicas, snapshots, what is refused.
. "$(dirname "$0")/lib.sh"
need jq

E=$MNT/cache

status() {
	jq -r "$2" "$E/$1/.status"
}

test_a_cluster_is_made_and_removed() {
	mkdir "$E/sessions"
	put "$E/sessions/user:1" Ada
	check_eq value Ada "$(cat "$E/sessions/user:1")"
	check_eq status available "$(status sessions .Status)"
	check_eq persistence everysec "$(status sessions .Persistence)"
	fails rmdir "$E/sessions"
	check_has refusal "$(cat "$OUT")" 'not empty'
	rm "$E/sessions/user:1"
	rmdir "$E/sessions"
	[ ! -e "$E/sessions" ] || { echo 'it is still there'; return 1; }
}

test_the_same_keys_after_a_remount() {
	control "$E" 'create kept maxmemory=64mb policy=allkeys-lru persistence=always'
	put "$E/kept/a" 1
	cd "$WORK"
	remount
	check_eq a 1 "$(cat "$E/kept/a")"
	check_eq policy allkeys-lru "$(status kept .MaxMemoryPolicy)"
	put "$E/kept/.control" 'modify maxmemory=1gb'
	check_eq memory 1073741824 "$(status kept .MaxMemory)"
}

test_replicas_lag_are_read_and_promoted() {
	control "$E" 'create shop replicas=1'
	mkdir "$E/shop/.replicas/late"
	control "$E/shop" 'replica-delay late 3600000'
	check_eq replicas 'late shop-002' "$(names_in "$E/shop/.replicas" | xargs)"
	put "$E/shop/a" 1
	wait_for 60 cmp "$E/shop/.replicas/shop-002/a" "$E/shop/a"
	[ ! -e "$E/shop/.replicas/late/a" ] || { echo 'no lag at all'; return 1; }
	check_eq 'least lag' shop-002 "$(status shop .LeastLag)"
	cmp "$E/shop/.reader/a" "$E/shop/a"
	fails put "$E/shop/.replicas/shop-002/a" 2
	fails put "$E/shop/.reader/a" 2
	control "$E/shop" 'replica-delay late 0'
	wait_for 60 cmp "$E/shop/.replicas/late/a" "$E/shop/a"
	mv "$E/shop/.replicas/late" "$E/apart"
	put "$E/apart/a" 2
	check_eq apart '2 1' "$(cat "$E/apart/a" "$E/shop/a" | xargs)"
	rmdir "$E/shop/.replicas/shop-002"
	check_eq replicas '' "$(names_in "$E/shop/.replicas")"
	control "$E/apart" delete-cluster
	control "$E/shop" delete-cluster
}

test_a_snapshot_is_compared_and_restored() {
	mkdir "$E/first"
	put "$E/first/a" 1
	put "$E/first/b" 1
	mkdir "$E/first/.snapshots/monday"
	put "$E/first/a" 2
	fails diff -r "$E/first/.snapshots/monday" "$E/first"
	check_has difference "$(cat "$OUT")" 'diff .*/a '
	fails put "$E/first/.snapshots/monday/a" 3
	control "$E/first" 'restore monday as second'
	check_eq restored '1 1' "$(cat "$E/second/a" "$E/second/b" | xargs)"
	control "$E/first" 'delete-cluster final-snapshot last'
	check_eq snapshots 'last monday' "$(names_in "$E/.snapshots" | xargs)"
	control "$E" 'restore last as first'
	check_eq last 2 "$(cat "$E/first/a")"
	rmdir "$E/.snapshots/last" "$E/.snapshots/monday"
	control "$E/first" delete-cluster
	control "$E/second" delete-cluster
}

test_memcached_has_no_replicas_snapshots_or_persistence() {
	local words
	control "$E" 'create pages engine=memcached maxmemory=16mb'
	check_eq engine memcached "$(status pages .Engine)"
	put "$E/pages/a" 1
	for words in 'snapshot s' 'create-replica' failover test-failover 'automatic-failover on'; do
		fails control "$E/pages" "$words"
	done
	check_has refusal "$(cat "$E/pages/.errors")" 'SnapshotFeatureNotSupportedFault: pages is Memcached-like, and Memcached has no snapshots'
	check_has refusal "$(cat "$E/pages/.errors")" 'Memcached has no replicas'
	fails mkdir "$E/pages/.snapshots/s"
	fails mkdir "$E/pages/.replicas/r"
	fails control "$E" 'create other engine=memcached persistence=always'
	cd "$WORK"
	remount
	check_eq left '' "$(names_in "$E/pages")"
	rmdir "$E/pages"
}

test_a_planned_failover_keeps_the_path() {
	control "$E" 'create moving replicas=1'
	put "$E/moving/a" 1
	control "$E/moving" failover
	check_eq primary moving-002 "$(status moving .Primary)"
	check_eq a 1 "$(cat "$E/moving/a")"
	put "$E/moving/a" 2
	wait_for 60 cmp "$E/moving/.replicas/moving-001/a" "$E/moving/a"
	check_has events "$(cat "$E/moving/.events")" 'Failover from primary node moving-001 to replica node moving-002 completed'
	control "$E/moving/.replicas/moving-001" failover
	check_eq primary moving-001 "$(status moving .Primary)"
	control "$E/moving" 'automatic-failover off'
	control "$E/moving" 'promote moving-002'
	check_eq primary moving-002 "$(status moving .Primary)"
}

all_files() {
	find "$SITE/cache" "$SITE"/az-*/cache -type f -printf '%p %T@ %s\n' 2>/dev/null | sort | md5sum
}

# The keeper looks every five seconds.
rests() {
	local before
	before=$(all_files)
	sleep 6
	[ "$(all_files)" = "$before" ]
}

test_an_idle_cluster_is_not_written_to() {
	control "$E" 'create idle replicas=1'
	put "$E/idle/a" 1
	wait_for 60 rests
}

run_tests "$@"
