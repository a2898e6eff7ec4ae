#!/bin/sh
# The agent as a script under Deno; it needs nothing else.
# The caches lie in memory, as all that this guest writes: without the largest.
export DENO_DIR=/var/cache/deno DENO_NO_UPDATE_CHECK=1
# Without V8's compilers: what they compile is in every later snapshot, and slow
# where all code is new after a restore. What was read once stays read, and what
# has never run is read at the start: a recovery would have to do it. Without
# collections in quiet moments: they would wake a quiesced guest. And with room for
# a reply in what is collected most often: a fork would do that first.
v8=--no-opt,--no-maglev,--no-sparkplug,--no-flush-bytecode,--no-lazy,--no-lazy-feedback-allocation,--no-memory-reducer,--min-semi-space-size=2
exec /usr/local/bin/deno run -A --v8-flags=$v8 \
  --no-code-cache --cached-only /opt/lull/main.js "$@"
