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
from broker import QUEUES_WITHOUT_LIMIT, Broker, expect
from scenarios import main, scenario
from soak_client import SoakClient, World, act

CLIENTS = 40


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
                act(chance.choice(clients), chance)
            world.turn(0.001)
            expect(broker.alive(), "the broker is gone")
        world.settle(clients)
        print(world.judge(), flush=True)
        log = broker.log()
        expect("dropped" not in log, "the broker dropped messages:", [x for x in log.splitlines() if "dropped" in x][:5])


if __name__ == "__main__":
    main()
