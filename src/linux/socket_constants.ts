/**
 * The constants of sockets: families, types, levels, options and flags. Their values are those of
 * the Linux headers for x86-64 and arm64.
 * @module
 */

/** Address families, bits/socket.h, socket(2). */
export const AF_UNSPEC = 0;
export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
export const AF_PACKET = 17;
export const AF_VSOCK = 40;

/** Types of sockets, and the flags that are added to a type, socket(2). */
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;

/** Options of any socket, asm-generic/socket.h, socket(7). */
export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_KEEPALIVE = 9;
export const SO_LINGER = 13;
export const SO_RCVTIMEO = 20;
export const SO_SNDTIMEO = 21;
export const SO_ATTACH_FILTER = 26;
export const SO_ACCEPTCONN = 30;

/** ICMP and its raw sockets, linux/icmp.h, raw(7). */
export const IPPROTO_ICMP = 1;
export const SOL_RAW = 255;
export const ICMP_FILTER = 1;

/** Options of a TCP socket, linux/tcp.h, tcp(7). */
export const IPPROTO_TCP = 6;
export const TCP_NODELAY = 1;
export const TCP_CORK = 3;
export const TCP_KEEPIDLE = 4;
export const TCP_KEEPINTVL = 5;
export const TCP_KEEPCNT = 6;
export const TCP_DEFER_ACCEPT = 9;
export const TCP_INFO = 11;

/** Flags of send(2). */
export const MSG_DONTWAIT = 0x40;
export const MSG_NOSIGNAL = 0x4000;

/** Directions of shutdown(2). */
export const SHUT_RD = 0;
export const SHUT_WR = 1;
export const SHUT_RDWR = 2;
