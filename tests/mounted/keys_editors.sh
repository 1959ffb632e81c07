#!/bin/bash
# Editors and tools in their default settings on a file of raw bytes in a directory where any
# name may be an item's: each edits the same text here and in a plain directory, then both
# have changed alike, `ls -A` of both is the same, and the engine holds that one key alone.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_edits.sh"

DBMOUNT=$(cd "$(dirname "$DBMOUNT")/.." && pwd)/tests/engine/dbmount-toy
[ -x "$DBMOUNT" ] || skip "no $DBMOUNT: build everything"

NAME=user:123
PLAIN=$WORK/plain/store
S=$MNT/keys/store
TEXT='"FirstName" is "John"'
export EDITOR_HOME=$WORK/home

# What the engine holds, whatever scratch files stand beside it.
keys_of() {
	control "$1" names
	# The last result is the one just asked for.
	tac "$1/.control" | sed '/ names: done$/,$d' | sort | xargs
}

fresh() {
	tty_quit
	cd "$WORK"
	rm -rf "$WORK/plain" "$S"
	mkdir -p "$PLAIN" "$S"
	echo "$TEXT" >"$PLAIN/$NAME"
	cp "$PLAIN/$NAME" "$S/$NAME"
}

# both EDIT [ARGUMENT..]: runs EDIT DIRECTORY ARGUMENT.. in both places.
both() {
	local edit=$1
	shift
	fresh
	"$edit" "$PLAIN" "$@"
	"$edit" "$S" "$@"
	tty_quit
	check_eq "in the plain directory" "${TEXT/John/Johnny}" "$(cat "$PLAIN/$NAME")"
	check_same text "$PLAIN/$NAME" "$S/$NAME"
	check_eq "left behind" "$(ls -A "$PLAIN")" "$(ls -A "$S")"
	check_eq "keys" "$NAME" "$(keys_of "$S")"
	check_eq errors "" "$(cat "$S/.errors")"
}

test_vim() {
	need vim
	both edit_vi vim
}

test_vim_with_each_backup() {
	need vim
	local set
	for set in backupcopy=yes backupcopy=no backup 'backup backupcopy=no'; do
		both edit_vi "vim -c 'set $set'"
	done
}

test_vim_ex_mode() {
	need vim
	both edit_ex vim -es
}

test_neovim() {
	need nvim
	both edit_vi nvim
}

test_nano() {
	need nano
	both edit_nano
}

test_emacs() {
	need emacs
	both edit_emacs
}

test_ed() {
	need ed
	both edit_ed
}

test_joe() {
	need joe
	both edit_joe
}

test_mg() {
	need mg
	both edit_mg
}

test_vim_creates_a_key() {
	need vim
	fresh
	tty_start "$S" "vim new-key"
	tty_wait 'New|new-key'
	typed 'iwritten'
	keys Escape
	typed ':wq'
	keys Enter
	tty_end 0
	check_eq text written "$(cat "$S/new-key")"
	check_eq "left behind" "new-key $NAME" "$(ls -A "$S" | xargs)"
	check_eq "keys" "new-key $NAME" "$(keys_of "$S")"
}

# ------------------------------------------------------------------ tools

tool_sed() {
	sed -i s/John/Johnny/ "$1/$NAME"
}

tool_perl() {
	perl -pi -e s/John/Johnny/ "$1/$NAME"
}

tool_rsync() {
	mkdir -p "$WORK/from"
	echo "${TEXT/John/Johnny}" >"$WORK/from/$NAME"
	rsync -c "$WORK/from/$NAME" "$1/"
}

tool_sponge() {
	sed s/John/Johnny/ "$1/$NAME" | sponge "$1/$NAME"
}

tool_patch() {
	printf '%s\n' "--- $NAME" "+++ $NAME" '@@ -1 +1 @@' "-$TEXT" "+${TEXT/John/Johnny}" |
		(cd "$1" && patch -s "$NAME")
}

tool_python() {
	python3 - "$1/$NAME" <<-'END'
		import os, sys, tempfile
		path = sys.argv[1]
		text = open(path).read().replace("John", "Johnny")
		fd, name = tempfile.mkstemp(dir=os.path.dirname(path), prefix="work-")
		os.write(fd, text.encode())
		os.close(fd)
		os.replace(name, path)
	END
}

tool_install() {
	echo "${TEXT/John/Johnny}" >"$WORK/to-install"
	install "$WORK/to-install" "$1/$NAME"
}

test_tools_that_rename() {
	local tool
	need perl rsync sponge patch
	for tool in sed perl rsync sponge patch python install; do
		both "tool_$tool"
	done
}

# ------------------------------------------------------------------ the rule

test_names_like_an_editors_are_keys_when_they_are_not() {
	fresh
	printf 1 >"$S/4913"
	printf 2 >"$S/sedAb12Cd"
	printf 3 >"$S/tilde~"
	printf 4 >"$S/#tag#"
	printf 5 >"$S/0"
	check_eq keys "#tag# 0 4913 sedAb12Cd tilde~ $NAME" "$(keys_of "$S")"
	# Of an item that is there they are not.
	printf 6 >"$S/$NAME~"
	printf 7 >"$S/#$NAME#"
	check_eq keys "#tag# 0 4913 sedAb12Cd tilde~ $NAME" "$(keys_of "$S")"
	check_eq "text" 6 "$(cat "$S/$NAME~")"
	rm "$S/$NAME~" "$S/#$NAME#"
}

test_a_key_that_is_there_wins() {
	fresh
	local name
	for name in 4913 "$NAME~" '#x#'; do
		control "$S" "poke '$name' old"
		echo new >"$S/$name"
		check_eq "$name" new "$(cat "$S/$name")"
	done
	check_eq keys "#x# 4913 $NAME $NAME~" "$(keys_of "$S")"
	# An editor finds its way around them.
	both edit_ex vim -es
}

# ------------------------------------------------------------------ empty texts

test_a_file_that_is_emptied_or_made_is_an_empty_item() {
	fresh
	: >"$S/a"
	touch "$S/b"
	cp /dev/null "$S/c"
	cat /dev/null >"$S/d"
	python3 -c 'import sys; open(sys.argv[1], "w").close()' "$S/e"
	check_eq keys "a b c d e $NAME" "$(keys_of "$S")"
	: >"$S/$NAME"
	check_eq size 0 "$(stat -c %s "$S/$NAME")"
	local how
	for how in 'truncate -s 0 a' 'true >a' 'bash -c ": >a"' 'bash -c "exec 3>a; exec 4>&3 3>&-; exec 4>&-"' \
		'python3 -c "import os; os.truncate(\"a\", 0)"'; do
		printf text >"$S/a"
		(cd "$S" && eval "$how")
		check_eq "$how" "" "$(cat "$S/a")"
	done
	check_eq errors "" "$(cat "$S/.errors")"
}

test_what_is_written_never_shows_empty_first() {
	fresh
	echo old >"$S/a"
	# The shell closes a copy of the descriptor before it writes.
	bash -c 'exec >"$1"; cat "$2" "$1" >&2; echo new' _ "$S/a" "$S/$NAME" 2>"$WORK/seen"
	check_eq "seen meanwhile" "$(printf '%s\n' "$TEXT" old)" "$(cat "$WORK/seen")"
	check_eq "text" new "$(cat "$S/a")"
}

run_tests "$@"
