"""What clients of a cluster know of their messages, and whether that is what was promised to them.

Nothing here asks the brokers anything: a message counts as acknowledged when its publisher got PUBACK or PUBREC, and as
delivered when its subscriber got PUBLISH.
"""

import collections
import datetime
import time

from broker import expect

ALWAYS = float("inf")


def clock():
    """As the brokers write it in their logs."""
    return f"{datetime.datetime.utcnow():%H:%M:%S.%f}"


class Sent:
    """A message, numbered by its publisher for its topic. Times are those of time.monotonic()."""

    def __init__(self, index, publisher, topic, number, qos):
        self.index, self.publisher, self.topic, self.number, self.qos = index, publisher, topic, number, qos
        self.sent = time.monotonic()
        self.acknowledged = None  # the time
        self.refused = False  # and given up by its publisher
        self.repeated = False  # sent again in a session that did not know of it: may come twice
        self.late = False  # sent again after later ones had been acknowledged: its place is gone
        self.story = []  # for the report of a failure

    def note(self, words):
        self.story.append(f"{clock()}: {words}")


class Ledger:
    """Everything that was sent, and what became of it for each of the subscribers, all of which get all of it."""

    def __init__(self):
        self.messages = []
        self.numbers = collections.Counter()  # by topic
        self.newest_acknowledged = collections.Counter()  # number by topic
        self.moved = {}  # publisher: when it went to another node last while something was the matter
        self.subscribers = []
        self.broken = False  # something is the matter with the cluster
        # When a node was killed or had no room, the last time: what was under way then may come twice. Without room,
        # because a message that one node refuses has reached others, and its publisher may not have heard of that.
        self.harmed_at = -ALWAYS
        self.refusals = collections.Counter()  # by reason code

    def new_message(self, publisher, topic, qos):
        message = Sent(len(self.messages), publisher, topic, self.numbers[topic], qos)
        self.numbers[topic] += 1
        self.messages.append(message)
        return message

    def acknowledged(self, message):
        if message.acknowledged is None:
            message.acknowledged = time.monotonic()
            self.newest_acknowledged[message.topic] = max(message.number, self.newest_acknowledged[message.topic])
            message.note("acknowledged")

    def sent_again(self, message, known):
        """`known`: the broker has to know of the first time."""
        message.repeated = message.repeated or not known
        message.late = message.late or self.newest_acknowledged[message.topic] > message.number

    def refused(self, message, reason):
        self.refusals[f"{reason:#x}"] += 1
        message.refused = True
        message.note(f"refused with {reason:#x}")

    def moves(self, publisher):
        """To another node, which may reach subscribers that its old one does not: later messages overtake."""
        if self.broken:
            self.moved[publisher] = time.monotonic()

    def breaks(self):
        self.broken = True

    def harmed(self):
        self.harmed_at = time.monotonic()

    def is_whole(self):
        """And was seen to be by every node."""
        self.broken = False
        for each in self.subscribers:
            each.is_whole()

    def still_missing(self):
        """(subscriber, message) of what was acknowledged and has not come."""
        return [(subscriber, message) for subscriber in self.subscribers for message in self.messages
                if message.acknowledged and not subscriber.got[message.index]]

    def judge(self):
        """Fails if something was lost; disorder and second copies fail when they come. A summary."""
        missing = self.still_missing()
        by_name = collections.Counter(subscriber.name for subscriber, _ in missing)
        expect(not missing, f"{len(missing)} acknowledged messages did not come {dict(by_name)}, the first ones:",
               *("\n  " + subscriber.trail(message) for subscriber, message in missing[:5]))
        acknowledged = sum(each.acknowledged is not None for each in self.messages)
        copies = sum(sum(each.got.values()) for each in self.subscribers)
        distinct = sum(len(each.got) for each in self.subscribers)
        return (f"{acknowledged} of {len(self.messages)} messages acknowledged, refused: {dict(self.refusals)}; "
                f"{copies} deliveries to {len(self.subscribers)} subscribers, {copies - distinct} of them again; "
                f"order looked at {sum(each.compared for each in self.subscribers)} times")


class SubscriberLedger:
    """What one subscriber got. It subscribed with `qos` before the first message was sent."""

    def __init__(self, ledger, name, qos):
        self.ledger, self.name, self.qos = ledger, name, qos
        self.got = collections.Counter()
        self.newest = {}  # topic: number
        self.compared = 0
        self.story = collections.deque(maxlen=60)
        # Messages sent before this time may come out of order and twice: the session was made anew at a node that did
        # not reach the one that had it, or moved while its node could not give everything.
        self.torn_until = -ALWAYS
        ledger.subscribers.append(self)

    def note(self, words):
        self.story.append(f"{clock()}: {words}")

    def torn(self):
        self.torn_until = ALWAYS
        self.note("its session may be torn")

    def is_whole(self):
        if self.torn_until == ALWAYS:
            self.torn_until = time.monotonic()

    def receive(self, message, qos, dup):
        where = f"message {message.index}, QoS {qos}{', DUP' if dup else ''}"
        expect(qos == min(self.qos, message.qos), f"another QoS: {self.trail(message)}")
        self.got[message.index] += 1
        message.note(f"came to {self.name} for the {self.got[message.index]}. time")
        torn = message.sent < self.torn_until
        if self.got[message.index] > 1:
            once = qos == 2 and not (torn or message.repeated or self.ledger.harmed_at >= message.sent)
            expect(not once, f"{where} came again: {self.trail(message)}")
            return
        if torn or message.late or message.sent < self.ledger.moved.get(message.publisher, -ALWAYS):
            return
        newest = self.newest.get(message.topic, -1)
        expect(newest < message.number, f"{where} came after number {newest} of its topic: {self.trail(message)}")
        self.newest[message.topic] = message.number
        self.compared += 1

    def trail(self, message):
        story = "\n    ".join(message.story)
        own = "\n    ".join(self.story)
        return (f"{self.name}, message {message.index}, {message.topic} number {message.number} of {message.publisher}, "
                f"what is known:\n    {story}\n  {self.name}:\n    {own}")
