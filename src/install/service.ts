/**
 * What starts Lull in a guest: a unit of systemd, a script of OpenRC.
 * @module
 */
import { nodeCrypto } from "../util/lazy_builtins.ts";

/** Where the binary goes. */
export const BINARY = "/usr/local/bin/lull";

/**
 * What the kernel adds to the badness of the agent when memory runs out, in
 * thousandths of all memory (proc_pid_oom_score_adj(5)): whatever else runs goes
 * first. Not -1000, which exempts from the OOM killer: hooks inherit it, and one
 * that eats all the memory must have an end.
 */
const OOM_SCORE_ADJ = -900;

const NOTE = [
  "# Written by `lull install`. The next one replaces this file, unless it was",
  "# changed: then it keeps it.",
];

/** systemd.service(5), systemd.exec(5), systemd.kill(5) */
export const UNIT = seal(`${NOTE.join("\n")}
[Unit]
Description=Lull, makes this machine safe to snapshot and right after the restore
After=local-fs.target
# The host calls whatever happened before: no limit to how often it starts.
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=${BINARY}
Restart=always
RestartSec=100ms
# The last to go when memory runs out, but not exempt: hooks inherit this.
OOMScoreAdjust=${OOM_SCORE_ADJ}
# The generation and the journal of what is frozen outlive the agent.
RuntimeDirectory=lull
RuntimeDirectoryMode=0755
RuntimeDirectoryPreserve=yes
# The agent recovers when it is told to end, and its hooks run meanwhile.
KillMode=mixed
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
`);

/** openrc-run(8), supervise-daemon(8) */
export const OPENRC_SCRIPT = seal(`#!/sbin/openrc-run
${NOTE.join("\n")}
name="lull"
description="Makes this machine safe to snapshot and right after the restore"
supervisor="supervise-daemon"
command="${BINARY}"
# Started again for ever.
respawn_delay=1
respawn_max=0
output_logger="logger -t lull -p daemon.info"
error_logger="logger -t lull -p daemon.info"
rc_ulimit="-n 65536"

depend() {
	need localmount
	after bootmisc
}

start_pre() {
	# The generation and the journal of what is frozen outlive the agent.
	checkpath --directory --mode 0755 /run/lull || return 1
	# The last to go when memory runs out; the agent inherits it from here.
	echo ${OOM_SCORE_ADJ} 2>/dev/null > /proc/self/oom_score_adj ||
		ewarn "Lull is not protected when memory runs out"
	return 0
}
`);

/** A line with the checksum of all the others, after those of the note. */
function seal(text: string): string {
  const note = `${NOTE.join("\n")}\n`;
  return text.replace(note, () => `${note}${sealOf(text)}\n`);
}

function sealOf(text: string): string {
  return `# sha256 ${
    nodeCrypto().createHash("sha256").update(text).digest("hex")
  }`;
}

/** Whether an install, of this version or another, wrote just this text. */
export function isSealed(text: string): boolean {
  const found = /^# sha256 [0-9a-f]{64}\n/m.exec(text);
  if (found === null) return false;
  return `${sealOf(text.replace(found[0], ""))}\n` === found[0];
}
