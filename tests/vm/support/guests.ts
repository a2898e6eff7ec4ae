/**
 * The kinds of guests: processor, C library and kernel of each.
 * @module
 */
import { join } from "node:path";
import { VERSION } from "../../../src/version.ts";
import { cacheDir, projectDir } from "./paths.ts";

/** The processor of a guest, as Node names it. */
export type Arch = "x64" | "arm64";

/** The kernels of guests, each from a Debian package. */
export type KernelKind = "amd64" | "arm64" | "arm64-16k";

/** A kind of guest. `glibc` is the guest of all tests that do not ask for another. */
export type GuestKind =
  | "glibc"
  | "musl"
  | "arm64"
  | "arm64-16k"
  | "arm64-musl"
  | "debian";

/** The facts of a kind of guest. */
export interface GuestFacts {
  readonly arch: Arch;
  readonly kernel: KernelKind;
  /** The processor that QEMU emulates. */
  readonly cpu: string;
  /** The bytes of a page. */
  readonly pageBytes: number;
  /** The agent's binary, or the package with it, which `make` builds. */
  readonly binary: string;
  /** The size of the machine's memory, in MiB. */
  readonly memory: number;
  /** What the root filesystem is: see `Hardware`. */
  readonly root: "layer" | "overlay";
  /** A folder of the cache with the files of foreign libraries, if the guest needs them. */
  readonly libraries?: string;
}

const dist = (name: string) => join(projectDir, "dist", name);
const cache = (name: string) => join(cacheDir, name);

const X64 = {
  arch: "x64",
  kernel: "amd64",
  cpu: "Haswell",
  pageBytes: 4096,
  memory: 512,
  root: "layer",
} as const;
const SMALL_ARM64 = {
  kernel: "arm64",
  cpu: "cortex-a72",
  pageBytes: 4096,
} as const;
const ARM64 = {
  arch: "arm64",
  memory: 512,
  root: "layer",
  binary: dist("stage/linux-arm64/lull"),
  libraries: cache("libraries-arm64"),
} as const;

/** All kinds of guests. */
export const GUESTS: Readonly<Record<GuestKind, GuestFacts>> = {
  glibc: { ...X64, binary: dist("lull") },
  musl: {
    ...X64,
    binary: dist("stage/linux-x64-musl/lull"),
    libraries: cache("libraries-musl"),
  },
  arm64: { ...ARM64, ...SMALL_ARM64 },
  "arm64-musl": {
    ...ARM64,
    ...SMALL_ARM64,
    binary: dist("stage/linux-arm64-musl/lull"),
    libraries: cache("libraries-arm64-musl"),
  },
  "arm64-16k": {
    ...ARM64,
    kernel: "arm64-16k",
    // The processors that QEMU 7.2 has by name know no pages of 16 KiB. pauth-impdef: pointers are
    // signed by a fast algorithm instead of a slow one.
    cpu: "max,pauth-impdef=on",
    pageBytes: 16_384,
  },
  debian: {
    ...X64,
    binary: dist(`release/lull_${VERSION}-1_amd64.deb`),
    memory: 768,
    root: "overlay",
  },
};

/** Whether the word is a kind of guest. */
export function isGuestKind(word: string): word is GuestKind {
  return Object.hasOwn(GUESTS, word);
}
