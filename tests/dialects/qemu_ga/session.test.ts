import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { COMMANDS } from "../../../src/dialects/qemu_ga/commands.ts";
import { fakeGuest, SessionRig } from "./session_rig.ts";

/** What the QEMU guest agent 7.2 replied to the same bytes; some parse errors have other words. */
const RECORDED: readonly (readonly [sent: string, reply: string])[] = [
  [
    '{"execute":"guest-sync-delimited","arguments":{"id":7}}\n',
    '\xff{"return":7}\n',
  ],
  [
    '{"execute":"guest-sync","arguments":{"id":9223372036854775807}}\n',
    '{"return":9223372036854775807}\n',
  ],
  ['{"execute":"guest-ping"}', '{"return":{}}\n'],
  [
    '{"execute":"guest-ping","id":[1,"a"]}\n{"execute":"guest-ping"}\n',
    '{"return":{},"id":[1,"a"]}\n{"return":{}}\n',
  ],
  [
    '{"execute":"nope"}\n',
    '{"error":{"class":"CommandNotFound","desc":"The command nope has not been found"}}\n',
  ],
  [
    '{"execute":"guest-ping","arguments":{"x":1}}\n',
    generic("Parameter 'x' is unexpected"),
  ],
  ['{"execute":"guest-sync"}\n', generic("Parameter 'id' is missing")],
  ...['"x"', "1.5", "18446744073709551615", "null", "{}"].map((id) =>
    [
      `{"execute":"guest-sync","arguments":{"id":${id}}}\n`,
      generic("Invalid parameter type for 'id', expected: integer"),
    ] as const
  ),
  ["[1]\n", generic("QMP input must be a JSON object")],
  ['"s"\n', generic("QMP input must be a JSON object")],
  ["5\n", generic("QMP input must be a JSON object")],
  ['{"foo":1}\n', generic("QMP input member 'foo' is unexpected")],
  [
    '{"execute":5}\n',
    generic("QMP input member 'execute' must be a string"),
  ],
  [
    '{"execute":"guest-ping","foo":1}\n',
    generic("QMP input member 'foo' is unexpected"),
  ],
  [
    '{"execute":"guest-ping","arguments":[]}\n',
    generic("QMP input member 'arguments' must be an object"),
  ],
  ['{"a":}\n', generic("JSON parse error, invalid request")],
  ["{]\n", generic("JSON parse error, invalid request")],
  ["hello\n", generic("JSON parse error, invalid request")],
  [
    '{"execute":"guest-ping","id":"\xc3("}\n',
    generic("JSON parse error, the request is no UTF-8"),
  ],
  // An id is sent back as it came, also one that is half a character.
  [
    '{"execute":"guest-ping","id":"\\ud800"}\n',
    '{"return":{},"id":"\\ud800"}\n',
  ],
  [
    '{"execute":"guest-fsfreeze-freeze-list","arguments":{"mountpoints":"a"}}\n',
    generic("Invalid parameter type for 'mountpoints', expected: array"),
  ],
  ['{"execute":"guest-fsfreeze-status"}\n', '{"return":"thawed"}\n'],
  [
    '{"execute":"guest-shutdown","arguments":{"mode":"blah"}}\n',
    generic("mode is invalid (valid values are: halt|powerdown|reboot)"),
  ],
  [
    '{"execute":"guest-set-time","arguments":{"time":-5}}\n',
    generic("Failed to set time to guest: Invalid argument"),
  ],
];

function generic(desc: string): string {
  return `${JSON.stringify({ error: { class: "GenericError", desc } })}\n`;
}

const PING = '{"execute":"guest-ping"}\n';
const PONG = '{"return":{}}\n';
const STRAY = generic("JSON parse error, stray data before a request");

describe("a session", () => {
  test("replies as the QEMU guest agent does", async () => {
    for (const slowly of [false, true]) {
      for (const [sent, reply] of RECORDED) {
        assert.equal(await new SessionRig().bytes(sent, slowly), reply, sent);
      }
    }
  });

  test("a delimited sync is answered after any garbage", async () => {
    const sync =
      '\xff{"execute":"guest-sync-delimited","arguments":{"id":8}}\n';
    const garbage = [
      "",
      'garb{"ex',
      '{"execute":"guest-ping","arguments":{"x":"',
      "[[[[{{{{",
      '"\\',
      "}}}]]]",
      "\0\x01\x80\xfe",
      "\xff\xff\xff",
      `{"a":"${"x".repeat(2 ** 16)}`,
      "[".repeat(1000),
    ];
    for (const before of garbage) {
      const reply = await new SessionRig().bytes(before + sync);
      assert.ok(reply.endsWith('\n\xff{"return":8}\n'), before.slice(0, 50));
    }
  });

  test("0xFF has an error of its own, as in the QEMU guest agent", async () => {
    const rig = new SessionRig();
    assert.equal(await rig.bytes(`\xff${PING}`), STRAY + PONG);
    assert.equal(await rig.bytes(`\xff\xff\n${PING}`), STRAY + STRAY + PONG);
  });

  test("a request that was cut off in a string ends at its line", async () => {
    const reply = await new SessionRig().bytes(`{"execute":"gue\n${PING}`);
    assert.equal(
      reply,
      generic("JSON parse error, a string without an end") + PONG,
    );
  });

  test("a request that is too large or too deep is dropped up to its line end", async () => {
    const large = `{"a":"${"x".repeat(2 ** 16)}"}`;
    const deep = `${"[".repeat(100)}${"]".repeat(100)}`;
    for (const request of [large, deep]) {
      const reply = await new SessionRig().bytes(`${request}\n${PING}`);
      assert.equal(
        reply,
        generic("JSON parse error, the request is too large") + PONG,
      );
    }
  });

  test("the next host does not get the replies to the last one, nor its half request", async () => {
    let freed = (_: number) => {};
    const rig = new SessionRig(fakeGuest({
      freeze: {
        status: "thawed",
        freeze: () => new Promise((resolve) => freed = resolve),
        thaw: () => Promise.resolve(0),
      },
    }));
    const asked = rig.bytes(
      '{"execute":"guest-fsfreeze-freeze"}\n{"execute":"gu',
    );
    await Promise.resolve();
    await Promise.resolve();
    rig.session.hostGone();
    setTimeout(() => freed(1));
    assert.equal(await asked, "");
    assert.equal(await rig.bytes(PING), PONG);
  });

  test("no name that is no name is repeated", async () => {
    for (const name of ["<script>", "a b", "x".repeat(100), "__proto__", ""]) {
      const reply = await new SessionRig().bytes(
        `${JSON.stringify({ execute: name })}\n`,
      );
      assert.match(reply, /CommandNotFound/);
      if (name !== "__proto__" && name !== "") {
        assert.ok(!reply.includes(name), reply);
      }
    }
  });
});

describe("while filesystems are frozen", () => {
  const frozen = fakeGuest({
    lifecycle: { state: "quiesced" },
    freeze: {
      status: "frozen",
      freeze: () => Promise.reject(new Error("must not be called")),
      thaw: () => Promise.resolve(2),
    },
  });
  const allowed = [
    ...["guest-sync", "guest-sync-delimited", "guest-ping", "guest-info"],
    ...["guest-fsfreeze-status", "guest-fsfreeze-thaw"],
  ];

  test("only sync, ping, info, status and thaw are allowed", async () => {
    for (const name of Object.keys(COMMANDS)) {
      const reply = await new SessionRig(frozen).bytes(
        `${JSON.stringify({ execute: name, arguments: { id: 1 } })}\n`,
      );
      const disabled =
        `{"error":{"class":"CommandNotFound","desc":"Command ${name} has been disabled: the agent is in frozen state"}}\n`;
      assert.equal(reply === disabled, !allowed.includes(name), reply);
    }
  });

  test("ping is answered, and the state is true", async () => {
    const rig = new SessionRig(frozen);
    assert.deepEqual(await rig.call("guest-ping"), {});
    assert.equal(await rig.call("guest-fsfreeze-status"), "frozen");
    assert.equal(await rig.call("guest-fsfreeze-thaw"), 2);
  });

  test("info lists what is allowed", async () => {
    const info = await new SessionRig(frozen).call("guest-info") as {
      supported_commands: { name: string; enabled: boolean }[];
    };
    const enabled = info.supported_commands.filter(({ enabled }) => enabled)
      .map(({ name }) => name);
    assert.deepEqual(enabled.sort(), allowed.toSorted());
  });
});

describe("while another operation holds the guest", () => {
  test("what would change the guest is refused", async () => {
    const rig = new SessionRig(
      fakeGuest({ lifecycle: { state: "quiesced" } }),
    );
    for (const name of ["guest-fstrim", "guest-set-time"]) {
      await assert.rejects(
        rig.call(name),
        new RegExp(`GenericError: Cannot run ${name}: the guest is quiesced`),
      );
    }
    assert.equal(await rig.call("guest-fsfreeze-status"), "thawed");
  });
});
