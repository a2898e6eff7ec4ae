#!/bin/sh
# deb-postinst(5): `configure` and, at an update, the version before it.
set -e
[ "$1" = configure ] || exit 0
[ -x /usr/bin/systemctl ] || exit 0
# The first install enables the service, by its preset. This also works in a tree.
[ -n "$2" ] || systemctl preset lull.service || :
[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload || :
if [ -n "$2" ]; then
	systemctl try-restart lull.service || :
else
	systemctl start lull.service || :
fi
