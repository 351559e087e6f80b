"""What can go wrong with a node or with the network between them. Each begins and ends; both may take a while."""

import asyncio

from broker import SLOWNESS


class Fault:
    """`world`: its nodes, its switch, its seeded chance and its ledger."""

    def __init__(self, world):
        self.world = world

    async def end(self):
        self.world.switch.heal()


def _names(nodes):
    return "".join(node.short for node in nodes)


class Split(Fault):
    """Two sides that do not reach each other."""

    async def begin(self):
        nodes = self.world.chance.sample(self.world.nodes, len(self.world.nodes))
        at = self.world.chance.randrange(1, len(nodes))
        sides = nodes[:at], nodes[at:]
        self.world.switch.split(*([node.number for node in side] for side in sides))
        return " and ".join(_names(side) for side in sides) + " are split"


class Bridge(Fault):
    """Two nodes do not reach each other, but everybody else reaches both."""

    async def begin(self):
        one, other = self.world.chance.sample(self.world.nodes, 2)
        self.world.switch.both(one.number, other.number, cut=True)
        return f"{one.short} and {other.short} do not reach each other"


class OneWay(Fault):
    async def begin(self):
        one, other = self.world.chance.sample(self.world.nodes, 2)
        self.world.switch.set(one.number, other.number, cut=True)
        return f"nothing goes from {one.short} to {other.short}"


class SlowLines(Fault):
    """Delay, and one packet in a hundred or so is lost."""

    async def begin(self):
        delay, loss = self.world.chance.uniform(0.01, 0.2), self.world.chance.uniform(0, 0.05)
        for source in self.world.nodes:
            for target in self.world.nodes:
                if source is not target:
                    self.world.switch.set(source.number, target.number, delay=delay, jitter=delay / 4, loss=loss)
        return f"{delay * 1000:.0f} ms and {loss * 100:.1f} % lost on all lines"


class OfNode(Fault):
    async def begin(self):
        # Others may have a fault of their own at the same time.
        self.node = self.world.chance.choice([node for node in self.world.nodes if node not in self.world.hurt])
        self.world.hurt.add(self.node)
        await self.harm()
        return f"{self.node.short} {self.what}"

    async def end(self):
        await self.put_right()
        self.world.hurt.discard(self.node)


class Kill(OfNode):
    what = "is killed"

    async def harm(self):
        self.world.ledger.harmed()
        await asyncio.to_thread(self.node.kill)

    async def put_right(self):
        await asyncio.to_thread(self.node.restart)
        self.world.ledger.harmed()


class Restart(OfNode):
    what = "is stopped"

    async def harm(self):
        await asyncio.to_thread(self.node.stop)

    async def put_right(self):
        await asyncio.to_thread(self.node.restart)


class Freeze(OfNode):
    what = "hangs"

    async def harm(self):
        await asyncio.to_thread(self.node.freeze)

    async def put_right(self):
        self.node.thaw()


class FullDisk(OfNode):
    what = "has no room on its disk"

    async def harm(self):
        self.world.ledger.harmed()
        self.node.disk.fill()

    async def put_right(self):
        self.node.disk.make_room()
        self.world.ledger.harmed()


SHORT, LONG = 0.2 * SLOWNESS, 2.5 * SLOWNESS  # seconds; a silent node is noticed after one
