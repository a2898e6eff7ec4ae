/**
 * What the kernel says of a fork, and its bytes.
 */

/** The message of drivers/char/random.c. */
export const FORK = "random: crng reseeded due to virtual machine fork";

/** A text as it is in the log. */
export const encode = (text: string) => new TextEncoder().encode(text);
