/**
 * The guests that a release is for.
 * @module
 */

/** A kind of guest. */
export interface Target {
  /** The name in the artefacts; `bun-` in front of it is Bun's name of the target. */
  readonly name: string;
  /** The architecture, as Go and therefore nfpm names it. */
  readonly arch: "amd64" | "arm64";
  /** The npm package that has the base runtime. */
  readonly base: string;
  readonly libc: "glibc" | "musl";
  /** What starts the agent, and the packages that are made. */
  readonly services: "systemd" | "openrc";
  readonly packages: readonly Packager[];
}

/** A format of packages. */
export type Packager = "deb" | "rpm" | "apk";

/** Guests with glibc usually have systemd, and guests with musl usually OpenRC. */
const GLIBC = {
  libc: "glibc",
  services: "systemd",
  packages: ["deb", "rpm"],
} as const;
const MUSL = { libc: "musl", services: "openrc", packages: ["apk"] } as const;

/** All targets. */
export const targets: readonly Target[] = [
  { name: "linux-x64", arch: "amd64", base: "bun-linux-x64", ...GLIBC },
  { name: "linux-arm64", arch: "arm64", base: "bun-linux-aarch64", ...GLIBC },
  {
    name: "linux-x64-musl",
    arch: "amd64",
    base: "bun-linux-x64-musl",
    ...MUSL,
  },
  {
    name: "linux-arm64-musl",
    arch: "arm64",
    base: "bun-linux-aarch64-musl",
    ...MUSL,
  },
];
