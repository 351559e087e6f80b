"""A proxy for TCP that cuts connections in the middle of things."""

import select
import socket
import threading


class CuttingProxy:
    """Listens on `address` and hands everything on to `target`, in a thread of its own.

    While cutting is on, each connection ends after a random number of bytes below `most_bytes`, both directions
    counted, whatever they are in the middle of.
    """

    def __init__(self, address, target, random, most_bytes):
        self.target = target
        self.random = random
        self.most_bytes = most_bytes
        self.cutting = False
        self.cuts = 0
        self.listener = socket.create_server(address)
        self.stopped, self.stopper = socket.socketpair()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopper.close()
        self.thread.join()
        self.listener.close()
        self.stopped.close()

    def _run(self):
        others, left = {}, {}  # socket to the one at the other side; bytes until a pair is cut
        while True:
            ready, _, _ = select.select([self.listener, self.stopped, *others], [], [])
            if self.stopped in ready:
                for each in others:
                    each.close()
                return
            for each in ready:
                if each is self.listener:
                    self._accept(others, left)
                elif each in others and not self._pass_on(each, others[each], left):
                    other = others.pop(each)
                    del others[other]
                    for end in (each, other):
                        left.pop(end, None)
                        end.close()

    def _accept(self, others, left):
        incoming, _ = self.listener.accept()
        try:
            outgoing = socket.create_connection(self.target)
        except OSError:
            incoming.close()
            return
        others[incoming], others[outgoing] = outgoing, incoming
        if self.cutting:
            left[incoming] = left[outgoing] = [self.random.randrange(1, self.most_bytes)]

    def _pass_on(self, source, to, left):
        """False: this connection is over."""
        try:
            data = source.recv(1 << 16)
            if not data:
                return False
            budget = left.get(source)
            if budget is None:
                if self.cutting:  # it was there before cutting began
                    left[source] = left[to] = [self.random.randrange(1, self.most_bytes)]
                to.sendall(data)
                return True
            to.sendall(data[:budget[0]])
            budget[0] -= len(data)
        except OSError:
            return False
        if budget[0] > 0:
            return True
        self.cuts += 1
        return False
