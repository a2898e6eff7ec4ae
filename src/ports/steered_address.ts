/**
 * What the forwarder's worker needs to know of steering, without the code that loads programs.
 * @module
 */

/** The bytes of a set of ports: a bit for each. */
export const PORT_SET_BYTES = 65_536 / 8;

/** The maps of one forward address: descriptors of this process. */
export interface SteeredAddress {
  /** An array of one element: the set of the ports to steer. */
  readonly ports: number;
  /** An array of one socket: the one that gets the clients. */
  readonly sockets: number;
}
