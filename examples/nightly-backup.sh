#!/bin/bash
# A backup of every table, named by the day; and the files of one, packed to take away.
#   examples/nightly-backup.sh MOUNTPOINT [DIRECTORY]
set -eu
tree=$1
away=${2:-$(mktemp -d)}
day=$(date -u +%Y-%m-%d-%H%M%S)

for table in "$tree"/dynamodb/*/; do
	echo "backup nightly-$day" >"$table/.control"
	name=$(basename "$table")
	tar czf "$away/$name-$day.tar.gz" -C "$table/.snapshots/nightly-$day" .
	echo "$name: $(tar tzf "$away/$name-$day.tar.gz" | grep -c 'json$') items in $away/$name-$day.tar.gz"
done

# Keep the newest three of each table.
for table in "$tree"/dynamodb/*/; do
	find "$table/.snapshots" -mindepth 1 -maxdepth 1 -name 'nightly-*' -printf '%f\n' | sort -r | tail -n +4 |
		while read -r old; do
			echo "delete-backup $old" >"$table/.control"
		done
done
