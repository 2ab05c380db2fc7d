/** The live stream: what is said as it comes, filtered, and what was before. */
import { button, fill, fillingView, h, nothing, say, searchBox, soon } from './dom.js';
import { Feed } from './feed.js';
import { link, on, person } from './link.js';
import { before, messages, onMessages } from './messages.js';
import { closePanel, facts, openPanel } from './panel.js';
import { KINDS, said } from './said.js';
import { account, lookAtOwn, onOwn, own } from './sent.js';
import { body, bytes, clock, json, line, longText, name, timeOf } from './shown.js';
import { composeBox } from './compose.js';

const SHOWN = 700; // characters of a message in the feed
const FEED_MAX = 5000, FEED_SLACK = 1000; // messages that fit, while the feed follows what comes
const TOLD_MS = 4000; // between two things that a screen reader is told
const EARLIER_MAX = 20000;
const LOOKED_MAX = 5000; // messages that are looked at, back in time, before the person is asked

function draw(item) {
  if (item.gap) return h('article', { class: 'gap muted' }, timeOf(item.time), ' Here something may be missing: ' +
    'the page was not connected, and the hub does not have it any more.');
  const mine = item.sender === person.id && item.sender;
  const text = item.text.slice(0, SHOWN);
  return h('article', { class: `message${mine ? ' mine' : ''}${item.type === 'chat' ? '' : ' told'}`,
    'aria-label': `${line(item.sender, 40)}, ${item.type.replaceAll('_', ' ')}` },
  h('span', { class: 'time muted' }, timeOf(item.time, clock(item.time).slice(-8))),
  h('span', { class: 'from' }, name(item.sender),
    item.target ? [h('span', { class: 'muted', 'aria-label': 'to' }, ' → '), name(item.target)] : null),
  h('div', { class: 'said' },
    h('div', { class: 'text clamp', dir: 'auto' }, body(text)),
    item.text.length > SHOWN && h('span', { class: 'muted' }, `… ${bytes(item.size)} in all: open it to read on`),
    mine && own.has(item.messageId) ? h('span', { class: 'became muted' }, own.get(item.messageId)) : null),
  h('span', { class: 'tag' }, item.type.replaceAll('_', ' ')));
}

/** What a filter lets through: {types, mine, who, text}. */
function passes(item, { types, mine, who, text }) {
  if (item.gap) return true;
  if (types && !types.has(item.type)) return false;
  if (mine && (!person.id || (item.sender !== person.id && item.target !== person.id))) return false;
  if (who && item.sender !== who && item.target !== who && !(item.sender === 'hub' && item.text.includes(who)))
    return false;
  return !text || item.includes(text);
}

const NOTHING = () => nothing('Nothing was said yet. Say something below, or in a shell:',
  { code: 'khub join ada\nkhub say "Hello. Who is here?"' });

export function streamView() {
  const kind = h('select', { 'aria-label': 'Which messages', onchange: () => refilter() },
    h('option', { value: '' }, 'All messages'), h('option', { value: 'mine' }, 'From or to me'),
    KINDS.map(([title, types], at) => [
      h('option', { value: `kind:${at}` }, title),
      types.length > 1 && types.map((type) => h('option', { value: type }, `\u2003${type.replaceAll('_', ' ')}`))]));
  const who = searchBox('from or to', 'From or to whom', () => refilter(), { list: 'names' });
  const search = searchBox('text', 'Search in messages', () => refilter());
  const note = h('p', { class: 'count', role: 'status' });
  const further = button('Look further back', () => feed.load(), { hidden: true });
  const live = h('p', { class: 'sr', 'aria-live': 'polite' });
  const empty = h('div');
  let filter = {}, visible = false, older = [], floor = null;

  const feed = new Feed({ label: 'Messages', draw, open, earlier, renew: () => {
    older = [];
    floor = null;
    show();
  } });
  const compose = composeBox(() => feed.end());
  const element = fillingView('Stream', [kind, who, search, further, note],
    h('div', { class: 'feed-area' }, feed.scroller, empty, feed.jump), live, compose.element);

  function filterOf() {
    const { value } = kind;
    const mine = value === 'mine';
    const types = value === '' || mine ? null : new Set(value.startsWith('kind:') ? KINDS[value.slice(5)][1] : [value]);
    const text = who.value.trim();
    return { types, mine, who: text, text: search.value.trim().toLowerCase() };
  }

  function show() {
    feed.set([...older, ...messages.list.filter((item) => passes(item, filter))]);
    describe();
  }

  const refilter = soon(() => {
    filter = filterOf();
    older = [];
    floor = null;
    further.hidden = true;
    show();
    if (feed.items.length < 30) feed.load();
  }, 150);

  function describe() {
    const from = floor ?? messages.floor;
    const all = !filter.types && !filter.mine && !filter.who && !filter.text;
    say(note, from === 0 ? 'from the beginning' : feed.items.length ? `since ${clock(feed.items[0].time)}` : '');
    feed.element.hidden = !feed.items.length;
    fill(empty, feed.items.length ? null : all ? NOTHING() :
      nothing(from === 0 ? 'Nothing that was said fits that.' : 'Nothing yet that fits that.'));
  }

  /** What was before the first that is shown, by the filter that holds. */
  async function earlier() {
    const asked = filter;
    further.hidden = true;
    for (let looked = 0, found = []; !found.length && looked < LOOKED_MAX;) {
      const from = floor ?? messages.floor;
      if (from <= 0 || older.length > EARLIER_MAX || link.state !== 'live') return;
      const page = await before(from, asked.types ? { types: [...asked.types] } : {});
      if (filter !== asked || from !== (floor ?? messages.floor)) return;
      ({ floor } = page);
      looked += Math.max(page.found.length, 1);
      found = page.found.filter((item) => passes(item, filter));
      older = [...found, ...older];
      feed.items = [...found, ...feed.items];
      feed.grewInFront(found.length);
      describe();
      further.hidden = found.length > 0 || floor <= 0;
    }
  }

  onMessages((came) => {
    if (!came) {
      older = [];
      floor = null;
      show();
      return;
    }
    // Who follows what comes lets the first of it go; for who reads further up it grows, but not for ever.
    const fitting = came.filter((item) => passes(item, filter));
    if (!feed.follows && feed.items.length > EARLIER_MAX + FEED_MAX) feed.skipped += fitting.length;
    else feed.items.push(...fitting);
    if (feed.follows && feed.items.length > FEED_MAX + FEED_SLACK) {
      const gone = feed.items.length - FEED_MAX;
      feed.items.splice(0, gone);
      older = [];
      floor = feed.items[0].seq;
      feed.shrank(gone);
    }
    if (visible && fitting.length) {
      if (feed.element.hidden) describe();
      feed.grew();
    }
    for (const item of came) if (item.target && item.target === person.id) forMe(item);
  });

  let unseen = 0, badge = () => {};
  function forMe(item) {
    announce(item);
    if (!visible || document.hidden) badge(++unseen);
  }
  function seen() {
    unseen = 0;
    badge(0);
  }
  document.addEventListener('visibilitychange', () => visible && !document.hidden && seen());

  let waits = null, last = 0;
  /** To a screen reader: what is said to the person, the last of it, now and then. */
  function announce(item) {
    const told = waits !== null;
    waits = item;
    if (told) return;
    setTimeout(() => {
      last = performance.now();
      say(live, `${line(waits.sender, 60)} to you: ${line(waits.text, 200)}`);
      waits = null;
    }, Math.max(0, TOLD_MS - (performance.now() - last)));
  }

  function open(item) {
    if (item.gap) return;
    const became = account(item);
    const payload = h('details', {}, h('summary', {}, 'As it was sent'));
    payload.addEventListener('toggle', () => payload.open && payload.children.length === 1 &&
      payload.append(json(item.payload)));
    openPanel(item.type.replaceAll('_', ' '), [
      facts([['From', name(item.sender)], ['To', item.target ? name(item.target) : 'everyone'],
        ['At', timeOf(item.time)],
        ['Place', `${item.seq}, ${bytes(item.size)}`],
        ['Answers', item.payload.in_reply_to ? line(item.payload.in_reply_to, 128) : null]]),
      longText(said(item)), payload,
      item.sender === 'hub' ? null : h('p', {}, button('Answer', () => {
        compose.answer(item);
        closePanel();
        compose.focus();
      })),
      item.sender === 'hub' ? null : [h('h3', {}, 'What became of it'), became.element],
    ], became.stop);
  }

  onOwn((ids) => {
    const changed = new Set(ids);
    for (const item of feed.items) if (changed.has(item.messageId)) feed.redraw(item);
  });
  on('person', () => (filter.mine ? refilter() : visible && feed.set(feed.items)));

  return { id: 'stream', title: 'Stream', element, search, show(params) {
    visible = true;
    seen();
    lookAtOwn(true);
    if (params.has('who')) who.value = params.get('who');
    if (params.has('to')) {
      compose.to(params.get('to'));
      compose.focus();
    }
    refilter();
  }, hide() {
    visible = false;
    lookAtOwn(false);
    closePanel();
  }, write: () => compose.focus(), onBadge(act) {
    badge = act;
  } };
}
