// How the numbers of status.json become what people read: rates, sums over nodes, words. No page.

/// How far charts reach back, and the most answers of status.json that are remembered for it.
export const KEPT_MS = 5 * 60 * 1000;
export const KEPT = 150;

export function count(value) {
  return Number.isFinite(value) ? value.toLocaleString('en') : '–';
}

/// Of a chart: few characters, whatever the size.
export function shortCount(value) {
  if (!Number.isFinite(value)) return '–';
  const units = ['', 'k', 'M', 'G', 'T'];
  let unit = 0;
  let rest = value;
  for (; rest >= 1000 && unit < units.length - 1; ++unit) rest /= 1000;
  return rest.toLocaleString('en', {maximumFractionDigits: rest < 10 ? 1 : 0}) + units[unit];
}

export function rateText(value) {
  if (value === null || !Number.isFinite(value)) return '–';
  return value.toLocaleString('en', {maximumFractionDigits: value < 10 ? 1 : 0});
}

export function bytes(value) {
  if (!Number.isFinite(value)) return '–';
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; ++unit) value /= 1024;
  return `${value.toLocaleString('en', {maximumFractionDigits: unit && value < 100 ? 1 : 0})} ${units[unit]}`;
}

export function duration(seconds) {
  const parts = [[Math.floor(seconds / 86400), 'd'], [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'], [Math.floor(seconds) % 60, 's']];
  const first = parts.findIndex(([value]) => value > 0);
  const shown = first < 0 ? parts.slice(3) : parts.slice(first, first + 2);
  return shown.map(([value, unit]) => `${value} ${unit}`).join(' ');
}

/// The next number of 1, 2, 5, 10, 20 ... for the top of a chart; at least 1.
export function roundUp(value) {
  if (!(value > 1)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value * (1 - 1e-9));
}

const dropped = (drops) => Object.values(drops ?? {}).reduce((sum, value) => sum + value, 0);

/// What is counted since the start of a node, and what is so at the moment.
const COUNTERS = {
  msgIn: (node) => node.msg_in,
  msgOut: (node) => node.msg_out,
  bytesIn: (node) => node.bytes_in,
  bytesOut: (node) => node.bytes_out,
  connects: (node) => node.connects,
  refused: (node) => node.connects_refused,
  dropped: (node) => dropped(node.drops),
};
const GAUGES = {
  online: (node) => node.num_online,
  offline: (node) => node.num_offline,
  sessions: (node) => node.num_sessions,
  subscriptions: (node) => node.num_subscriptions,
  retained: (node) => node.num_retained,
  retainedBytes: (node) => node.retained_bytes,
  queued: (node) => node.num_queued,
};

/// What the nodes were and are. Rates are per second and null while there is nothing to compare
/// with: at first, when a node has restarted, after `metrics reset`, and of a node that has come.
export class History {
  #last = null;
  points = [];  // {at, rates, gauges} of all nodes together, the newest last

  /// `nodes`: name -> its part of status.json. `at`: milliseconds.
  add(nodes, at) {
    const perNode = {};
    for (const [name, node] of Object.entries(nodes)) {
      perNode[name] = {rates: this.#rates(name, node, at), gauges: map(GAUGES, (read) => read(node) ?? null)};
    }
    const all = Object.values(perNode);
    const total = {
      at,
      rates: map(COUNTERS, (_, key) => sum(all.map((node) => node.rates[key]))),
      gauges: map(GAUGES, (_, key) => sum(all.map((node) => node.gauges[key]))),
    };
    this.points.push(total);
    while (this.points.length > KEPT || at - this.points[0].at > KEPT_MS) this.points.shift();
    this.#last = {nodes, at};
    return {perNode, total};
  }

  #rates(name, node, at) {
    const before = this.#last?.nodes[name];
    const seconds = this.#last ? (at - this.#last.at) / 1000 : 0;
    const same = before && node.uptime_s >= before.uptime_s && seconds > 0;
    return map(COUNTERS, (read) => {
      const [then, now] = same ? [read(before), read(node)] : [];
      return then === undefined || now === undefined || now < then ? null : (now - then) / seconds;
    });
  }
}

const map = (object, work) =>
  Object.fromEntries(Object.entries(object).map(([key, value]) => [key, work(value, key)]));

/// Of those that are known; null if none is.
function sum(values) {
  const known = values.filter((value) => value !== null && value !== undefined);
  return known.length === 0 ? null : known.reduce((all, value) => all + value, 0);
}

const WILDCARD = ['0.0.0.0', '::'];
const isLoopback = (host) => host === 'localhost' || host === '::1' || host === '[::1]' || /^127\./.test(host);

/// Where a page that came from `host` (without port) finds the WebSocket listeners that run:
/// {label, url, reachable}, the ones it may reach first.
export function webSockets(nodes, {host, protocol}) {
  const found = [];
  for (const [name, node] of Object.entries(nodes)) {
    for (const listener of node.listeners) {
      if (!/^mqttwss?$/.test(listener.type) || listener.status !== 'running' || !listener.port) continue;
      const scheme = listener.type === 'mqttwss' ? 'wss' : 'ws';
      const here = WILDCARD.includes(listener.ip) || (isLoopback(listener.ip) && isLoopback(host));
      const address = here ? host : listener.ip.includes(':') ? `[${listener.ip}]` : listener.ip;
      // A page that came over TLS may not open connections without.
      const mixed = protocol === 'https:' && scheme === 'ws' && !isLoopback(address);
      const reachable = !mixed && (!isLoopback(listener.ip) || isLoopback(host));
      const only = isLoopback(listener.ip) && !isLoopback(host) ? ' (only on the broker\'s machine)'
        : mixed ? ' (not from a page that came over https)' : '';
      const where = Object.keys(nodes).length > 1 ? ` of ${name}` : '';
      found.push({url: `${scheme}://${address}:${listener.port}/mqtt`, reachable,
        label: `${scheme}://${address}:${listener.port}/mqtt, listener ${listener.name}${where}${only}`});
    }
  }
  return found.sort((one, other) => Number(other.reachable) - Number(one.reachable));
}

/// A payload as people may read it, at most `limit` characters: text, or bytes in hexadecimal.
export function payloadText(payload, limit) {
  let text = null;
  try {
    text = new TextDecoder('utf-8', {fatal: true}).decode(payload);
  } catch {
    // not text
  }
  // Control characters but tab and line end would show as nothing, or reverse what stands there.
  if (text === null || /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\u202a-\u202e\u2066-\u2069]/.test(text)) {
    const shown = [...payload.subarray(0, limit / 3)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    return {text: payload.length > limit / 3 ? `${shown} …` : shown, binary: true};
  }
  return {text: text.length > limit ? `${text.slice(0, limit)} …` : text, binary: false};
}

/// A text as a regular expression that finds exactly it [RE2].
export function literal(text) {
  return text.replace(/[\\^$.|?*+()[\]{}]/g, '\\$&');
}
