"""The client's end of a WebSocket over a connected socket, RFC 6455."""

import base64
import hashlib
import os
import struct

from broker import expect, expect_equal

BINARY, TEXT, CONTINUATION, CLOSE, PING, PONG = 2, 1, 0, 8, 9, 10


def request(path="/mqtt", protocols="mqtt", key="dGhlIHNhbXBsZSBub25jZQ==", headers=()):
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: keep-alive, Upgrade",
             f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"]
    if protocols:
        lines.append(f"Sec-WebSocket-Protocol: {protocols}")
    return "\r\n".join([*lines, *headers, "", ""]).encode()


def frame(opcode, payload=b"", final=True):
    size = len(payload)
    head = bytes([(0x80 if final else 0) | opcode])
    if size < 126:
        head += bytes([0x80 | size])
    elif size < 65536:
        head += bytes([0x80 | 126]) + struct.pack(">H", size)
    else:
        head += bytes([0x80 | 127]) + struct.pack(">Q", size)
    mask = os.urandom(4)
    repeated = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
    return head + mask + (int.from_bytes(payload, "big") ^ repeated).to_bytes(size, "big")


class WebSocket:
    """Sends and receives like a socket; each sendall() is one frame."""

    def __init__(self, raw, **how):
        self.raw = raw
        self.data = bytearray()
        self.closed_with = None  # code of the broker's close frame
        self.pongs = []
        self.raw.sendall(request(**how))
        while b"\r\n\r\n" not in self.data:
            self._read()
        head, _, rest = bytes(self.data).partition(b"\r\n\r\n")
        self.data = bytearray(rest)
        self.head = head.decode()
        expect(self.head.startswith("HTTP/1.1 101 "), self.head)
        accept = base64.b64encode(hashlib.sha1(b"dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        # A proxy in between may spell names of fields another way.
        fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in self.head.split("\r\n"))}
        expect_equal(fields.get("sec-websocket-accept"), accept.decode(), self.head)

    def _read(self):
        data = self.raw.recv(1 << 18)
        if not data:
            raise ConnectionError("closed")
        self.data += data

    def _frame(self):
        """(opcode, payload) of the next frame, None while it is not complete."""
        if len(self.data) < 2:
            return None
        size, at = self.data[1], 2
        expect(size < 128, "a masked frame from the broker")
        if size >= 126:
            width = 2 if size == 126 else 8
            if len(self.data) < 2 + width:
                return None
            size, at = int.from_bytes(self.data[2:2 + width], "big"), 2 + width
        if len(self.data) < at + size:
            return None
        expect(self.data[0] & 0xF0 == 0x80, "a fragment from the broker")
        opcode, payload = self.data[0] & 15, bytes(self.data[at:at + size])
        del self.data[:at + size]
        return opcode, payload

    def recv(self, _size):
        while True:
            got = self._frame()
            if got is None:
                try:
                    self._read()
                except ConnectionError:
                    return b""
                continue
            opcode, payload = got
            if opcode == CLOSE:
                self.closed_with = struct.unpack(">H", payload[:2])[0] if payload else 1005
                return b""
            if opcode == PONG:
                self.pongs.append(payload)
                continue
            expect_equal(opcode, BINARY, "opcode")
            return payload

    def sendall(self, data):
        self.raw.sendall(frame(BINARY, data))

    def settimeout(self, seconds):
        self.raw.settimeout(seconds)

    def close(self):
        self.raw.close()
