/**
 * A filter of the kernel's for its list of connections: what is not listed need
 * not be described, nor read. linux/inet_diag.h; the program is looked over by
 * inet_diag_bc_audit() and run by inet_diag_bc_run() in net/ipv4/inet_diag.c.
 * @module
 */
import type { Attribute } from "./netlink_bytes.ts";

/** The attribute of a request that has the program. */
const INET_DIAG_REQ_BYTECODE = 1;
/** Operations: go on at `no`; the local port is at least, at most the next one's `no`. */
const JMP = 1;
const S_GE = 2;
const S_LE = 3;
/** struct inet_diag_bc_op: the code, and how far on it is where it holds and where not. */
const OP_BYTES = 4;
/** One port: two comparisons, each with an operation for its number, and a jump. */
const PORT_BYTES = 5 * OP_BYTES;

/** Attributes of a request that lists connections without these local ports. */
export function portFilter(ports: readonly number[]): readonly Attribute[] {
  if (ports.length === 0) return [];
  const program = new Uint8Array(ports.length * PORT_BYTES);
  ports.forEach((port, i) => putPort(program, i * PORT_BYTES, port));
  return [[INET_DIAG_REQ_BYTECODE, program]];
}

/** One that is less, or more, goes on behind; any other past the end: unlisted. */
function putPort(program: Uint8Array, at: number, port: number): void {
  const view = new DataView(program.buffer);
  const put = (place: number, code: number, yes: number, no: number) => {
    view.setUint8(at + place, code);
    view.setUint8(at + place + 1, yes);
    view.setUint16(at + place + 2, no, true);
  };
  const compare = 2 * OP_BYTES;
  const jump = 2 * compare;
  put(0, S_GE, compare, PORT_BYTES);
  put(OP_BYTES, 0, 0, port);
  put(compare, S_LE, compare, PORT_BYTES - compare);
  put(compare + OP_BYTES, 0, 0, port);
  // The end itself means listed, so that unlisted is one operation further.
  put(jump, JMP, OP_BYTES, program.length - at - jump + OP_BYTES);
}
