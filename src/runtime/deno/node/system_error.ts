/**
 * Errors of the kernel, with the code and the text of Node's.
 * @module
 */
import { errnoName } from "../../../util/errno.ts";

/** The texts of the errors that are usual with files. */
const TEXTS: Record<string, string> = {
  EACCES: "permission denied",
  EAGAIN: "resource temporarily unavailable",
  EBADF: "bad file descriptor",
  EBUSY: "resource busy or locked",
  EEXIST: "file already exists",
  EFBIG: "file too large",
  EINVAL: "invalid argument",
  EIO: "i/o error",
  EISDIR: "illegal operation on a directory",
  ELOOP: "too many symbolic links encountered",
  EMFILE: "too many open files",
  ENAMETOOLONG: "name too long",
  ENFILE: "file table overflow",
  ENODEV: "no such device",
  ENOENT: "no such file or directory",
  ENOMEM: "not enough memory",
  ENOSPC: "no space left on device",
  ENOTDIR: "not a directory",
  ENOTEMPTY: "directory not empty",
  ENXIO: "no such device or address",
  EPERM: "operation not permitted",
  EPIPE: "broken pipe",
  EROFS: "read-only file system",
  ESPIPE: "invalid seek",
  ESRCH: "no such process",
  ETXTBSY: "text file is busy",
  EXDEV: "cross-device link not permitted",
};

/** What an error says of its call. */
interface Call {
  readonly syscall: string;
  readonly path?: string;
  readonly destination?: string;
}

/** The error of a call that the kernel has refused. */
export function systemError(errno: number, call: Call): Error {
  const { syscall, path, destination } = call;
  const code = errnoName(errno);
  const to = destination === undefined ? "" : ` -> '${destination}'`;
  const on = path === undefined ? "" : ` '${path}'${to}`;
  const text = TEXTS[code] ?? "the system refused it";
  const error = new Error(`${code}: ${text}, ${syscall}${on}`);
  const about = path === undefined ? { syscall } : { syscall, path };
  return Object.assign(error, { errno: -errno, code, ...about });
}

/** Runs a function of Deno; its errors become those of Node. */
export function translated<T>(action: () => T, call: Call): T {
  try {
    return action();
  } catch (error) {
    throw translate(error, call);
  }
}

/** The same for a promise of Deno. */
export async function translatedLater<T>(
  result: Promise<T>,
  call: Call,
): Promise<T> {
  try {
    return await result;
  } catch (error) {
    throw translate(error, call);
  }
}

/** Deno's text ends in the number of the error, if the kernel has refused the call. */
function translate(error: unknown, call: Call): unknown {
  const found = /\(os error (\d+)\)/.exec(String(error));
  return found === null ? error : systemError(Number(found[1]), call);
}
