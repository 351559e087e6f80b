// MQTT.js in a browser: ?scenario=NAME&url=URL. What it says is heard by browser.py.
'use strict';

const parameters = new URLSearchParams(location.search);
const say = (what) => fetch('said', { method: 'POST', body: JSON.stringify(what) });
const sayError = (error) => say({ error: String((error && error.stack) || error) });
window.addEventListener('error', (event) => sayError(event.error || event.message));
window.addEventListener('unhandledrejection', (event) => sayError(event.reason));

// How each WebSocket ended, as the browser saw it.
const endings = [];
const listening = [];
class WatchedSocket extends WebSocket {
  constructor(...how) {
    super(...how);
    this.addEventListener('close', ({ code, wasClean }) => {
      const ending = { code, wasClean, protocol: this.protocol };
      if (listening.length > 0) listening.shift()(ending); else endings.push(ending);
    });
  }
}
window.WebSocket = WatchedSocket;
const ending = () => (endings.length > 0
  ? Promise.resolve(endings.shift()) : new Promise((resolve) => { listening.push(resolve); }));

const once = (client, event) => new Promise((resolve) => {
  client.once(event, (...values) => resolve(values));
});

function connect(options, to = parameters.get('url')) {
  const client = mqtt.connect(to, { reconnectPeriod: 0, ...options });
  const waiting = [];
  const kept = [];
  client.on('error', () => {});
  client.on('message', (topic, payload, packet) => {
    if (waiting.length > 0) waiting.shift()(packet); else kept.push(packet);
  });
  client.message = () => (kept.length > 0
    ? Promise.resolve(kept.shift()) : new Promise((resolve) => { waiting.push(resolve); }));
  return client;
}

async function connected(options, to) {
  const client = connect(options, to);
  client.on('close', () => { if (!client.connected && !client.disconnecting) sayError('closed by the broker'); });
  [client.connack] = await once(client, 'connect');
  return client;
}

function check(condition, what) {
  if (!condition) throw new Error(what);
}

function sameBytes(one, other) {
  return one.length === other.length && one.every((byte, i) => byte === other[i]);
}

function randomBytes(count) {
  const bytes = new Uint8Array(count);
  for (let at = 0; at < count; at += 65536) crypto.getRandomValues(bytes.subarray(at, at + 65536));
  return bytes;
}

const payloads = [
  '', 'text', 'größer als ASCII: \u{1F980}', new Uint8Array([0, 255, 10, 13, 128]), randomBytes(200000),
];

async function exchangeOne(publisher, subscriber, payload, asked, sent) {
  await publisher.publishAsync(`every/${sent}`, payload, { qos: sent });
  const message = await subscriber.message();
  const what = `QoS ${sent} to ${asked}, ${payload.length} bytes`;
  const wanted = typeof payload === 'string' ? new TextEncoder().encode(payload) : payload;
  check(message.topic === `every/${sent}` && message.qos === Math.min(asked, sent), what);
  check(sameBytes(message.payload, wanted), `${what}: another payload`);
}

const versions = [
  { protocolId: 'MQIsdp', protocolVersion: 3 }, { protocolVersion: 4 }, { protocolVersion: 5 },
];

const scenarios = {
  async exchange() {
    for (const version of versions) {
      const subscriber = await connected(version);
      const publisher = await connected(version);
      for (const asked of [0, 1, 2]) {
        await subscriber.subscribeAsync('every/+', { qos: asked });
        for (const sent of [0, 1, 2]) {
          for (const payload of payloads) await exchangeOne(publisher, subscriber, payload, asked, sent);
        }
      }
      for (const client of [subscriber, publisher]) {
        await client.endAsync();
        await say({ version: version.protocolVersion, ended: await ending() });
      }
    }
  },

  // The session and what MQTT.js could not send meanwhile survive a restart of the broker.
  async restart() {
    const client = connect({ protocolVersion: 5, clean: false, clientId: 'browser', reconnectPeriod: 50,
      properties: { sessionExpiryInterval: 3600 } });
    await once(client, 'connect');
    await client.subscribeAsync('after/#', { qos: 2 });
    const told = once(client, 'disconnect');
    const closed = once(client, 'close');
    await say({ state: 'connected' });
    const [{ reasonCode }] = await told;
    await closed;
    const published = client.publishAsync('after/restart', 'kept by the client', { qos: 2 });
    const again = once(client, 'connect');
    await say({ state: 'closed', reasonCode, ended: await ending() });
    const [connack] = await again;
    const message = await client.message();
    await published;
    await say({ present: connack.sessionPresent, payload: new TextDecoder().decode(message.payload) });
    await client.endAsync();
  },

  // The last URL is one that works: it shows that the others could have.
  async certificates() {
    const urls = parameters.getAll('url');
    for (const bad of urls.slice(0, -1)) {
      const client = connect({ protocolVersion: 5 }, bad);
      client.on('connect', () => sayError(`connected to ${bad} all the same`));
      await say({ ended: await ending() });
    }
    const client = await connected({ protocolVersion: 5 }, urls.at(-1));
    await client.endAsync();
    await say({ ended: await ending() });
  },
};

scenarios[parameters.get('scenario')]().then(() => say({ state: 'finished' }), sayError);
