/**
 * Reads the kernel's table of unix sockets: /proc/net/unix, as unix(7) and proc_pid_net(5) describe
 * it.
 * @module
 */

/**
 * `address: references protocol flags type state inode path`. The flag __SO_ACCEPTCON
 * (linux/net.h) says that the socket listens, and the type 1 that it is a stream.
 */
const LISTENING =
  /^[0-9a-f]+: [0-9A-F]+ [0-9A-F]+ 00010000 0001 [0-9A-F]+ +(\d+) (\/.+)$/;

/** The inodes of the stream sockets that listen, by their paths. */
export function listeningPaths(text: string): Map<string, string> {
  const inodes = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, inode, path] = LISTENING.exec(line) ?? [];
    if (path !== undefined) inodes.set(path, inode);
  }
  return inodes;
}
