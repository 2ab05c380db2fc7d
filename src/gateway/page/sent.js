/**
 * What became of what was said: the hub's account of it for each receiver, asked for when somebody
 * looks. It says no more than the hub knows: *delivered* is on the receiver's connection, *seen*
 * is what the receiver said itself.
 */
import { button, fill, h, soon } from './dom.js';
import { ask, on, person, reason } from './link.js';
import { name, timeOf, whole } from './shown.js';

const LOOK_MS = 2000;
const LAST = 50; // of the person's own

/** Furthest first. */
export const STATES = [
  ['acted_on', 'acted on', 'A message of the receiver names it as what it answers.'],
  ['seen', 'seen', 'The receiver has said that it has read up to there.'],
  ['delivered', 'delivered', 'It is on the connection that the receiver has now; it may not have been read.'],
  ['stored', 'stored', 'The receiver does not have it yet, and will.'],
  ['dead', 'dead', 'The receiver was not there, or can not have it: it is a dead letter.'],
  ['gone', 'gone', 'Nothing brings it any more, and the receiver never said that it read it.'],
];
const WORDS = Object.fromEntries(STATES.map(([state, word]) => [state, word]));

/** message_id → {counts, total}, of what the person said. */
export const own = new Map();

let shown = false, dirty = false;
let told = () => {};

/** `act(messageIds)`: the account of these is another one. */
export const onOwn = (act) => {
  told = act;
};

/** Is there somebody who looks? */
export function lookAtOwn(looks) {
  shown = looks;
  if (looks) refresh();
}

/** "seen 2, delivered 3" */
export const countsText = (counts) => STATES.filter(([state]) => counts[state])
  .map(([state, word]) => `${word} ${whole(counts[state])}`).join(', ') || 'for nobody who is here';

async function look() {
  if (!person.id || !shown || document.hidden) return;
  dirty = false;
  const answer = await ask('sent_query', { sender: person.id, limit: LAST }).catch(() => null);
  const changed = [];
  for (const message of answer?.messages ?? []) {
    const text = countsText(message.counts);
    if (own.get(message.message_id) === text) continue;
    own.set(message.message_id, text);
    changed.push(message.message_id);
  }
  if (changed.length) told(changed);
}
const refresh = soon(look, 300);
on('message', () => {
  dirty = true;
});
// A heartbeat by which somebody says how far it read is told to nobody: so it is looked for.
setInterval(() => (dirty || own.size) && look(), LOOK_MS);

const state = (receiver) => h('li', {}, h('span', { class: `tag state-${receiver.state}` },
  WORDS[receiver.state] ?? receiver.state), ' ', name(receiver.ai_id),
  receiver.by_seq ? h('span', { class: 'muted' }, ` by message ${receiver.by_seq}, `, timeOf(receiver.at)) : null,
  receiver.why ? h('span', { class: 'muted' },
    ` ${receiver.why === 'level' ? 'it speaks an older level' : 'it was absent'}`) : null);

/** What became of one message, for each receiver; looked for again until `stop`. */
export function account({ sender, seq, messageId }) {
  const element = h('div', {}, h('p', { class: 'muted' }, 'asking the hub'));
  let timer = null, most = 20, stopped = false;
  async function draw() {
    clearTimeout(timer);
    const receivers = [];
    let message = null;
    try {
      for (let after = null; receivers.length < most;) {
        const answer = await ask('sent_query', { sender, seq, limit: most, ...(after && { after }) });
        message = answer.messages.find((each) => each.message_id === messageId) ?? answer.messages[0];
        receivers.push(...message?.receivers ?? []);
        if (!(after = answer.next)) break;
      }
    } catch (error) {
      fill(element, h('p', { class: 'muted' }, error.code === 'not_found' ?
        'The hub keeps no account of it: its sender asks for no acks, or it is too long ago.' : reason(error)));
      return;
    }
    if (stopped) return;
    const total = message?.total ?? 0;
    fill(element, h('p', {}, countsText(message?.counts ?? {})),
      h('ul', { class: 'receivers' }, receivers.map(state)),
      receivers.length < total ? button(`Show more of ${whole(total)}`, () => {
        most *= 5;
        draw();
      }) : null,
      h('details', {}, h('summary', {}, 'What these words say'), h('dl', { class: 'facts' },
        STATES.map(([, word, meaning]) => [h('dt', {}, word), h('dd', {}, meaning)]))));
    timer = setTimeout(draw, LOOK_MS);
  }
  draw();
  return { element, stop() {
    stopped = true;
    clearTimeout(timer);
  } };
}
