"""Counts in Redis, and writes a line for each count: the count and the wall clock.

One connection lasts as long as the program: if it breaks, the program ends with an error.
"""
import socket
import time

redis = socket.create_connection(("127.0.0.1", 6379))
with redis.makefile("rwb") as stream, open("/var/lib/worker/counts", "a") as log:
    while True:
        stream.write(b"INCR count\r\n")
        stream.flush()
        reply = stream.readline()
        if not reply.startswith(b":"):
            raise SystemExit(f"Cannot count: {reply!r}")
        print(int(reply[1:]), time.time(), file=log, flush=True)
        time.sleep(0.02)
