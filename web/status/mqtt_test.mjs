// node --test web/status/mqtt_test.mjs: the client of the status page against bytes [v5], [v3.1.1].

import assert from 'node:assert/strict';
import {test} from 'node:test';

import {Client, Connection, MAX_PACKET, MAX_UNACKNOWLEDGED, Splitter, V311, V5, reasonText} from './mqtt.mjs';

const hex = (bytes) => Buffer.from(bytes).toString('hex');
const unhex = (text) => Uint8Array.from(Buffer.from(text.replace(/ /g, ''), 'hex'));
const encode = (text) => new TextEncoder().encode(text);

/// A connection that wrote its CONNECT; `told` is what it said, `sent` what it sent since.
function connection(version = V5, more = {}) {
  const sent = [];
  const told = [];
  const it = new Connection({version, clientId: 'c', ...more}, (bytes) => sent.push(hex(bytes)), {
    connected: (how) => told.push({connected: how}),
    message: (message) => told.push({message: {...message, payload: Buffer.from(message.payload).toString()}}),
    ended: (text) => told.push({ended: text}),
  });
  it.connect();
  return {it, sent, told};
}

function connected(version = V5) {
  const all = connection(version);
  all.it.receive(unhex(version === V5 ? '2003 0000 00' : '2002 0000'));
  all.sent.length = 0;
  all.told.length = 0;
  return all;
}

test('CONNECT of both versions', () => {
  assert.deepEqual(connection(V5).sent, ['10' + '13' + '00044d515454' + '05' + '02' + '003c' + '05' + '2700100000' + '000163']);
  assert.deepEqual(connection(V311, {username: 'u', password: 'p'}).sent,
    ['10' + '13' + '00044d515454' + '04' + 'c2' + '003c' + '000163' + '000175' + '000170']);
  assert.throws(() => connection(V311, {password: 'p'}), /no password without a user name/);
  assert.deepEqual(connection(V5, {password: 'p'}).sent[0].slice(18, 20), '42', '[v5 MQTT-3.1.2-22] allows it');
  assert.throws(() => connection(V5, {clientId: 'x'.repeat(65536)}), /client id is longer/);
});

test('CONNACK tells the client id that was given and the keep alive that holds', () => {
  const {it, told} = connection();
  it.receive(unhex('20 0a 00 00 07 12 0001 7a 13 0005'));
  assert.deepEqual(told, [{connected: {clientId: 'z', sessionPresent: false, keepAlive: 5}}]);
  assert.equal(it.connected, true);
});

test('a refusal is told in words, with what the broker says', () => {
  const five = connection();
  five.it.receive(unhex('20 08 00 86 05 1f 0002 6869'));
  assert.deepEqual(five.told, [{ended: 'The broker refuses: wrong user name or password (hi).'}]);
  assert.equal(five.it.connected, false);
  for (const [code, words] of [['01', /version of MQTT/], ['04', /wrong user name or password/], ['05', /not authorized/], ['77', /unspecified/]]) {
    const three = connection(V311);
    three.it.receive(unhex(`20 02 00 ${code}`));
    assert.match(three.told[0].ended, words);
  }
});

test('publish with QoS 0, 1 and 2', async () => {
  const {it, sent} = connected();
  assert.equal(await it.publish('a/b', encode('x')), 0);
  const one = it.publish('a', encode('y'), {qos: 1, retain: true});
  const two = it.publish('a', encode(''), {qos: 2});
  assert.deepEqual(sent.splice(0), ['3007' + '0003612f62' + '00' + '78', '3307' + '000161' + '0001' + '00' + '79', '3406' + '000161' + '0002' + '00']);
  it.receive(unhex('4003 0001 10'));
  assert.equal(await one, 0x10, 'no matching subscribers');
  it.receive(unhex('5002 0002'));
  assert.deepEqual(sent, ['62020002']);
  it.receive(unhex('7002 0002'));
  assert.equal(await two, 0);
});

test('a publish that is refused says why', async () => {
  const {it} = connected();
  const one = it.publish('a', encode(''), {qos: 1});
  it.receive(unhex('4004 0001 87 00'));
  await assert.rejects(one, /not authorized/);
  const two = it.publish('a', encode(''), {qos: 2});
  it.receive(unhex('5004 0002 97 00'));
  await assert.rejects(two, /quota exceeded/);
  await assert.rejects(it.publish('', encode('')), /topic is needed/);
});

test('subscribe and unsubscribe of both versions', async () => {
  const five = connected();
  const granted = five.it.subscribe('a/#', 1);
  assert.deepEqual(five.sent.splice(0), ['8209' + '0001' + '00' + '0003612f23' + '01']);
  five.it.receive(unhex('9004 0001 00 01'));
  assert.equal(await granted, 1);
  const refused = five.it.subscribe('b', 0);
  five.it.receive(unhex('9004 0002 00 87'));
  await assert.rejects(refused, /not authorized/);
  const gone = five.it.unsubscribe('a/#');
  five.it.receive(unhex('b004 0003 00 00'));
  await gone;
  const three = connected(V311);
  const failed = three.it.subscribe('a', 2);
  three.it.receive(unhex('9003 0001 80'));
  await assert.rejects(failed, /not allowed/);
  const away = three.it.unsubscribe('a');
  three.it.receive(unhex('b002 0002'));
  await away;
});

test('messages are shown once and acknowledged', () => {
  const {it, sent, told} = connected();
  it.receive(unhex('31 05 0001 61 00 78'));
  it.receive(unhex('3a 07 0001 61 0007 00 79'));
  it.receive(unhex('34 07 0001 61 0008 00 7a 3c 07 0001 61 0008 00 7a'));
  assert.deepEqual(sent.splice(0), ['40020007', '50020008', '50020008']);
  it.receive(unhex('6202 0008'));
  assert.deepEqual(sent.splice(0), ['70020008']);
  it.receive(unhex('34 07 0001 61 0008 00 62'));
  const message = (payload, qos, retain, dup) => ({message: {topic: 'a', payload, qos, retain, dup}});
  assert.deepEqual(told, [message('x', 0, true, false), message('y', 1, false, true), message('z', 2, false, false),
    message('b', 2, false, false)]);
});

test('properties of every kind are read over', () => {
  const {it, told} = connected();
  const properties = '0101' + '0200000009' + '03000174' + '08000172' + '09000101' + '0b8001' + '2600016b000176' + '230001';
  const size = properties.length / 2;
  const body = '000161' + size.toString(16).padStart(2, '0') + properties + '78';
  it.receive(unhex('30' + (body.length / 2).toString(16).padStart(2, '0') + body));
  assert.equal(told[0].message.payload, 'x');
});

test('packets in single bytes, and several at once', () => {
  const bytes = unhex('31 04 0001 61 78 d000 40020001');
  const pieces = new Splitter();
  const single = [...bytes].flatMap((byte) => [...pieces.push(Uint8Array.of(byte))]);
  const whole = [...new Splitter().push(bytes)];
  assert.deepEqual(single, whole);
  assert.deepEqual(whole.map(({type}) => type), [3, 13, 4]);
});

test('what is no MQTT is an error that says so', () => {
  const bad = ['ff00', '0000', '2002 0000 00', '3001 00', '36 05 0001 61 0001', '3003 0005 61', '9001 00', '30 05 0001 61 01 7f', '30ffffffff01'];
  for (const bytes of bad) {
    assert.throws(() => connected().it.receive(unhex(bytes)), /the broker/, bytes);
  }
  assert.throws(() => connection().it.receive(unhex('3000')), /does not begin with CONNACK/);
});

test('whatever arrives, nothing but a ProtocolError is thrown and nothing is shown without end', () => {
  let seed = 1;
  const random = () => (seed = (seed * 48271) % 0x7fffffff);
  for (let round = 0; round < 3000; ++round) {
    const {it, told} = connected(round % 2 ? V5 : V311);
    const bytes = Uint8Array.from({length: random() % 60}, random);
    try {
      it.receive(bytes);
    } catch (error) {
      assert.match(error.message, /^the broker/, `round ${round}: ${hex(bytes)}`);
    }
    assert.ok(told.length <= 30);
  }
});

test('a packet may have MAX_PACKET bytes and no more', () => {
  const start = (size) => {
    const bytes = [0x30];
    for (let rest = size; ; rest >>>= 7) {
      bytes.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
      if (rest <= 0x7f) return Uint8Array.from(bytes);
    }
  };
  assert.deepEqual([...new Splitter().push(start(MAX_PACKET))], []);
  assert.throws(() => [...new Splitter().push(start(MAX_PACKET + 1))], /this page takes/);
});

test('so many publishes may wait and no more, and ids are not used twice', async () => {
  const {it, sent} = connected();
  const all = Array.from({length: MAX_UNACKNOWLEDGED}, () => it.publish('a', encode(''), {qos: 1}));
  await assert.rejects(it.publish('a', encode(''), {qos: 1}), /has not acknowledged/);
  assert.equal(new Set(sent).size, MAX_UNACKNOWLEDGED);
  it.close('gone');
  for (const each of all) await assert.rejects(each, /gone/);
  await assert.rejects(it.publish('a', encode('')), /not connected/);
});

test('a DISCONNECT of the broker is told in words', () => {
  const {it, told} = connected();
  it.receive(unhex('e001 8e'));
  assert.match(told[0].ended, /another client connected with the same client id/);
  assert.equal(reasonText(0xee), 'reason 0xee');
});

/// As a browser's WebSocket, whose other end is the test.
class FakeSocket {
  static last = null;
  sent = [];
  #listeners = {};
  constructor(url, protocol) { Object.assign(this, {url, protocol}); FakeSocket.last = this; }
  addEventListener(name, listener) { this.#listeners[name] = listener; }
  send(bytes) { this.sent.push(hex(bytes)); }
  open() { this.#listeners.open(); this.onopen(); }
  answer(bytes) { this.onmessage({data: unhex(bytes).buffer}); }
  close() { if (!this.closed) { this.closed = true; this.onclose(); } }
}

function client(connectTimeout = 10000) {
  const endings = [];
  const it = new Client('ws://x/mqtt', {clientId: 'c'}, {closed: (text) => endings.push(text)}, {WebSocket: FakeSocket, connectTimeout});
  return {it, socket: FakeSocket.last, endings};
}

test('a client that ends says DISCONNECT and has nothing to complain about', () => {
  const {it, socket, endings} = client();
  assert.equal(socket.protocol, 'mqtt');
  socket.open();
  socket.answer('2003 0000 00');
  it.end();
  assert.deepEqual(endings, ['']);
  assert.equal(socket.sent.at(-1), 'e000');
});

test('why a connection ends is told once', () => {
  const refused = client();
  refused.socket.close();
  assert.match(refused.endings[0], /No connection to ws:/);
  const wrong = client();
  wrong.socket.open();
  wrong.socket.answer('2003 0086 00');
  assert.deepEqual(wrong.endings, ['The broker refuses: wrong user name or password.']);
  const gone = client();
  gone.socket.open();
  gone.socket.answer('2003 0000 00');
  gone.socket.close();
  assert.deepEqual(gone.endings, ['The connection was closed.']);
  const strange = client();
  strange.socket.open();
  strange.socket.answer('0000');
  assert.match(strange.endings[0], /^the broker/);
});

test('a broker that does not answer is given up', async () => {
  const {endings, socket} = client(1);
  socket.open();
  await new Promise((resolve) => { socket.onclose = ((before) => () => { before(); resolve(); })(socket.onclose); });
  assert.deepEqual(endings, ['The broker has not answered in time.']);
});
