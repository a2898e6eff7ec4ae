#!/bin/sh
# The agent as sources under Deno; what it needs is all in node_modules.
# The caches lie in memory, as all that this guest writes: without the largest.
export DENO_DIR=/var/cache/deno DENO_NO_UPDATE_CHECK=1
# Without V8's last compiler: what it compiles is in every later snapshot. And
# without its collections in quiet moments: they would wake a quiesced guest.
exec /usr/local/bin/deno run -A --v8-flags=--no-opt,--no-memory-reducer \
  --no-code-cache --cached-only /opt/lull/main.ts "$@"
