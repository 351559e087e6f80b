"""A broker with listeners of all kinds, and a CA that vouches for them."""

from broker import LIMIT, Broker, free_port
from certificates import Authority

TLS = ("ssl", "wss")
# A peer may have to wait long for a processor; what is late is for the tests of these limits to say.
PATIENCE = tuple(f"{name} = {1000 * LIMIT}" for name in (
    "mqtt_connect_timeout", "listener.tls_handshake_timeout", "listener.proxy_protocol_timeout"))


class Ways:
    """`ways = Ways(); port = ways.add("wss"); with ways.broker as broker:`. The log is at level debug."""

    def __init__(self, *settings):
        self.broker = Broker("log.console.level = debug", *PATIENCE, *settings)
        self.ca = Authority(self.broker.folder / "pki")
        self.ca.issue("server", hosts=("localhost", "127.0.0.1"))

    def add(self, kind, *options, certificate="server"):
        """The port of one more listener, which stays the same when the broker is started again."""
        port = free_port()
        key = f"listener.{kind}.on-{port}"
        lines = [f"{key} = 127.0.0.1:{port}"]
        if kind in TLS:
            options = (f"certfile = pki/{certificate}.pem", f"keyfile = pki/{certificate}.key", *options)
        lines += [f"{key}.{option}" for option in options]
        self.broker.settings += tuple(lines)
        return port
