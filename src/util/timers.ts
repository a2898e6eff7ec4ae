/**
 * The runtime's timers, looked up once. Deno looks into who asks each time that
 * one reads them from the global object, which a fork would do anew while the
 * caller of its first health check waits.
 * @module
 */
export const { setTimeout, clearTimeout } = globalThis;
