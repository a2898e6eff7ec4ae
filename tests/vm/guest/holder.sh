#!/bin/bash
# Holds a TCP connection, never sends, and writes down what comes of it.
# holder HOST PORT FILE
exec 3<>"/dev/tcp/$1/$2" 4>>"$3" || exit 1
echo open >&4
while IFS= read -r -u 3 line; do
  echo "line $line" >&4
done 2>&4
echo "ended $EPOCHREALTIME" >&4
