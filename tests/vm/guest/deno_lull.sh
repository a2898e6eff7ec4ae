#!/bin/sh
# The agent as a script under Deno; it needs nothing else.
# The caches lie in memory, so that no prepare writes to a disk: without the largest.
export DENO_DIR=/run/deno DENO_NO_UPDATE_CHECK=1
# As in the task `start` of deno.json.
export MALLOC_ARENA_MAX=1
# The builder of the image puts V8's flags, from deno.json, into this command.
exec /usr/local/bin/deno run -A V8_FLAGS \
  --no-code-cache --cached-only /opt/lull/main.js "$@"
