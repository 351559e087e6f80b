#!/usr/bin/env python3
"""Random clients against the broker, and a ledger of what each must, may and must not get.

VMQ_SEED repeats the choices of a run (not its timing), VMQ_SOAK_SECONDS makes it longer than 20 s.
"""

import os
import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from broker import LIMIT, QUEUES_WITHOUT_LIMIT, Broker, expect
from scenarios import main, scenario
from soak_client import SoakClient, World

CLIENTS = 40


def act(world, client, chance):
    """One random thing that this client can do now."""
    if client.connecting:
        return
    if not client.connected:
        if chance.random() < 0.5:
            # The members of the group stay: what waits for one that leaves may be lost.
            client.connect(clean=not client.keeps or not client.group and chance.random() < 0.03)
        return
    choice = chance.random()
    if choice < 0.62:
        client.publish_something(chance)
    elif choice < 0.74:
        client.subscribe_something(chance)
    elif choice < 0.80:
        client.unsubscribe_something(chance)
    elif choice < 0.84:
        client.ping()
    elif choice < 0.88:
        client.end(politely=True)
    elif choice < 0.93:
        client.end(politely=False)
    elif choice < 0.95:
        client.take_over()


@scenario
def soak():
    seed = int(os.environ.get("VMQ_SEED", random.SystemRandom().randrange(1 << 32)))
    seconds = float(os.environ.get("VMQ_SOAK_SECONDS", "20"))
    print(f"VMQ_SEED={seed}, {seconds:.0f} s, {CLIENTS} clients", flush=True)
    chance = random.Random(seed)
    with Broker("shards = 4", *QUEUES_WITHOUT_LIMIT, "retry_interval = 0", "log.console.level = warning") as broker:
        world = World(broker.address)
        clients = [SoakClient(world, f"soak-{i}", chance.choice((3, 4, 5, 5)), keeps=chance.random() < 0.6,
                              group=i % 8 == 0) for i in range(CLIENTS)]
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for _ in range(chance.randrange(1, 12)):
                act(world, chance.choice(clients), chance)
            world.turn(0.001)
            expect(broker.alive(), "the broker is gone")
        # Everybody comes back and takes what is left.
        for client in clients:
            if not client.connected and not client.connecting:
                client.connect(clean=not client.keeps)
        quiet_since, deadline = time.monotonic(), time.monotonic() + 6 * LIMIT
        while time.monotonic() - quiet_since < 1 or not all(each.settled() for each in clients):
            if world.turn(0.1):
                quiet_since = time.monotonic()
            expect(time.monotonic() < deadline, "it does not come to rest:",
                   [each.name for each in clients if not each.settled()])
        for client in clients:
            client.ping()
        while not all(each.settled() for each in clients):
            world.turn(0.1)
            expect(time.monotonic() < deadline, "no answer to the last PINGREQ")
        print(world.judge(), flush=True)
        log = broker.log()
        expect("dropped" not in log, "the broker dropped messages:", [x for x in log.splitlines() if "dropped" in x][:5])


if __name__ == "__main__":
    main()
