#!/usr/bin/env python3
"""Random clients, and a broker that is killed under them at random moments: is everything kept that was acknowledged?

VMQ_SEED repeats the choices of a run (not its timing), VMQ_CRASH_ROUNDS makes it longer than 10 crashes.
"""

import os
import pathlib
import random
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from broker import QUEUES_WITHOUT_LIMIT, SANITIZERS, SLOWNESS, Broker, expect, free_port
from crash_client import CrashClient, CrashWorld
from scenarios import main, scenario
from soak_client import act

CLIENTS = 40


def settings(shards):
    return (f"shards = {shards}", *QUEUES_WITHOUT_LIMIT, "retry_interval = 0", "log.console.level = warning")


def check_log(broker):
    complaints = [line for line in broker.log().splitlines() if re.search(r"dropped|\[error\]|\[critical\]", line)]
    expect(not complaints, "the broker complained:", complaints[:5])


@scenario
def kill9_ledger():
    seed = int(os.environ.get("VMQ_SEED", random.SystemRandom().randrange(1 << 32)))
    rounds = int(os.environ.get("VMQ_CRASH_ROUNDS", "3" if SANITIZERS else "10"))
    print(f"VMQ_SEED={seed}, {rounds} crashes, {CLIENTS} clients", flush=True)
    chance = random.Random(seed)
    with Broker(*settings(2), port=free_port()) as broker:
        world = CrashWorld(broker.address)
        clients = [CrashClient(world, f"crash-{i}", chance.choice((3, 4, 5, 5)), keeps=chance.random() < 0.7,
                               group=i % 8 == 0) for i in range(CLIENTS)]
        slowest = 0
        for number in range(rounds):
            timer = world.kill(broker.process, chance.uniform(0.5, 2) * SLOWNESS)
            while broker.alive():
                for _ in range(chance.randrange(1, 12)):
                    act(chance.choice(clients), chance)
                world.turn(0.001)
                expect(broker.alive() or world.dying, "the broker is gone")
            timer.join()
            world.after_crash(clients)
            check_log(broker)
            begin = time.monotonic()
            broker.restart(*settings(chance.choice((2, 4))))
            slowest = max(slowest, time.monotonic() - begin)
            retained = world.check_retained()
            print(f"crash {number + 1}: {len(world.messages)} messages so far, {retained} retained", flush=True)
        world.settle(clients)
        print(f"{world.judge()}, slowest start {slowest:.2f} s", flush=True)
        check_log(broker)


if __name__ == "__main__":
    main()
