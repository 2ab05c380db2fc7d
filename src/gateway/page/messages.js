/**
 * What was said in the room: the last of it, kept up with what comes, and what was before as the
 * hub's log has it.
 */
import { ask, link, on } from './link.js';
import { said } from './said.js';

const FIRST = 200; // seqs that are asked for at the beginning
const KEPT = 5000, KEPT_BYTES = 32 << 20;
const SEARCHED = 20000; // characters of a message
const LOOKS_MAX = 12; // pages of the log for one wish
const PAGE = 200;

/** seq, time, type, sender, target, payload, messageId, line; text: what it says. */
class Said {
  #search = null;

  constructor(message, time) {
    Object.assign(this, { seq: message.seq, time, type: message.type, sender: message.sender, target: message.target,
      payload: message.payload, messageId: message.messageId, size: message.size });
    this.key = `${this.seq}/${this.messageId}`;
    this.text = said(this);
  }

  includes(text) {
    this.#search ??= [this.sender, this.target ?? '', this.text.slice(0, SEARCHED),
      JSON.stringify(this.payload).slice(0, SEARCHED)].join(' ').toLowerCase();
    return this.#search.includes(text);
  }
}

/** list: ascending; floor: all above this seq is in it, but for what a gap in it says. */
export const messages = { list: [], floor: 0 };

const keys = new Set();
const listeners = [];
let bytes = 0;

/** `act(came)`: these came at the end; null: it is another list. */
export const onMessages = (act) => listeners.push(act);
const tell = (came) => listeners.forEach((act) => act(came));

function keep() {
  let gone = 0;
  while (messages.list.length - gone > KEPT || (bytes > KEPT_BYTES && gone < messages.list.length - 1)) {
    const first = messages.list[gone++];
    bytes -= first.size;
    keys.delete(first.key);
    messages.floor = first.seq;
  }
  if (gone) messages.list.splice(0, gone);
}

function add(entry) {
  if (keys.has(entry.key)) return false;
  keys.add(entry.key);
  bytes += entry.size;
  messages.list.push(entry);
  return true;
}

on('message', (message) => {
  message.size = message.line.length;
  const entry = new Said(message, new Date().toISOString());
  if (message.sender === 'hub') entry.time = message.timestamp;
  if (!add(entry)) return;
  keep();
  tell([entry]);
});

const fromLog = ({ seq, time, message: m }) => new Said({ seq, type: m.message_type, sender: m.sender_id,
  target: m.target_ai || null, payload: m.payload, messageId: m.message_id, size: JSON.stringify(m).length }, time);

/** What the log has with seqs above `after` and up to `until`, of those that are `wanted`. */
async function between(after, until, wanted) {
  const found = [];
  for (let from = after; ;) {
    const page = await ask('log_query', { ...wanted, after: from, until, limit: PAGE });
    found.push(...page.messages.map(fromLog));
    if (page.whole || page.upto <= from || page.upto >= until)
      return { found, first: page.kept ? page.first : until };
    from = page.upto;
  }
}

/**
 * What was said before the seq `until`, ascending, some dozens: {found, floor}; floor 0: there is
 * nothing before that. wanted: what log_query takes.
 */
export async function before(until, wanted) {
  let span = FIRST, found = [], floor = until;
  for (let looks = 0; looks < LOOKS_MAX && floor > 0 && found.length < 50; looks++, span *= 4) {
    const after = Math.max(0, floor - 1 - span);
    const page = await between(after, floor - 1, wanted);
    found = [...page.found, ...found];
    floor = after < page.first ? 0 : after + 1;
  }
  return { found, floor };
}

let begun = false;
on('joined', async () => {
  if (begun && link.seq >= messages.floor) return; // what was missed comes by itself
  begun = true;
  messages.list = [];
  keys.clear();
  bytes = 0;
  const { seq } = link;
  messages.floor = seq + 1;
  const { found } = await between(Math.max(0, seq - FIRST), seq, {}).catch(() => ({ found: [] }));
  const live = messages.list;
  messages.list = [];
  keys.clear();
  for (const entry of [...found, ...live]) add(entry);
  messages.floor = found.length ? found[0].seq : seq + 1;
  keep();
  tell(null);
});
on('torn', () => {
  const gap = { gap: true, key: `gap ${performance.now()}`, seq: link.seq, time: new Date().toISOString(), size: 0 };
  messages.list.push(gap);
  tell([gap]);
});
