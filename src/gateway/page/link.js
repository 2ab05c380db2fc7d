/**
 * The page's two links to the hub, each a WebSocket with khub.js on it.
 *
 * The *watcher* is an observer: all that the page shows comes by it, what is said as well as the
 * answers to what is asked, so both are in the hub's order. The *speaker* is there once a person
 * has given a name: a member like any other, who says what the person says, and leaves with the
 * page. A hub that is lost is come back to by both; what the page shows is old until then, and
 * says so.
 */
import { Client, Refused } from './khub.js';
import { clockHeard } from './shown.js';
import { tokenChoose, tokenForget } from './token.js';

const BEAT_MS = 5000; // three of them unanswered, and the hub is lost
const ASLEEP_MS = 4000; // for an answer, after the machine slept
const INBOX_MAX = 64 << 20;
const RETRY_MAX_MS = 5000;

const place = new URL('ws', document.baseURI);
place.protocol = place.protocol.replace('http', 'ws');
place.search = place.hash = '';
const address = place.href;

function hexDigits(count) {
  const random = crypto.getRandomValues(new Uint8Array(count / 2));
  return Array.from(random, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** What the page is told of: 'state', 'joined' (anew, too), 'message', 'torn', 'person'. */
const listeners = new Map();

export function on(event, act) {
  if (!listeners.has(event)) listeners.set(event, []);
  listeners.get(event).push(act);
}

function tell(event, ...what) {
  for (const act of listeners.get(event) ?? []) {
    try {
      act(...what);
    } catch (error) { // a view's fault stops no other
      console.error(error);
    }
  }
}

/** state: 'joining', 'live', 'lost', 'doubtful', 'ended'; since: when that began. */
export const link = { state: 'joining', since: Date.now(), why: '', room: 'main', sync: {}, seq: 0 };

/** state: 'none', 'joining', 'there', 'lost', 'refused'. */
export const person = { id: null, state: 'none', why: '' };

let token = '';
let watcher = null, speaker = null;

function move(state, why = '') {
  if (link.state !== state) link.since = Date.now();
  Object.assign(link, { state, why });
  tell('state');
}

/** What went wrong, as a sentence. */
export function reason(error) {
  if (error instanceof Refused) return error.detail || error.code;
  return error?.message ?? String(error);
}

function joined(client) {
  link.sync = client.sync;
  link.room = client.sync.room ?? 'main';
  link.seq = client.sync.seq ?? 0;
  move('live');
  tell('joined');
}

function heard(message) {
  if (message.seq > link.seq) link.seq = message.seq;
  if (message.sender === 'hub') clockHeard(message.timestamp);
  if (message.type === 'error' && message.payload.code === 'replay_truncated') tell('torn');
  else if (message.seq) tell('message', message);
}

/** Begins to watch, in a room; where a token is wanted, the person is asked for one. */
export async function watch(settings = {}) {
  link.room = settings.room ?? link.room;
  watcher?.close({ timeoutMs: 0 }).catch(() => {});
  token = await tokenChoose();
  const id = `~page-${hexDigits(8)}`; // that of an observer, whatever ids the token is good for
  const client = new Client(id, { address, observer: true, syncMax: 0, token,
    room: link.room, heartbeatMs: BEAT_MS, retryMaxMs: RETRY_MAX_MS, inboxMax: INBOX_MAX,
    onState: (state, error) => {
      if (client !== watcher) return;
      if (state === 'joined') joined(client);
      else if (state === 'waiting') move('lost', error ? reason(error) : '');
      else if (state === 'ended') move('ended', error ? reason(error) : '');
    } });
  watcher = client;
  move('joining');
  try {
    await client.join();
    for await (const message of client) heard(message);
  } catch (error) {
    if (client !== watcher) return;
    if (error instanceof Refused && error.code === 'unauthorized') {
      tokenForget();
      watch();
    } else {
      move('ended', reason(error));
    }
  }
}

/** A query's answer. While the hub is lost it waits for it to come back. */
export const ask = async (query, payload = {}) => watcher.ask(query, payload);

/** All pages of a query, told one by one as they come; ends early when `told` says false. */
export async function pages(query, payload, told) {
  for (let after = null; ;) {
    const page = await ask(query, after === null ? payload : { ...payload, after });
    if (told(page) === false || page.next === null || page.next === undefined) return;
    after = page.next;
  }
}

/** After a sleep nobody knows whether the hub is still there: until it answers, that is said. */
async function doubt() {
  if (link.state !== 'live' || document.visibilityState !== 'visible') return;
  const timer = setTimeout(() => {
    if (link.state === 'live') move('doubtful');
  }, ASLEEP_MS);
  await ask('member_query', { limit: 1 }).catch(() => {});
  clearTimeout(timer);
  if (link.state === 'doubtful') move('live');
}
document.addEventListener('visibilitychange', doubt);
addEventListener('online', doubt);
addEventListener('offline', () => link.state === 'live' && doubt());

// ── the person ──

function personMove(state, why = '') {
  Object.assign(person, { state, why });
  tell('person');
}

const whyNot = (id, error) => (error.code === 'id_in_use' ?
  `${id} is here already, by another page or program` : reason(error));

/** Joins as that person: a promise of whether the hub had it. */
export async function become(id) {
  leave();
  person.id = id;
  const kept = sessionStorage.getItem('khub.resume') ?? '';
  const [keptId, resumeToken] = kept.includes('\n') ? kept.split('\n') : ['', ''];
  let client;
  try {
    client = new Client(id, { address, specialization: 'person', syncMax: 0, listens: false,
      token, room: link.room, heartbeatMs: BEAT_MS, retryMaxMs: RETRY_MAX_MS,
      resumeToken: keptId === id ? resumeToken : '',
      onState: (state, error) => {
        if (client !== speaker) return;
        if (state === 'joined') {
          sessionStorage.setItem('khub.resume', `${id}\n${client.resumeToken}`);
          personMove('there');
        } else if (state === 'waiting') {
          personMove('lost', error ? reason(error) : '');
        } else if (state === 'ended') {
          personMove('refused', error ? whyNot(id, error) : '');
        }
      } });
  } catch (error) {
    personMove('refused', reason(error));
    return false;
  }
  speaker = client;
  personMove('joining');
  try {
    await client.join();
    return true;
  } catch (error) {
    if (client === speaker) personMove('refused', whyNot(id, error));
    return false;
  }
}

/** The person only looks again. */
export function leave() {
  const client = speaker;
  speaker = null;
  person.id = null;
  personMove('none');
  client?.close({ leave: true, timeoutMs: 3000 }).catch(() => {});
}

/** Sends a letter of the person's, or to the person, again ('resend'), or gives it up ('drop'). */
export const deadLetter = async (id, action) => speaker.deadLetter(id, action);

/** Says something in the person's name: {messageId, seq, delivered, stored}, or throws. */
export function publish(type, payload, target = null) {
  if (!speaker || person.state === 'none' || person.state === 'refused')
    throw new Error('say first who you are');
  return speaker.publish(type, payload, { target });
}
