/**
 * The services that start Lull in a guest: a systemd unit and an OpenRC script.
 * @module
 */
import { SETTINGS } from "../runtime/bun/prepare_process.ts";
import { nodeCrypto } from "../util/lazy_builtins.ts";

/** The path of the installed binary. */
export const BINARY = "/usr/local/bin/lull";

/**
 * The agent's oom_score_adj, in thousandths of all memory
 * (proc_pid_oom_score_adj(5)): if memory runs out, the OOM killer kills other
 * processes first. Its hooks are not protected (linux/oom_score.ts). The value is not
 * -1000, which exempts a process from the OOM killer: an agent that uses up the memory
 * must be killed.
 */
const OOM_SCORE_ADJ = -900;

const NOTE = [
  "# Written by `lull install`. The next install replaces this file. A file that was",
  "# edited is kept.",
];

/**
 * The settings of the runtime. With them in its environment, the agent need not execute itself
 * again. The agent removes them, so that its hooks do not inherit them.
 */
const ENVIRONMENT = Object.entries(SETTINGS)
  .map(([name, value]) => `${name}=${value}`);
const ENVIRONMENT_NOTE =
  "# Settings of the runtime. Without them, the start takes about 6 ms longer.";

/** The unit, as `lull install` writes it. */
export const UNIT = seal(unit(BINARY, `${NOTE.join("\n")}\n`));

/** The OpenRC script, as `lull install` writes it. */
export const OPENRC_SCRIPT = seal(
  openrcScript(BINARY, `${NOTE.join("\n")}\n`),
);

/**
 * The preset: systemd.preset(5). An image applies presets at its first boot, and
 * then disables each unit that only a link enables.
 */
export const PRESET = "enable lull.service\n";

/**
 * The unit that starts the binary: systemd.service(5), systemd.exec(5),
 * systemd.kill(5). A systemd that does not know a key ignores it.
 */
export function unit(binary: string, note = ""): string {
  return `${note}[Unit]
Description=Lull, makes this machine safe to snapshot and correct after the restore
Documentation=man:lull(8)
After=local-fs.target
# The host calls Lull at any time: no limit on the number of restarts.
StartLimitIntervalSec=0

[Service]
# Lull says that it is ready once it listens. There is no watchdog: time jumps at a restore.
Type=notify
ExecStart=${binary}
${ENVIRONMENT_NOTE}
${ENVIRONMENT.map((setting) => `Environment=${setting}`).join("\n")}
# A preload of Bun's programs (lull install --preload) is not for the agent itself.
UnsetEnvironment=BUN_OPTIONS
Restart=always
# The pauses between restarts grow (systemd 254). The longest is short, because a
# quiesced guest stays quiesced until the next agent undoes it.
RestartSec=100ms
RestartSteps=6
RestartMaxDelaySec=5s
# A hook that uses up the memory is killed, and Lull rolls the prepare back: systemd
# does not end Lull for it.
OOMPolicy=continue
# If memory runs out, other processes are killed first. The hooks of Lull are not
# protected.
OOMScoreAdjust=${OOM_SCORE_ADJ}
# The host may give the token as a credential (systemd 254). Lull then needs no --token-file.
ImportCredential=lull.token
# The generation file and the journal of changes outlive the agent.
RuntimeDirectory=lull
RuntimeDirectoryMode=0755
RuntimeDirectoryPreserve=yes
# On SIGTERM only the agent gets the signal, because it recovers and runs its hooks.
KillMode=mixed
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
`;
}

/** The script that starts the binary: openrc-run(8), supervise-daemon(8). */
export function openrcScript(binary: string, note = ""): string {
  return `#!/sbin/openrc-run
${note}name="lull"
description="Makes this machine safe to snapshot and correct after the restore"
supervisor="supervise-daemon"
${ENVIRONMENT_NOTE}
${ENVIRONMENT.map((setting) => `export ${setting}`).join("\n")}
command="${binary}"
# No limit on the number of restarts. Since OpenRC 0.62, the pauses between them grow.
respawn_delay=1
respawn_max=0
# On SIGTERM the agent recovers and runs its hooks. The default of 5 s is over before that, and a
# restart would start the next agent beside this one.
retry="TERM/90/KILL/5"
output_logger="logger -t lull -p daemon.info"
error_logger="logger -t lull -p daemon.info"
rc_ulimit="-n 65536"

depend() {
	need localmount
	after bootmisc
}

start_pre() {
	# The generation file and the journal of changes outlive the agent.
	checkpath --directory --mode 0755 /run/lull || return 1
	# If memory runs out, other processes are killed first. The agent inherits this.
	echo ${OOM_SCORE_ADJ} 2>/dev/null > /proc/self/oom_score_adj ||
		ewarn "Lull is not protected when memory runs out"
	return 0
}
`;
}

/** Inserts a line with the checksum of all other lines, after the note. */
function seal(text: string): string {
  const note = `${NOTE.join("\n")}\n`;
  return text.replace(note, () => `${note}${sealOf(text)}\n`);
}

function sealOf(text: string): string {
  return `# sha256 ${
    nodeCrypto().createHash("sha256").update(text).digest("hex")
  }`;
}

/** Whether an install, of any version, wrote exactly this text. */
export function isSealed(text: string): boolean {
  const found = /^# sha256 [0-9a-f]{64}\n/m.exec(text);
  if (found === null) return false;
  return `${sealOf(text.replace(found[0], ""))}\n` === found[0];
}
