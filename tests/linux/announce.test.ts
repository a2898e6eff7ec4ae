import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { announce, announcement } from "../../src/linux/announce.ts";
import { inNamespace, namespaceProblem } from "../support/namespace/mod.ts";

const MAC = Uint8Array.of(2, 0, 0, 0, 0, 1);

describe("an announcement of an address", () => {
  it("asks all for the sender's own address", () => {
    const frame = announcement(MAC, Uint8Array.of(10, 0, 2, 15));
    assert.deepEqual([...frame], [
      ...[255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1, 8, 6],
      ...[0, 1, 8, 0, 6, 4, 0, 1],
      ...[2, 0, 0, 0, 0, 1, 10, 0, 2, 15],
      ...[0, 0, 0, 0, 0, 0, 10, 0, 2, 15],
    ]);
  });

  it("is closed behind, also where the kernel refuses", () => {
    const calls: string[] = [];
    const libc = {
      socket: () => 77,
      bind: () => -1,
      close: (socket: number) => calls.push(`close ${socket}`),
      errno: () => 19,
    };
    assert.throws(() => announce(libc, 3, MAC, ["10.0.2.15"]), {
      message: "Cannot announce on link 3: ENODEV",
    });
    assert.deepEqual(calls, ["close 77"]);
  });

  it("changes what a neighbour remembers", {
    skip: namespaceProblem(),
  }, async () => {
    const script = new URL(
      "../support/namespace/announce.ts",
      import.meta.url,
    );
    assert.deepEqual(await inNamespace(script), {
      before: ["02:00:00:00:00:99", "02:00:00:00:00:99"],
      after: ["02:00:00:00:00:01", "02:00:00:00:00:01"],
    });
  });
});
