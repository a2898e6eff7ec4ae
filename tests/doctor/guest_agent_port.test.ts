import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { doctorIn, finding } from "./diagnosis.ts";

const base = mkdtempSync(join(tmpdir(), "lull-doctor-"));
after(() => rmSync(base, { recursive: true }));
const { diagnose, quiet } = doctorIn(base);

describe("the doctor and the port of the guest agent", () => {
  const path = join(base, "port");
  const on = [...quiet, "--dialects=qemu-ga", `--qemu-ga=${path}`];

  test("need it only for the dialect", () => {
    assert.equal(finding(diagnose(quiet), "guest-agent-port").needed, false);
    assert.equal(finding(diagnose(on), "guest-agent-port").needed, true);
  });

  test("say whether it is there, and what to do", () => {
    const missing = finding(diagnose(on), "guest-agent-port");
    assert.equal(missing.works, false);
    assert.equal(missing.found, `there is no ${path}`);
    assert.match(missing.remedy!, /channel org\.qemu\.guest_agent\.0/);
    writeFileSync(path, "");
    const there = finding(diagnose(on), "guest-agent-port");
    assert.equal(there.works, true);
    assert.equal(there.found, `${path} exists`);
  });
});
