#!/bin/sh
# One command of a test: the body is a shell script. The answer is one line with
# the exit code and the length of the standard output, then both outputs.
# Files and not pipes, so that a program left in the background holds nothing.
folder=$(mktemp -d /run/exec.XXXXXX)
head -c "$CONTENT_LENGTH" >"$folder/script"
sh "$folder/script" </dev/null >"$folder/out" 2>"$folder/err"
code=$?
printf 'Content-Type: application/octet-stream\r\n\r\n'
echo "$code $(wc -c <"$folder/out")"
cat "$folder/out" "$folder/err"
rm -r "$folder"
