// What an API key opens: sessions, who loses messages, and sending a client away.

import {byId, headings, make, row, show} from './dom.mjs';
import {count, literal} from './numbers.mjs';

const STORED = 'vernemq-api-key';  // of sessionStorage: gone with the tab
const LIMIT = 50;
const GIVE_UP_MS = 10000;

const REASONS_OF_REFUSAL = {
  401: 'The key is not accepted: it is unknown, has expired, or its scope is not mgmt.',
  403: 'The key may not do this.',
  404: 'This listener does not serve the API. vmq_http_mgmt_api has to be among its http_modules.',
};

const SESSION_COLUMNS = [{title: 'Client id'}, {title: 'User'}, {title: 'Connected'}, {title: 'From'},
  {title: 'Mountpoint'}, {title: 'Queued', number: true}, {title: ''}];
const LOSER_COLUMNS = [{title: 'Client or topic'}, {title: 'Reason'}, {title: 'Messages', number: true}];

let key = '';

/// For status.json, where a listener asks for a key there as well.
export const keyHeaders = () => (key === '' ? {} : {'x-api-key': key});

function tell(id, text, ok = true) {
  const element = byId(id);
  element.className = ok ? 'quiet' : 'failed';
  show(element, text);
}

/// `words`: "session/show"; `flags`: [name, value], without value if it is undefined.
async function ask(words, flags, method = 'GET') {
  const query = flags.map(([name, value]) =>
    (value === undefined ? name : `${name}=${encodeURIComponent(value)}`)).join('&');
  const answer = await fetch(`api/v1/${words}?${query}`, {method, cache: 'no-store',
    headers: keyHeaders(), signal: AbortSignal.timeout(GIVE_UP_MS)});
  if (!answer.ok) {
    throw new Error(REASONS_OF_REFUSAL[answer.status] ?? `The broker answers ${answer.status}.`);
  }
  const said = await answer.json();
  if (said.type === 'alert') throw new Error(textOf(said));
  return said;
}

const textOf = (said) => (said.alert ?? []).map((part) => part.text ?? '').join(' ') || 'The broker refuses.';

const known = (value) => (value === undefined || value === null || value === 'undefined' ? '–' : String(value));

async function showSessions() {
  const flags = ['client_id', 'user', 'is_online', 'peer_host', 'peer_port', 'mountpoint', 'queue_size']
    .map((field) => [`--${field}`]);
  const text = byId('search').value;
  if (text !== '') flags.push(['--client_id', `~${literal(text)}`]);
  if (byId('search_online').checked) flags.push(['--is_online', 'true']);
  flags.push(['--limit', String(LIMIT)]);
  const {table} = await ask('session/show', flags);
  byId('session_head').replaceChildren(headings(SESSION_COLUMNS));
  byId('session_rows').replaceChildren(...table.map(sessionRow));
  tell('search_state', table.length === LIMIT ? `The first ${LIMIT} are shown.`
    : `${table.length} session${table.length === 1 ? '' : 's'}.`);
}

function sessionRow(session) {
  const online = String(session.is_online) === 'true';
  const from = online ? `${known(session.peer_host)}:${known(session.peer_port)}` : '–';
  let action = '';
  if (online) {
    action = make('button', {type: 'button', 'aria-label': `Disconnect ${session.client_id}`}, 'Disconnect');
    action.addEventListener('click', () => askWhetherToDisconnect(session, action));
  }
  return row(SESSION_COLUMNS, [make('bdi', {class: 'code'}, known(session.client_id)), make('bdi', {}, known(session.user)),
    online ? 'yes' : 'no', from, known(session.mountpoint) || '–', known(session.queue_size), action]);
}

/// What the open dialog asks about: {session, button}.
let asked;

function askWhetherToDisconnect(session, button) {
  show(byId('confirm_client'), session.client_id);
  asked = {session, button};
  const dialog = byId('confirm');
  dialog.returnValue = 'no';
  dialog.showModal();
}

/// A dialog tells that it was closed a moment later: it may be open again by then, about another session.
function dialogClosed() {
  const dialog = byId('confirm');
  if (!dialog.open && dialog.returnValue === 'yes') disconnect(asked.session, asked.button);
}

async function disconnect(session, button) {
  const flags = [['client-id', session.client_id]];
  if (session.mountpoint) flags.push(['--mountpoint', session.mountpoint]);
  button.disabled = true;
  try {
    await ask('session/disconnect', flags, 'POST');
    tell('search_state', `${session.client_id} was disconnected.`);
  } catch (error) {
    button.disabled = false;
    tell('search_state', error.message, false);
  }
}

async function showLosers() {
  const fields = ['by', 'client_id', 'topic', 'reason', 'messages'].map((field) => [`--${field}`]);
  const {table} = await ask('drops/show', [...fields, ['--by', '~^(client|topic)$'], ['--order_by', 'messages'],
    ['--limit', String(LIMIT)]]);
  byId('loser_head').replaceChildren(headings(LOSER_COLUMNS));
  byId('loser_rows').replaceChildren(...table.map((each) => row(LOSER_COLUMNS,
    [make('span', {}, `${each.by} `, make('bdi', {class: 'code'}, known(each.by === 'client' ? each.client_id : each.topic))),
      known(each.reason), count(Number(each.messages))])));
  tell('drops_state', table.length === 0 ? 'Nobody has lost a message.'
    : 'Those with the most, since the node started.');
}

async function open() {
  try {
    await showSessions();
    await showLosers();
    byId('operator').hidden = false;
    byId('key_forget').hidden = false;
    tell('key_state', 'The key is accepted.');
    sessionStorage.setItem(STORED, key);
  } catch (error) {
    if (await opensNumbersOnly()) {
      sessionStorage.setItem(STORED, key);
      byId('key_forget').hidden = false;
      return tell('key_state', `The key opens the numbers and nothing else. ${error.message}`);
    }
    forget();
    tell('key_state', error.message, false);
  }
  return undefined;
}

/// Whether this listener gives status.json to those with the key alone.
async function opensNumbersOnly() {
  const look = async (headers) => {
    const answer = await fetch('status.json', {cache: 'no-store', headers, signal: AbortSignal.timeout(GIVE_UP_MS)});
    return answer.status;
  };
  try {
    return await look({}) === 401 && await look(keyHeaders()) === 200;
  } catch {
    return false;
  }
}

function forget() {
  key = '';
  sessionStorage.removeItem(STORED);
  byId('operator').hidden = true;
  byId('key_forget').hidden = true;
  byId('session_rows').replaceChildren();
  byId('loser_rows').replaceChildren();
  tell('key_state', '');
}

export function startOperator() {
  byId('confirm').addEventListener('close', dialogClosed);
  byId('key_form').addEventListener('submit', (event) => {
    event.preventDefault();
    key = byId('key').value.trim();
    byId('key').value = '';
    if (key === '') tell('key_state', 'Type a key first.', false);
    else if (!/^[\x21-\x7e]+$/.test(key)) tell('key_state', 'A key has no blanks and no letters beyond ASCII.', false);
    else open();
  });
  byId('key_forget').addEventListener('click', () => {
    forget();
    byId('key').focus();
  });
  byId('search_form').addEventListener('submit', async (event) => {
    event.preventDefault();
    try {
      await showSessions();
      await showLosers();
    } catch (error) {
      tell('search_state', error.message, false);
    }
  });
  key = sessionStorage.getItem(STORED) ?? '';
  if (key !== '') open();
}
