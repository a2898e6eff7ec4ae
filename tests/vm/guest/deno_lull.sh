#!/bin/sh
# The agent as a script under Deno; it needs nothing else.
# The caches lie in memory, so that no prepare writes to a disk: without the largest.
export DENO_DIR=/run/deno DENO_NO_UPDATE_CHECK=1
# The builder of the image puts the variables and V8's flags, from deno.json, into this command.
exec env DENO_VARIABLES /usr/local/bin/deno run -A V8_FLAGS \
  --no-code-cache --cached-only /opt/lull/main.js "$@"
