/**
 * The protocol of the QEMU guest agent, which libvirt, Proxmox and KubeVirt speak over a port of
 * virtio-serial. Only the host can write to the other end of the port, so no token is needed.
 * @module
 */
import { MountFreezer } from "../../linux/mount_freezer.ts";
import { readMounts } from "../../linux/mountinfo.ts";
import { chooseDisks } from "../../linux/disks.ts";
import type { Dialect, DialectContext } from "../dialect.ts";
import { execute } from "./execute.ts";
import { FilesystemFreeze } from "./freeze.ts";
import { Port } from "./port.ts";
import { Session } from "./session.ts";

/** Milliseconds that a trim of all filesystems may take. */
const TRIM_MS = 600_000;

/** Makes the dialect. */
export function qemuGaDialect(context: DialectContext): Dialect {
  const { lifecycle, libc, config, log, newId, runtime, freezerUrl } = context;
  return {
    open() {
      const session: Session = new Session({
        guest: {
          ...{ lifecycle, libc, execute },
          freeze: new FilesystemFreeze({
            ...{ lifecycle, newId },
            leaseSeconds: config.lease,
            thawedAtStart: context.repaired.some(({ kind }) =>
              kind === "mounts"
            ),
          }),
          async trim(minimum) {
            const freezer = new MountFreezer({
              ...{ runtime, workerUrl: freezerUrl },
            });
            try {
              const mounts = chooseDisks(readMounts()).disks
                .map(([mount]) => mount);
              return await freezer.trim(mounts, minimum, TRIM_MS);
            } finally {
              await freezer.end().catch(context.onError);
            }
          },
        },
        send: (bytes) => port.send(bytes),
        async onCommand(command) {
          log.debug("command over the port", { command });
          await context.ready();
        },
      });
      const port: Port = new Port({
        ...{ path: config.qemuGa, libc },
        onBytes: (bytes) => session.receive(bytes),
        onHostGone: () => session.hostGone(),
        say: (message, fields) => log.info(message, fields),
      });
      const unwatch = lifecycle.watch(() => {
        // Nothing runs on a timer while the guest is quiesced.
        if (lifecycle.state === "running") port.resume();
        else port.pause();
      });
      port.start();
      return Promise.resolve(() => {
        unwatch();
        port.end();
      });
    },
  };
}
