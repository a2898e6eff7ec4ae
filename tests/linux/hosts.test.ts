import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { type Renaming, withName } from "../../src/linux/hosts.ts";

function renamed(text: string, more: Partial<Renaming> = {}): string {
  return withName(text, {
    ...{ from: "source", to: "fork", addresses: new Map(), add: true },
    ...more,
  });
}

describe("the text of /etc/hosts", () => {
  it("has the new name in the line of the former one, and all else as before", () => {
    assert.equal(
      renamed(
        "# source\n127.0.0.1 localhost\n127.0.1.1\tsource.a.b source # it\n10.0.0.9 sources db\n",
      ),
      "# source\n127.0.0.1 localhost\n127.0.1.1\tfork.a.b fork # it\n10.0.0.9 sources db\n",
    );
  });

  it("takes names with a domain on either side", () => {
    const text = "127.0.1.1 source.a.b source\n";
    assert.equal(
      renamed(text, { to: "fork.c.d" }),
      "127.0.1.1\tfork.c.d fork\n",
    );
    assert.equal(
      renamed(text, { from: "source.a.b", to: "fork" }),
      "127.0.1.1\tfork\n",
    );
  });

  it("has the new address of the machine", () => {
    const addresses = new Map([["10.0.2.15", "10.0.2.21"]]);
    assert.equal(
      renamed("10.0.2.15 source\n10.0.2.2 gateway\n", { addresses }),
      "10.0.2.21\tfork\n10.0.2.2 gateway\n",
    );
  });

  it("gets a line if it had none, unless the name is found without it", () => {
    const text = "127.0.0.1 localhost\n";
    assert.equal(renamed(text), `${text}127.0.1.1\tfork\n`);
    assert.equal(
      renamed(text, { from: "localhost" }),
      `${text}127.0.1.1\tfork\n`,
    );
    assert.equal(renamed(text, { add: false }), text);
    assert.equal(renamed(""), "127.0.1.1\tfork\n");
  });
});
