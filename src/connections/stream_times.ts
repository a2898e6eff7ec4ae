/**
 * How long the connections of streams may take.
 * @module
 */

/**
 * Milliseconds for the client to acknowledge what was sent, and for the runtime to close its end. The
 * machine of a client may be busy.
 */
export const LIMIT_MS = 2000;
/** Milliseconds between two looks at the counters of the kernel. */
export const PAUSE_MS = 5;
/** Turns of the event loop in which the runtime writes what it was given. */
export const WRITE_TURNS = 5;
/** Milliseconds until the runtime has written the end of a stream. */
export const LAST_CHUNK_MS = 100;
