#!/bin/sh
# deb-postrm(5): only a purge forgets whether the service is enabled.
set -e
if [ "$1" = purge ]; then
	rm -f /etc/systemd/system/multi-user.target.wants/lull.service
fi
[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload || :
