/**
 * Lets the kernel steer clients of the forward addresses to one listening socket, so that no port of a
 * forward address is ever bound: a program of the guest can bind each of them at any time. A small
 * program in the kernel (BPF_PROG_TYPE_SK_LOOKUP, Linux 5.9) picks the socket of a new connection
 * before the kernel looks for a listener of its own.
 * @module
 */
import { closeSync, openSync } from "node:fs";
import { attachToNamespace, createMap, loadProgram } from "../linux/bpf.ts";
import {
  BpfProgram,
  MAP_LOOKUP_ELEM,
  R0,
  R1,
  R2,
  R3,
  R6,
  R7,
  SK_ASSIGN,
  SK_RELEASE,
  STACK,
} from "../linux/bpf_program.ts";
import { parseIp } from "../linux/ip.ts";
import { type Libc, requireSymbol } from "../linux/libc.ts";
import { PORT_SET_BYTES, type SteeredAddress } from "./steered_address.ts";
import { AF_INET, AF_INET6, IPPROTO_TCP } from "../linux/socket_constants.ts";

/** struct bpf_sk_lookup, linux/bpf.h */
const FAMILY = 8;
const PROTOCOL = 12;
const LOCAL_IP4 = 40;
const LOCAL_IP6 = 44;
const LOCAL_PORT = 60;
/** The kernel looks for a listener if the program has assigned none. */
const SK_PASS = 1;

/**
 * Steers the clients of one address. Nothing is steered until the worker has put a socket and ports
 * into the maps. The maps outlive the worker, because a restored guest should not load a program.
 */
export class Steering implements Disposable, SteeredAddress {
  readonly ports: number;
  readonly sockets: number;
  readonly #libc: Libc;
  readonly #descriptors: number[] = [];

  /** Throws if the kernel cannot do that, or this process may not. */
  constructor(libc: Libc, address: string) {
    this.#libc = libc;
    try {
      this.ports = this.#keep(createMap(libc, {
        ...{ type: "array", keyBytes: 4, entries: 1 },
        valueBytes: PORT_SET_BYTES,
      }));
      this.sockets = this.#keep(createMap(libc, {
        ...{ type: "sockets", keyBytes: 4, valueBytes: 8, entries: 1 },
      }));
      const code = steer(address, this);
      const program = loadProgram(libc, "socketLookup", code);
      this.#keep(program);
      const namespace = openSync("/proc/self/ns/net", "r");
      try {
        this.#keep(attachToNamespace(libc, program, namespace));
      } finally {
        closeSync(namespace);
      }
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    for (const fd of this.#descriptors.splice(0).reverse()) {
      requireSymbol(this.#libc, "close")(fd);
    }
  }

  #keep(fd: number): number {
    this.#descriptors.push(fd);
    return fd;
  }
}

/** The program: for a TCP client of the address whose port is in the set, assigns the socket. */
function steer(
  address: string,
  { ports, sockets }: SteeredAddress,
): Uint8Array {
  const bytes = parseIp(address);
  if (bytes === undefined) throw new Error(`Cannot steer ${address}`);
  const isIpv4 = bytes.length === 4;
  const program = new BpfProgram()
    .copy(R6, R1)
    .load("u32", R2, R6, FAMILY)
    .ifNotEqual(R2, isIpv4 ? AF_INET : AF_INET6, "pass")
    .load("u32", R2, R6, PROTOCOL)
    .ifNotEqual(R2, IPPROTO_TCP, "pass");
  const words = new DataView(bytes.buffer, bytes.byteOffset);
  for (let at = 0; at < bytes.length; at += 4) {
    program
      .load("u32", R2, R6, (isIpv4 ? LOCAL_IP4 : LOCAL_IP6) + at)
      .ifNotEqual(R2, words.getInt32(at, true), "pass");
  }
  return program
    .load("u32", R7, R6, LOCAL_PORT)
    // The byte and the bit of the port in the set.
    .store64(STACK, -8, 0)
    .loadMap(R1, ports)
    .copy(R2, STACK).add(R2, -8)
    .call(MAP_LOOKUP_ELEM)
    .ifNull(R0, "pass")
    .copy(R1, R7).shiftRight(R1, 3).and(R1, PORT_SET_BYTES - 1)
    .addRegister(R0, R1)
    .load("u8", R0, R0, 0)
    .and(R7, 7)
    .shiftRightBy(R0, R7)
    .and(R0, 1)
    .ifEqual(R0, 0, "pass")
    // The socket; there is none while the worker does not run.
    .loadMap(R1, sockets)
    .copy(R2, STACK).add(R2, -8)
    .call(MAP_LOOKUP_ELEM)
    .ifNull(R0, "pass")
    .copy(R7, R0)
    .copy(R1, R6).copy(R2, R7).set(R3, 0)
    .call(SK_ASSIGN)
    .copy(R1, R7)
    .call(SK_RELEASE)
    .label("pass")
    .set(R0, SK_PASS)
    .exit()
    .assemble();
}
