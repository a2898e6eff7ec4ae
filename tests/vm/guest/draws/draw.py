"""Draws random numbers for ever, as any program does: draw.py FILE SECONDS."""
import json, random, ssl, sys, time, uuid

path, seconds = sys.argv[1], float(sys.argv[2])
own = random.Random()
while True:
    with open(path, "a") as file:
        print("begin", file=file, flush=True)
        draws = {
            "random": random.random(),
            "getrandbits": random.getrandbits(64),
            "gauss": random.gauss(0, 1),
            "own generator": own.random(),
            "uuid1": str(uuid.uuid1()),
            "uuid4": str(uuid.uuid4()),
            "ssl": ssl.RAND_bytes(16).hex(),
        }
        print(json.dumps(draws), file=file, flush=True)
    time.sleep(seconds)
