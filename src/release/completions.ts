/**
 * Completions of the command line for bash, zsh and fish.
 * @module
 */
import { type CommandLine, commandLines, type Flag } from "./commands.ts";

/** The flags of all commands, each once. */
const allFlags: readonly Flag[] = [
  ...new Map(
    commandLines.flatMap(({ flags }) => flags).map((flag) => [flag.flag, flag]),
  ).values(),
];
const names = commandLines.map(({ name }) => name);

/** For bash: complete(1). Readline splits `--flag=value` at the sign. */
export function bashCompletion(): string {
  const cases = allFlags.flatMap(({ flag, value }) => {
    if (value === undefined) return [];
    const action = value.kind === "words"
      ? `-W "${value.words.join(" ")}"`
      : { file: "-f", directory: "-d", other: undefined }[value.kind];
    return `    ${flag}) ${
      action ? `COMPREPLY=($(compgen ${action} -- "$cur")); ` : ""
    }return ;;`;
  });
  return `# bash completion for lull(8)
_lull() {
  local cur=\${COMP_WORDS[COMP_CWORD]} flag=\${COMP_WORDS[COMP_CWORD-1]} command= word words
  if [[ $cur == = ]]; then
    cur=
  elif [[ $flag == = ]]; then
    flag=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  COMPREPLY=()
  case $flag in
${cases.join("\n")}
  esac
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in
      ${names.join("|")}) command=$word ;;
    esac
  done
  case $command in
${
    commandLines.map((line) => `    ${line.name}) words="${flagsOf(line)}" ;;`)
      .join("\n")
  }
    *) words="${names.join(" ")} ${flagsOf(commandLines[0])}" ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F _lull lull
`;
}

function flagsOf({ flags }: CommandLine): string {
  return flags.map(({ flag }) => flag).join(" ");
}

/** For zsh: zshcompsys(1). */
export function zshCompletion(): string {
  const argument = ({ flag, description, value }: Flag) => {
    const about = `[${description.replaceAll(/[\\[\]]/g, "\\$&")}]`;
    if (value === undefined) return quote(`${flag}${about}`);
    const action = {
      words: () => `(${value.kind === "words" ? value.words.join(" ") : ""})`,
      file: () => "_files",
      directory: () => "_files -/",
      other: () => " ",
    }[value.kind]();
    return quote(`${flag}=${about}:value:${action}`);
  };
  const described = commandLines.map(({ name, description }) =>
    quote(`${name}:${description.replaceAll(":", "\\:")}`)
  );
  return `#compdef lull
_lull() {
  local -a names flags
  names=(
    ${described.join("\n    ")}
  )
  case \${words[(r)(${names.join("|")})]} in
${
    commandLines.slice(1).map(({ name, flags }) =>
      `    ${name}) flags=(\n      ${
        flags.map(argument).join("\n      ")
      }\n    ) ;;`
    ).join("\n")
  }
    *) flags=(
      ${commandLines[0].flags.map(argument).join("\n      ")}
    ) ;;
  esac
  _arguments -S '1:command:{_describe command names}' $flags
}
_lull "$@"
`;
}

/** For fish: complete(1). */
export function fishCompletion(): string {
  const others = names.slice(1).join(" ");
  const lines = ["# fish completion for lull(8)", "complete -c lull -f"];
  for (const { name, description } of commandLines) {
    lines.push(
      `complete -c lull -n "not __fish_seen_subcommand_from ${
        names.join(" ")
      }" -a ${name} -d ${quote(description)}`,
    );
  }
  for (const [index, { name, flags }] of commandLines.entries()) {
    const when = index === 0
      ? `not __fish_seen_subcommand_from ${others}`
      : `__fish_seen_subcommand_from ${name}`;
    for (const { flag, description, value } of flags) {
      const takes = value === undefined ? "" : {
        words: () =>
          ` -x -a ${
            quote(value.kind === "words" ? value.words.join(" ") : "")
          }`,
        file: () => " -r -F",
        directory: () => ' -x -a "(__fish_complete_directories)"',
        other: () => " -x",
      }[value.kind]();
      lines.push(
        `complete -c lull -n "${when}" -l ${flag.slice(2)}${takes} -d ${
          quote(description)
        }`,
      );
    }
  }
  return `${lines.join("\n")}\n`;
}

/** Quotes a text for zsh and fish. No description has a backslash. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
