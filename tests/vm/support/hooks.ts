import type { Machine } from "./machine.ts";

/** Hook scripts of the test, written into the guest's /etc/lull/hooks.d. */

const LOG = "/run/hooks.log";

/** A script writes its name and what it was told into the log, then does this. */
export async function addHook(
  machine: Machine,
  name: string,
  body = "",
): Promise<void> {
  await machine.sh(
    `mkdir -p /etc/lull/hooks.d; cat >/etc/lull/hooks.d/${name} <<'END'\n` +
      "#!/bin/sh\n" +
      `echo "${name} $1 $LULL_OPERATION $LULL_GENERATION $LULL_OUTCOME" >>${LOG}\n` +
      `${body}\nEND\nchmod +x /etc/lull/hooks.d/${name}`,
  );
}

/** Removes a script. */
export async function removeHook(machine: Machine, name: string) {
  await machine.sh(`rm /etc/lull/hooks.d/${name}`);
}

/** What was called since the last question, a line each. */
export async function called(machine: Machine): Promise<string[]> {
  const text = await machine.sh(`touch ${LOG}; cat ${LOG}; rm ${LOG}`);
  return text === "" ? [] : text.split("\n").map((line) => line.trimEnd());
}

/** As the stock script for MySQL: holds a lock between freeze and thaw. */
export const FLUSH = `lock=/run/flushed
case "$1" in
  freeze) echo "FLUSH TABLES WITH READ LOCK" >$lock ;;
  thaw) rm $lock ;;
esac`;

/** Neither ends nor lets its child be ended by SIGTERM. */
export const HANG = `[ "$1" = thaw ] && exit 0
(trap '' TERM; while :; do sleep 333; done) &
trap '' TERM
wait; sleep 333`;

/** Fails with a reason. */
export const FAIL = `[ "$1" = thaw ] && exit 0
echo "no space left" >&2
exit 3`;
