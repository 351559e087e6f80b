#!/usr/bin/env python3
"""Clusters that are broken in every way, seen only by their clients: nothing acknowledged is lost or changes places.

Each node is in a network namespace of its own. `--rounds N` for longer runs, `--seed N` to repeat the choices of one;
VMQ_CHAOS_ROUNDS and VMQ_SEED do the same. Needs root, or user namespaces.
"""

import os
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import namespaces
from broker import SANITIZERS, WITHOUT_STORE, Skip
from chaos_faults import Bridge, Freeze, FullDisk, Kill, OneWay, Restart, SlowLines, Split
from chaos_world import chaos
from scenarios import main, scenario

OPTIONS = {"--rounds": "VMQ_CHAOS_ROUNDS", "--seed": "VMQ_SEED"}
SERVES = "netsplit_policy = none"


def run(count, kinds, rounds, *settings, **options):
    if WITHOUT_STORE:
        raise Skip("it keeps sessions")
    rounds = int(os.environ.get("VMQ_CHAOS_ROUNDS", min(rounds, 2) if SANITIZERS else rounds))
    seed = int(os.environ.get("VMQ_SEED", random.SystemRandom().randrange(1 << 32)))
    chaos(count, kinds, rounds, seed, *settings, **options)


@scenario
def t27_splits():
    """Networks that break and heal. Subscribers stay with their nodes, publishers do not."""
    run(3, [Split, Split, Bridge, OneWay], 4, SERVES, wander=False)


@scenario
def splits_with_quorum():
    run(3, [Split, Split, Bridge, OneWay], 3, "netsplit_policy = quorum", wander=False)


@scenario
def splits_with_all():
    run(3, [Split, OneWay], 3, "netsplit_policy = all", wander=False)


@scenario
def slow_lines():
    run(3, [SlowLines], 3, SERVES)


@scenario
def kills():
    run(3, [Kill], 3, "netsplit_policy = all")


@scenario
def restarts():
    run(3, [Restart], 2, "netsplit_policy = all")


@scenario
def nodes_that_hang():
    run(3, [Freeze], 3, SERVES, wander=False)


@scenario
def full_disks():
    run(3, [FullDisk], 3, SERVES, small_disks=True, padding=20_000, qos=(1,), wander=False)


@scenario
def five_nodes():
    run(5, [Split, Bridge, OneWay, SlowLines, Kill, Freeze], 3, "netsplit_policy = all", wander=False)


if __name__ == "__main__":
    namespaces.enter()
    arguments = sys.argv[1:]
    for option, variable in OPTIONS.items():
        if option in arguments:
            at = arguments.index(option)
            os.environ[variable] = arguments[at + 1]
            del arguments[at:at + 2]
    sys.argv[1:] = arguments
    main()
