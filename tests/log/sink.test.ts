import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, constants, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { LogSink } from "../../src/log/sink.ts";
import { toFile } from "../../src/log/stderr.ts";
import { temporary } from "../support/hooks.ts";
import { until } from "../support/until.ts";

describe("a log's sink", () => {
  const directory = temporary();
  after(() => directory.remove());

  /** A pipe (fifo(7)) whose ends do not block, and a sink that writes to it. */
  function piped(name: string) {
    const path = join(directory.path, name);
    assert.equal(spawnSync("mkfifo", [path]).status, 0);
    const { O_RDONLY, O_WRONLY, O_NONBLOCK } = constants;
    let reader = openSync(path, O_RDONLY | O_NONBLOCK);
    const writer = openSync(path, O_WRONLY | O_NONBLOCK);
    const bytes = new Uint8Array(1 << 20);
    const decoder = new TextDecoder();
    return {
      sink: new LogSink(toFile(writer)),
      /** What is in the pipe now. */
      read(): string {
        let text = "";
        try {
          for (let count; (count = readSync(reader, bytes)) > 0;) {
            text += decoder.decode(bytes.subarray(0, count), { stream: true });
          }
        } catch (error) {
          assert.equal((error as { code?: string }).code, "EAGAIN");
        }
        return text;
      },
      hangUp: () => closeSync(reader),
      comeBack: () => reader = openSync(path, O_RDONLY | O_NONBLOCK),
      end: () => [reader, writer].forEach((fd) => closeSync(fd)),
    };
  }

  function numbered(from: number, to: number): string {
    return Array.from({ length: to - from }, (_, i) => line(from + i))
      .map((text) => `${text}\n`).join("");
  }

  /** More than 64 KiB, a pipe's room (pipe(7)), are 600 of these. */
  function line(number: number): string {
    return `${number}`.padEnd(119, ".");
  }

  test("writes at once, and what was held in its order", () => {
    const { sink, read, end } = piped("held");
    sink.write("one");
    assert.equal(read(), "one\n");
    sink.hold();
    sink.write("two");
    sink.write("three");
    assert.equal(read(), "");
    sink.release();
    sink.write("four");
    assert.equal(read(), "two\nthree\nfour\n");
    end();
  });

  test("does not wait for who reads, and loses nothing meanwhile", async () => {
    const { sink, read, end } = piped("stalled");
    for (let i = 0; i < 1000; i++) sink.write(line(i));
    let text = "";
    await until("all lines", () => {
      text += read();
      return text.length >= numbered(0, 1000).length;
    });
    assert.equal(text, numbered(0, 1000));
    sink.write("then");
    assert.equal(read(), "then\n");
    end();
  });

  test("writes a line that is larger than the pipe in parts", async () => {
    const { sink, read, end } = piped("long");
    const long = "é".repeat(100_000);
    sink.write(long);
    sink.write("next");
    let text = "";
    await until("both", () => (text += read()).endsWith("next\n"));
    assert.ok(text === `${long}\nnext\n`);
    end();
  });

  test("keeps the newest where there are too many, and tells how many it lost", () => {
    const { sink, read, end } = piped("many");
    sink.hold();
    for (let i = 0; i < 1010; i++) sink.write(`${i}`);
    sink.release();
    const [first, second, ...rest] = read().trimEnd().split("\n");
    assert.equal(first, "(10 log lines were lost before this one)");
    assert.equal(second, "10");
    assert.equal(rest.at(-1), "1009");
    assert.equal(rest.length, 999);
    end();
  });

  test("held while it waits, it waits without a timer", async () => {
    const { sink, read, end } = piped("quiet");
    const other = piped("later");
    for (const one of [sink, other.sink]) {
      for (let i = 0; i < 800; i++) one.write(line(i));
    }
    sink.hold();
    let text = read();
    assert.ok(text.length > 0 && text.length < numbered(0, 800).length);
    // Its timer was set after the one that must be gone.
    let others = "";
    await until(
      "the other one",
      () => (others += other.read()) === numbered(0, 800),
    );
    assert.equal(read(), "");
    sink.release();
    text += read();
    assert.equal(text, numbered(0, 800));
    end();
    other.end();
  });

  test("lives without a reader, and tells the next one", () => {
    const { sink, read, hangUp, comeBack, end } = piped("closed");
    hangUp();
    sink.write("lost");
    sink.write("lost too");
    comeBack();
    sink.write("here");
    assert.equal(read(), "(2 log lines were lost before this one)\nhere\n");
    end();
  });
});
