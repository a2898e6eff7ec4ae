#!/bin/sh
# Nothing may name a preload whose file goes away with the package.
said=$(lull install --root / --uninstall --preload=python,node,node-openssl,bun,deno 2>&1) || echo "lull: $said"
rm -rf /usr/lib/lull/preload/__pycache__
# By the custom of Alpine, the user enables a service: rc-update add lull
[ -x /sbin/rc-update ] || exit 0
rc-update --quiet --all del lull || :
[ ! -d /run/openrc ] || rc-service --ifstarted lull stop || :
exit 0
