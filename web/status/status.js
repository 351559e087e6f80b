// Keeps the status page up to date from status.json. Values only ever become text, never markup.
'use strict';

const REFRESH_MS = 3000;
const GIVE_UP_MS = 10000;
const DROPS = ['queue_full', 'expired', 'packet_too_large', 'unhandled'];

let before = null;  // the previous answer and when it came

const element = (id) => document.getElementById(id);
const show = (id, text) => { element(id).textContent = text; };
const number = (value) => value.toLocaleString('en');

function duration(seconds) {
  const parts = [[Math.floor(seconds / 86400), 'd'], [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'], [Math.floor(seconds) % 60, 's']];
  const first = parts.findIndex(([value]) => value > 0);
  const shown = first < 0 ? parts.slice(3) : parts.slice(first, first + 2);
  return shown.map(([value, unit]) => `${value} ${unit}`).join(' ');
}

function bytes(count) {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let unit = 0;
  for (; count >= 1024 && unit < units.length - 1; ++unit) count /= 1024;
  return `${count.toLocaleString('en', {maximumFractionDigits: unit ? 1 : 0})} ${units[unit]}`;
}

// Counters begin anew when the broker restarts: then there is no rate.
function rate(now, then, seconds) {
  if (then === undefined || now < then || seconds <= 0) return '–';
  const value = (now - then) / seconds;
  return value.toLocaleString('en', {maximumFractionDigits: value < 10 ? 1 : 0});
}

function cell(text, className) {
  const result = document.createElement('td');
  result.textContent = text;
  if (className) result.className = className;
  return result;
}

function listenerRow(listener) {
  const host = listener.ip.includes(':') ? `[${listener.ip}]` : listener.ip;
  const row = document.createElement('tr');
  row.append(cell(`${listener.type} ${listener.name}`), cell(`${host}:${listener.port}`),
    cell(listener.mountpoint || '–'), cell(listener.status, listener.status),
    cell(number(listener.connections), 'number'),
    cell(listener.max_conns === 'infinity' ? 'no limit' : number(listener.max_conns), 'number'));
  return row;
}

function problemOf(status) {
  const stopped = status.listeners.filter((listener) => listener.status !== 'running');
  if (stopped.length === 0) return '';
  return `Not running: ${stopped.map((listener) => `${listener.type} ${listener.name}`).join(', ')}`;
}

function showProblem(text) {
  show('problem', text || 'Everything runs.');
  element('problem').className = text ? 'bad' : 'good';
}

function render(name, status, at) {
  const same = before && before.name === name && status.uptime_s >= before.status.uptime_s;
  const then = same ? before.status : {drops: {}};
  const seconds = same ? (at - before.at) / 1000 : 0;

  document.title = `${name} – VerneMQ status`;
  show('node', name);
  show('version', status.version);
  show('uptime', duration(status.uptime_s));
  for (const id of ['num_online', 'num_sessions', 'num_subscriptions', 'num_retained']) {
    show(id, number(status[id]));
  }
  show('retained_bytes', bytes(status.retained_bytes));
  show('rate_in', rate(status.msg_in, then.msg_in, seconds));
  show('rate_out', rate(status.msg_out, then.msg_out, seconds));
  show('queued', number(Math.max(0,
    status.queue_in - status.queue_out - status.queue_drop - status.queue_unhandled)));
  for (const reason of DROPS) {
    show(`drop_${reason}`, number(status.drops[reason]));
    show(`rate_${reason}`, rate(status.drops[reason], then.drops[reason], seconds));
  }
  element('listeners').replaceChildren(...status.listeners.map(listenerRow));
  showProblem(problemOf(status));
  before = {name, status, at};
}

async function refresh() {
  try {
    const answer = await fetch('status.json', {cache: 'no-store', signal: AbortSignal.timeout(GIVE_UP_MS)});
    if (!answer.ok) throw new Error(`status.json: ${answer.status}`);
    const [name, status] = Object.entries((await answer.json())[0])[0];
    render(name, status, performance.now());
    document.querySelector('main').classList.remove('stale');
  } catch (error) {
    showProblem(`The broker does not answer (${error.message}). What you see is old.`);
    document.querySelector('main').classList.add('stale');
  }
  setTimeout(refresh, REFRESH_MS);
}

refresh();
