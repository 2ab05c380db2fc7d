/** Sessions: who works with whom, how far they are, what lies in their workspace. */
import { button, fill, fillingView, h, nothing, say, searchBox, soon } from './dom.js';
import { bytesOf, fileBytes, save, textOf } from './files.js';
import { ask, link, on, pages, reason } from './link.js';
import { List } from './list.js';
import { closePanel, facts, openPanel } from './panel.js';
import { ago, bytes, codeText, line, longText, name, timeOf, whole } from './shown.js';

const AGAIN_MS = 1000;
const VIEWED_MAX = 4 << 20; // bytes of a file that is shown as a text

let sessions = [];
let known = false;

const isLive = ({ status }) => status === 'active' || status === 'pending';
const percent = ({ progress }) => `${Math.round(progress * 100)} %`;

function draw(row, session) {
  const { status } = session;
  fill(row, h('span', { class: 'session-type' }, h('bdi', {}, line(session.type, 60) || 'session')),
    h('span', { class: 'muted what', dir: 'auto' }, line(session.description, 200)),
    h('span', { class: 'with' }, session.participants.map((id, at) => [at ? ', ' : null, name(id)])),
    h('span', { class: isLive(session) ? 'state' : 'state muted' }, status === 'active' ?
      [h('progress', { max: 1, value: session.progress, 'aria-label': 'progress' }), ' ', percent(session)] :
      `${status} ${ago(session.changed)}`));
}

const textOfValue = (value) => (typeof value === 'string' ? value : JSON.stringify(value, null, 2));

function key([id, { version, value }]) {
  const text = textOfValue(value);
  const inside = h('details', {}, h('summary', {}, h('bdi', {}, line(id, 256)), h('span', { class: 'muted' },
    ` version ${version}, ${bytes(text.length)}`)));
  inside.addEventListener('toggle', () => inside.open && inside.children.length === 1 && inside.append(
    codeText(text), button('Download', () => save(bytesOf([text]), id))));
  return h('li', {}, inside);
}

function file(each) {
  const status = h('span', { class: 'muted', role: 'status' });
  const content = h('div');
  const viewed = each.size <= VIEWED_MAX;
  async function get(act) {
    try {
      const blob = await fileBytes(each, (part) => say(status, ` ${Math.round(part * 100)} %`));
      say(status, '');
      await act(blob);
    } catch (error) {
      say(status, ` ${reason(error)}`);
    }
  }
  const view = button('Read', () => get(async (blob) => {
    const text = await textOf(blob);
    fill(content, text === null ? h('p', { class: 'muted' }, 'It is no text: download it.') :
      codeText(text));
  }));
  return h('li', {}, h('bdi', { class: 'name' }, line(each.name, 256)), h('span', { class: 'muted' },
    ` ${bytes(each.size)}, version ${each.version}${each.status === 'former' ? ', a later one has its name' : ''}, of `,
    name(each.by ?? ''), ', ', timeOf(each.at)),
  h('p', {}, viewed && [view, ' '], button('Download', () => get((blob) => save(blob, each.name))), status),
  content);
}

async function filesOf(id) {
  const found = [];
  await pages('artifact_query', { session_id: id, limit: 200 }, (page) => {
    found.push(...page.artifacts.filter(({ status }) => status !== 'open'));
  });
  return found;
}

async function workspaceOf(id) {
  const found = {};
  let session = null;
  for (let after = null; ;) {
    const page = await ask('session_query', after === null ? { id } : { id, key: after });
    session ??= page.session;
    Object.assign(found, page.session.workspace);
    if ((after = page.next) === null) return { session, workspace: found };
  }
}

async function open({ session_id: id }) {
  let found, files;
  try {
    found = await workspaceOf(id);
    files = await filesOf(id).catch(() => []); // a hub without files
  } catch (error) {
    openPanel('Session', h('p', {}, reason(error)));
    return;
  }
  const { session, workspace } = found;
  const keys = Object.entries(workspace);
  openPanel(h('bdi', {}, line(session.type, 60)), [
    longText(session.description),
    facts([['Status', session.status], ['Progress', percent(session)], ['Offered by', name(session.initiator)],
      ['To', session.target ? name(session.target) : 'everyone'],
      ['Take part', session.participants.map((each, at) => [at ? ', ' : null, name(each)])],
      ['Offered', timeOf(session.created)], ['Since', timeOf(session.changed)], ['Session', line(id, 64)]]),
    h('h3', {}, 'Workspace'),
    keys.length ? h('ul', {}, keys.map(key)) : h('p', { class: 'muted' }, isLive(session) ? 'Nothing was written yet.' :
      'It went with the end of the session.'),
    h('h3', {}, 'Files'),
    files.length ? h('ul', { class: 'files' }, files.map(file)) : h('p', { class: 'muted' }, 'None.'),
    h('p', {}, button('Look again', () => open(session))),
  ]);
}

const NOTHING = () => nothing('Nobody works together yet. Two AIs of khub do so by themselves:',
  { code: 'khub train net-1 networking\nkhub train net-2 networking' },
  'an agent offers a session by its tool, or by POST /v1/sessions.');

export function sessionsView() {
  const search = searchBox('what, who', 'Find sessions', () => update());
  const ended = h('input', { type: 'checkbox', id: 'ended', checked: true, onchange: () => update() });
  const count = h('p', { class: 'count', role: 'status' });
  const empty = h('div');
  const list = new List({ label: 'Sessions', key: (session) => session.session_id, draw, open, rowClass: 'session' });
  const element = fillingView('Sessions', [search, h('label', { for: 'ended' }, ended, ' those that ended'), count],
    list.element, empty);
  let visible = false;

  function update() {
    if (!visible) return;
    const text = search.value.trim().toLowerCase();
    const found = sessions.filter((each) => (ended.checked || isLive(each)) && (!text ||
      [each.type, each.description, each.session_id, ...each.participants].join(' ').toLowerCase().includes(text)));
    list.set(found);
    list.element.hidden = !found.length;
    const live = sessions.filter(isLive).length;
    say(count, known ? `${whole(live)} live of ${whole(sessions.length)}` : 'asking');
    fill(empty, found.length || !known ? null : sessions.length ? nothing('No session fits that.') : NOTHING());
  }

  async function all() {
    const found = [];
    await pages('session_query', { limit: 200 }, (page) => {
      found.push(...page.sessions);
    });
    const rank = { active: 0, pending: 1 };
    sessions = found.sort((a, b) => (rank[a.status] ?? 2) - (rank[b.status] ?? 2) || (a.changed < b.changed ? 1 : -1));
    known = true;
    update();
  }
  const again = soon(() => (visible ? all().catch(() => {}) : null), AGAIN_MS);

  on('joined', () => again());
  on('message', ({ type }) => {
    if (type.startsWith('collaboration_') || type === 'workspace_update') again();
  });
  setInterval(() => visible && !document.hidden && list.redraw(), 5000);

  return { id: 'sessions', title: 'Sessions', element, search, show() {
    visible = true;
    if (link.state === 'live') all().catch(() => {});
    update();
  }, hide() {
    visible = false;
    closePanel();
  } };
}
