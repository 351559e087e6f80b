"""Sessions that are kept, and the files they are kept in."""

import mqtt_wire as mqtt
from broker import expect

LASTING = {mqtt.SESSION_EXPIRY: 3600}
MEGABYTE = 1 << 20


def lasting(address, name, version=5, **options):
    """A connection to a session that is kept."""
    return mqtt.opened(address, name, version, clean=False, props=LASTING if version == 5 else None, **options)


def back(address, name, version=5, **options):
    client = lasting(address, name, version, **options)
    expect(client.session_present, f"the session of {name} is lost")
    return client


def log_files(store):
    """RocksDB's, oldest first."""
    return sorted(path for path in store.glob("*.log") if path.stem.isdigit())


def size_of(folder):
    """(bytes of its files, bytes they take from the disk)."""
    found = [0, 0]
    for path in folder.rglob("*"):
        try:
            status = path.stat()
        except FileNotFoundError:  # just deleted
            continue
        if path.is_file():
            found[0] += status.st_size
            found[1] += status.st_blocks * 512
    return tuple(found)
