/**
 * The C library, as a table of the functions that Lull calls. A function that this C library does
 * not have is undefined: then a feature is missing, and the agent starts all the same.
 * @module
 */
import { openLibc } from "../runtime/library.ts";
import { errnoName } from "../util/errno.ts";
import type {
  Arch,
  CSignature,
  CType,
  ForeignLibrary,
  Runtime,
} from "../runtime/types.ts";

const SYMBOLS = {
  // sched_setaffinity(2): the system call returns a size, its wrapper in the C library returns 0
  sched_getaffinity: { args: ["i32", "usize", "buffer"], result: "i32" },
  sched_setaffinity: { args: ["i32", "usize", "buffer"], result: "i32" },
  // sockets: getsockname(2), getpeername(2), getsockopt(2), shutdown(2), ioctl_list(2)
  getsockname: { args: ["i32", "buffer", "buffer"], result: "i32" },
  getpeername: { args: ["i32", "buffer", "buffer"], result: "i32" },
  getsockopt: {
    args: ["i32", "i32", "i32", "buffer", "buffer"],
    result: "i32",
  },
  setsockopt: { args: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  shutdown: { args: ["i32", "i32"], result: "i32" },
  ioctl: { args: ["i32", "usize", "buffer"], result: "i32" },
  // netlink(7), packet(7): sockets that node:net cannot open
  socket: { args: ["i32", "i32", "i32"], result: "i32" },
  send: { args: ["i32", "buffer", "usize", "i32"], result: "i32" },
  recv: { args: ["i32", "buffer", "usize", "i32"], result: "i32" },
  bind: { args: ["i32", "buffer", "u32"], result: "i32" },
  socketpair: { args: ["i32", "i32", "i32", "buffer"], result: "i32" },
  close: { args: ["i32"], result: "i32" },
  // servers and clients: listen(2), accept4(2), connect(2)
  listen: { args: ["i32", "i32"], result: "i32" },
  accept4: { args: ["i32", "buffer", "buffer", "i32"], result: "i32" },
  connect: { args: ["i32", "buffer", "u32"], result: "i32" },
  // epoll(7), eventfd(2)
  epoll_create1: { args: ["i32"], result: "i32" },
  epoll_ctl: { args: ["i32", "i32", "i32", "buffer"], result: "i32" },
  epoll_wait: { args: ["i32", "buffer", "i32", "i32"], result: "i32" },
  eventfd: { args: ["u32", "i32"], result: "i32" },
  eventfd_write: { args: ["i32", "usize"], result: "i32" },
  // timerfd_create(2)
  timerfd_create: { args: ["i32", "i32"], result: "i32" },
  timerfd_settime: {
    args: ["i32", "i32", "buffer", "buffer"],
    result: "i32",
  },
  // poll(2)
  poll: { args: ["buffer", "usize", "i32"], result: "i32" },
  // fcntl(2): the commands that Lull uses have an int as their third argument
  fcntl: { args: ["i32", "i32", "i32"], result: "i32" },
  // dup3(2): puts another file under the number of a descriptor
  dup3: { args: ["i32", "i32", "i32"], result: "i32" },
  // read(2), which needs no exception for EAGAIN
  read: { args: ["i32", "buffer", "usize"], result: "i32" },
  // write(2), which says how much was written: Deno's writeSync tries again by itself
  write: { args: ["i32", "buffer", "usize"], result: "i32" },
  // clocks: clock_gettime(2); the struct is two 64-bit numbers
  clock_gettime: { args: ["i32", "buffer"], result: "i32" },
  clock_settime: { args: ["i32", "buffer"], result: "i32" },
  // one agent per runtime directory: flock(2)
  flock: { args: ["i32", "i32"], result: "i32" },
  // lseek(2), sethostname(2)
  lseek: { args: ["i32", "usize", "i32"], result: "i32" },
  sethostname: { args: ["buffer", "usize"], result: "i32" },
  // mount(2), umount2(2)
  mount: {
    args: ["buffer", "buffer", "buffer", "usize", "buffer"],
    result: "i32",
  },
  umount2: { args: ["buffer", "i32"], result: "i32" },
  // directories that native threads open for syncfs(2): dirfd(3), closedir(3), strdup(3)
  dirfd: { args: ["pointer"], result: "i32" },
  closedir: { args: ["pointer"], result: "i32" },
  strdup: { args: ["buffer"], result: "pointer" },
  // memmem(3), which returns the address of the bytes
  memmem: {
    args: ["buffer", "usize", "buffer", "usize"],
    result: "pointer",
  },
  // memory: malloc(3)
  malloc: { args: ["usize"], result: "pointer" },
  free: { args: ["pointer"], result: "void" },
  // memory: mmap(2), munmap(2), madvise(2)
  mmap: {
    args: ["pointer", "usize", "i32", "i32", "i32", "usize"],
    result: "pointer",
  },
  munmap: { args: ["pointer", "usize"], result: "i32" },
  madvise: { args: ["pointer", "usize", "i32"], result: "i32" },
  posix_fadvise: { args: ["i32", "usize", "usize", "i32"], result: "i32" },
  mincore: { args: ["pointer", "usize", "buffer"], result: "i32" },
  // memory at addresses that the kernel gets: memcpy(3) into it, memmove(3) out of it
  memcpy: { args: ["usize", "buffer", "usize"], result: "pointer" },
  memmove: { args: ["buffer", "usize", "usize"], result: "pointer" },
  // calls without a function in every C library: syscall(2)
  syscall: {
    args: ["usize", "usize", "usize", "usize", "usize", "usize"],
    result: "i32",
  },
  // native threads for calls that block: pthread_create(3), pthread_tryjoin_np(3), dlsym(3)
  dlsym: { args: ["pointer", "buffer"], result: "pointer" },
  pthread_create: {
    args: ["buffer", "pointer", "pointer", "pointer"],
    result: "i32",
  },
  pthread_tryjoin_np: { args: ["pointer", "buffer"], result: "i32" },
} as const satisfies Record<string, CSignature>;

type Value<T extends CType> = T extends "i32" | "u32" ? number
  : T extends "usize" ? bigint
  : T extends "pointer" ? bigint | null
  : T extends "buffer" ? Uint8Array | null
  : undefined;

type Result<T extends CType> = T extends "pointer" ? bigint
  : T extends "void" ? void
  : number;

type Values<T extends readonly CType[]> = {
  -readonly [I in keyof T]: Value<T[I]>;
};

type Call<S extends CSignature> = (
  ...args: Values<S["args"]>
) => Result<S["result"]>;

/** The functions of the C library. A fake in a test has only the functions that the test needs. */
export type Libc =
  & { readonly [N in keyof typeof SYMBOLS]?: Call<typeof SYMBOLS[N]> }
  & { readonly arch?: Arch; errno?(): number };

/** Returns a function of the C library; throws if this C library does not have it. */
export function requireSymbol<N extends keyof typeof SYMBOLS>(
  libc: Libc,
  name: N,
): NonNullable<Libc[N]> {
  const call = libc[name];
  if (call === undefined) {
    throw new Error(`Cannot call ${name}: this system's C library has none`);
  }
  return call;
}

/** A system call that failed. The message has the call, its object and the name of the error. */
export class SystemCallError extends Error {
  override readonly name = "SystemCallError";
  constructor(
    readonly call: string,
    readonly on: string,
    readonly errno: number,
  ) {
    super(`Cannot ${call} ${on}: ${errnoName(errno)}`);
  }

  /** The symbolic name of the error, as in the errors of node:fs. */
  get code(): string {
    return errnoName(this.errno);
  }
}

/** Makes the error of a call of this C library that has just returned -1. */
export function lastError(
  libc: Libc,
  call: string,
  on: string,
): SystemCallError {
  return new SystemCallError(call, on, libc.errno?.() ?? 0);
}

/**
 * Returns the result of a call of this C library that has just returned; throws the error of the
 * call if the result is -1. `call` and `on` are for the message.
 */
export function checked(
  libc: Libc,
  result: number,
  call: string,
  on: string,
): number {
  if (result === -1) throw lastError(libc, call, on);
  return result;
}

/** Loads the C library of this process. Empty if there is none, or if FFI is not available. */
export function loadLibc(runtime: Pick<Runtime, "openLibrary">): Libc {
  const library = openLibc((name) => runtime.openLibrary(name));
  return library === undefined ? {} : bind(library);
}

/**
 * Binds each function when it is first used: Bun compiles a stub for each bound function, and all
 * stubs together take 100 KB.
 */
function bind(library: ForeignLibrary): Libc {
  const bound = { arch: library.arch, errno: () => library.errno() };
  for (const [name, signature] of Object.entries(SYMBOLS)) {
    let found: { readonly call: unknown } | undefined;
    Object.defineProperty(bound, name, {
      enumerable: true,
      get() {
        found ??= { call: library.symbol(name, signature) };
        return found.call;
      },
    });
  }
  return bound as Libc;
}
