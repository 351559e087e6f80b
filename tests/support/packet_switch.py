"""A switch between network namespaces that loses, delays and cuts: what `tc netem` does, on kernels without it.

Each port is a TUN device in a namespace of its own; a process of ours carries the packets from one to the other.
"""

import ctypes
import fcntl
import heapq
import multiprocessing
import os
import random
import select
import struct
import subprocess
import time

from broker import Skip, expect

_fork = multiprocessing.get_context("fork")
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 1, 0x1000
_CLONE_NEWNET = 0x40000000
_AT_ONCE = 64  # packets of one port before the others have their turn
_MOST_WAITING = 4 << 20  # bytes of one direction; a real router would not keep more either
DEVICE = "mesh"


def enter_namespace(name):
    """The calling thread's network is this one from now on."""
    descriptor = os.open(f"/run/netns/{name}", os.O_RDONLY)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(descriptor, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"setns to {name}")
    finally:
        os.close(descriptor)


class Path:
    """What happens to packets from one port to another one."""

    def __init__(self):
        self.set()

    def set(self, cut=False, delay=0.0, jitter=0.0, loss=0.0, rate=None):
        """`delay` and `jitter` in seconds, `loss` from 0 to 1, `rate` in bytes per second, None for as fast as it goes.

        Packets do not overtake each other unless there is jitter.
        """
        self.cut, self.delay, self.jitter, self.loss, self.rate = cut, delay, jitter, loss, rate
        self.free_at = 0.0  # when the line has sent everything before
        self.waiting = 0

    def plain(self):
        return not (self.cut or self.delay or self.jitter or self.loss or self.rate)


class _Run:
    """The process: TUN devices by the last byte of their address."""

    def __init__(self, namespaces, commands, seed):
        self.commands = commands
        self.chance = random.Random(seed)
        self.ports = {}
        for number, name in namespaces.items():
            enter_namespace(name)
            device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), _IFF_TUN | _IFF_NO_PI))
            self.ports[number] = device
        self.paths = {(a, b): Path() for a in self.ports for b in self.ports if a != b}
        self.later = []  # (time, count, source, target, packet)
        self.count = 0

    def run(self):
        poll = select.epoll()
        poll.register(self.commands.fileno(), select.EPOLLIN)
        numbers = {device: number for number, device in self.ports.items()}
        for device in numbers:
            poll.register(device, select.EPOLLIN)
        self.commands.send("ready")
        while True:
            wait = max(self.later[0][0] - time.monotonic(), 0) if self.later else None
            for descriptor, _ in poll.poll(wait):
                if descriptor in numbers:
                    self.forward(descriptor, numbers[descriptor])
                else:
                    command = self.commands.recv()
                    if command is None:
                        return
                    source, target, settings = command
                    self.paths[source, target].set(**settings)
                    self.commands.send("done")
            now = time.monotonic()
            while self.later and self.later[0][0] <= now:
                _, _, source, target, packet = heapq.heappop(self.later)
                path = self.paths[source, target]
                path.waiting = max(path.waiting - len(packet), 0)
                if not path.cut:
                    self.deliver(target, packet)

    def forward(self, device, source):
        for _ in range(_AT_ONCE):
            try:
                packet = os.read(device, 1 << 16)
            except BlockingIOError:
                return
            path = self.paths.get((source, packet[19])) if packet[0] >> 4 == 4 else None
            if path is None or path.cut or path.loss and self.chance.random() < path.loss:
                continue
            if path.plain():
                self.deliver(packet[19], packet)
                continue
            if path.waiting + len(packet) > _MOST_WAITING:
                continue
            path.waiting += len(packet)
            at = time.monotonic()
            if path.rate:
                path.free_at = at = max(at, path.free_at) + len(packet) / path.rate
            at += path.delay + path.jitter * self.chance.random()
            self.count += 1
            heapq.heappush(self.later, (at, self.count, source, packet[19], packet))

    def deliver(self, target, packet):
        try:
            os.write(self.ports[target], packet)
        except OSError:
            pass  # its device is down or full: lost


def _process(namespaces, commands, seed):
    _Run(namespaces, commands, seed).run()
    os._exit(0)


class PacketSwitch:
    """Ports are numbers; `namespaces` names the namespace of each, where the device `mesh` is made.

    The last byte of a packet's IPv4 address is the number of its port.
    """

    def __init__(self, namespaces, seed):
        if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
            raise Skip("no /dev/net/tun that may be opened")
        self.numbers = sorted(namespaces)
        self.pipe, other = _fork.Pipe()
        self.process = _fork.Process(target=_process, args=(namespaces, other, seed), daemon=True)
        self.process.start()
        other.close()
        expect(self.pipe.poll(10) and self.pipe.recv() == "ready", "the packet switch did not start")

    def close(self):
        self.pipe.send(None)
        self.process.join(10)

    def set(self, source, target, **settings):
        """See Path.set; whatever is not named is as on a good line. It holds when this returns."""
        self.pipe.send((source, target, settings))
        self.pipe.recv()

    def both(self, one, other, **settings):
        self.set(one, other, **settings)
        self.set(other, one, **settings)

    def split(self, *sides):
        """Ports of different sides do not reach each other."""
        for side in sides:
            for other in sides:
                if side is not other:
                    for source in side:
                        for target in other:
                            self.set(source, target, cut=True)

    def heal(self):
        """All lines are good."""
        for source in self.numbers:
            for target in self.numbers:
                if source != target:
                    self.set(source, target)


def run_ip(commands):
    """Lines for `ip -batch`."""
    done = subprocess.run(["ip", "-batch", "-"], input="\n".join(commands) + "\n", capture_output=True, text=True,
                          check=False)
    if done.returncode:
        raise Skip(f"`ip` could not make the network: {done.stderr.strip()}")
