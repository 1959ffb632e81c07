#!/bin/bash
# A table's history in git: a repository beside the mount whose work tree is the table.
#   examples/history-in-git.sh MOUNTPOINT [REPOSITORY]
set -eu
music=$1/dynamodb/Music
repository=${2:-$(mktemp -d)/music.git}

g() {
	git --git-dir="$repository" --work-tree="$music" -c user.name=demo -c user.email=demo@example.com "$@"
}

g init -q
g add .
g commit -qm 'as found'

song="$music/Orkester Ö/100%25 Sure.json"
sed -i 's/"Year": 2023/"Year": 2024/' "$song"
g diff --stat
g commit -qam 'the year was wrong'
g log --oneline

# Back to how it was: git writes the item.
g checkout -q HEAD~1 -- "Orkester Ö/100%25 Sure.json"
jq .Year "$song"
