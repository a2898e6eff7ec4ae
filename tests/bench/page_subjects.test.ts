/** What the environment tells the page counter. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { pageOptions } from "./page_subjects.ts";

const PEER = { AGENT: "/bin/true", PREPARE: "/pre", HEALTH: "/health" };

function columns(env: Record<string, string>): string[] {
  return pageOptions(env).subjects.map(({ column }) => column);
}

test("GUEST names the kind of all guests", () => {
  const [subject] = pageOptions({ SUBJECTS: "bun", GUEST: "arm64" }).subjects;
  assert.equal(subject.column, "bun binary, arm64");
  assert.equal(subject.image.guest, "arm64");
  assert.throws(
    () => pageOptions({ SUBJECTS: "bun", GUEST: "riscv" }),
    /Cannot measure riscv: GUEST may name glibc, musl, arm64/,
  );
});

test("without a word all subjects are measured, five forks each", () => {
  const options = pageOptions({ SUBJECTS: "", RESTORES: "" });
  const { restores, generations, hosts, restMs, flags } = options;
  assert.deepEqual(
    { restores, generations, hosts, restMs, flags },
    {
      restores: 5,
      generations: 2,
      hosts: ["health", "recover"],
      restMs: 4000,
      flags: [],
    },
  );
  assert.deepEqual(columns({}), [
    "no agent",
    "bare Bun",
    "bare Deno",
    "bun binary",
    "deno",
  ]);
});

test("less can be measured, in the order that is asked for", () => {
  assert.deepEqual(columns({ SUBJECTS: "deno,bun" }), ["deno", "bun binary"]);
  const { restores, hosts, flags } = pageOptions({
    RESTORES: "3",
    HOSTS: "recover",
    AGENT_FLAGS: "--a=1 --b",
  });
  assert.deepEqual({ restores, hosts, flags }, {
    restores: 3,
    hosts: ["recover"],
    flags: ["--a=1", "--b"],
  });
});

test("another agent is measured alone, or beside those that are named", () => {
  assert.deepEqual(columns(PEER), ["agent"]);
  const both = { ...PEER, SUBJECTS: "none,agent" };
  assert.deepEqual(columns(both), ["no agent", "agent"]);
});

test("only an agent with a path for it has a host that calls recover", () => {
  const [without] = pageOptions(PEER).subjects;
  assert.deepEqual(Object.keys(without.hosts), ["health"]);
  const [agent] = pageOptions({ ...PEER, RECOVER: "/recover" }).subjects;
  assert.deepEqual(Object.keys(agent.hosts), ["health", "recover"]);
});

test("what cannot be used is refused by its name", () => {
  const refusals: [Record<string, string>, RegExp][] = [
    [{ SUBJECTS: "bun,rust" }, /Cannot measure rust: SUBJECTS may name none/],
    [{ SUBJECTS: "agent" }, /Cannot measure agent: /],
    [{ KIND: "whole" }, /Cannot measure whole: KIND may name full, diff, disk/],
    [{ HOSTS: "resume" }, /Cannot measure resume: HOSTS may name health/],
    [{ RESTORES: "0" }, /Cannot use RESTORES: /],
    [{ RESTORES: "two" }, /Cannot use RESTORES: /],
    [{ REST: "-1" }, /Cannot use REST: /],
    [{ AGENT: "/bin/true" }, /Cannot measure that agent: PREPARE and HEALTH/],
  ];
  for (const [env, error] of refusals) {
    assert.throws(() => pageOptions(env), error);
  }
});
