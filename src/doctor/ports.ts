/**
 * Checks of what the forwarding of ports uses of the kernel.
 * @module
 */
import { ListenEvents } from "../ports/listen_events.ts";
import { Steering } from "../ports/steering.ts";
import { type Check, never } from "./check.ts";

const REMEDY =
  "run the agent as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON, on a kernel with CONFIG_BPF_SYSCALL and CONFIG_BPF_EVENTS";

/** Both have a replacement, so that no configuration needs them. */
export const portChecks: readonly Check[] = [
  {
    name: "port-steering",
    needed: never,
    look({ config, libc }) {
      using _steering = new Steering(libc, config.forwardAddress[0]);
      return "the kernel steers the clients of forwarded ports to one socket";
    },
    skipped:
      "nothing, but each forwarded port is bound: a server that moves from loopback to all addresses can fail with EADDRINUSE for a second",
    remedy: REMEDY,
  },
  {
    name: "port-reports",
    needed: never,
    look({ libc }) {
      using _events = new ListenEvents({
        libc,
        runtime: {
          watchDescriptor: (open) => ({
            ...{ fd: open(true), next: () => Promise.resolve() },
            end() {},
          }),
        },
        onEvent() {},
        onError() {},
      });
      return "the kernel reports sockets that begin or end to listen";
    },
    skipped:
      "nothing, but ports are found by scans every --scan-interval-ms or less often",
    remedy: REMEDY,
  },
];
