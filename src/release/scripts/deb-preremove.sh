#!/bin/sh
# deb-prerm(5): an update restarts the service later, and does not stop it here.
set -e
[ "$1" = remove ] || exit 0
[ -d /run/systemd/system ] || exit 0
systemctl stop lull.service || :
