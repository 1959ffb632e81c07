#!/bin/bash
# A user's session on each type of key with everyday tools; the commands of .exec see the same. And a
# Memcached-like cluster.
. "$(dirname "$0")/lib.sh"
need vim tar rsync jq

C=$MNT/cache

# redis COMMANDS: what .exec answers.
redis() {
	# One open file: each writer reads the replies to its own commands.
	exec 9<>"$K/.exec"
	printf '%s\n' "$@" >&9
	cat <&9
	exec 9>&-
}

cluster() {
	K=$C/$1
	mkdir "$K"
	cd "$K"
}

test_a_string_with_everyday_tools() {
	cluster strings
	printf hello >greet
	touch empty
	check_eq empty '""' "$(redis 'get empty')"
	rm empty
	check_eq text hello "$(cat greet)"
	check_eq get '"hello"' "$(redis 'get greet')"
	printf ' world' >>greet
	check_eq appended '"hello world"' "$(redis 'get greet')"
	redis 'set greet "from a command"' >/dev/null
	check_eq 'seen by cat' 'from a command' "$(cat greet)"
	check_eq size 14 "$(stat -c %s greet)"
	sed -i 's/from/by/' greet
	check_eq 'sed -i' '"by a command"' "$(redis 'get greet')"
	vim -u NONE -es -c '%s/command/vim/' -c wq greet
	check_eq vim '"by a vim\n"' "$(redis 'get greet')"
	printf XX | dd of=greet bs=1 seek=3 conv=notrunc status=none
	check_eq 'in place' '"by XXvim\n"' "$(redis 'get greet')"
	mv greet salute
	check_eq renamed $'(integer) 0\n(integer) 1' "$(redis 'exists greet' 'exists salute')"
	cp salute copy
	rm salute
	check_eq left copy "$(names_in . | xargs)"
	check_eq 'size of db' '(integer) 1' "$(redis dbsize)"
}

test_a_hash_with_everyday_tools() {
	cluster hashes
	mkdir cart.hash
	check_eq 'no key yet' '(integer) 0' "$(redis 'exists cart')"
	printf 3 >cart.hash/pen
	printf 1 >cart.hash/ink
	check_eq hget '"3"' "$(redis 'hget cart pen')"
	redis 'hset cart paper 500' >/dev/null
	check_eq fields 'ink paper pen' "$(names_in cart.hash | xargs)"
	mv cart.hash/pen cart.hash/pencil
	sed -i s/500/250/ cart.hash/paper
	check_eq 'as commands see it' '1) "ink" 2) "1" 3) "paper" 4) "250" 5) "pencil" 6) "3"' \
		"$(redis 'hgetall cart' | xargs -d '\n')"
	cp -r cart.hash saved.hash
	check_eq copied '(integer) 3' "$(redis 'hlen saved')"
	diff -r cart.hash saved.hash
	mv saved.hash kept.hash
	check_eq moved '"1"' "$(redis 'hget kept ink')"
	fails rmdir kept.hash
	rm -r kept.hash
	check_eq removed '(integer) 0' "$(redis 'exists kept')"
	redis 'del cart' >/dev/null
	check_eq 'none left' '' "$(names_in .)"
}

test_the_last_field_takes_the_key_along() {
	cluster last
	mkdir one.hash
	printf x >one.hash/f
	rm one.hash/f
	check_eq 'no key' '(integer) 0' "$(redis 'exists one')"
	check_eq 'not listed' '' "$(names_in .)"
	rmdir one.hash
	[ ! -e one.hash ]
}

test_a_name_of_another_type_is_refused() {
	cluster other
	mkdir cart.hash
	printf 1 >cart.hash/a
	fails sh -c 'printf x >cart'
	check_has why "$(cat .errors)" 'cart is a hash: it is cart\.hash/'
	fails mkdir cart.list
	fails mv cart.hash cart.set
	check_eq 'still there' '"1"' "$(redis 'hget cart a')"
}

test_a_list_with_everyday_tools() {
	cluster lists
	mkdir q.list
	printf a >q.list/0
	printf b >q.list/1
	redis 'rpush q c' >/dev/null
	check_eq lrange $'1) "a"\n2) "b"\n3) "c"' "$(redis 'lrange q 0 -1')"
	check_eq names '0 1 2' "$(names_in q.list | xargs)"
	printf B >q.list/1
	check_eq lset '"B"' "$(redis 'lindex q 1')"
	rm q.list/0
	check_eq 'the others move up' $'1) "B"\n2) "c"' "$(redis 'lrange q 0 -1')"
	check_eq 'and as files' Bc "$(cat q.list/0 q.list/1)"
	rm -r q.list
	check_eq gone '(integer) 0' "$(redis 'exists q')"
}

test_sets_and_sorted_sets_with_everyday_tools() {
	cluster sets
	mkdir tags.set board.zset
	touch tags.set/red tags.set/blue
	check_eq members $'1) "blue"\n2) "red"' "$(redis 'smembers tags' | sort)"
	redis 'sadd tags green' >/dev/null
	rm tags.set/red
	check_eq files 'blue green' "$(names_in tags.set | xargs)"
	echo 10 >board.zset/ada
	echo 7.5 >board.zset/bob
	check_eq ranked $'1) "bob"\n2) "7.5"\n3) "ada"\n4) "10"' "$(redis 'zrange board 0 -1 withscores')"
	redis 'zincrby board 5 bob' >/dev/null
	check_eq score 12.5 "$(cat board.zset/bob)"
	fails sh -c 'echo high >board.zset/eve'
	rm -r tags.set board.zset
	check_eq 'all gone' '(integer) 0' "$(redis dbsize)"
}

test_a_stream_with_everyday_tools() {
	cluster streams
	redis 'xadd log 1-1 event start' 'xadd log 2-1 event stop' >/dev/null
	check_eq entries '1-1 2-1' "$(names_in log.stream | xargs)"
	grep -q start log.stream/1-1
	rm log.stream/1-1
	check_eq left '(integer) 1' "$(redis 'xlen log')"
}

test_time_to_live_as_files() {
	cluster ttl
	printf x >a
	mkdir h.hash
	printf 1 >h.hash/f
	echo 100 >.ttl/a
	echo 200 >.ttl/h.hash
	check_eq listed 'a h.hash' "$(names_in .ttl | xargs)"
	check_has left "$(cat .ttl/a)" '^[0-9]+$'
	check_has ttl "$(redis 'ttl h')" '\(integer\) [0-9]+'
	fails sh -c 'echo 0 >.ttl/a'
	rm .ttl/a
	check_eq persists '(integer) -1' "$(redis 'ttl a')"
	touch -d '2099-01-01 00:00:00 UTC' a
	check_eq 'touch -d' '(integer) 4070908800' "$(redis 'expiretime a')"
	touch a
	check_eq 'touch' '(integer) 4070908800' "$(redis 'expiretime a')"
	touch -d '2099-01-01 00:00:00 UTC' h.hash
	check_eq 'touch -d of a directory' '(integer) 4070908800' "$(redis 'expiretime h')"
	touch -d '2001-01-01 00:00:00 UTC' h.hash
	touch h.hash
	check_eq 'a time in the past' '(integer) 4070908800' "$(redis 'expiretime h')"
	mkdir later.hash
	touch -d '2099-01-01 00:00:00 UTC' later.hash . ..
	check_eq 'no key yet' '(integer) -2' "$(redis 'expiretime later')"
	rmdir later.hash
	printf y >>a
	check_eq 'an append keeps it' '(integer) 4070908800' "$(redis 'expiretime a')"
	printf z >a
	check_eq 'a save ends it' '(integer) -1' "$(redis 'ttl a')"
	redis 'pexpire a 50' >/dev/null
	wait_for 30 test ! -e a
	check_eq left h.hash "$(names_in . | xargs)"
}

test_trees_are_copied_in_and_out() {
	cluster copied
	mkdir -p "$WORK/in/cart.hash" "$WORK/in/tags.set"
	printf 3 >"$WORK/in/cart.hash/pen"
	touch "$WORK/in/tags.set/red"
	printf hello >"$WORK/in/greet"
	head -c 100000 /dev/urandom >"$WORK/in/blob"
	touch -d 2001-01-01 "$WORK/in/greet"
	cp -rp "$WORK/in/." .
	diff -r "$WORK/in" .
	check_eq 'nothing expires' '(integer) -1' "$(redis 'ttl greet')"
	tar cf "$WORK/out.tar" .
	mkdir "$WORK/tree" "$C/copied2"
	tar xf "$WORK/out.tar" -C "$WORK/tree"
	diff -r "$WORK/in" "$WORK/tree"
	rsync -a "$WORK/in/" "$C/copied2/"
	diff -r "$WORK/in" "$C/copied2"
	K=$C/copied2
	check_eq 'as commands see it' $'"3"\n(integer) 1\n"hello"' \
		"$(redis 'hget cart pen' 'sismember tags red' 'get greet')"
	rm -r "$C/copied2"/*
	check_eq 'all gone' '(integer) 0' "$(redis dbsize)"
}

# 4 writers move each of 40 jobs from a list to a hash; one that looks never sees a job in both or
# in neither.
test_a_script_moves_between_keys_at_once() {
	local i w
	cluster moves
	cat >.scripts/take.lua <<-'END'
		local job = redis.call('LPOP', KEYS[1])
		if not job then return false end
		redis.call('HSET', KEYS[2], job, ARGV[1])
		return job
	END
	for ((i = 0; i < 40; i++)); do
		echo "rpush jobs job$i"
	done >.exec
	for w in 1 2 3 4; do
		(
			exec 8<>.exec
			for ((i = 0; i < 15; i++)); do
				echo "fcall take 2 jobs done writer$w" >&8
				head -n 1 <&8
			done >"$WORK/taken.$w"
		) &
	done
	for ((i = 0; i < 20; i++)); do
		check_eq 'jobs in both' 40 "$(redis 'llen jobs' 'hlen done' | awk '{ n += $2 } END { print n }')"
	done
	wait
	check_eq 'all done' 40 "$(names_in done.hash | wc -l)"
	[ ! -e jobs.list ]
	check_eq 'each once' 40 "$(cat "$WORK"/taken.* | grep -c job)"
	check_eq 'no two' '' "$(cat "$WORK"/taken.* | grep job | sort | uniq -d)"
}

test_memcached_with_everyday_tools() {
	echo 'create memo engine=memcached maxmemory=16mb' >"$C/.control"
	K=$C/memo
	cd "$K"
	printf hello >greet
	check_eq text hello "$(cat greet)"
	check_eq get $'VALUE greet 0 5\r\nhello\r\nEND\r' "$(redis 'get greet')"
	redis 'set n 5 0 2' 10 >/dev/null
	check_eq incr $'11\r' "$(redis 'incr n 1')"
	check_eq flags 5 "$(jq .flags .meta/n)"
	cp .meta/n "$WORK/old"
	printf 12 >>n
	fails cp "$WORK/old" .meta/n
	echo '{"flags": 9, "exptime": 1000}' >.meta/n
	check_eq 'flags set' 9 "$(jq .flags .meta/n)"
	fails sh -c 'printf x >"a b"'
	mv greet salute
	check_eq names 'n salute' "$(names_in . | xargs)"
	rm n salute
	check_eq empty '' "$(names_in .)"
	printf x >kept
	cd "$WORK"
	remount
	check_eq 'after a remount' '' "$(names_in "$C/memo")"
}

run_tests "$@"
