// Keeps the status page up to date from status.json.

import {LineChart} from './charts.mjs';
import {byId, headings, make, makeSvg, row, show} from './dom.mjs';
import {History, bytes, count, duration, rateText, shortCount, webSockets} from './numbers.mjs';
import {keyHeaders, startOperator} from './operator.mjs';
import {startTestClient} from './test_client.mjs';

const REFRESH_MS = 3000;
const FIRST_REFRESH_MS = 1000;  // for the first rates
const GIVE_UP_MS = 10000;

const REASONS = {
  queue_full: 'The client\'s queue was full',
  expired: 'Expired before delivery',
  packet_too_large: 'Larger than the client accepts',
  offline_qos0: 'QoS 0, and the client was away',
  session_ended: 'The session ended while they waited',
  no_subscriber: 'Nobody subscribed to the topic',
  not_authorized: 'The publisher may not publish there',
  store_refused: 'The message store could not write',
  node_unreachable: 'Another node was away for too long',
  too_large_for_node: 'Larger than another node takes',
  netsplit: 'The cluster was not complete',
};

const history = new History();
const testClient = startTestClient();
startOperator();

const rate = (key) => ({read: (point) => point.rates[key], text: rateText});
const gauge = (key) => ({read: (point) => point.gauges[key], text: count});
const charts = [
  new LineChart('Messages per second',
    [{name: 'in', ...rate('msgIn')}, {name: 'out', ...rate('msgOut')}, {name: 'not delivered', ...rate('dropped')}], shortCount),
  new LineChart('Connections', [{name: 'connected', ...gauge('online')}, {name: 'offline', ...gauge('offline')}], shortCount),
  new LineChart('Connects per second',
    [{name: 'accepted', ...rate('connects')}, {name: 'refused', ...rate('refused')}], shortCount),
  new LineChart('Queued messages', [{name: 'queued', ...gauge('queued')}], shortCount),
];
byId('charts').append(...charts.map((chart) => chart.element));

const LISTENER_COLUMNS = [{title: 'Listener'}, {title: 'Address'}, {title: 'Mountpoint'}, {title: 'State'},
  {title: 'Connections', number: true}, {title: 'At most', number: true}];
const WITH_CERTIFICATES = [...LISTENER_COLUMNS, {title: 'Certificate until'}];

function listenerRow(columns, listener) {
  const host = listener.ip.includes(':') ? `[${listener.ip}]` : listener.ip;
  const until = listener.certificate_expires === undefined ? '–'
    : new Date(listener.certificate_expires * 1000).toISOString().slice(0, 10);
  return row(columns, [`${listener.type} ${listener.name}`, `${host}:${listener.port}`,
    listener.mountpoint || '–', make('span', {class: listener.status === 'running' ? 'running' : 'stopped'}, listener.status),
    count(listener.connections), listener.max_conns === 'infinity' ? 'no limit' : count(listener.max_conns), until].slice(0, columns.length));
}

function loads(shards) {
  return make('div', {class: 'loads'}, ...shards.map(({load}, i) =>
    makeSvg('svg', {viewBox: '0 0 10 10', role: 'img', 'aria-label': `shard ${i}: ${load} %`},
      makeSvg('title', {}, `shard ${i}: ${load} %`),
      makeSvg('rect', {x: 0, y: 10 - load / 10, width: 10, height: load / 10}))),
  make('span', {}, `${Math.round(shards.reduce((sum, {load}) => sum + load, 0) / Math.max(shards.length, 1))} %`));
}

const MEMBER_COLUMNS = [{title: 'Node'}, {title: 'State'}, {title: 'Address'}, {title: 'Links'},
  {title: 'Waits for it', number: true}, {title: 'Why it is away'}];

function memberRow(member) {
  const host = member.address.includes(':') ? `[${member.address}]` : member.address;
  const since = member.since ? `, for ${duration(Math.max(0, Math.floor(Date.now() / 1000 - member.since)))}` : '';
  const state = member.self ? 'this node' : `${member.running ? 'running' : 'away'}${since}`;
  return row(MEMBER_COLUMNS, [make('bdi', {}, member.name),
    make('span', {class: member.running ? 'running' : 'stopped'}, state),
    `${host}:${member.port}${member.tls ? ' (TLS)' : ''}`,
    member.self ? '–' : `${member.links} of ${member.links_wanted}`,
    member.self ? '–' : bytes(member.waiting_bytes), member.why ?? '–']);
}

/// The other nodes as this one sees them; nothing without a cluster.
function membersTable(cluster) {
  const members = cluster?.nodes ?? [];
  if (members.length < 2) return [];
  return [make('div', {class: 'scroll'}, make('table', {class: 'stacked members'},
    make('thead', {}, headings(MEMBER_COLUMNS)), make('tbody', {}, ...members.map(memberRow))))];
}

const fact = (name, value) => make('div', {}, make('dt', {}, name), make('dd', {}, value));

function nodeCard(name, node, numbers, several) {
  const facts = [
    fact('Up for', duration(node.uptime_s)),
    fact('Load of shards', loads(node.shards)),
    fact('Memory', bytes(node.memory_bytes)),
    fact('Durability', node.store.durability),
    fact('Store on disk', bytes(node.store.bytes_on_disk)),
    fact('Traffic in', numbers.rates.bytesIn === null ? '–' : `${bytes(numbers.rates.bytesIn)}/s`),
    fact('Traffic out', numbers.rates.bytesOut === null ? '–' : `${bytes(numbers.rates.bytesOut)}/s`),
  ];
  if (several) {
    const known = Object.values(node.mystatus[0] ?? {});
    facts.push(fact('Connections', count(node.num_online)), fact('Subscriptions', count(node.num_subscriptions)),
      fact('Retained', count(node.num_retained)), fact('Messages in', `${rateText(numbers.rates.msgIn)}/s`),
      fact('Messages out', `${rateText(numbers.rates.msgOut)}/s`), fact('Queued', count(node.num_queued)),
      fact('Reaches', `${known.filter(Boolean).length} of ${known.length} nodes`));
  }
  const certificates = node.listeners.some((listener) => listener.certificate_expires !== undefined);
  const columns = certificates ? WITH_CERTIFICATES : LISTENER_COLUMNS;
  return make('article', {class: 'card node'},
    make('h3', {}, make('bdi', {}, name), make('span', {class: 'badge'}, node.version)),
    make('dl', {class: 'facts'}, ...facts),
    ...membersTable(node.cluster),
    make('div', {class: 'scroll'}, make('table', {class: 'stacked'}, make('thead', {}, headings(columns)),
      make('tbody', {}, ...node.listeners.map((listener) => listenerRow(columns, listener))))));
}

function showTiles({rates, gauges}, nodes) {
  show(byId('online'), count(gauges.online));
  show(byId('sessions_now'), count(gauges.sessions));
  show(byId('offline'), count(gauges.offline));
  show(byId('rate_connects'), rateText(rates.connects));
  show(byId('rate_in'), rateText(rates.msgIn));
  show(byId('rate_out'), rateText(rates.msgOut));
  show(byId('rate_dropped'), rateText(rates.dropped));
  show(byId('queued'), count(gauges.queued));
  show(byId('subscriptions'), count(gauges.subscriptions));
  show(byId('retained'), count(gauges.retained));
  show(byId('retained_bytes'), gauges.retained ? bytes(gauges.retainedBytes) : '');
  show(byId('cluster_size'), count(Math.max(...Object.values(nodes).map((node) => Object.keys(node.mystatus?.[0] ?? {}).length), 1)));
}

function showDrops(nodes) {
  const total = (key, reason) => Object.values(nodes).reduce((sum, node) => sum + (node[key]?.[reason] ?? 0), 0);
  const reasons = new Set(Object.values(nodes).flatMap((node) => Object.keys(node.drops ?? {})));
  const cell = (value) => make('td', {class: value ? 'number' : 'number zero'}, count(value));
  byId('drop_rows').replaceChildren(...[...reasons].map((reason) => make('tr', {id: `drop_${reason}`},
    make('td', {}, REASONS[reason] ?? reason), cell(total('drops_last_minute', reason)), cell(total('drops', reason)))));
}

const NAMES = {danger: 'Problem', warning: 'Warning'};

function alarmsOf(nodes) {
  const all = Object.entries(nodes).flatMap(([name, node]) => (node.alarms ?? []).map((alarm) => ({name, ...alarm})));
  for (const [name, node] of Object.entries(nodes)) {
    if (node.cluster) continue;  // it has alarms of its own
    for (const [peer, reachable] of Object.entries(node.mystatus[0] ?? {})) {
      if (!reachable) all.push({name, severity: 'danger', text: `The node ${peer} cannot be reached.`});
    }
  }
  if (new Set(Object.values(nodes).map((node) => node.version)).size > 1) {
    all.push({name: 'cluster', severity: 'warning', text: 'The nodes have different versions.'});
  }
  return all.sort((one, other) => Number(other.severity === 'danger') - Number(one.severity === 'danger'));
}

/// What stands between backquotes is something to type.
const withCode = (text) => text.split('`').map((part, i) => (i % 2 === 1 ? make('code', {}, part) : part));

let announced = '';

function showAlarms(alarms, several) {
  const worst = alarms.length === 0 ? 'good' : alarms.some(({severity}) => severity === 'danger') ? 'danger' : 'warning';
  const state = byId('state');
  state.className = `pill ${worst}`;
  show(state, alarms.length === 0 ? 'Everything runs' : `${alarms.length} alarm${alarms.length > 1 ? 's' : ''}`);
  const now = JSON.stringify(alarms);
  if (now === announced) return;
  announced = now;
  byId('alarm_list').replaceChildren(...alarms.map(({name, severity, text}) => make('li', {class: severity},
    make('strong', {}, several ? `${NAMES[severity]} (${name})` : NAMES[severity]), ...withCode(text))));
}

/// Cards are made anew only while nothing in them has the focus or is selected.
function showNodes(nodes, perNode) {
  const cards = byId('node_cards');
  const selection = getSelection();
  if (cards.contains(document.activeElement) || (!selection.isCollapsed && cards.contains(selection.anchorNode))) return;
  const names = Object.keys(nodes);
  cards.replaceChildren(...names.map((name) => nodeCard(name, nodes[name], perNode[name], names.length > 1)));
}

function render(nodes) {
  const names = Object.keys(nodes);
  const {perNode, total} = history.add(nodes, performance.now());
  document.title = `${names[0]} – VerneMQ status`;
  show(byId('node'), names.length > 1 ? `${names.length} nodes` : names[0]);
  showTiles(total, nodes);
  for (const chart of charts) chart.update(history.points);
  showDrops(nodes);
  showNodes(nodes, perNode);
  showAlarms(alarmsOf(nodes), names.length > 1);
  testClient.offer(webSockets(nodes, {host: location.hostname, protocol: location.protocol}));
}

async function refresh() {
  try {
    const answer = await fetch('status.json',
      {cache: 'no-store', headers: keyHeaders(), signal: AbortSignal.timeout(GIVE_UP_MS)});
    if (answer.status === 401) throw new Error('it asks for an API key, which can be typed below');
    if (!answer.ok) throw new Error(`status.json: ${answer.status}`);
    render(Object.assign({}, ...await answer.json()));
    byId('main').classList.remove('stale');
  } catch (error) {
    byId('state').className = 'pill danger';
    show(byId('state'), `The broker gives no numbers: ${error.message}.${history.points.length ? ' What you see is old.' : ''}`);
    byId('main').classList.add('stale');
  }
  setTimeout(refresh, history.points.length < 2 ? FIRST_REFRESH_MS : REFRESH_MS);
}

refresh();
