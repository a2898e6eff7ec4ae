import { describe, it } from "node:test";
import assert from "node:assert/strict";
import process from "node:process";
import type { Libc } from "../../src/linux/libc.ts";
import { wasReseeded } from "../../src/lifecycle/requirements.ts";
import { SKIPPED_IN_DRY_RUN } from "../../src/lifecycle/step.ts";
import { entropyRepair } from "../../src/steps/entropy.ts";
import { realLibc } from "../support/libc.ts";
import { repairWith } from "../support/recovery.ts";

const ADD = 0x40085203n;
const noRoot = process.getuid?.() !== 0 && "needs root";

/** A kernel that refuses the given requests. */
function fakeKernel(refused: bigint[] = []): Libc {
  return {
    ioctl: (_, request) => refused.includes(request) ? -1 : 0,
    errno: () => 1,
  };
}

async function repair(options: {
  libc?: Libc;
  fork?: boolean;
  hardware?: Uint8Array | Error;
  entropy?: Uint8Array;
}) {
  const { libc = fakeKernel(), fork = false, hardware, entropy } = options;
  const step = entropyRepair({
    libc,
    kernelReseeded: () => fork,
    hardware: () =>
      hardware instanceof Error
        ? Promise.reject(hardware)
        : Promise.resolve(hardware),
  });
  return await repairWith(step, { entropy });
}

describe("the entropy repair", () => {
  const bytes = new Uint8Array(16);

  it("mixes in what the caller gives, else what the hardware gives", async () => {
    const hardware = new Uint8Array(32);
    assert.deepEqual(await repair({ entropy: bytes, hardware }), {
      sources: ["request"],
      bytes: 16,
      accepted: true,
      reseeded: true,
    });
    assert.deepEqual(await repair({ hardware }), {
      sources: ["hardware"],
      bytes: 32,
      accepted: true,
      reseeded: true,
    });
  });

  it("reads the hardware in a dry run, if a recovery would, and keeps nothing", async () => {
    const read = async (device: boolean) => {
      let reads = 0;
      const libc: Libc = {
        ioctl: () => assert.fail("a dry run changes the kernel's pool"),
      };
      const step = entropyRepair({
        libc,
        kernelReseeded: () => false,
        hasGenerationId: () => device,
        hardware() {
          reads++;
          return Promise.reject(new Error("no hardware"));
        },
      });
      const effect = await repairWith(step, {}, { dryRun: true });
      assert.deepEqual(effect, SKIPPED_IN_DRY_RUN);
      return reads;
    };
    assert.equal(await read(false), 1);
    // The kernel makes a new key by itself, and the hardware is not read.
    assert.equal(await read(true), 0);
  });

  it("claims no reseed without a source from outside", async () => {
    assert.deepEqual(await repair({}), {
      sources: [],
      bytes: 0,
      accepted: false,
      reseeded: false,
      problems: ["no source of entropy from outside the snapshot"],
    });
  });

  it("counts the kernel's own reseed for a fork", async () => {
    assert.deepEqual(await repair({ fork: true }), {
      sources: ["kernel"],
      bytes: 0,
      accepted: false,
      reseeded: true,
    });
  });

  it("claims no reseed where the kernel took nothing", async () => {
    assert.deepEqual(
      await repair({ libc: fakeKernel([ADD]), entropy: bytes }),
      {
        sources: [],
        bytes: 0,
        accepted: false,
        reseeded: false,
        problems: ["Cannot add entropy to /dev/urandom: EPERM"],
      },
    );
  });

  it("claims no reseed where the kernel made no new key", async () => {
    const effect = await repair({
      libc: fakeKernel([0x5207n]),
      entropy: bytes,
    });
    assert.equal(effect.accepted, true);
    assert.equal(effect.reseeded, false);
    assert.deepEqual(effect.problems, ["Cannot reseed /dev/urandom: EPERM"]);
  });

  it("does without a hardware source that fails, and says so", async () => {
    const effect = await repair({ hardware: new Error("Cannot read it") });
    assert.deepEqual(effect.sources, []);
    assert.equal(effect.reseeded, false);
    assert.deepEqual(effect.problems, ["Cannot read it"]);
  });

  it("is skipped without a C library", async () => {
    assert.deepEqual(await repair({ libc: {} }), {
      skipped: "the C library could not be loaded",
    });
  });

  it("is accepted by this kernel", { skip: noRoot }, async () => {
    const effect = await repair({ libc: await realLibc(), entropy: bytes });
    assert.equal(effect.accepted, true);
    assert.equal(effect.reseeded, true);
  });

  it("is found in the report", () => {
    const report = (reseeded: boolean) =>
      [{
        name: "entropy",
        status: "done",
        ms: 1,
        effect: { reseeded },
      }] as const;
    assert.equal(wasReseeded(report(true)), true);
    assert.equal(wasReseeded(report(false)), false);
    assert.equal(wasReseeded([]), false);
  });
});
