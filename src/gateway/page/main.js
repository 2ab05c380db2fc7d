/** The page: its head, its views and the way between them, its keys. */
import { approvalsView } from './approvals.js';
import { comeAs, keptName, whoIs } from './compose.js';
import { button, fill, h, say } from './dom.js';
import { link, on, person, watch } from './link.js';
import { figuresView } from './figures.js';
import { knowledgeView } from './knowledge.js';
import { learningView } from './learning.js';
import { membersView } from './members.js';
import { onMembers } from './room.js';
import { closePanel } from './panel.js';
import { sessionsView } from './sessions.js';
import { line, span, whole } from './shown.js';
import { streamView } from './stream.js';
import { tasksView } from './tasks.js';

const $ = (id) => document.getElementById(id);

// ── views ──

const views = [membersView(), streamView(), approvalsView(), tasksView(), sessionsView(), knowledgeView(),
  learningView(), figuresView()];
const main = $('main'), nav = document.querySelector('nav');
const links = new Map();
let current = null;

const waiting = new Map(); // view → how much waits there, for a person who looks at another tab

function showTitle() {
  const count = [...waiting.values()].reduce((sum, each) => sum + each, 0);
  document.title = `${count ? `(${whole(count)}) ` : ''}${current?.title ?? ''} · khub`;
}

function build() {
  fill(nav, h('ul', {}, views.map((view, at) => {
    const badge = h('span', { class: 'badge' });
    const to = h('a', { href: `#/${view.id}`, 'aria-keyshortcuts': String(at + 1) }, view.title, ' ', badge);
    links.set(view.id, to);
    view.onBadge?.((count) => {
      say(badge, count ? whole(count) : '');
      waiting.set(view, count);
      showTitle();
    });
    if (view.badge) onMembers(() => say(badge, view.badge()));
    view.element.hidden = true;
    main.append(view.element);
    return h('li', {}, to);
  })));
}

function route() {
  const [path, query = ''] = location.hash.slice(2).split('?');
  const view = views.find(({ id }) => id === path) ?? views[0];
  const moved = view !== current;
  if (moved) {
    current?.hide();
    if (current) current.element.hidden = true;
    view.element.hidden = false;
    for (const [id, to] of links) {
      if (id === view.id) to.setAttribute('aria-current', 'page');
      else to.removeAttribute('aria-current');
    }
  }
  current = view;
  showTitle();
  view.show(new URLSearchParams(query));
}

// ── the link ──

const STATES = { joining: 'joining', live: 'live', lost: 'no hub', doubtful: 'is the hub there?', ended: 'ended' };

function showLink() {
  document.body.dataset.link = link.state;
  say($('link-text'), STATES[link.state]);
  say($('room'), link.room === 'main' ? '' : line(link.room, 64));
  const stale = $('stale');
  stale.hidden = link.state === 'live' || link.state === 'joining';
  if (!stale.hidden) showStale();
}

/** What is shown is old, and for how long: told once, and then shown by the second. */
function showStale() {
  const since = new Date(link.since).toLocaleTimeString('en-GB');
  const stale = $('stale');
  const over = link.state === 'ended';
  if (stale.dataset.since !== `${link.state} ${link.since}`) {
    stale.dataset.since = `${link.state} ${link.since}`;
    fill(stale, link.state === 'doubtful' ? 'The hub has not answered. What stands here may be old.' :
      `${over ? 'The hub has let this page go' : 'No connection to the hub'}` +
      `${link.why ? ` (${line(link.why, 200)})` : ''}. ` +
      `What stands here is as it was at ${since}`, h('span', { 'aria-live': 'off' }), over ?
      [' ', button('Try again', () => watch())] : null);
  }
  const age = stale.querySelector('span');
  if (age) age.textContent = ` (${span(Date.now() - link.since)} ago)${over ? '.' : '; trying again.'}`;
}
on('state', showLink);
setInterval(() => !$('stale').hidden && showStale(), 1000);

// ── colours ──

const theme = $('theme');

function colour(chosen) {
  if (chosen) document.documentElement.dataset.theme = chosen;
  else delete document.documentElement.dataset.theme;
  theme.value = chosen;
}
colour(localStorage.getItem('khub.theme') ?? '');
theme.addEventListener('change', () => {
  localStorage.setItem('khub.theme', theme.value);
  colour(theme.value);
});

// ── keys ──

const help = $('help');
const KEYS = [
  ['1 to 9', 'A view, in their order'],
  ['/', 'Search in this view'],
  ['w', 'Write'],
  ['↓ ↑ or j k', 'The next, the one before'],
  ['Page ↓ ↑, Home, End', 'Further'],
  ['Enter', 'Details of the one that is chosen'],
  ['Esc', 'Close the details; out of a box'],
  ['?', 'This list'],
];

function showHelp() {
  fill(help, h('h2', { id: 'help-title' }, 'Keys'), h('dl', { class: 'facts keys' },
    KEYS.map(([keys, what]) => [h('dt', {}, h('kbd', {}, keys)), h('dd', {}, what)])),
  h('p', {}, button('Close', () => help.close())));
  help.showModal();
}
$('help-open').addEventListener('click', showHelp);

const inBox = (target) => target.matches?.('input, textarea, select, [contenteditable]');

document.addEventListener('keydown', (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.isComposing || help.open) return;
  if (event.key === 'Escape') {
    if (inBox(event.target)) event.target.blur();
    else closePanel();
    return;
  }
  if (inBox(event.target)) return;
  const view = views[Number(event.key) - 1];
  if (view) location.hash = `#/${view.id}`;
  else if (event.key === '/' && current.search) current.search.focus();
  else if (event.key === 'w') {
    if (current.id !== 'stream') location.hash = '#/stream';
    setTimeout(() => views.find(({ write }) => write).write(), 0);
  } else if (event.key === '?') showHelp();
  else return;
  event.preventDefault();
});
document.querySelector('.skip').addEventListener('click', (event) => {
  event.preventDefault();
  main.focus();
});

// ── beginning ──

build();
whoIs($('who'));
addEventListener('hashchange', route);
route();
showLink();
let came = false;
on('joined', () => {
  if (came) return;
  came = true;
  if (keptName() && person.state === 'none') comeAs(keptName());
});
watch({ room: new URLSearchParams(location.search).get('room') ?? 'main' });
