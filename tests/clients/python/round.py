"""A whole round of a host in Python, with the client that openapi-python-client generates.

Usage: round.py http://127.0.0.1:PORT | unix:PATH
"""
import base64
import os
import sys
import time

import httpx
from lull_client import Client
from lull_client.api.default import health, prepare, recover, status
from lull_client.models import (
    Health,
    PrepareBody,
    PrepareReport,
    Problem,
    RecoverBody,
    RecoverBodyOutcome,
    RecoverReply,
    Status,
)

url = sys.argv[1]
if url.startswith("unix:"):
    client = Client("http://lull")
    transport = httpx.HTTPTransport(uds=url.removeprefix("unix:"))
    client.set_httpx_client(httpx.Client(base_url="http://lull", transport=transport))
else:
    client = Client(url)


def call(function, kind, **arguments):
    """Calls the function; its reply must be of that kind."""
    reply = function.sync(client=client, **arguments)
    if not isinstance(reply, kind):
        sys.exit(f"round: not {kind.__name__}: {reply}")
    return reply


generation = call(health, Health).generation
body = PrepareBody(operation="python", lease=60, wait="settled")
if not call(prepare, PrepareReport, body=body).settled:
    sys.exit("round: not settled")
if call(status, Status).state != "quiesced":
    sys.exit("round: not quiesced")
problem = call(recover, Problem, body=RecoverBody(operation="other"))
if problem.type_ != "urn:lull:problem:other-operation":
    sys.exit(f"round: not refused: {problem}")
reply = call(
    recover,
    RecoverReply,
    body=RecoverBody(
        operation="python",
        outcome=RecoverBodyOutcome.RESUMED,
        entropy=base64.b64encode(os.urandom(32)).decode(),
        host_time=time.time() * 1000,
    ),
)
if not reply.recovered or reply.recovery.generation != generation + 1:
    sys.exit(f"round: not recovered: {reply}")
print("round done")
