// "Try it": a client on the page with which a newcomer sees a message arrive.

import {byId, make, show} from './dom.mjs';
import {payloadText} from './numbers.mjs';
import {Client} from './mqtt.mjs';

const MOST_MESSAGES = 200;   // shown; older ones go
const MOST_CHARACTERS = 4000;  // of a payload

let client = null;
let offered = '';
let received = 0;
let arrived = [];  // since the page was drawn

/// Tells how it went beside the button that was pressed.
function tell(id, text, ok = true) {
  const element = byId(id);
  element.className = ok ? 'ok' : 'failed';
  show(element, text);
}

function enable(connected) {
  byId('try_subscribe').disabled = !connected;
  byId('try_publish').disabled = !connected;
  for (const id of ['try_url', 'try_client_id', 'try_version', 'try_user', 'try_password']) {
    byId(id).disabled = client !== null;
  }
  show(byId('try_connect'), client === null ? 'Connect' : connected ? 'Disconnect' : 'Cancel');
}

function connect() {
  const url = byId('try_url').value;
  const clientId = byId('try_client_id').value;
  const options = {version: Number(byId('try_version').value), clientId, username: byId('try_user').value,
    password: byId('try_password').value};
  tell('try_state', 'Connecting …');
  try {
    const started = new Client(url, options, {
      connected: (how) => {
        enable(true);
        tell('try_state', `Connected as ${how.clientId}.`);
      },
      message: (message) => {
        arrived.push({...message, at: new Date()});
        if (arrived.length > MOST_MESSAGES) arrived.shift();
        if (arrived.length === 1) requestAnimationFrame(showMessages);
        ++received;
      },
      closed: (text) => {
        if (client !== started) return;
        client = null;
        enable(false);
        byId('subscriptions_list').replaceChildren();
        tell('try_state', text || 'Not connected.', !text);
      },
    });
    client = started;
    enable(false);
  } catch (error) {
    tell('try_state', error.message, false);
  }
}

function messageItem({topic, payload, qos, retain, dup, at}) {
  const shown = payloadText(payload, MOST_CHARACTERS);
  const about = [at.toLocaleTimeString(), `QoS ${qos}`, retain ? 'retained' : '', dup ? 'repeated' : '',
    shown.binary ? `${payload.length} bytes` : ''].filter(Boolean).join(' · ');
  return make('li', {class: 'new'}, make('div', {class: 'head'}, make('bdi', {}, topic), make('small', {}, about)),
    make('pre', {}, shown.text === '' ? make('span', {class: 'quiet'}, '(empty)') : shown.text));
}

function showMessages() {
  const list = byId('messages');
  list.prepend(...arrived.reverse().map(messageItem));
  arrived = [];
  while (list.children.length > MOST_MESSAGES) list.lastElementChild.remove();
  showCount();
}

function showCount() {
  const shown = byId('messages').children.length;
  show(byId('message_count'), received === 0 ? '' : received > shown ? `${received}, the newest ${shown} shown` : `${received}`);
  byId('messages_none').hidden = shown > 0;
}

async function subscribe() {
  const filter = byId('try_filter').value;
  try {
    const granted = await client.subscribe(filter, Number(byId('try_filter_qos').value));
    tell('subscribe_state', `Subscribed with QoS ${granted}.`);
    addChip(filter);
  } catch (error) {
    tell('subscribe_state', `Not subscribed: ${error.message}.`, false);
  }
}

function addChip(filter) {
  const list = byId('subscriptions_list');
  if ([...list.children].some((chip) => chip.firstElementChild.textContent === filter)) return;
  const remove = make('button', {type: 'button', 'aria-label': `Unsubscribe from ${filter}`}, '✕');
  const chip = make('li', {}, make('bdi', {class: 'code'}, filter), remove);
  remove.addEventListener('click', async () => {
    try {
      await client.unsubscribe(filter);
      chip.remove();
      tell('subscribe_state', 'Unsubscribed.');
      byId('try_filter').focus();
    } catch (error) {
      tell('subscribe_state', `Not unsubscribed: ${error.message}.`, false);
    }
  });
  list.append(chip);
}

async function publish() {
  const qos = Number(byId('try_qos').value);
  try {
    const code = await client.publish(byId('try_topic').value, new TextEncoder().encode(byId('try_payload').value),
      {qos, retain: byId('try_retain').checked});
    tell('publish_state', code === 0x10 ? 'The broker has it; nobody subscribes to this topic.'
      : qos === 0 ? 'Sent.' : 'The broker has it.');
  } catch (error) {
    tell('publish_state', `Not published: ${error.message}.`, false);
  }
}

function on(form, work) {
  byId(form).addEventListener('submit', (event) => {
    event.preventDefault();
    work();
  });
}

/// offer(listeners): those of numbers.mjs webSockets(), whenever they are known anew.
export function startTestClient() {
  byId('try_client_id').value = `page-${Math.random().toString(36).slice(2, 8)}`;
  on('connect_form', () => (client === null ? connect() : client.end()));
  on('subscribe_form', subscribe);
  on('publish_form', publish);
  byId('try_clear').addEventListener('click', () => {
    received = 0;
    byId('messages').replaceChildren();
    showCount();
  });
  enable(false);
  return {
    offer(listeners) {
      const now = JSON.stringify(listeners);
      if (now === offered) return;
      offered = now;
      byId('try_none').hidden = listeners.length > 0;
      byId('try_client').hidden = listeners.length === 0 && client === null;
      const chosen = byId('try_url').value;
      byId('try_url').replaceChildren(...listeners.map(({label, url}) => make('option', {value: url, selected: url === chosen}, label)));
    },
  };
}
