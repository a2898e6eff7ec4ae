#!/bin/sh
# Starts the agent with the flags from the kernel's command line (base64, one
# per line), so that each boot can have its own. init starts it again if it ends.
flags=$(sed -n 's/.*lull\.flags=\([^ ]*\).*/\1/p' /proc/cmdline | base64 -d)
export PATH=/usr/local/bin:/usr/bin:/bin:/sbin HOME=/root
[ -x /usr/local/bin/lull ] || exec sleep inf
exec >>/run/lull.log 2>&1
set -f
IFS='
'
# shellcheck disable=SC2086 # The words are split at line breaks, as they should.
exec /usr/local/bin/lull $flags
