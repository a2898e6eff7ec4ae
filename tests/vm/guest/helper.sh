#!/bin/sh
# Runs the commands of the tests, without Lull: a web server with one script.
export PATH=/usr/local/bin:/usr/bin:/bin:/sbin HOME=/root
exec httpd -f -p 8022 -h /srv/helper
