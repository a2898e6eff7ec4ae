import {
  accessSync,
  constants,
  mkdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { hostname, release } from "node:os";
import { join } from "node:path";
import { type GuestKind, GUESTS } from "./guests.ts";
import { buildImage } from "./image.ts";
import { Machine } from "./machine.ts";
import { cacheDir } from "./paths.ts";
import type { Accel } from "./hardware.ts";

const file = join(cacheDir, "accel.json");

/** What the answer holds for: another kernel or machine may give another. */
const place = `${hostname()} ${release()}`;

function cached(): Accel | undefined {
  try {
    const answer = JSON.parse(readFileSync(file, "utf8"));
    return answer.place === place ? answer.accel : undefined;
  } catch {
    // None yet, or half written: ask the machine.
    return undefined;
  }
}

async function probe(say: (line: string) => void): Promise<Accel> {
  try {
    accessSync("/dev/kvm", constants.R_OK | constants.W_OK);
  } catch {
    // No such device, or not for this user.
    return "tcg";
  }
  // On some machines /dev/kvm opens and the guest dies, so only a guest that runs counts.
  const image = buildImage({ variant: "none" }, say);
  let machine: Machine | undefined;
  try {
    machine = await Machine.boot({ image, accel: "kvm" });
    await machine.helperReady(10_000);
    return "kvm";
  } catch (error) {
    const why = error instanceof Error ? error.message.split("\n")[0] : error;
    say(`accel: no guest runs under KVM here (${why})`);
    return "tcg";
  } finally {
    await machine?.kill();
  }
}

/**
 * KVM where a guest really runs under it, else TCG; found out once per host. A guest of another
 * processor is always emulated.
 */
export async function accelerator(
  say: (line: string) => void = console.log,
  guest: GuestKind = "glibc",
): Promise<Accel> {
  if (GUESTS[guest].arch !== process.arch) return "tcg";
  const known = cached();
  if (known) return known;
  const accel = await probe(say);
  mkdirSync(cacheDir, { recursive: true });
  writeFileSync(file, JSON.stringify({ place, accel }));
  say(`accel: ${accel}`);
  return accel;
}
