/**
 * The addresses that the interfaces of this machine have.
 * @module
 */
import { networkInterfaces } from "node:os";
import { canonicalIp } from "../linux/ip.ts";

/**
 * Asks whether an interface has an address. The kernel accepts all addresses of 127.0.0.0/8 on
 * loopback, but lists only one of them.
 */
export function onInterface(): (address: string) => boolean {
  let listed: Set<string> | undefined;
  return (address) => {
    if (address.startsWith("127.")) return true;
    listed ??= new Set(
      Object.values(networkInterfaces()).flatMap((addresses = []) =>
        addresses.map((one) => canonicalIp(one.address))
      ),
    );
    return listed.has(canonicalIp(address));
  };
}
