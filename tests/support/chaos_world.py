"""Runs clients on a cluster while things break, and asks in between whether everything is well again.

Needs `namespaces.enter()`. Everything random comes from one seed; what happens when is up to the machine.
"""

import asyncio
import os
import pathlib
import random
import shutil
import time

import mqtt_wire as mqtt
from broker import LIMIT, QUEUES_WITHOUT_LIMIT, SLOWNESS, Failure, expect
from chaos_clients import Publisher, Retainer, Subscriber, Wanderer
from chaos_faults import LONG, SHORT
from chaos_ledger import Ledger
from small_disks import Disks
from namespaces import BrokenNetwork, heartbeats

PROMISED = 5.0 * SLOWNESS  # seconds after which any client can connect, and retained messages are equal, after healing


class Visitor(Wanderer):
    """Has a session that is kept, and no business: it comes and goes."""

    async def session(self, connection, present, moved_in_chaos):
        await self.until_leave(self.look(connection))

    async def look(self, connection):
        async for _ in self.packets(connection):
            pass


class World:
    def __init__(self, nodes, switch, seed, padding=0, wander=True, qos=(1, 2)):
        self.nodes, self.switch, self.seed = nodes, switch, seed
        self.chance = self.chance_of("faults")
        self.ledger = Ledger()
        self.hurt = set()  # nodes that have a fault of their own
        self.stay = False  # nobody leaves by himself
        self.silent = False  # nobody publishes
        self.padding = padding  # bytes of each message besides its number
        self.pause = 0.02 * SLOWNESS  # seconds between two messages of a publisher, on average
        for node in nodes:
            node.short = node.name[0]

        def homes(count):
            """Half of them stay with one node."""
            return [nodes[i // 2 % len(nodes)] if i % 2 else None for i in range(count)]

        places = homes(6) if wander else [nodes[i % len(nodes)] for i in range(6)]
        self.subscribers = [Subscriber(self, f"sub{i}", 1 + i // 2 % 2, home=home, version=4 if i % 3 == 2 else 5)
                            for i, home in enumerate(places)]
        self.publishers = [Publisher(self, f"pub{i}", qos[i // 2 % len(qos)], home=home, version=4 if i == 1 else 5)
                           for i, home in enumerate(homes(4))]
        self.retainers = [Retainer(self, f"ret{i}", home=home) for i, home in enumerate(homes(2))]
        self.visitors = [Visitor(self, f"visitor{i}", version=4 + i % 2) for i in range(4)]

    def chance_of(self, name):
        return random.Random(f"{self.seed} {name}")

    def clients(self):
        return [*self.subscribers, *self.publishers, *self.retainers, *self.visitors]

    async def wait_until(self, condition, what, limit=LIMIT):
        """How long it took."""
        begin = time.monotonic()
        while not condition():
            if time.monotonic() - begin > limit:
                raise Failure("in vain waited for:", what() if callable(what) else what)
            await asyncio.sleep(0.01)
        return time.monotonic() - begin

    async def run(self, plan):
        """`plan()`: what is done to the cluster meanwhile. Then everything has to arrive."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each.run()) for each in self.subscribers]
            await self.wait_until(lambda: all(each.known for each in self.subscribers), "subscriptions")
            tasks += [group.create_task(each.run()) for each in self.clients() if each not in self.subscribers]
            await plan()
            await self.settle()
            for each in tasks:
                each.cancel()

    # Whether it is well again

    async def everybody_connects(self):
        """Any client id can connect in time; how long it took."""
        begin = time.monotonic()
        self.stay = True
        for each in self.clients():
            each.go()

        def missing():
            return [each for each in self.clients() if each.connection is None or each.connected_at < begin]

        await self.wait_until(lambda: not missing(), lambda: "clients to connect: " + ", ".join(
            f"{each.name} ({each.why})" for each in missing()), PROMISED)
        return time.monotonic() - begin

    async def is_whole(self):
        wanted = {node.name: True for node in self.nodes}
        deadline = time.monotonic() + LIMIT
        for node in self.nodes:
            while (found := await asyncio.to_thread(node.members)) != wanted:
                expect(time.monotonic() < deadline, f"{node.name} still shows {found}")
                await asyncio.sleep(0.05)
            while waiting := await asyncio.to_thread(node.metric, "cluster_waiting_bytes"):
                expect(time.monotonic() < deadline, f"{waiting} bytes still wait on {node.name}")
                await asyncio.sleep(0.05)
        self.ledger.is_whole()

    def retained_at(self, node):
        """None: it does not let clients in. That a silence is noticed may come after its end."""
        with mqtt.Client(node.address, f"retained-{node.short}").open(accepted=False) as client:
            if client.reason != 0:
                return None
            client.subscribe("kept/#")
            client.ping()
            found = [mqtt.decode_publish(each) for each in client.inbox if each.kind == mqtt.PUBLISH]
            client.disconnect()
        expect(len({each.topic for each in found}) == len(found), f"a topic twice at {node.short}: {found}")
        return {each.topic: each.payload for each in found if each.retain}

    async def retained_are_equal(self, since):
        """And what was acknowledged; not later than promised after `since`. How long it took."""
        self.silent = True
        await self.wait_until(lambda: not any(each.busy for each in self.retainers), "retained messages to be written")
        while True:
            found = {node.short: await asyncio.to_thread(self.retained_at, node) for node in self.nodes}
            values = list(found.values())
            took = time.monotonic() - since
            if None in values:
                expect(took < PROMISED, f"a client is not let in after {took:.1f} s")
                await asyncio.sleep(0.05)
                continue
            if all(each == values[0] for each in values):
                break
            different = {topic: {node: kept.get(topic) for node, kept in found.items()}
                         for topic in set().union(*values) if len({kept.get(topic) for kept in values}) > 1}
            expect(took < PROMISED, f"retained messages are different after {took:.1f} s: {different}")
        for each in self.retainers:
            each.judge(values[0])
        self.silent = False
        for each in self.publishers:
            each.progress.set()
        return took

    async def settle(self):
        """No new messages, and all that were acknowledged arrive."""
        self.stay = self.silent = True
        await self.wait_until(lambda: not any(each.under_way for each in self.publishers), lambda: "acknowledgements: "
                              + "\n".join(f"{each.name} ({each.why}) " + "; ".join(message.story[-1] for message, _ in
                                                                                  each.under_way.values())
                                          for each in self.publishers), 2 * LIMIT)
        # Whatever filters the nodes have of each other: one message from each of them.
        for node in self.nodes:
            message = self.ledger.new_message(f"last-{node.short}", f"chaos/last-{node.short}", 1)
            await asyncio.to_thread(self.publish_last, node, message)
        missing, progress_at = len(self.ledger.messages) * len(self.subscribers), time.monotonic()
        while missing and time.monotonic() - progress_at < LIMIT / 2:
            await asyncio.sleep(0.05)
            left = len(self.ledger.still_missing())
            if left < missing:
                missing, progress_at = left, time.monotonic()
        print(self.ledger.judge(), flush=True)
        print(f"{sum(each.acknowledged for each in self.retainers)} retained messages acknowledged", flush=True)

    def publish_last(self, node, message):
        with mqtt.opened(node.address, f"last-{node.short}") as client:
            message.note(f"sent to {node.name}")
            reason = client.publish(message.topic, message.index.to_bytes(4, "big"), 1)
            expect(reason == 0, f"the last message at {node.name} is answered with {reason:#x}")
            self.ledger.acknowledged(message)
            client.disconnect()


async def rounds_of_faults(world, kinds, rounds):
    """`rounds` times one or two of these at a time; after each, everything has to be well in time."""
    slowest = 0.0, 0.0
    for number in range(rounds):
        world.stay = False
        await asyncio.sleep(world.chance.uniform(0.1, 0.5))
        faults = [world.chance.choice(kinds)(world) for _ in range(world.chance.choice((1, 1, 2)))]
        world.ledger.breaks()
        words = []
        for each in faults:
            words.append(await each.begin())
            await asyncio.sleep(world.chance.uniform(SHORT, LONG))
        print(f"round {number + 1}: {', '.join(words)}", end="", flush=True)
        for each in reversed(faults):
            await each.end()
        begin = time.monotonic()
        connected = await world.everybody_connects()
        equal = await world.retained_are_equal(begin)
        await world.is_whole()
        print(f"; all connected after {connected:.2f} s, retained equal after {equal:.2f} s, "
              f"{len(world.ledger.messages)} messages", flush=True)
        slowest = max(slowest[0], connected), max(slowest[1], equal)
    print(f"slowest: all connected {slowest[0]:.2f} s, retained equal {slowest[1]:.2f} s")


def keep_logs(nodes):
    """Where VMQ_CHAOS_LOGS says: a failure of a long run is looked into afterwards."""
    if folder := os.environ.get("VMQ_CHAOS_LOGS"):
        for node in nodes:
            for number in range(1, node.starts + 1):
                shutil.copy(node.folder / f"output-{number}.log", pathlib.Path(folder) / f"{node.short}-{number}.log")


def chaos(count, kinds, rounds, seed, *settings, small_disks=False, **options):
    """The whole of it: a cluster of so many nodes, clients, rounds of these faults, and judgement.

    Half of the subscribers go from node to node, unless `wander` is false; see World for further options.
    """
    print(f"VMQ_SEED={seed}, {count} nodes, {rounds} rounds", flush=True)
    of_node = None
    disks = Disks(count) if small_disks else None
    if disks:
        def of_node(number):
            return disks.disks[number - 1].settings()
    try:
        with BrokenNetwork(count, *QUEUES_WITHOUT_LIMIT, *heartbeats(), "log.console.level = info", *settings,
                           seed=seed, of_node=of_node) as (switch, nodes):
            for i, node in enumerate(nodes):
                node.disk = disks and disks.disks[i]
            world = World(nodes, switch, seed, **options)
            try:
                asyncio.run(world.run(lambda: rounds_of_faults(world, kinds, rounds)))
            except BaseException:
                keep_logs(nodes)
                raise
    finally:
        if disks:
            disks.remove()
