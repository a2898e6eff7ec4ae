import { until } from "../../support/until.ts";

/** What a command in the guest gave. */
export interface ExecResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How long an answer from the guest may take, in milliseconds. */
export const ANSWER_LIMIT = 120_000;

/** Milliseconds of the tries until a guest that boots answers: each twice the last. */
const FIRST_TRY_MS = 400;
const LONGEST_TRY_MS = 10_000;

/** The ports on 127.0.0.1 of this host that lead into a guest. */
export interface GuestPorts {
  readonly agent: number;
  readonly helper: number;
}

/** What a host can do with a guest over the network: ask the agent, run commands. */
export abstract class Guest {
  #ports: GuestPorts;

  constructor(ports: GuestPorts) {
    this.#ports = ports;
  }

  /** Where this host reaches the agent. */
  get url(): string {
    return `http://127.0.0.1:${this.#ports.agent}`;
  }

  /** The port of `url`, for tests that open sockets of their own. */
  get port(): number {
    return this.#ports.agent;
  }

  get #helperUrl(): string {
    return `http://127.0.0.1:${this.#ports.helper}/cgi-bin/exec`;
  }

  /** From now on this host goes this way. */
  protected goBy(ports: GuestPorts): void {
    this.#ports = ports;
  }

  /** Resolves when the machine is gone. */
  protected abstract readonly gone: Promise<void>;

  /** What the machine said last. */
  abstract lastWords(): string;

  /** One request to the agent, on a connection of its own. */
  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    return await fetch(`${this.url}${path}`, {
      keepalive: false,
      signal: AbortSignal.timeout(ANSWER_LIMIT),
      ...init,
    });
  }

  /** Runs a shell script in the guest, through the test image's own server. */
  async exec(script: string, limitMs = ANSWER_LIMIT): Promise<ExecResult> {
    const response = await fetch(this.#helperUrl, {
      method: "POST",
      body: script,
      keepalive: false,
      signal: AbortSignal.timeout(limitMs),
    });
    const bytes = new Uint8Array(await response.arrayBuffer());
    const head = bytes.indexOf(10) + 1;
    const decoder = new TextDecoder();
    const [code, length] = decoder.decode(bytes.subarray(0, head)).split(" ");
    const end = head + Number(length);
    if (!response.ok || head === 0 || bytes.length < end) {
      throw new Error(
        `Cannot run a command in the guest: ${response.status}, ${bytes.length} bytes`,
      );
    }
    return {
      code: Number(code),
      stdout: decoder.decode(bytes.subarray(head, end)),
      stderr: decoder.decode(bytes.subarray(end)),
    };
  }

  /** As `exec`, but fails if the command does, and gives its output without the last line break. */
  async sh(script: string): Promise<string> {
    const { code, stdout, stderr } = await this.exec(script);
    if (code !== 0) {
      throw new Error(`Cannot run ${script}: exit code ${code}, ${stderr}`);
    }
    return stdout.trimEnd();
  }

  /** Waits until the agent answers GET /health with 200; gives the milliseconds. */
  async ready(limitMs = 120_000): Promise<number> {
    return await this.#answers("the agent", `${this.url}/health`, limitMs);
  }

  /** Waits until commands can be run; gives the milliseconds. */
  async helperReady(limitMs = 120_000): Promise<number> {
    return await this.#answers("the helper", this.#helperUrl, limitMs);
  }

  async #answers(what: string, url: string, limitMs: number): Promise<number> {
    const start = performance.now();
    let ended = false;
    let triedMs = FIRST_TRY_MS;
    this.gone.then(() => ended = true);
    try {
      await until(`${what} of the guest`, async () => {
        if (ended) throw new Error(`QEMU ended: ${this.lastWords()}`);
        try {
          // Before the guest's network is up the connection opens and says nothing:
          // hence short tries. A slow guest needs longer ones for its first answer.
          const signal = AbortSignal.timeout(triedMs);
          triedMs = Math.min(LONGEST_TRY_MS, 2 * triedMs);
          return (await fetch(url, { signal, keepalive: false })).ok;
        } catch {
          // Not there yet; `until` has the limit.
          return false;
        }
      }, limitMs);
    } catch (error) {
      throw new Error(`${error}\n${this.lastWords()}`, { cause: error });
    }
    return performance.now() - start;
  }
}
