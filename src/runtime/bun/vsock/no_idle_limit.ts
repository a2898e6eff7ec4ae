/**
 * The option of `Bun.serve` for a server on a unix socket that keeps idle connections.
 * @module
 */

/**
 * No limit on idle connections. Bun's types refuse the option for unix sockets, and Bun accepts it.
 * `server.timeout(request, 0)` does not hold once a stream has begun: Bun cut event streams that
 * were idle for 12 s.
 */
export const NO_IDLE_LIMIT: object = { idleTimeout: 0 };
