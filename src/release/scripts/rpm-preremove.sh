#!/bin/sh
# rpm gives the number of versions that stay: 0 is the removal.
[ "$1" = 0 ] || exit 0
[ -x /usr/bin/systemctl ] || exit 0
systemctl disable lull.service || :
[ ! -d /run/systemd/system ] || systemctl stop lull.service || :
