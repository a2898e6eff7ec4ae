/**
 * A port subsystem of its own for each of its tests.
 * @module
 */
import { Scanner } from "../../src/ports/scanner.ts";
import { PortSubsystem } from "../../src/ports/subsystem.ts";
import type { PortSubsystemOptions } from "../../src/ports/subsystem_options.ts";
import { deferred } from "../support/deferred.ts";
import { until } from "../support/until.ts";
import {
  echoAfterEnd,
  FORWARD_ADDRESS,
  RecordedLog,
  STOP_LIMIT_MS,
  TestServer,
  watchedRuntime,
  WORKER_URL,
} from "./net.ts";

/** A subsystem, a server that it may find, and the threads of its workers. */
export class Scanning {
  readonly #made: PortSubsystem[] = [];
  readonly server = new TestServer(echoAfterEnd);
  readonly log = new RecordedLog();
  own: number[] = [];
  /** Ports of this test: what else listens on this machine is left alone. */
  readonly mine = new Set<number>();
  readonly threads: Awaited<ReturnType<typeof watchedRuntime>>;
  /** The one that `end` stops. */
  ports: PortSubsystem;

  private constructor(threads: Awaited<ReturnType<typeof watchedRuntime>>) {
    this.threads = threads;
    this.ports = this.make({});
  }

  static async start(): Promise<Scanning> {
    return new Scanning(await watchedRuntime());
  }

  async end(): Promise<void> {
    await this.ports.stop();
    for (const ports of this.#made) ports.dispose();
    await this.server.close();
  }

  make(overrides: Partial<PortSubsystemOptions>): PortSubsystem {
    const options: PortSubsystemOptions = {
      scanIntervalMs: 10,
      forwardAddresses: [FORWARD_ADDRESS],
      ownPorts: () => this.own,
      workerUrl: WORKER_URL,
      runtime: this.threads.runtime,
      libc: this.threads.libc,
      queue: deferred(),
      log: this.log,
      stopLimitMs: STOP_LIMIT_MS,
      ...overrides,
    };
    const ports = this.#make(options, "scanner" in overrides);
    this.#made.push(ports);
    return ports;
  }

  #make(options: PortSubsystemOptions, scans: boolean): PortSubsystem {
    if (scans) return new PortSubsystem(options);
    // From the tables in /proc; netlink is used where a test makes its scanner itself.
    const scanner = new Scanner({ ...options, libc: undefined });
    const { mine } = this;
    return new PortSubsystem({
      ...options,
      scanner: {
        scan: () => new Map([...scanner.scan()].filter(([p]) => mine.has(p))),
        isTaken: (address, port) => scanner.isTaken(address, port),
        close: () => scanner.close(),
      },
    });
  }

  async listen(host: string, port?: number): Promise<number> {
    const chosen = await this.server.listen(host, port);
    this.mine.add(chosen);
    return chosen;
  }

  forwarded(port: number) {
    return until(
      `port ${port} to be forwarded`,
      () => this.status(port)?.listening,
    );
  }

  status(port: number) {
    return this.ports.status().ports.find((one) => one.port === port);
  }
}
