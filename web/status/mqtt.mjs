// A small MQTT client for the status page: versions 5 and 3.1.1, QoS 0 to 2, clean sessions.
// `Connection` is the protocol alone, bytes in and bytes out; `Client` moves them over a WebSocket.

export const V5 = 5;
export const V311 = 4;

/// The largest packet we take; an MQTT 5 broker is told so and sends none that is larger.
export const MAX_PACKET = 1024 * 1024;
/// Publishes that wait for their acknowledgement; more are refused here.
export const MAX_UNACKNOWLEDGED = 100;

const CONNECT = 1, CONNACK = 2, PUBLISH = 3, PUBACK = 4, PUBREC = 5, PUBREL = 6, PUBCOMP = 7,
  SUBSCRIBE = 8, SUBACK = 9, UNSUBSCRIBE = 10, UNSUBACK = 11, PINGREQ = 12, PINGRESP = 13,
  DISCONNECT = 14;

export class ProtocolError extends Error {}

// What a refusal means and what to do about it; by reason code [v5 2.4].
const REASONS = {
  0x80: 'unspecified error', 0x81: 'malformed packet', 0x82: 'protocol error',
  0x83: 'the broker does not want to', 0x84: 'this version of MQTT is not allowed on this listener',
  0x85: 'client id not allowed', 0x86: 'wrong user name or password', 0x87: 'not authorized',
  0x88: 'the broker is not available', 0x89: 'the broker is busy', 0x8a: 'banned',
  0x8b: 'the broker is shutting down', 0x8c: 'bad authentication method', 0x8d: 'keep alive timeout',
  0x8e: 'another client connected with the same client id', 0x8f: 'topic filter not valid',
  0x90: 'topic name not valid', 0x91: 'packet id in use', 0x92: 'packet id not found',
  0x93: 'too many messages at once', 0x94: 'topic alias not valid', 0x95: 'packet too large',
  0x96: 'too many messages', 0x97: 'quota exceeded, or the store cannot write',
  0x98: 'disconnected by an operator', 0x99: 'payload format not valid', 0x9a: 'retained messages are off',
  0x9b: 'this QoS is not supported', 0x9c: 'use another server', 0x9d: 'the server has moved',
  0x9e: 'shared subscriptions are off', 0x9f: 'connection rate exceeded', 0xa0: 'maximum connect time',
  0xa1: 'subscription ids are off', 0xa2: 'wildcard subscriptions are off',
};
const RETURN_CODES = [0, 0x84, 0x85, 0x88, 0x86, 0x87];  // of a CONNACK of 3.1.1, as reason codes

export function reasonText(code, said = '') {
  const text = REASONS[code] || `reason 0x${code.toString(16).padStart(2, '0')}`;
  return said ? `${text} (${said})` : text;
}

class Writer {
  bytes = [];

  byte(value) { this.bytes.push(value & 0xff); return this; }
  two(value) { return this.byte(value >> 8).byte(value); }
  four(value) { return this.two(value >>> 16).two(value & 0xffff); }
  raw(bytes) { for (const byte of bytes) this.bytes.push(byte); return this; }
  variable(value) {
    do {
      const rest = value >>> 7;
      this.byte((value & 0x7f) | (rest ? 0x80 : 0));
      value = rest;
    } while (value);
    return this;
  }
  binary(bytes, what) {
    if (bytes.length > 0xffff) throw new ProtocolError(`${what} is longer than 65,535 bytes`);
    return this.two(bytes.length).raw(bytes);
  }
  text(text, what) { return this.binary(new TextEncoder().encode(text), what); }
  properties(version, write) {
    if (version !== V5) return this;
    const inner = new Writer();
    if (write) write(inner);
    return this.variable(inner.bytes.length).raw(inner.bytes);
  }
  packet(type, flags = 0) {
    return Uint8Array.from([(type << 4) | flags, ...new Writer().variable(this.bytes.length).bytes, ...this.bytes]);
  }
}

class Reader {
  constructor(bytes) { this.bytes = bytes; this.at = 0; }

  get left() { return this.bytes.length - this.at; }
  byte() {
    if (this.left < 1) throw new ProtocolError('the broker sent a packet that is too short');
    return this.bytes[this.at++];
  }
  two() { return (this.byte() << 8) | this.byte(); }
  four() { return this.two() * 0x10000 + this.two(); }
  raw(count) {
    if (this.left < count) throw new ProtocolError('the broker sent a packet that is too short');
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }
  variable() {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new ProtocolError('the broker sent a length that is not valid');
  }
  text() { return new TextDecoder().decode(this.raw(this.two())); }

  /// By id. Those that we have no use for are read over.
  properties(version) {
    const found = {};
    if (version !== V5 || this.left === 0) return found;
    const end = this.variable();
    const inner = new Reader(this.raw(end));
    while (inner.left > 0) {
      const id = inner.variable();
      switch (id) {
        case 0x01: case 0x17: case 0x19: case 0x24: case 0x25: case 0x28: case 0x29: case 0x2a:
          found[id] = inner.byte();
          break;
        case 0x13: case 0x21: case 0x22: case 0x23:
          found[id] = inner.two();
          break;
        case 0x02: case 0x11: case 0x18: case 0x27:
          found[id] = inner.four();
          break;
        case 0x03: case 0x08: case 0x12: case 0x15: case 0x1a: case 0x1c: case 0x1f:
          found[id] = inner.text();
          break;
        case 0x09: case 0x16:
          found[id] = inner.raw(inner.two());
          break;
        case 0x0b:
          found[id] = inner.variable();
          break;
        case 0x26:
          inner.text();
          inner.text();
          break;
        default:
          throw new ProtocolError(`the broker sent the unknown property ${id}`);
      }
    }
    return found;
  }
}

/// Puts bytes together again that came in pieces: whole packets as {type, flags, body}.
export class Splitter {
  #held = new Uint8Array(0);

  *push(bytes) {
    const all = new Uint8Array(this.#held.length + bytes.length);
    all.set(this.#held);
    all.set(bytes, this.#held.length);
    this.#held = all;
    for (;;) {
      const packet = this.#take();
      if (!packet) return;
      yield packet;
    }
  }

  #take() {
    const bytes = this.#held;
    let size = 0;
    for (let i = 1; i < bytes.length; ++i) {
      size += (bytes[i] & 0x7f) * 2 ** (7 * (i - 1));
      if (bytes[i] >= 0x80) {
        if (i === 4) throw new ProtocolError('the broker sent a length that is not valid');
        continue;
      }
      if (size > MAX_PACKET) throw new ProtocolError(`the broker sent a packet of ${size} bytes; this page takes ${MAX_PACKET}`);
      if (bytes.length < i + 1 + size) return null;
      this.#held = bytes.slice(i + 1 + size);
      return {type: bytes[0] >> 4, flags: bytes[0] & 0x0f, body: bytes.subarray(i + 1, i + 1 + size)};
    }
    return null;
  }
}

/// The protocol without a socket. `send(bytes)` takes what goes to the broker. `on` may have:
/// connected({clientId, sessionPresent, keepAlive}), message({topic, payload, qos, retain, dup}),
/// ended(text): the broker says why it closes.
export class Connection {
  #options;
  #send;
  #on;
  #splitter = new Splitter();
  #waiting = new Map();   // packet id -> {type, resolve, reject}
  #received = new Set();  // ids of QoS 2 messages that were shown and not yet released
  #lastId = 0;
  #connected = false;

  constructor(options, send, on = {}) {
    this.#options = {version: V5, keepAlive: 60, ...options};
    this.#send = send;
    this.#on = on;
  }

  get connected() { return this.#connected; }

  connect() {
    const {version, clientId, username, password, keepAlive} = this.#options;
    if (password && !username && version === V311) {
      throw new ProtocolError('MQTT 3.1.1 allows no password without a user name');
    }
    const flags = 0x02 | (username ? 0x80 : 0) | (password ? 0x40 : 0);
    const writer = new Writer().text('MQTT', '').byte(version).byte(flags).two(keepAlive)
      .properties(version, (inner) => inner.byte(0x27).four(MAX_PACKET)).text(clientId, 'The client id');
    if (username) writer.text(username, 'The user name');
    if (password) writer.text(password, 'The password');
    this.#send(writer.packet(CONNECT));
  }

  /// Answers with the granted QoS, or throws with the reason.
  async subscribe(filter, qos) {
    const {version} = this.#options;
    const codes = await this.#ask(SUBACK, (id) => new Writer().two(id).properties(version)
      .text(filter, 'The topic filter').byte(qos).packet(SUBSCRIBE, 0x02));
    if (codes[0] >= 0x80) throw new ProtocolError(this.#refusal(codes[0]));
    return codes[0];
  }

  async unsubscribe(filter) {
    const {version} = this.#options;
    const codes = await this.#ask(UNSUBACK, (id) => new Writer().two(id).properties(version)
      .text(filter, 'The topic filter').packet(UNSUBSCRIBE, 0x02));
    if (codes[0] >= 0x80) throw new ProtocolError(reasonText(codes[0]));
  }

  /// `payload`: Uint8Array. Done when the broker has acknowledged it. Answers with the reason code:
  /// 0x10 is a broker that knows of no subscriber.
  async publish(topic, payload, {qos = 0, retain = false} = {}) {
    const {version} = this.#options;
    const flags = (qos << 1) | (retain ? 1 : 0);
    const start = new Writer().text(topic, 'The topic');
    if (topic === '') throw new ProtocolError('a topic is needed');
    if (qos === 0) {
      this.#needConnection();
      this.#send(start.properties(version).raw(payload).packet(PUBLISH, flags));
      return 0;
    }
    return this.#ask(qos === 1 ? PUBACK : PUBREC,
      (id) => start.two(id).properties(version).raw(payload).packet(PUBLISH, flags));
  }

  ping() { this.#send(new Writer().packet(PINGREQ)); }
  disconnect() { this.#send(new Writer().packet(DISCONNECT)); }

  /// Whoever still waits is told that it was in vain.
  close(reason) {
    this.#connected = false;
    for (const {reject} of this.#waiting.values()) reject(new ProtocolError(reason));
    this.#waiting.clear();
  }

  /// Throws ProtocolError when the broker does not speak MQTT.
  receive(bytes) {
    for (const packet of this.#splitter.push(bytes)) this.#take(packet);
  }

  #refusal(code) {
    return this.#options.version === V5 ? reasonText(code) : 'not allowed';
  }

  #needConnection() {
    if (!this.#connected) throw new ProtocolError('not connected');
  }

  #ask(type, packet) {
    this.#needConnection();
    if (this.#waiting.size >= MAX_UNACKNOWLEDGED) {
      throw new ProtocolError('the broker has not acknowledged what was sent before');
    }
    do {
      this.#lastId = this.#lastId % 0xffff + 1;
    } while (this.#waiting.has(this.#lastId));
    const id = this.#lastId;
    const bytes = packet(id);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, {type, resolve, reject});
      this.#send(bytes);
    });
  }

  #take({type, flags, body}) {
    const reader = new Reader(body);
    if (!this.#connected && type !== CONNACK) throw new ProtocolError('the broker does not begin with CONNACK');
    switch (type) {
      case CONNACK: return this.#onConnack(reader);
      case PUBLISH: return this.#onPublish(reader, flags);
      case PUBACK: case PUBREC: case PUBCOMP: return this.#onAck(type, reader);
      case PUBREL: return this.#onPubrel(reader);
      case SUBACK: case UNSUBACK: return this.#onSuback(type, reader);
      case PINGRESP: return undefined;
      case DISCONNECT: return this.#onDisconnect(reader);
      default: throw new ProtocolError(`the broker sent a packet of type ${type}`);
    }
  }

  #onConnack(reader) {
    if (this.#connected) throw new ProtocolError('the broker sent CONNACK twice');
    const {version, clientId, keepAlive} = this.#options;
    const sessionPresent = (reader.byte() & 1) !== 0;
    const code = reader.byte();
    const properties = reader.properties(version);
    if (code !== 0) {
      const reason = version === V5 ? code : RETURN_CODES[code] ?? 0x80;
      this.#on.ended?.(`The broker refuses: ${reasonText(reason, properties[0x1f])}.`);
      return;
    }
    this.#connected = true;
    this.#on.connected?.({clientId: properties[0x12] ?? clientId, sessionPresent,
      keepAlive: properties[0x13] ?? keepAlive});
  }

  #onPublish(reader, flags) {
    const {version} = this.#options;
    const qos = (flags >> 1) & 3;
    if (qos === 3) throw new ProtocolError('the broker sent a message of QoS 3');
    const topic = reader.text();
    const id = qos > 0 ? reader.two() : 0;
    reader.properties(version);
    const payload = reader.raw(reader.left).slice();
    const repeated = qos === 2 && this.#received.has(id);
    if (qos === 2) this.#received.add(id);
    if (!repeated) {
      this.#on.message?.({topic, payload, qos, retain: (flags & 1) !== 0, dup: (flags & 8) !== 0});
    }
    if (qos > 0) this.#send(new Writer().two(id).packet(qos === 1 ? PUBACK : PUBREC));
  }

  #onAck(type, reader) {
    const id = reader.two();
    const code = reader.left > 0 ? reader.byte() : 0;
    const said = reader.properties(this.#options.version)[0x1f];
    const waiting = this.#waiting.get(id);
    if (waiting?.type !== type) return;  // has been answered
    if (type === PUBREC && code < 0x80) {
      this.#waiting.set(id, {...waiting, type: PUBCOMP, code});
      this.#send(new Writer().two(id).packet(PUBREL, 0x02));
      return;
    }
    this.#waiting.delete(id);
    if (code >= 0x80) waiting.reject(new ProtocolError(reasonText(code, said)));
    else waiting.resolve(waiting.code ?? code);
  }

  #onPubrel(reader) {
    const id = reader.two();
    this.#received.delete(id);
    this.#send(new Writer().two(id).packet(PUBCOMP));
  }

  #onSuback(type, reader) {
    const id = reader.two();
    reader.properties(this.#options.version);
    const waiting = this.#waiting.get(id);
    if (waiting?.type !== type) return;
    this.#waiting.delete(id);
    // An UNSUBACK of 3.1.1 has no codes.
    waiting.resolve(reader.left > 0 ? [...reader.raw(reader.left)] : [0]);
  }

  #onDisconnect(reader) {
    const code = reader.left > 0 ? reader.byte() : 0;
    const said = reader.properties(this.#options.version)[0x1f];
    this.#on.ended?.(`The broker has closed the connection: ${reasonText(code, said)}.`);
  }
}

/// Over a WebSocket. `on` is Connection's, and closed(text): it is over, once, whatever happened;
/// text is empty if that was wanted. `how` is for tests.
export class Client {
  #connection;
  #socket;
  #timers = [];
  #text = '';
  #wanted = false;
  #heard = true;  // since the last PINGREQ

  constructor(url, options, on = {}, how = {WebSocket: globalThis.WebSocket, connectTimeout: 10000}) {
    this.#socket = new how.WebSocket(url, 'mqtt');
    this.#socket.binaryType = 'arraybuffer';
    this.#connection = new Connection(options, (bytes) => this.#socket.send(bytes), {
      ...on,
      connected: (how_it_is) => {
        this.#every(how_it_is.keepAlive, () => this.#ping());
        on.connected?.(how_it_is);
      },
      ended: (text) => {
        this.#text = text;
        this.#socket.close();
      },
    });
    const late = setTimeout(() => this.#fail('The broker has not answered in time.'), how.connectTimeout);
    this.#timers.push(late);
    this.#socket.onopen = () => this.#guarded(() => this.#connection.connect());
    this.#socket.onmessage = ({data}) => {
      this.#heard = true;
      this.#guarded(() => this.#connection.receive(new Uint8Array(data)));
      if (this.#connection.connected) clearTimeout(late);
    };
    let opened = false;
    this.#socket.addEventListener?.('open', () => { opened = true; });
    this.#socket.onclose = () => {
      for (const timer of this.#timers) clearTimeout(timer);
      if (!this.#text && !this.#wanted) {
        this.#text = opened ? 'The connection was closed.'
          : `No connection to ${url}. Is the listener reachable from this machine?`;
      }
      this.#connection.close('the connection was closed');
      on.closed?.(this.#text);
    };
  }

  get connected() { return this.#connection.connected; }
  subscribe(...what) { return this.#connection.subscribe(...what); }
  unsubscribe(...what) { return this.#connection.unsubscribe(...what); }
  publish(...what) { return this.#connection.publish(...what); }

  end() {
    this.#wanted = true;
    if (this.connected) this.#connection.disconnect();
    this.#socket.close();
  }

  #every(seconds, work) {
    if (seconds <= 0) return;
    // A little sooner than the broker expects. setTimeout's ids and setInterval's are the same.
    this.#timers.push(setInterval(work, seconds * 800));
  }

  #ping() {
    if (!this.#heard) return this.#fail('The broker does not answer any more.');
    this.#heard = false;
    return this.#connection.ping();
  }

  #guarded(work) {
    try {
      work();
    } catch (error) {
      this.#fail(error.message);
    }
  }

  #fail(text) {
    this.#text = text;
    this.#socket.close();
  }
}
