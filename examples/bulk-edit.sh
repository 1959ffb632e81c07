#!/bin/bash
# A change of many items with a way back: backup, change, look at the difference.
#   examples/bulk-edit.sh MOUNTPOINT
set -eu
orders=$1/dynamodb/Orders

echo "backup before-bulk-edit" >"$orders/.control"

# Every open order gets a member more. jq reads the item, the shell writes it back.
grep -rlZ '"Status": "open"' "$orders" | while IFS= read -r -d '' item; do
	changed=$(jq '.Priority = (.Total > 100)' "$item")
	echo "$changed" >"$item"
done

diff -r "$orders/.snapshots/before-bulk-edit" "$orders" || true
echo "priority orders:"
grep -rl '"Priority": true' "$orders"
echo "delete-backup before-bulk-edit" >"$orders/.control"
