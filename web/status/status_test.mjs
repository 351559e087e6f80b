// node --test web/status/status_test.mjs: what the page computes, and whether its colours can be read.

import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';

import {path} from './charts.mjs';
import {History, KEPT, KEPT_MS, bytes, duration, literal, payloadText, rateText, roundUp, shortCount, webSockets} from './numbers.mjs';

const node = (more = {}) => ({
  num_online: 1, num_offline: 2, num_sessions: 3, num_subscriptions: 4, num_retained: 5, retained_bytes: 6, num_queued: 7,
  msg_in: 0, msg_out: 0, bytes_in: 0, bytes_out: 0, connects: 0, connects_refused: 0, drops: {}, uptime_s: 100, ...more,
});

test('the first answer has no rates, the second one has', () => {
  const history = new History();
  const first = history.add({a: node()}, 1000);
  assert.equal(first.total.rates.msgIn, null);
  assert.equal(first.total.gauges.online, 1);
  const second = history.add({a: node({msg_in: 30, connects: 3, drops: {queue_full: 6, expired: 3}, uptime_s: 103})}, 4000);
  assert.equal(second.total.rates.msgIn, 10);
  assert.equal(second.total.rates.connects, 1);
  assert.equal(second.total.rates.dropped, 3);
});

test('the rate of connects is that of connects, not of the number of connections', () => {
  const history = new History();
  history.add({a: node({num_online: 5})}, 0);
  assert.equal(history.add({a: node({num_online: 5, connects: 20})}, 2000).total.rates.connects, 10);
});

test('nodes are added up, and one that comes or restarts has no rate for once', () => {
  const history = new History();
  history.add({a: node({msg_in: 10})}, 0);
  const both = history.add({a: node({msg_in: 12}), b: node({msg_in: 1000})}, 1000);
  assert.equal(both.total.rates.msgIn, 2);
  assert.equal(both.perNode.b.rates.msgIn, null);
  assert.equal(both.total.gauges.sessions, 6);
  const restarted = history.add({a: node({msg_in: 50, uptime_s: 1}), b: node({msg_in: 1003})}, 2000);
  assert.equal(restarted.perNode.a.rates.msgIn, null);
  assert.equal(restarted.total.rates.msgIn, 3);
});

test('counters that begin anew give no negative rate', () => {
  const history = new History();
  history.add({a: node({msg_in: 10})}, 0);
  assert.equal(history.add({a: node({msg_in: 3})}, 1000).total.rates.msgIn, null);
});

test('a broker without our fields gives no NaN', () => {
  const history = new History();
  const plain = {num_online: 1, num_offline: 0, msg_in: 1, msg_out: 1, num_subscriptions: 0, num_retained: 0};
  history.add({a: plain}, 0);
  const {total} = history.add({a: plain}, 1000);
  assert.equal(total.rates.connects, null);
  assert.equal(total.gauges.queued, null);
});

test('what charts remember is bounded', () => {
  const history = new History();
  for (let i = 0; i <= KEPT; ++i) history.add({a: node()}, i);
  assert.equal(history.points.length, KEPT);
  history.add({a: node()}, KEPT_MS + KEPT + 1);
  assert.equal(history.points.length, 1);
});

test('numbers as people read them', () => {
  assert.equal(duration(0), '0 s');
  assert.equal(duration(61), '1 min 1 s');
  assert.equal(duration(90061), '1 d 1 h');
  assert.equal(bytes(1023), '1,023 B');
  assert.equal(bytes(1536), '1.5 KB');
  assert.equal(rateText(null), '–');
  assert.equal(rateText(0.25), '0.3');
  assert.equal(rateText(1234.5), '1,235');
  assert.equal(shortCount(1500), '1.5k');
  assert.deepEqual([0, 1, 1.1, 3, 7, 10, 101].map(roundUp), [1, 1, 2, 5, 10, 10, 200]);
});

test('lines of charts end at the right and have gaps where nothing is known', () => {
  const times = [0, KEPT_MS / 2, KEPT_MS];
  assert.equal(path(times, [0, 5, 10], 10), 'M0.0 139.0L300.0 70.0L600.0 1.0');
  assert.equal(path(times, [0, null, 10], 10), 'M0.0 139.0M600.0 1.0');
});

const socket = (more) => ({listeners: [{type: 'mqttws', status: 'running', ip: '127.0.0.1', port: 8080, name: 'default', ...more}]});
const urls = (listener, from = {host: 'localhost', protocol: 'http:'}) =>
  webSockets({n: socket(listener)}, from).map(({url, reachable}) => `${reachable ? '' : 'not '}${url}`);

test('WebSocket listeners are offered under the name by which the page was found', () => {
  assert.deepEqual(urls({}), ['ws://localhost:8080/mqtt']);
  assert.deepEqual(urls({ip: '0.0.0.0'}, {host: 'broker.example', protocol: 'http:'}), ['ws://broker.example:8080/mqtt']);
  assert.deepEqual(urls({ip: '10.0.0.1', type: 'mqttwss'}, {host: 'b', protocol: 'https:'}), ['wss://10.0.0.1:8080/mqtt']);
  assert.deepEqual(urls({ip: '::', type: 'mqttwss'}, {host: '[::1]', protocol: 'http:'}), ['wss://[::1]:8080/mqtt']);
});

test('what the page cannot reach is said', () => {
  assert.deepEqual(urls({}, {host: 'broker.example', protocol: 'http:'}), ['not ws://127.0.0.1:8080/mqtt']);
  assert.deepEqual(urls({ip: '0.0.0.0'}, {host: 'b', protocol: 'https:'}), ['not ws://b:8080/mqtt']);
  assert.deepEqual(urls({status: 'stopped'}), []);
  assert.deepEqual(urls({type: 'mqtt'}), []);
});

test('payloads are text if they are, else bytes', () => {
  const encode = (text) => new TextEncoder().encode(text);
  assert.deepEqual(payloadText(encode('grün\n'), 100), {text: 'grün\n', binary: false});
  assert.deepEqual(payloadText(encode('x'.repeat(101)), 100), {text: `${'x'.repeat(100)} …`, binary: false});
  assert.deepEqual(payloadText(Uint8Array.of(0xff, 0), 100), {text: 'ff 00', binary: true});
  assert.deepEqual(payloadText(encode('a\u202eb'), 100).binary, true);
  assert.equal(payloadText(new Uint8Array(1000), 30).text.length, 30 + 1);
});

test('a search finds what was typed, whatever the characters mean in an expression', () => {
  const odd = 'a.b*c+(d)[e]{f}^$|?\\';
  assert.match(odd, new RegExp(`^${literal(odd)}$`));
  assert.doesNotMatch('axb', new RegExp(literal('a.b')));
});

// WCAG 2.1, 1.4.3 and 1.4.11.
const css = readFileSync(new URL('status.css', import.meta.url), 'utf8');

function scheme(text) {
  return Object.fromEntries([...text.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6});/g)].map(([, name, value]) => [name, value]));
}

function luminance(colour) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(one, other) {
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

const [light, dark] = css.match(/:root \{[^}]*\}/g).map(scheme);

for (const [name, colours] of [['light', light], ['dark', dark]]) {
  test(`contrast of the ${name} scheme`, () => {
    const atLeast = (wanted, fronts, backs) => {
      for (const front of fronts) {
        for (const back of backs) {
          const found = contrast(colours[front], colours[back]);
          assert.ok(found >= wanted, `--${front} on --${back}: ${found.toFixed(2)}, wanted ${wanted}`);
        }
      }
    };
    const surfaces = ['page', 'card', 'field'];
    atLeast(4.5, ['text', 'quiet', 'accent', 'good', 'warning', 'danger'], surfaces);
    atLeast(4.5, ['text', 'good'], ['good-soft']);
    atLeast(4.5, ['text', 'warning'], ['warning-soft']);
    atLeast(4.5, ['text', 'danger'], ['danger-soft']);
    atLeast(4.5, ['on-accent'], ['accent']);
    atLeast(3, ['border', 'series-1', 'series-2', 'series-3'], surfaces);
  });
}

test('both schemes have the same colours', () => {
  assert.deepEqual(Object.keys(light), Object.keys(dark));
  assert.ok(Object.keys(light).length > 15);
});
