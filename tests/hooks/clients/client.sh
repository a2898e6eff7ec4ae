#!/bin/sh
# Takes part in freezes: client.sh SOCKET NAME
curl -sN --unix-socket "$1" "http://hooks/hooks/events?name=$2" |
  while read -r field value; do
    case $field in
      event:) phase=$value ;;
      id:)
        # $phase is "freeze" or "thaw": flush, close, reseed here.
        echo "$phase"
        curl -s --unix-socket "$1" -X POST "http://hooks/hooks/events/$value/ack"
        ;;
    esac
  done
