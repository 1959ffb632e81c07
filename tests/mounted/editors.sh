#!/bin/bash
# Real editors in their default settings (DESIGN 5, Editors). Each edits the same
# item here and the same text in a plain directory; afterwards both have changed and
# `ls -A` of both is the same: nothing is left that the editor would not leave anywhere.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_edits.sh"

NAME=john@example.com.json
PLAIN=$WORK/plain/user-123
USERS=$DDB/Users/user-123
ITEM='{"UserID":"user-123","Email":"john@example.com","FirstName":"John","Age":30,"Tags":["a","b"]}'
export EDITOR_HOME=$WORK/home

setup() {
	make_table Users UserID:S Email:S
}

# ------------------------------------------------------------------ the comparison

fresh() {
	tty_quit
	cd "$WORK"
	rm -rf "$WORK/plain" "$USERS"
	mkdir -p "$PLAIN" "$USERS"
	echo "$ITEM" | jq . >"$PLAIN/$NAME"
	cp "$PLAIN/$NAME" "$USERS/$NAME"
}

# both EDIT [ARGUMENT..]: runs EDIT DIRECTORY ARGUMENT.. in both places.
both() {
	local edit=$1
	shift
	fresh
	"$edit" "$PLAIN" "$@"
	"$edit" "$USERS" "$@"
	tty_quit
	check_eq "in the plain directory" Johnny "$(jq -r .FirstName "$PLAIN/$NAME")"
	check_json "$USERS/$NAME" "$(cat "$PLAIN/$NAME")"
	check_eq "left behind" "$(ls -A "$PLAIN")" "$(ls -A "$USERS")"
	check_eq errors "" "$(cat "$USERS/.errors")"
}

# ------------------------------------------------------------------ edits

test_vim() {
	need vim
	both edit_vi vim
}

test_vim_backupcopy_yes() {
	need vim
	both edit_vi 'vim -c "set backupcopy=yes"'
}

test_vim_backupcopy_no() {
	need vim
	both edit_vi 'vim -c "set backupcopy=no"'
}

test_vim_backupcopy_auto() {
	need vim
	both edit_vi 'vim -c "set backupcopy=auto"'
}

test_vim_with_backup() {
	need vim
	both edit_vi 'vim -c "set backup"'
	ls "$USERS" | grep -q '~$'
}

test_vim_with_backup_and_backupcopy_no() {
	need vim
	both edit_vi 'vim -c "set backup backupcopy=no"'
}

test_vim_undofile() {
	need vim
	both edit_vi 'vim -c "set undofile"'
	ls -A "$USERS" | grep -q 'un~$'
	# The change of the last session can be undone in this one.
	tty_start "$USERS" "vim -c 'set undofile' $NAME"
	tty_wait Johnny
	keys u
	tty_wait '"John"'
	typed ':wq'
	keys Enter
	tty_end 0
	check_eq name John "$(jq -r .FirstName "$USERS/$NAME")"
}

test_vim_ex_mode() {
	need vim
	both edit_ex vim -es
}

test_vim_readonly_view() {
	need vim
	both edit_vi 'vim -n'
	tty_start "$USERS" "view $NAME"
	tty_wait Johnny
	typed ':q'
	keys Enter
	tty_end 0
}

test_neovim() {
	need nvim
	both edit_vi nvim
}

test_neovim_ex_mode() {
	need nvim
	both edit_ex nvim -es
}

test_nano() {
	need nano
	both edit_nano
}

test_emacs() {
	need emacs
	both edit_emacs
}

test_emacs_batch() {
	need emacs
	both edit_emacs_batch
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

test_every_editor_again_on_the_same_item() {
	# What one leaves behind (backups) must not hinder the next.
	need vim nano emacs ed joe mg
	fresh
	local edit n=0
	for edit in "edit_vi vim" edit_ed edit_nano edit_emacs edit_joe edit_mg; do
		sed -i 's/"Johnny"/"John"/' "$USERS/$NAME"
		# shellcheck disable=SC2086
		set -- $edit
		"$1" "$USERS" ${2:+"$2"}
		check_eq "after $edit" Johnny "$(jq -r .FirstName "$USERS/$NAME")"
		n=$((n + 1))
	done
	check_eq editors 6 "$n"
	check_eq items 1 "$(grep -c john@example "$DDB/Users/.export/jsonl")"
}

test_vim_saves_several_times() {
	need vim
	fresh
	tty_start "$USERS" "vim $NAME"
	tty_wait FirstName
	local name
	for name in One Two Three; do
		typed ":%s/\"FirstName\": \".*\"/\"FirstName\": \"$name\"/ | w"
		keys Enter
		wait_for 10 grep -q "\"$name\"" "$USERS/$NAME"
	done
	typed ':q'
	keys Enter
	tty_end 0
	check_eq "left behind" "$NAME" "$(ls -A "$USERS")"
}

test_vim_creates_an_item() {
	need vim
	fresh
	tty_start "$USERS" "vim ann@example.com.json"
	tty_wait 'New|ann@'
	typed 'i{"FirstName": "Ann"}'
	keys Escape
	typed ':wq'
	keys Enter
	tty_end 0
	check_json "$USERS/ann@example.com.json" '{"UserID":"user-123","Email":"ann@example.com","FirstName":"Ann"}'
	check_eq "left behind" "ann@example.com.json $NAME" "$(ls -A "$USERS" | xargs)"
}

test_two_vims_notice_each_other() {
	need vim
	fresh
	tty_start "$USERS" "vim $NAME"
	tty_wait FirstName
	typed ':%s/"John"/"Changed"/'
	keys Enter
	wait_for 10 test -e "$USERS/.$NAME.swp"
	tmux -S "$SOCKET" split-window -c "$WORK" "cd '$USERS' && vim $NAME"
	tty_wait 'E325|ATTENTION|swap file'
	tty_quit
}

test_vim_notices_a_change_by_others() {
	need vim
	fresh
	tty_start "$USERS" "vim $NAME"
	tty_wait FirstName
	sleep 1
	sed -i 's/"John"/"Other"/' "$USERS/$NAME"
	typed ':w'
	keys Enter
	tty_wait 'has been changed since reading it|W1[12]'
	tty_quit
	check_eq name Other "$(jq -r .FirstName "$USERS/$NAME")"
}

# ------------------------------------------------------------------ refusals

unchanged() {
	check_json "$USERS/$NAME" "$ITEM"
	check_has .errors "$(tail -1 "$USERS/.errors")" "$NAME EINVAL: .*line"
}

ended_or_answered() {
	[ -s "$TTY" ] || { screen_has 'y/n' && typed y; }
}

refused_by_vi() {
	fresh
	tty_start "$USERS" "$1 $NAME"
	tty_wait FirstName
	typed ':%s/"Age": /"Age" /'
	keys Enter
	tty_wait '"Age" 30'
	typed ':w'
	keys Enter
	tty_wait 'E512|E514|E667'
	unchanged
	# The text is still in the editor: mended, it can be saved.
	keys Enter
	typed ':%s/"Age" 30/"Age": 31/'
	keys Enter
	tty_wait '"Age": 31'
	typed ':wq!'
	keys Enter
	# vim took its backup back, so the file looks new to it: it may ask.
	wait_for 20 ended_or_answered
	tty_end 0
	check_eq age 31 "$(jq .Age "$USERS/$NAME")"
}

test_vim_shows_a_refusal() {
	need vim
	refused_by_vi vim
}

test_vim_backupcopy_yes_shows_a_refusal() {
	need vim
	refused_by_vi 'vim -c "set backupcopy=yes"'
}

test_vim_backupcopy_no_shows_a_refusal() {
	need vim
	refused_by_vi 'vim -c "set backupcopy=no"'
}

test_neovim_shows_a_refusal() {
	need nvim
	refused_by_vi nvim
}

test_vim_in_a_script_fails_with_a_status() {
	need vim
	fresh
	cd "$USERS"
	fails vim -es -c '%s/{/[/' -c 'wq' "$NAME"
	cd "$WORK"
	unchanged
}

test_ed_shows_a_refusal() {
	need ed
	fresh
	cd "$USERS"
	fails bash -c "printf ',s/\"Age\": /\"Age\" /\nw\nQ\n' | ed -s '$NAME'"
	cd "$WORK"
	unchanged
}

test_nano_shows_a_refusal() {
	need nano
	fresh
	tty_start "$USERS" "nano $NAME"
	tty_wait FirstName
	typed 'x'
	keys C-o
	tty_wait 'to Write'
	keys Enter
	tty_wait 'Error|Invalid argument'
	tty_quit
	unchanged
}

test_emacs_shows_a_refusal() {
	need emacs
	fresh
	tty_start "$USERS" "emacs -nw $NAME"
	tty_wait FirstName
	typed 'x'
	keys C-x C-s
	tty_wait 'nvalid argument|rror|Yes|yes'
	tty_quit
	unchanged
}

test_joe_shows_a_refusal() {
	need joe
	fresh
	tty_start "$USERS" "joe $NAME"
	tty_wait FirstName
	typed 'x'
	keys C-k d
	tty_wait 'Name of file|to save'
	keys Enter
	tty_wait 'rror'
	tty_quit
	unchanged
}

test_mg_shows_a_refusal() {
	need mg
	fresh
	tty_start "$USERS" "mg $NAME"
	tty_wait FirstName
	typed 'x'
	# mg itself says nothing of a write that failed; but the buffer stays modified.
	keys C-x C-s
	keys C-x C-c
	tty_wait 'odified|ave'
	tty_quit
	unchanged
}

clean_up_more() {
	tty_quit
}

run_tests "$@"
