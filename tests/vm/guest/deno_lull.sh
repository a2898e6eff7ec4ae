#!/bin/sh
# The agent as sources under Deno; what it needs is all in node_modules.
export DENO_DIR=/var/cache/deno DENO_NO_UPDATE_CHECK=1
exec /usr/local/bin/deno run -A --cached-only /opt/lull/main.ts "$@"
