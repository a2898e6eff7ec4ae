import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { withoutVsock } from "../support/vsock.ts";
import { doctorIn, finding } from "./diagnosis.ts";

const base = mkdtempSync(join(tmpdir(), "lull-doctor-"));
after(() => rmSync(base, { recursive: true }));
const { diagnose, quiet } = doctorIn(base);

describe("the doctor and vsock", () => {
  test("need it only for an agent that listens there", () => {
    assert.equal(finding(diagnose(quiet), "vsock").needed, false);
    const on = diagnose([...quiet, "--listen=127.0.0.1:1,vsock:5000"]);
    assert.equal(finding(on, "vsock").needed, true);
  });

  test("say that a kernel has none, and what to do", () => {
    const { works, found, remedy } = finding(
      diagnose([...quiet, "--listen=vsock:5000"], withoutVsock()),
      "vsock",
    );
    assert.equal(works, false);
    assert.equal(found, "Cannot open a vsock socket: EAFNOSUPPORT");
    assert.match(remedy!, /modprobe vmw_vsock_virtio_transport/);
  });
});
