// MQTT.js against a running broker: node scenarios.js URL NAME
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const mqtt = require('mqtt');

const [url, name] = process.argv.slice(2);
const ca = process.env.VMQ_CAFILE ? fs.readFileSync(process.env.VMQ_CAFILE) : undefined;
const LIMIT = 20000 * Number(process.env.VMQ_SLOWNESS || 1);
const open = [];

function connect(options = {}) {
  const client = mqtt.connect(url, { reconnectPeriod: 0, ...(ca && { ca }), ...options });
  const waiting = [];
  const kept = [];
  client.on('error', () => {});
  client.on('message', (topic, payload, packet) => {
    const message = { topic, payload: payload.toString(), qos: packet.qos, retain: packet.retain, packet };
    if (waiting.length > 0) waiting.shift()(message); else kept.push(message);
  });
  client.message = () => limited(new Promise((resolve) => {
    if (kept.length > 0) resolve(kept.shift()); else waiting.push(resolve);
  }), 'a message');
  client.messages = async (count) => {
    const all = [];
    while (all.length < count) all.push(await client.message());
    return all;
  };
  open.push(client);
  return client;
}

function limited(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`in vain waited for ${what}`)), LIMIT);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

const once = (client, event) => limited(
  new Promise((resolve) => { client.once(event, (...values) => resolve(values)); }), event);

async function connected(options) {
  const client = connect(options);
  [client.connack] = await once(client, 'connect');
  return client;
}

const payloads = (messages) => messages.map((each) => each.payload);
const numbers = (count) => Array.from({ length: count }, (_, i) => String(i));

async function everyQos(options) {
  const subscriber = await connected(options);
  const publisher = await connected(options);
  for (const asked of [0, 1, 2]) {
    const granted = await subscriber.subscribeAsync('every/+', { qos: asked });
    assert.equal(granted[0].qos, asked);
    for (const sent of [0, 1, 2]) {
      const done = numbers(20).map((each) => publisher.publishAsync(`every/${sent}`, each, { qos: sent }));
      await limited(Promise.all(done), 'the acknowledgements');
      const got = await subscriber.messages(20);
      assert.deepEqual(payloads(got), numbers(20));
      assert(got.every((each) => each.qos === Math.min(asked, sent) && each.topic === `every/${sent}`));
    }
  }
  await subscriber.unsubscribeAsync('every/+');
  const binary = Buffer.from([0, 255, 10, 13, 128]);
  await subscriber.subscribeAsync('binary');
  await publisher.publishAsync('binary', binary);
  assert((await subscriber.message()).packet.payload.equals(binary));
}

const keeping = {
  3: { protocolId: 'MQIsdp', protocolVersion: 3, clean: false },
  4: { protocolVersion: 4, clean: false },
  5: { protocolVersion: 5, clean: false, properties: { sessionExpiryInterval: 3600 } },
};

const scenarios = {
  qos_v3: () => everyQos({ protocolId: 'MQIsdp', protocolVersion: 3 }),
  qos_v4: () => everyQos({ protocolVersion: 4 }),
  qos_v5: () => everyQos({ protocolVersion: 5 }),

  async properties() {
    const subscriber = await connected({ protocolVersion: 5 });
    const publisher = await connected({ protocolVersion: 5 });
    await subscriber.subscribeAsync('props', { qos: 1, properties: { subscriptionIdentifier: 268435455 } });
    const properties = {
      payloadFormatIndicator: true, contentType: 'text/plain', responseTopic: 'answer',
      correlationData: Buffer.from([1, 2, 0]), messageExpiryInterval: 100, userProperties: { k: ['v', 'w'], l: 'x' },
    };
    await publisher.publishAsync('props', 'text', { qos: 1, properties });
    const got = (await subscriber.message()).packet.properties;
    assert.deepEqual({ ...got.userProperties }, properties.userProperties);
    assert.equal(got.subscriptionIdentifier, 268435455);
    assert.equal(got.contentType, 'text/plain');
    assert.equal(got.responseTopic, 'answer');
    assert(got.correlationData.equals(properties.correlationData));
    assert(got.messageExpiryInterval > 0 && got.messageExpiryInterval <= 100);
  },

  async retained() {
    const publisher = await connected({ protocolVersion: 5 });
    await publisher.publishAsync('state/a', 'kept', { qos: 1, retain: true });
    const late = await connected({ protocolVersion: 4 });
    await late.subscribeAsync('state/#', { qos: 1 });
    const message = await late.message();
    assert.deepEqual([message.payload, message.retain, message.qos], ['kept', true, 1]);
    await publisher.publishAsync('state/a', '', { qos: 1, retain: true });
    assert.equal((await late.message()).payload, '');
    const later = await connected({ protocolVersion: 5 });
    await later.subscribeAsync('state/#', { qos: 1 });
    await publisher.publishAsync('state/b', 'live', { qos: 1 });
    assert.equal((await later.message()).payload, 'live');
  },

  // The broker allows 5 aliases in each direction; ten topics make both sides use some of them again.
  async topic_alias() {
    const subscriber = await connected({ protocolVersion: 5, properties: { topicAliasMaximum: 5 } });
    const publisher = await connected({ protocolVersion: 5, autoAssignTopicAlias: true });
    assert.equal(publisher.connack.properties.topicAliasMaximum, 5);
    await subscriber.subscribeAsync('alias/#', { qos: 1 });
    const topics = [];
    for (let round = 0; round < 4; ++round) {
      for (let i = 0; i < 10; ++i) topics.push(`alias/${i}`, `alias/${i % 3}`);
    }
    for (const topic of topics) await publisher.publishAsync(topic, topic, { qos: 1 });
    const got = await subscriber.messages(topics.length);
    assert.deepEqual(payloads(got), topics);
    assert(got.some((each) => each.packet.properties?.topicAlias > 0), 'the broker never used an alias');
  },

  async session_resume() {
    for (const [version, options] of Object.entries(keeping)) {
      const clientId = `keeper-${version}`;
      const first = await connected({ ...options, clientId });
      assert.equal(first.connack.sessionPresent, false);
      await first.subscribeAsync({ 'kept/#': { qos: 2 } });
      await first.endAsync();
      const publisher = await connected({ protocolVersion: 5 });
      for (const qos of [1, 2]) {
        await Promise.all(numbers(30).map((each) => publisher.publishAsync(`kept/${qos}`, each, { qos })));
      }
      const second = connect({ ...options, clientId });
      const [connack] = await once(second, 'connect');
      if (version !== '3') assert.equal(connack.sessionPresent, true);
      const got = await second.messages(60);
      for (const qos of [1, 2]) assert.deepEqual(payloads(got.filter((each) => each.qos === qos)), numbers(30));
      await second.endAsync();
    }
    // A session of 1 s is gone after 1 s.
    const short = { protocolVersion: 5, clean: false, clientId: 'short', properties: { sessionExpiryInterval: 1 } };
    const begin = await connected(short);
    await begin.subscribeAsync('short', { qos: 1 });
    await begin.endAsync();
    await new Promise((resolve) => { setTimeout(resolve, 1500); });
    assert.equal((await connected(short)).connack.sessionPresent, false);
  },

  async will_delay() {
    const witness = await connected({ protocolVersion: 5 });
    await witness.subscribeAsync('will/#', { qos: 2 });
    const will = (topic, delay) => ({
      topic, payload: 'gone', qos: 2, properties: { willDelayInterval: delay, userProperties: { a: 'b' } },
    });
    const dying = await connected({ ...keeping[5], clientId: 'dying', will: will('will/late', 1) });
    dying.stream.destroy();
    const begin = Date.now();
    const message = await witness.message();
    assert(Date.now() - begin > 800, 'the will came before its delay was over');
    assert.deepEqual([message.topic, message.payload, message.qos], ['will/late', 'gone', 2]);
    assert.deepEqual({ ...message.packet.properties.userProperties }, { a: 'b' });
    // Back in time: no will.
    const lucky = await connected({ ...keeping[5], clientId: 'lucky', will: will('will/never', 2) });
    lucky.stream.destroy();
    await once(lucky, 'close');
    await connected({ ...keeping[5], clientId: 'lucky' });
    const marker = await connected({ ...keeping[5], clientId: 'marker', will: will('will/mark', 3) });
    marker.stream.destroy();
    assert.equal((await witness.message()).topic, 'will/mark');
  },

  async takeover() {
    for (const protocolVersion of [4, 5]) {
      const options = { protocolVersion, clientId: `twin-${protocolVersion}` };
      const first = await connected(options);
      const told = protocolVersion === 5 ? once(first, 'disconnect') : Promise.resolve([{ reasonCode: 0x8e }]);
      const closed = once(first, 'close');
      const second = await connected(options);
      assert.equal((await told)[0].reasonCode, 0x8e);
      await closed;
      await second.subscribeAsync('twin', { qos: 1 });
      await second.publishAsync('twin', 'alive', { qos: 1 });
      assert.equal((await second.message()).payload, 'alive');
    }
  },

  // The connection breaks twenty times while messages are under way; none is lost, none of QoS 2 comes twice.
  async reconnect() {
    for (const [version, options] of Object.entries(keeping)) {
      const witness = await connected({ ...options, clientId: `witness-${version}`, clean: true });
      await witness.subscribeAsync('again/#', { qos: 2 });
      const client = await connected({ ...options, clientId: `again-${version}`, reconnectPeriod: 20 });
      const done = [];
      for (let i = 0; i < 200; ++i) {
        for (const qos of [1, 2]) done.push(client.publishAsync(`again/${qos}`, String(i), { qos }));
        if (i % 10 === 9) {
          const back = once(client, 'connect');
          client.stream.destroy();
          await back;
        }
      }
      await limited(Promise.all(done), 'all acknowledgements');
      await client.publishAsync('again/end', '', { qos: 2 });
      const got = [];
      for (;;) {
        const message = await witness.message();
        if (message.topic === 'again/end') break;
        got.push(message);
      }
      assert.deepEqual(payloads(got.filter((each) => each.qos === 2)), numbers(200));
      assert.deepEqual(new Set(payloads(got.filter((each) => each.qos === 1))), new Set(numbers(200)));
      await client.endAsync();
    }
  },
};

scenarios[name]().then(async () => {
  await Promise.all(open.map((client) => client.endAsync(true)));
  process.exit(0);
}, (error) => {
  console.error(error);
  process.exit(1);
});
