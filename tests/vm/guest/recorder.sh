#!/bin/bash
# Writes a line each few milliseconds: a count, the wall clock in seconds, and
# the seconds since the boot, which stand still while the machine does.
# recorder FILE
mkfifo "$1.wait"
exec 3>>"$1" 4<>"$1.wait"
count=0
while :; do
  count=$((count + 1))
  wall=$EPOCHREALTIME
  read -r uptime _ </proc/uptime
  echo "$count $wall $uptime" >&3
  read -rt 0.002 -u 4
done
