"""Takes part in freezes: python3 client.py SOCKET NAME"""
import http.client
import json
import socket
import sys

PATH, NAME = sys.argv[1:3]


class Lull(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(PATH)


def request(method, path):
    connection = Lull("hooks")
    connection.request(method, path)
    return connection.getresponse()


for line in request("GET", f"/hooks/events?name={NAME}"):
    if line.startswith(b"data: "):
        event = json.loads(line[6:])
        # event["phase"] is "freeze" or "thaw": flush, close, reseed here.
        print(event["phase"], event["generation"], flush=True)
        request("POST", f"/hooks/events/{event['id']}/ack")
