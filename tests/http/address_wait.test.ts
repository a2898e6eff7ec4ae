import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import type {
  ListenAddress,
  RuntimeServer,
  ServeOptions,
} from "../../src/runtime/types.ts";
import { Listeners, type ListenersOptions } from "../../src/http/listeners.ts";
import { until } from "../support/until.ts";

/** A machine that has the addresses that the test gives it. */
class Machine {
  readonly addresses = new Set(["127.0.0.1"]);
  readonly tries: string[] = [];
  readonly open = new Set<string>();
  /** What each try fails with, whatever the machine has. */
  refusal: string | undefined;
  /** Runs in the middle of a try. */
  meanwhile = () => Promise.resolve();

  async serve(options: ServeOptions): Promise<RuntimeServer> {
    const { host, port } = options as ListenAddress & {
      host: string;
      port: number;
    };
    this.tries.push(host);
    await this.meanwhile();
    const code = this.refusal ??
      (this.addresses.has(host) ? undefined : "EADDRNOTAVAIL");
    if (code !== undefined) {
      const cause = Object.assign(new Error(code), { code });
      throw new Error(`Cannot listen on ${host}:${port}: ${code}`, { cause });
    }
    this.open.add(host);
    return {
      port: 80,
      closeIdle() {},
      stop: () => void this.open.delete(host),
    };
  }
}

describe("addresses that the machine does not have yet", () => {
  let machine: Machine;
  let listeners: Listeners;
  let heard: string[];
  let options: ListenersOptions;
  beforeEach(() => {
    machine = new Machine();
    listeners = new Listeners(machine);
    heard = [];
    options = {
      fetch: () => Promise.resolve(new Response()),
      onError: (error) => heard.push(String(error)),
      onAppeared: (address, port) => heard.push(`appeared ${address} ${port}`),
    };
  });
  afterEach(() => listeners.stop());

  const open = (...hosts: string[]) =>
    listeners.open(hosts.map((host) => ({ host, port: 0 })), options);

  test("are waited for under the address that replaces them", async () => {
    await open("10.0.0.1", "127.0.0.1");
    const moves = new Map([["10.0.0.1", "10.0.0.2"], ["fd00::1", "fd00::2"]]);
    const result = await listeners.move(moves);
    assert.deepEqual(result?.moved, ["10.0.0.2:0"]);
    assert.deepEqual(listeners.missing, ["10.0.0.2:0"]);
    machine.addresses.add("10.0.0.2");
    await until("the new one", () => listeners.addresses.length === 2);
    assert.deepEqual([...machine.open], ["127.0.0.1", "10.0.0.2"]);
    result?.close();
    assert.equal(machine.open.size, 2);
    assert.equal(await listeners.move(new Map([["::3", "::4"]])), undefined);
  });

  test("end after a move only when they are closed", async () => {
    for (const host of ["10.0.0.1", "10.0.0.2"]) machine.addresses.add(host);
    await open("10.0.0.1", "127.0.0.1");
    const result = await listeners.move(new Map([["10.0.0.1", "10.0.0.2"]]));
    assert.deepEqual([...machine.open].sort(), [
      ...["10.0.0.1", "10.0.0.2", "127.0.0.1"],
    ]);
    assert.deepEqual(heard, ["appeared 10.0.0.2:80 80"]);
    result?.close();
    assert.deepEqual([...machine.open].sort(), ["10.0.0.2", "127.0.0.1"]);
    assert.deepEqual(listeners.ports, [80, 80]);
  });

  test("are listened on as soon as it has them, the others at once", async () => {
    await open("10.0.0.1", "127.0.0.1", "fd00::1");
    assert.deepEqual(listeners.addresses, ["127.0.0.1:80"]);
    assert.deepEqual(listeners.missing, ["10.0.0.1:0", "[fd00::1]:0"]);
    machine.addresses.add("fd00::1");
    await until("the second", () => listeners.addresses.length === 2);
    machine.addresses.add("10.0.0.1");
    await until("the third", () => listeners.addresses.length === 3);
    assert.deepEqual(listeners.missing, []);
    assert.deepEqual(heard, [
      "appeared [fd00::1]:80 80",
      "appeared 10.0.0.1:80 80",
    ]);
    assert.deepEqual(listeners.ports, [80, 80, 80]);
  });

  test("are tried with growing pauses, and not while the wait is paused", async () => {
    await open("10.0.0.1");
    const times: number[] = [];
    while (times.length < 4) {
      const { length } = machine.tries;
      await until("the next try", () => machine.tries.length > length);
      times.push(performance.now());
    }
    const pauses = times.slice(1).map((time, i) => time - times[i]);
    assert.ok(pauses[2] > pauses[0], `${pauses}`);
    listeners.pause();
    const { length } = machine.tries;
    machine.addresses.add("10.0.0.1");
    let over = false;
    setTimeout(() => over = true, 1000);
    await until("a second in which nothing is tried", () => over);
    assert.equal(machine.tries.length, length);
    listeners.resume();
    await until("the address", () => listeners.addresses.length === 1);
  });

  test("a pause in the middle of a try holds after it", async () => {
    await open("10.0.0.1");
    let paused = false;
    machine.meanwhile = () => {
      listeners.pause();
      paused = true;
      return Promise.resolve();
    };
    await until("the try", () => paused);
    const { length } = machine.tries;
    let over = false;
    setTimeout(() => over = true, 500);
    await until("no other try", () => over);
    assert.equal(machine.tries.length, length);
  });

  test("an end in the middle of a try leaves nothing open", async () => {
    await open("10.0.0.1", "127.0.0.1");
    let ended = false;
    machine.addresses.add("10.0.0.1");
    machine.meanwhile = async () => {
      listeners.stop();
      await Promise.resolve();
      ended = true;
    };
    await until("the end", () => ended);
    await until("nothing open", () => machine.open.size === 0);
    assert.deepEqual(listeners.addresses, []);
    assert.ok(!heard.some((one) => one.startsWith("appeared")));
  });

  test("that fail in another way are told once for each reason", async () => {
    await open("10.0.0.1");
    machine.refusal = "EADDRINUSE";
    await until("some tries", () => machine.tries.length > 3);
    machine.refusal = undefined;
    machine.addresses.add("10.0.0.1");
    await until("the address", () => listeners.addresses.length === 1);
    assert.equal(heard.length, 2);
    assert.match(heard[0], /^StartError: .*EADDRINUSE; end the program that/);
  });

  test("an error of who hears of it does not undo it", async () => {
    options = {
      ...options,
      onAppeared() {
        throw new Error("no descriptor");
      },
    };
    await open("10.0.0.1");
    machine.addresses.add("10.0.0.1");
    await until("the error", () => heard.includes("Error: no descriptor"));
    assert.deepEqual(listeners.addresses, ["10.0.0.1:80"]);
  });

  test("a host name is not waited for: who asks the name servers blocks", async () => {
    await assert.rejects(open("127.0.0.1", "localhost"), {
      name: "StartError",
      message: /^Cannot listen on localhost:0: EADDRNOTAVAIL; name an address/,
    });
    assert.deepEqual([listeners.addresses, machine.open.size], [[], 0]);
  });
});
