/**
 * Starts a program on a kernel that seems to have no vsock: `bun no_vsock.ts PROGRAM ARGUMENT...`
 * A filter of the system calls (seccomp(2)) makes socket(AF_VSOCK) fail as such a kernel does.
 */
import { dlopen, ptr } from "bun:ffi";
import { constants } from "node:os";
import process from "node:process";

/** prctl(2), linux/seccomp.h, linux/filter.h. */
const PR_SET_NO_NEW_PRIVS = 38;
const PR_SET_SECCOMP = 22;
const SECCOMP_MODE_FILTER = 2;
const SECCOMP_RET_ALLOW = 0x7fff0000;
const SECCOMP_RET_ERRNO = 0x00050000;
const LOAD = 0x20; // BPF_LD | BPF_W | BPF_ABS
const JUMP_IF_EQUAL = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const RETURN = 0x06; // BPF_RET | BPF_K
/** struct seccomp_data: the offsets of the number of the call and of its first argument. */
const NUMBER = 0;
const FIRST_ARGUMENT = 16;

const SYS_SOCKET = process.arch === "arm64" ? 198 : 41;
const AF_VSOCK = 40;

const program: readonly (readonly [
  code: number,
  ifTrue: number,
  ifFalse: number,
  k: number,
])[] = [
  [LOAD, 0, 0, NUMBER],
  [JUMP_IF_EQUAL, 0, 3, SYS_SOCKET],
  [LOAD, 0, 0, FIRST_ARGUMENT],
  [JUMP_IF_EQUAL, 0, 1, AF_VSOCK],
  [RETURN, 0, 0, SECCOMP_RET_ERRNO | constants.errno.EAFNOSUPPORT],
  [RETURN, 0, 0, SECCOMP_RET_ALLOW],
];

/** struct sock_filter: u16 code, u8 jt, u8 jf, u32 k. */
const filters = new DataView(new ArrayBuffer(8 * program.length));
for (const [i, [code, ifTrue, ifFalse, k]] of program.entries()) {
  filters.setUint16(8 * i, code, true);
  filters.setUint8(8 * i + 2, ifTrue);
  filters.setUint8(8 * i + 3, ifFalse);
  filters.setUint32(8 * i + 4, k, true);
}
/** struct sock_fprog: u16 length, and a pointer to the filters. */
const fprog = new DataView(new ArrayBuffer(16));
fprog.setUint16(0, program.length, true);
fprog.setBigUint64(8, BigInt(ptr(new Uint8Array(filters.buffer))), true);

const { symbols: { prctl } } = dlopen("libc.so.6", {
  prctl: { args: ["i32", "u64", "u64", "u64", "u64"], returns: "i32" },
});
const address = BigInt(ptr(new Uint8Array(fprog.buffer)));
if (
  prctl(PR_SET_NO_NEW_PRIVS, 1n, 0n, 0n, 0n) !== 0 ||
  prctl(PR_SET_SECCOMP, BigInt(SECCOMP_MODE_FILTER), address, 0n, 0n) !== 0
) {
  throw new Error("Cannot set the filter of the system calls");
}
const path = Bun.which(process.argv[2]);
if (path === null) throw new Error(`Cannot find ${process.argv[2]}`);
process.execve!(path, process.argv.slice(2), process.env);
