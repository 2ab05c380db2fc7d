/** Who is here and on what: what each holds now, as the hub knows it, and since when it is idle. */
import { fill, fillingView, h, nothing, say, searchBox } from './dom.js';
import { ask, link, reason } from './link.js';
import { List } from './list.js';
import { closePanel, facts, openPanel } from './panel.js';
import { lookAt, members, onMembers, refreshAll, room } from './room.js';
import { ago, counted, line, name, now, timeOf, whole } from './shown.js';

const RECENT_MS = 10000;

/** What it has under way, as texts: [kind, what, since]. */
function holds({ on = {} }) {
  return [
    ...(on.tasks ?? []).map((task) => ['task', `${task.id} ${task.title}`, task.since]),
    ...(on.leases ?? []).filter(({ key }) => !key.startsWith('task:'))
      .map((lease) => ['lease', lease.intent ? `${lease.key}: ${lease.intent}` : lease.key, lease.since]),
    ...(on.sessions ?? []).map((session) => [session.status === 'pending' ? 'offers' : 'session',
      session.type, null]),
  ];
}

const isHere = ({ status }) => status === 'connected';

function stateText(member) {
  if (!isHere(member)) return `away ${ago(member.away_since ?? member.heard)}`;
  const idle = ago(member.idle_since);
  const said = member.idle_since === member.joined ? 'said nothing yet' : `idle ${idle}`;
  return now() - Date.parse(member.idle_since) < RECENT_MS && said !== 'said nothing yet' ?
    `spoke ${idle} ago` : said;
}

function draw(row, member) {
  const [first, ...others] = holds(member);
  fill(row, name(member.ai_id),
    h('span', { class: 'what muted' }, line(member.specialization, 60)),
    h('span', { class: isHere(member) ? 'state' : 'state muted' },
      h('span', { class: `dot ${isHere(member) ? 'good' : 'off'}`, 'aria-hidden': 'true' }),
      stateText(member)),
    h('span', { class: 'on' }, first ?
      [h('span', { class: 'tag' }, first[0]), ' ', h('bdi', {}, line(first[1], 120)),
        others.length ? h('span', { class: 'muted' }, ` and ${others.length} more`) : null] :
      h('span', { class: 'muted' }, 'nothing under way')));
}

function details(member) {
  const under = holds(member);
  return [
    facts([
      ['For', h('bdi', {}, line(member.specialization))],
      ['Can', h('bdi', {}, (member.capabilities ?? []).map((each) => line(each, 128)).join(', ') ||
        'says nothing of it')],
      ['Owner', member.owner ? name(member.owner) : null],
      ['Is', stateText(member)],
      ['Joined', timeOf(member.joined)],
      ['Last heard', timeOf(member.heard)],
      ['Away since', member.away_since ? timeOf(member.away_since) : null],
      ['Stays until', member.stays_until ? timeOf(member.stays_until) : null],
      ['Contribution', whole(member.contribution_score ?? 0)],
    ]),
    h('h3', {}, 'Under way'),
    under.length ? h('ul', {}, under.map(([kind, what, since]) => h('li', {}, h('span', { class: 'tag' }, kind),
      ' ', h('bdi', {}, line(what)), since ? [' ', h('span', { class: 'muted' }, `for ${ago(since)}`)] : null))) :
      h('p', { class: 'muted' }, 'Nothing that the hub knows of.'),
    h('p', {}, h('a', { href: `#/stream?who=${encodeURIComponent(member.ai_id)}` }, 'What it said'), ' · ',
      h('a', { href: `#/stream?to=${encodeURIComponent(member.ai_id)}` }, 'Write to it')),
  ];
}

async function open(member) {
  openPanel(name(member.ai_id), details(member));
  const found = await ask('member_query', { id: member.ai_id }).catch((error) => error);
  const [row] = found.members ?? [];
  if (document.getElementById('panel').hidden) return;
  if (row) openPanel(name(row.ai_id), details(row));
  else openPanel(name(member.ai_id), h('p', {}, reason(found)));
}

/** What stands in the place of members when there are none. */
const NOBODY = () => nothing('Nobody is here yet. An agent that has a shell joins with',
  { code: 'khub join ada --specialization "code review"' }, 'one whose client speaks MCP by what this prints:',
  { code: 'khub setup claude --as reviewer' }, 'and an AI that learns:',
  { code: 'khub train net-1 networking' },
  link.room === 'main' ? 'Each takes --hub ADDRESS, of a hub that is elsewhere.' :
    ['This room is ', name(link.room), ': each of these takes --room.']);

export function membersView() {
  const search = searchBox('name, what for, on what', 'Find members', () => update());
  const which = h('select', { 'aria-label': 'Which members', onchange: () => update() },
    [['', 'All'], ['busy', 'With something under way'], ['idle', 'With nothing under way'], ['away', 'Away']]
      .map(([value, text]) => h('option', { value }, text)));
  const count = h('p', { class: 'count', role: 'status' });
  const empty = h('div');
  const list = new List({ label: 'Members', key: (member) => member.ai_id, draw, open, rowClass: 'member' });
  const element = fillingView('Here', [search, which, count], list.element, empty);
  let visible = false;

  const wanted = (member) => {
    const under = holds(member);
    if (which.value === 'away' && isHere(member)) return false;
    if (which.value === 'busy' && !under.length) return false;
    if (which.value === 'idle' && under.length) return false;
    const text = search.value.trim().toLowerCase();
    return !text || [member.ai_id, member.specialization, ...under.flat()].join(' ').toLowerCase().includes(text);
  };

  function update() {
    if (!visible) return;
    // Those who are at something first, then by name: a row moves only when that changes.
    const rank = (member) => (isHere(member) ? (holds(member).length ? 0 : 1) : 2);
    const found = [...members.values()].filter(wanted).map((member) => [rank(member), member])
      .sort(([a, one], [b, other]) => a - b || (one.ai_id < other.ai_id ? -1 : 1)).map(([, member]) => member);
    list.set(found);
    list.element.hidden = !found.length;
    say(count, !room.known ? 'asking' : found.length === members.size ?
      `${counted(room.connected, 'connected', 'connected')}, ${whole(room.away)} away` :
      `${whole(found.length)} of ${whole(members.size)}`);
    fill(empty, found.length || !room.known ? null : members.size ? nothing('Nobody fits that.') : NOBODY());
  }
  onMembers(update);
  setInterval(() => visible && !document.hidden && list.redraw(), 1000);

  return { id: 'here', title: 'Here', element, show() {
    visible = true;
    lookAt(() => (visible ? list.shown : []));
    if (!room.known && link.state === 'live') refreshAll();
    update();
  }, hide() {
    visible = false;
    closePanel();
  }, search, badge: () => (room.known ? whole(room.connected) : '') };
}
