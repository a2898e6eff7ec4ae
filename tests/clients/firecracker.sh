#!/bin/sh
# A snapshot of a Firecracker machine and its restore, as a host does it:
# prepare, pause, snapshot, load into another Firecracker process, recover.
#
# Usage: firecracker.sh API ADDRESS NEW_API NEW_ADDRESS DIRECTORY
#   API, NEW_API          unix sockets of Firecracker's API; nothing is loaded in the new one
#   ADDRESS, NEW_ADDRESS  agent in the machine and in its copy, for example
#                         fc:/srv/vm1/vsock:49983
#   DIRECTORY             where the snapshot goes
set -eu
if [ $# -ne 5 ]; then
  echo "Usage: firecracker.sh API ADDRESS NEW_API NEW_ADDRESS DIRECTORY" >&2
  exit 2
fi
api=$1 address=$2 new_api=$3 new_address=$4 directory=$5
lull=${LULL:-lull}

# One call of Firecracker's API; fails if Firecracker refuses it.
call() { # SOCKET METHOD PATH JSON
  curl --silent --show-error --fail --unix-socket "$1" -X "$2" "http://localhost$3" \
    -H 'Content-Type: application/json' -d "$4"
}

# The machine must run again, whatever fails from the prepare on.
give_up() {
  call "$api" PATCH /vm '{"state":"Resumed"}' || true
  $lull recover --url "$address" --outcome resumed || true
  echo "firecracker.sh: no snapshot, the machine runs again" >&2
  exit 1
}

# Returns when the guest is settled: the machine may be paused.
$lull prepare --url "$address" --lease 60 || exit 1
call "$api" PATCH /vm '{"state":"Paused"}' || give_up
call "$api" PUT /snapshot/create "{
  \"snapshot_type\": \"Full\",
  \"snapshot_path\": \"$directory/state\",
  \"mem_file_path\": \"$directory/memory\"
}" || give_up

call "$new_api" PUT /snapshot/load "{
  \"snapshot_path\": \"$directory/state\",
  \"mem_backend\": { \"backend_type\": \"File\", \"backend_path\": \"$directory/memory\" },
  \"resume_vm\": true
}"
# Sends this host's time and fresh random bytes.
$lull recover --url "$new_address" --outcome restored
