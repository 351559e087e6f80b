"""The clients of the soak test with a broker that is killed now and then, and what may be lost by that."""

import collections
import threading

import mqtt_wire as mqtt
from broker import LIMIT, Failure, expect
from soak_client import GROUP_TOPICS, NEVER, TOPICS, SoakClient, World

KEPT_TOPICS = [f"kept/{i}" for i in range(4)]  # nobody subscribes to them: only for retained messages


class CrashWorld(World):
    def __init__(self, address):
        super().__init__(address)
        self.dying = False  # from shortly before the broker's end
        self.crashes = 0
        self.trails = collections.defaultdict(list)  # of messages, for the report of a failure

    def kill(self, process, seconds):
        """After so many seconds, whatever the clients are doing then."""

        def end():
            self.dying = True
            process.kill()

        timer = threading.Timer(seconds, end)
        timer.daemon = True
        timer.start()
        return timer

    def after_crash(self, clients):
        """Takes what had left the broker before it was killed."""
        for client in clients:
            client.take_last_words()
        self.dying = False
        self.crashes += 1

    def trail(self, index):
        return "\n  ".join(["", *self.trails[index]])

    def check_retained(self):
        """What was acknowledged is there, unless something later may have taken its place; how many there are."""
        found = {}
        with mqtt.opened(self.address, "retained-checker") as client:
            client.subscribe("kept/#", "soak/#", "group/#", qos=1)
            client.ping()
            for packet in client.inbox:
                if packet.kind == mqtt.PUBLISH:
                    message = mqtt.decode_publish(packet)
                    expect(message.retain, f"came live: {message}")
                    expect(message.topic not in found, f"two retained messages: {message}")
                    found[message.topic] = int.from_bytes(message.payload, "big")
            client.disconnect()
        candidates = {topic: [] for topic in KEPT_TOPICS + TOPICS + GROUP_TOPICS}
        for message in self.messages:
            if message.retain:
                candidates[message.topic].append(message)
        for topic, messages in candidates.items():
            # Every message takes effect between being sent and being acknowledged.
            last_sure = max((each.sent for each in messages if each.acked < NEVER), default=0)
            if topic in found:
                message = self.messages[found[topic]]
                expect(message.topic == topic and message.retain and not message.empty, f"on {topic}: {vars(message)}")
                possible = message.acked >= last_sure
            else:
                possible = last_sure == 0 or any(each.empty and each.acked >= last_sure for each in messages)
            expect(possible, f"retained on {topic}: {found.get(topic)}, among",
                   [vars(each) for each in messages if each.acked >= last_sure or each.sent == last_sure][:8])
        return len(found)


class CrashClient(SoakClient):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.deaf = False  # the broker does not get what is sent
        self.unanswered = False  # the last CONNECT
        self.history = collections.deque(maxlen=60)  # packets but for messages and their acknowledgements

    def connect(self, clean):
        if self.session is None and self.unanswered:
            clean = True  # there may be a session now that nobody knows
        self.deaf = False
        self.unanswered = True
        try:
            super().connect(clean)
        except (OSError, mqtt.Closed, Failure):
            if not self.world.dying:
                raise
            self._lost()

    def take_last_words(self):
        self.deaf = True
        while self.socket:
            self.socket.settimeout(LIMIT)
            try:
                data = self.socket.recv(1 << 16)
            except ConnectionError:
                break
            if not data:
                break
            for packet in self.splitter.feed(data):
                self.on_packet(packet)
        self._lost()

    def on_packet(self, packet):
        if packet.kind in (mqtt.CONNACK, mqtt.SUBACK, mqtt.UNSUBACK):
            self._note("got", packet.kind, packet.body)
        super().on_packet(packet)

    def _note(self, what, kind, data):
        self._remember(f"{what} {mqtt.NAMES[kind]} {bytes(data[:24])}")

    def _remember(self, what):
        self.history.append(f"tick {self.world.ticks}, crash {self.world.crashes}: {what}")

    def _trail(self, index, what):
        self.world.trails[index].append(f"tick {self.world.ticks}, crash {self.world.crashes}: {self.name} {what}")

    def _lost(self):
        self._remember(f"connection lost{' by crash' if self.world.dying else ''}")
        super()._lost()

    def _encoded(self, index, number, dup):
        self._trail(index, f"{'would send' if self.deaf else 'sends'} it{' again' if dup else ''}, id {number}")
        return super()._encoded(index, number, dup)

    def _on_ack(self, kind, number, reason):
        if number in self.session.under_way:
            self._trail(self.session.under_way[number][0], f"got {mqtt.NAMES[kind]}, {self.session.under_way[number]}")
        super()._on_ack(kind, number, reason)

    def _on_publish(self, received):
        index = int.from_bytes(received.payload, "big")
        self._trail(index, f"{'got it, deaf' if self.deaf else 'got it'}: {received[2:6]}")
        try:
            super()._on_publish(received)
        except Failure:
            print(f"{self.name}, at tick {self.world.ticks}:", *self.history, sep="\n  ")
            print(f"message {index}: {self.world.trail(index)}")
            raise
        if received.qos < 2 and self.session is not None:
            self.session.got_below_2.add(index)

    def _send(self, data):
        if data[0] >> 4 in (mqtt.CONNECT, mqtt.SUBSCRIBE, mqtt.UNSUBSCRIBE, mqtt.DISCONNECT):
            self._note("vain" if self.deaf else "sent", data[0] >> 4, data)
        if not self.deaf:
            super()._send(data)

    def _broken(self):
        expect(self.world.dying, f"the connection of {self.name} broke")
        self.deaf = True  # something may still be there to be read

    def _closed_by_broker(self):
        expect(self.world.dying, f"the broker closed the connection of {self.name}")
        self._lost()

    def publish_something(self, chance):
        if chance.random() < 0.9:
            return super().publish_something(chance)
        self._publish(chance.choice((0, 1, 1, 2)), chance.choice(KEPT_TOPICS), retain=True, empty=chance.random() < 0.3)

    def _on_connack(self, packet):
        self.unanswered = False
        super()._on_connack(packet)

    def _check_present(self, present):
        if self.session is None or self.session.certain:
            super()._check_present(present)
        elif not present:
            self._session_over()  # nothing of it had been acknowledged

    def _may_come_again(self, received, message):
        # What was sent to a subscriber before it was stored is routed again when its publisher repeats it. Only a
        # message that was received with QoS 2 cannot come again.
        index = int.from_bytes(received.payload, "big")
        loosely = received.qos < 2 or index in self.session.got_below_2
        return loosely and message.repeated or super()._may_come_again(received, message)
