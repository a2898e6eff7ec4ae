/**
 * The preloads: which files each one has, and what makes programs load them.
 * @module
 */
import type { PreloadName } from "../../config/preloads.ts";
import { NODE_OPENSSL, PYTHON, SCRIPT } from "./texts.ts";

/** The directory of the files, in the guest. */
export const FOLDER = "/usr/lib/lull/preload";

const PYTHON_FILE = `${FOLDER}/lull_random.py`;
const SCRIPT_FILE = `${FOLDER}/lull_random.cjs`;
const NODE_OPENSSL_FILE = `${FOLDER}/node_openssl.cnf`;

/** All files of the directory; packages have them, too. */
export const FILES: Readonly<Record<string, string>> = {
  [PYTHON_FILE]: PYTHON,
  [SCRIPT_FILE]: SCRIPT,
  [NODE_OPENSSL_FILE]: NODE_OPENSSL,
};

/** A variable of the environment that makes a runtime load a file. */
interface Variable {
  readonly name: string;
  readonly flags: readonly string[];
}

/** One preload. */
export interface Preload {
  /** The files that it needs, by their paths in the guest. */
  readonly files: readonly string[];
  /** Set in login shells and in the services of systemd. */
  readonly variable?: Variable;
  /** Put into each directory of Python's packages. */
  readonly pth?: string;
  /** What to do for programs that do not get it. */
  readonly note: string;
}

const variable = (name: string, ...flags: string[]): Preload["variable"] => ({
  name,
  flags,
});

const REQUIRE = `--require=${SCRIPT_FILE}`;
const NODE = variable("NODE_OPTIONS", REQUIRE);
const NODE_WITH_OPENSSL = variable(
  "NODE_OPTIONS",
  REQUIRE,
  `--openssl-config=${NODE_OPENSSL_FILE}`,
);
const BUN = variable("BUN_OPTIONS", `--preload=${SCRIPT_FILE}`);

/** What to do for the programs that no login shell and no systemd starts. */
function noteOf(set: Preload["variable"]): string {
  const { name, flags } = set!;
  return `login shells and services of systemd get ${name} from their next start on; other programs need ${name}="${
    flags.join(" ")
  }"`;
}

/** A line of a .pth file, which Python executes at its start (the module `site`). */
const PTH =
  `import os, sys; p = "${FOLDER}"; os.path.exists(p + "/lull_random.py") and (sys.path.append(p), __import__("lull_random"), sys.path.remove(p))\n`;

/** All preloads, by their names. */
export const PRELOADS: Readonly<Record<PreloadName, Preload>> = {
  python: {
    files: [PYTHON_FILE],
    pth: PTH,
    note:
      "a virtual environment of Python, and a Python of pyenv or conda, needs a copy of lull.pth in its own site-packages",
  },
  node: { files: [SCRIPT_FILE], variable: NODE, note: noteOf(NODE) },
  "node-openssl": {
    files: [SCRIPT_FILE, NODE_OPENSSL_FILE],
    variable: NODE_WITH_OPENSSL,
    note: noteOf(NODE_WITH_OPENSSL),
  },
  bun: { files: [SCRIPT_FILE], variable: BUN, note: noteOf(BUN) },
  deno: {
    files: [SCRIPT_FILE],
    note:
      `Deno reads no variable: start its programs with deno run --preload=${SCRIPT_FILE}, and let them read this file, /run/lull/generation and /dev/urandom`,
  },
};

/** The files that set the variable of a preload, by their paths; empty if it has none. */
export function settingsOf(
  name: PreloadName,
  hasSystemd: boolean,
): Record<string, string> {
  const { variable } = PRELOADS[name];
  if (variable === undefined) return {};
  const manager = managerConfig(variable);
  // If two files set one variable, systemd takes the last one: node-openssl has the flags of node, too.
  const file = `${name === "node-openssl" ? 51 : 50}-lull-preload-${name}.conf`;
  return {
    [`/etc/profile.d/lull-preload-${name}.sh`]: profileScript(variable),
    ...hasSystemd && {
      [`/etc/systemd/system.conf.d/${file}`]: manager,
      [`/etc/systemd/user.conf.d/${file}`]: manager,
    },
  };
}

/** Adds the flags that the variable does not have yet. */
function profileScript({ name, flags }: Variable): string {
  const lines = flags.map((flag) =>
    `case " $${name} " in
*" ${flag} "*) ;;
*) export ${name}="\${${name}:+$${name} }${flag}" ;;
esac
`
  );
  return `# Written by \`lull install --preload\`.\n${lines.join("")}`;
}

/** systemd-system.conf(5): all services get the variable. */
function managerConfig({ name, flags }: Variable): string {
  return `# Written by \`lull install --preload\`.
[Manager]
DefaultEnvironment="${name}=${flags.join(" ")}"
`;
}
