#!/bin/sh
# rpm gives the number of versions that are installed now: 1 is the first install.
[ -x /usr/bin/systemctl ] || exit 0
# By the custom of rpm, the service starts at the next boot.
[ "$1" != 1 ] || systemctl preset lull.service || :
[ ! -d /run/systemd/system ] || systemctl daemon-reload || :
