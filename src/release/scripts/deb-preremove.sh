#!/bin/sh
# deb-prerm(5): an update restarts the service later, and does not stop it here.
set -e
[ "$1" = remove ] || exit 0
# Nothing may name a preload whose file goes away with the package.
said=$(lull install --root / --uninstall --preload=python,node,node-openssl,bun,deno 2>&1) || echo "lull: $said"
rm -rf /usr/lib/lull/preload/__pycache__
[ -d /run/systemd/system ] || exit 0
systemctl stop lull.service || :
