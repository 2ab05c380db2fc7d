/**
 * The hub in numbers: how much is said, how long it takes, what nobody took. The hub counts; the
 * page asks every few seconds, and what it draws is the difference of two answers.
 */
import { chart } from './chart.js';
import { button, fill, h, say, soon } from './dom.js';
import { ask, deadLetter, link, on, pages, person, reason } from './link.js';
import { bytes, counted, line, name, now, span, timeOf, whole } from './shown.js';
import { facts } from './panel.js';

const SAMPLE_MS = 2000;
const UNSEEN = 5; // of so many samples one is taken while nobody looks
const KEPT = 900; // points of a curve
const LETTERS = 100; // that are shown

const samples = { entries: [], messages: [], refused: [], deliveries: [], half: [], most: [] };
let last = null; // {at, stats}

/** The time within which this part of what a histogram counted was done, in ms; null: nothing was. */
function within({ le_s: bounds, counts }, before, part) {
  const fresh = counts.map((count, at) => count - (before?.counts[at] ?? 0));
  const total = fresh.reduce((sum, count) => sum + count, 0);
  let had = 0;
  if (total <= 0) return null;
  for (let at = 0; at < bounds.length; at++) if ((had += fresh[at]) >= total * part) return bounds[at] * 1000;
  return bounds.at(-1) * 1000;
}

function add(curve, at, value) {
  if (value === null || !Number.isFinite(value)) return;
  samples[curve].push([at, value]);
}

/** Another hub, or a gap in what was asked: its counts are no continuation of the last ones. */
const continues = (stats) => last && stats.hub && last.stats.hub && stats.hub.uptime_s >= last.stats.hub.uptime_s;

function take(stats) {
  const at = now();
  const entries = stats.room.seq - (last?.stats.room.seq ?? stats.room.seq + 1);
  if (entries >= 0) add('entries', at, entries * 1000 / (at - last.at));
  if (continues(stats)) {
    const { hub } = stats, before = last.stats.hub, seconds = hub.uptime_s - before.uptime_s;
    for (const each of ['messages', 'refused', 'deliveries']) add(each, at, (hub[each] - before[each]) / seconds);
    add('half', at, within(hub.latency, before.latency, 0.5));
    add('most', at, within(hub.latency, before.latency, 0.99));
  }
  last = { at, stats };
  for (const [curve, points] of Object.entries(samples))
    if (points.length > KEPT + 100) samples[curve] = points.slice(-KEPT);
}

const ms = (value) => (value === null ? 'nothing yet' : `${value < 1 ? value : Math.round(value)} ms`);
const times = (histogram) => `half within ${ms(within(histogram, null, 0.5))}, ` +
  `99 % within ${ms(within(histogram, null, 0.99))}`;

const sum = (counts) => Object.values(counts).reduce((all, count) => all + count, 0);

const roomFacts = (room) => [h('h3', {}, 'This room'), facts([
  ['Members', `${whole(room.members)}, ${whole(room.away)} away`],
  ['Sessions', `${whole(room.sessions.live)} live, ${whole(room.sessions.ended)} ended`],
  ['Tasks', Object.entries(room.tasks).filter(([, count]) => count).map(([status, count]) =>
    `${whole(count)} ${status}`).join(', ') || 'none'],
  ['Leases', whole(room.leases)], ['Questions', `${whole(room.approvals_pending)} wait`],
  ['Knowledge', `${counted(sum(room.knowledge), 'entry', 'entries')}, ${bytes(room.knowledge_bytes)}`],
  ['Place', whole(room.seq)],
])];

function hubFacts({ hub, hub_version: version }) {
  if (!hub) return facts([['Version', line(version, 32)], ['Of the hub', 'an admin is shown more']]);
  const closed = Object.entries(hub.closed).filter(([why, count]) => count && why !== 'left' && why !== 'peer_closed');
  return facts([
    ['Version', line(version, 32)], ['Up', span(hub.uptime_s * 1000)],
    ['Connections', `${whole(hub.connections)}, ${whole(hub.observers)} of them look on`],
    ['Rooms', whole(hub.rooms)],
    ['Messages', `${whole(hub.messages)}, ${whole(hub.refused)} refused; ${whole(hub.deliveries)} deliveries`],
    ['Bytes', `${bytes(hub.bytes_in)} in, ${bytes(hub.bytes_out)} out`],
    ['Waiting', `${bytes(hub.queued_bytes)} for receivers, ${bytes(hub.unstored_bytes)} for the disk`],
    ['A message', times(hub.latency)],
    ['A commit', hub.commits && times(hub.commits)],
    ['Cut off', closed.map(([why, count]) => `${why.replaceAll('_', ' ')} ${whole(count)}`).join(', ') || 'nobody'],
  ]);
}

const WHY = { absent: 'was not there', level: 'speaks an older level', no_reply: 'did not answer in time' };

/** A letter: who may does something with it. */
function letter(each, again) {
  const status = h('span', { role: 'status', class: 'bad' });
  const act = (action) => deadLetter(each.id, action).then(again, (error) => say(status, ` ${reason(error)}`));
  const mine = person.state === 'there' && [each.sender, each.target].includes(person.id);
  return h('li', {}, timeOf(each.since), ' ', name(each.sender), ' → ', name(each.target),
    h('span', { class: 'muted' }, ` ${each.type.replaceAll('_', ' ')}, ${bytes(each.bytes)}: it ` +
      `${WHY[each.why] ?? line(each.why)}${each.connected ? '; it is here now' : ''}`),
    mine && [' ', button('send again', () => act('resend'), { class: 'quiet' }), ' ',
      button('give up', () => act('drop'), { class: 'quiet' })], status);
}

export function figuresView() {
  const status = h('p', { class: 'muted', role: 'status' });
  const numbers = h('div'), letters = h('ul', { class: 'decided' }), count = h('h3', {}, 'Dead letters');
  const places = h('div', { class: 'curves' });
  const element = h('section', { class: 'view' }, h('h2', {}, 'Hub'), status,
    h('div', { class: 'figures' }, numbers, places), count, letters);
  let visible = false, ticks = 0, drawn = null;

  /** Curves that append, or that are cut to what is kept. */
  function curves() {
    const of = (label, curve, dash = 0) => ({ label, curve, dash, points: samples[curve] });
    drawn ??= [
      ['Entries of this room a second', '/s', [of('entries', 'entries')]],
      ...last.stats.hub ? [
        ['Messages a second', '/s', [of('said', 'messages'), of('refused', 'refused', 1)]],
        ['Deliveries a second', '/s', [of('delivered', 'deliveries')]],
        ['Until it was written to its receivers', 'ms', [of('half within', 'half'), of('99 % within', 'most', 1)]],
      ] : [],
    ].map(([title, unit, series]) => {
      const place = h('div');
      places.append(h('h3', {}, title), place);
      return { series, ...chart(place, { series, unit, title, zero: true }) };
    });
    for (const { series, update } of drawn) {
      for (const each of series) each.points = samples[each.curve];
      update();
    }
  }

  async function sample() {
    if (link.state !== 'live' || document.hidden || (!visible && ticks++ % UNSEEN)) return;
    try {
      take(await ask('stats_query'));
    } catch (error) {
      last = null;
      say(status, reason(error));
      return;
    }
    if (!visible) return;
    say(status, '');
    fill(numbers, hubFacts(last.stats), roomFacts(last.stats.room));
    curves();
  }

  async function dead() {
    if (!visible || link.state !== 'live') return;
    const found = [];
    let total = 0, forgotten = 0;
    await pages('dead_query', { limit: 200 }, (page) => {
      found.push(...page.letters);
      ({ total, forgotten } = page);
    });
    say(count, `Dead letters ${whole(total)}`);
    fill(letters, found.slice(-LETTERS).reverse().map((each) => letter(each, deadSoon)),
      total ? null : h('li', { class: 'muted' }, 'None: each direct message found its receiver.'),
      total > LETTERS && h('li', { class: 'muted' }, `The last ${LETTERS} of them.`),
      forgotten > 0 && h('li', { class: 'muted' }, `${whole(forgotten)} earlier ones made way.`));
  }
  const deadSoon = soon(() => dead().catch(() => {}), 1000);

  setInterval(sample, SAMPLE_MS);
  on('joined', () => {
    last = null;
    deadSoon();
  });
  on('message', ({ target }) => target && deadSoon());

  return { id: 'hub', title: 'Hub', element, show() {
    visible = true;
    sample();
    deadSoon();
  }, hide() {
    visible = false;
  } };
}
