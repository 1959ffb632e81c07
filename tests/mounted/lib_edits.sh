# shellcheck shell=bash
# Real editors at work: each edit_EDITOR DIRECTORY changes "John" to "Johnny" in the file $NAME
# there, which holds the word FirstName.

# ------------------------------------------------------------------ a terminal

# tty_start DIRECTORY COMMAND..: in a terminal of 100 x 30; $TTY will hold its exit status.
tty_start() {
	need tmux
	TTY=$WORK/tty.$RANDOM$RANDOM
	# Of its own: a server that was told to go may take a moment.
	SOCKET=$TTY.sock
	tmux -S "$SOCKET" -f /dev/null new-session -d -x 100 -y 30 -c "$WORK" \
		"cd '$1' && $2; echo \$? >'$TTY'"
}

screen() {
	tmux -S "$SOCKET" capture-pane -p
}

screen_has() {
	screen | grep -qE "$1"
}

tty_wait() {
	wait_for 20 screen_has "$1" || { screen; return 1; }
}

keys() {
	tmux -S "$SOCKET" send-keys "$@"
}

# What was typed must have been taken before the next thing is waited for.
typed() {
	keys -l "$1"
}

tty_end() {
	if ! wait_for 20 test -s "$TTY"; then
		screen
		tmux -S "$SOCKET" kill-server
		return 1
	fi
	check_eq "exit status" "${1:-0}" "$(cat "$TTY")"
}

tty_quit() {
	local socket
	for socket in "$WORK"/tty.*.sock; do
		tmux -S "$socket" kill-server 2>/dev/null || true
	done
}

# ------------------------------------------------------------------ edits

edit_vi() {
	tty_start "$1" "$2 $NAME"
	tty_wait FirstName
	typed ':%s/"John"/"Johnny"/'
	keys Enter
	tty_wait '"Johnny"'
	typed ':wq'
	keys Enter
	tty_end 0
}

edit_nano() {
	tty_start "$1" "nano $NAME"
	tty_wait FirstName
	keys M-r
	tty_wait 'to replace'
	typed '"John"'
	keys Enter
	tty_wait 'Replace with'
	typed '"Johnny"'
	keys Enter
	tty_wait 'Replace this instance'
	typed 'A'
	tty_wait 'Replaced'
	keys C-o
	tty_wait 'to Write'
	keys Enter
	tty_wait 'Wrote'
	keys C-x
	tty_end 0
}

edit_emacs() {
	tty_start "$1" "emacs -nw $NAME"
	tty_wait FirstName
	keys M-x
	tty_wait 'M-x'
	typed 'replace-string'
	keys Enter
	tty_wait 'Replace string'
	typed '"John"'
	keys Enter
	tty_wait 'with:'
	typed '"Johnny"'
	keys Enter
	tty_wait 'Replaced 1'
	keys C-x C-s
	tty_wait 'Wrote'
	keys C-x C-c
	tty_end 0
}

edit_joe() {
	tty_start "$1" "joe $NAME"
	tty_wait FirstName
	keys C-k f
	tty_wait 'Find'
	typed '"John"'
	keys Enter
	tty_wait '[Rr]\)?eplace'
	typed 'r'
	keys Enter
	tty_wait 'Replace with'
	typed '"Johnny"'
	keys Enter
	tty_wait '\(Y\)es|Replace \(?[Yy]'
	typed 'y'
	tty_wait '"Johnny"'
	keys C-k x
	tty_end 0
}

edit_mg() {
	tty_start "$1" "mg $NAME"
	tty_wait FirstName
	keys M-%
	tty_wait 'Query replace'
	typed '"John"'
	keys Enter
	tty_wait 'with'
	typed '"Johnny"'
	keys Enter
	tty_wait 'Query replacing'
	typed '!'
	tty_wait '"Johnny"'
	keys C-x C-s
	tty_wait 'Wrote'
	keys C-x C-c
	tty_end 0
}

edit_ed() {
	(cd "$1" && printf ',s/"John"/"Johnny"/\nw\nq\n' | ed -s "$NAME")
}

edit_ex() {
	local directory=$1
	shift
	(cd "$directory" && printf '%%s/"John"/"Johnny"/\nwq\n' | "$@" "$NAME")
}

edit_emacs_batch() {
	(cd "$1" && emacs --batch "$NAME" --eval '(progn (replace-string "\"John\"" "\"Johnny\"") (save-buffer))')
}
