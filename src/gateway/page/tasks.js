/**
 * Tasks as a board: a column for what is ready, what waits for something else, what somebody works
 * on, and what is closed. Every change comes whole from the hub, so the board asks for all tasks at
 * its beginning alone, and again when a change can have changed others.
 */
import { button, fill, fillingView, h, nothing, say, searchBox, soon } from './dom.js';
import { ask, link, on, pages, reason } from './link.js';
import { List } from './list.js';
import { closePanel, facts, openPanel } from './panel.js';
import { ago, codeText, line, longText, name, timeOf, whole } from './shown.js';

const COLUMNS = [['ready', 'Ready'], ['blocked', 'Blocked'], ['claimed', 'Claimed'], ['done', 'Done']];
const AGAIN_MS = 1500; // until all are asked for again
const EVIDENCE = { none: 'no evidence', unverified: 'not verified', confirmed: 'confirmed', refuted: 'refuted',
  contested: 'contested' };

const tasks = new Map(); // id → what the hub said of it last
let known = false;

const columnOf = ({ status }) => (status === 'dropped' ? 'done' : status);

/** How it stands, in a line. */
function standing(task) {
  const { status } = task;
  if (status === 'blocked') return ['waits for ', h('bdi', {}, line((task.blocked_by ?? []).join(', '), 90))];
  if (status === 'claimed') return [name(task.holder), ` for ${ago(task.changed)}`,
    task.intent ? [': ', h('bdi', {}, line(task.intent, 90))] : null];
  if (status === 'dropped') return ['dropped', task.why ? [': ', h('bdi', {}, line(task.why, 90))] : null];
  if (status === 'done') return [h('span', { class: `tag evidence-${task.evidence_status}` },
    EVIDENCE[task.evidence_status] ?? ''), ' by ', name(task.closed_by ?? '')];
  return [`for ${ago(task.changed)}, of `, name(task.author)];
}

function draw(row, task) {
  fill(row, h('div', { class: 'task-title', dir: 'auto' }, h('span', { class: 'id' }, line(task.id, 64)), ' ',
    line(task.title, 256)),
    h('div', { class: 'task-state muted' }, standing(task)));
}

/** Ids that open their tasks. */
const links = (ids) => (ids?.length ? ids.map((id, at) => [at ? ', ' : null,
  button(line(id, 64), () => open({ id }), { class: 'quiet' })]) : null);

const report = (each) => h('li', {}, name(each.by),
  each.agrees ? ' saw the same' : ` saw something else: exit ${each.exit}`,
  each.counts ? null : h('span', { class: 'muted' }, ' (does not count)'),
  each.note ? [': ', h('bdi', {}, line(each.note, 256))] : null);

const evidence = (each) => h('li', { class: 'evidence' },
  h('p', {}, h('code', { class: 'code' }, line(each.command, 1024))),
  h('p', { class: 'muted' }, `exit ${each.exit}, `, h('span', { class: `tag evidence-${each.status}` },
    EVIDENCE[each.status] ?? line(each.status))),
  typeof each.printed === 'string' ? codeText(each.printed) :
    each.sha256 ? h('p', { class: 'muted' }, `printed SHA-256 ${line(each.sha256, 64)}`) : null,
  h('ul', {}, (each.reports ?? []).map(report)));

function details(task) {
  return [facts([
    ['Task', line(task.id, 64)], ['Status', task.status], ['Held by', task.holder ? name(task.holder) : null],
    ['At', task.intent ? h('bdi', {}, line(task.intent, 1024)) : null],
    ['Waits for', links(task.blocked_by)], ['Needs', links(task.needs)], ['Blocks', links(task.blocks)],
    ['Author', name(task.author)], ['Added', timeOf(task.created)], ['Changed', timeOf(task.changed)],
    ['Closed by', task.closed_by ? name(task.closed_by) : null],
    ['Why', task.why ? h('bdi', {}, line(task.why, 1024)) : null],
  ]), task.body ? longText(task.body) : null,
  task.evidence?.length ? [h('h3', {}, `Evidence: ${EVIDENCE[task.evidence_status]}`),
    h('ul', {}, task.evidence.map(evidence))] :
    task.status === 'done' ? h('p', { class: 'muted' }, 'It was said to be done without evidence.') : null];
}

async function open({ id }) {
  let task;
  try {
    ({ task } = await ask('task_query', { id }));
  } catch (error) {
    openPanel(line(id, 64), h('p', {}, reason(error)));
    return;
  }
  openPanel(h('bdi', {}, line(task.title, 256)), details(task));
}

const NOTHING = () => nothing('There are no tasks yet. An agent with a shell adds one, claims it, and does it so:',
  { code: 'khub task add "Find out why the queue is slow"\nkhub claim task:t17\n' +
    'khub task done t17 --run "make test"' });

export function tasksView() {
  const search = searchBox('id, title, who', 'Find tasks', () => update());
  const count = h('p', { class: 'count', role: 'status' });
  const empty = h('div');
  const columns = COLUMNS.map(([status, title]) => {
    const list = new List({ label: title, key: (task) => task.id, draw, open, rowClass: 'task' });
    const heading = h('h3', {}, title);
    const pick = button(title, () => choose(status));
    return { status, title, list, heading, pick, element: h('section', { class: 'column' }, heading, list.element) };
  });
  const board = h('div', { class: 'board', onkeydown: (event) => sideways(event) },
    columns.map((column) => column.element));
  const picks = h('div', { class: 'picks', role: 'group', 'aria-label': 'Column' },
    columns.map((column) => column.pick));
  const element = fillingView('Tasks', [search, count], picks, board, empty);
  let visible = false;

  /** On a phone one column is shown. */
  function choose(status) {
    for (const column of columns) {
      column.element.classList.toggle('chosen', column.status === status);
      column.pick.setAttribute('aria-pressed', column.status === status);
    }
  }
  choose('ready');

  function sideways(event) {
    const way = { ArrowLeft: -1, ArrowRight: 1, h: -1, l: 1 }[event.key];
    if (!way || event.altKey || event.ctrlKey || event.metaKey) return;
    let at = columns.findIndex((column) => column.element.contains(event.target)) + way;
    while (columns[at] && !columns[at].list.items.length) at += way;
    if (!columns[at]) return;
    event.preventDefault();
    choose(columns[at].status);
    columns[at].list.focus();
  }

  function update() {
    if (!visible) return;
    const text = search.value.trim().toLowerCase();
    const fits = (task) => !text ||
      `${task.id} ${task.title} ${task.holder ?? ''} ${task.author}`.toLowerCase().includes(text);
    const all = [...tasks.values()].filter(fits);
    for (const column of columns) {
      const found = all.filter((task) => columnOf(task) === column.status);
      if (column.status === 'done') found.sort((a, b) => (a.changed < b.changed ? 1 : -1));
      else found.sort((a, b) => a.seq - b.seq);
      column.list.set(found);
      say(column.heading, `${column.title} ${whole(found.length)}`);
      say(column.pick, `${column.title} ${whole(found.length)}`);
    }
    board.hidden = picks.hidden = !all.length;
    say(count, !known ? 'asking' : text ? `${whole(all.length)} of ${whole(tasks.size)}` : '');
    fill(empty, all.length || !known ? null : tasks.size ? nothing('No task fits that.') : NOTHING());
  }
  const updateSoon = soon(update, 100);

  async function all() {
    if (!visible && known) {
      known = false;
      return;
    }
    const found = new Map();
    await pages('task_query', { limit: 200 }, (page) => {
      for (const task of page.tasks) found.set(task.id, task);
    });
    tasks.clear();
    for (const [id, task] of found) tasks.set(id, task);
    known = true;
    update();
  }
  const again = soon(() => all().catch(() => {}), AGAIN_MS);

  on('joined', () => {
    known = false;
    if (visible) all().catch(() => {});
  });
  on('message', ({ type, sender, payload }) => {
    if (type !== 'task' || sender !== 'hub') return;
    const { change, ready, was, by, in_reply_to: reply, ...task } = payload;
    tasks.set(task.id, task);
    for (const id of ready ?? [])
      if (tasks.has(id)) tasks.set(id, { ...tasks.get(id), status: 'ready', blocked_by: [] });
    if (['added', 'edited', 'opened', 'done', 'dropped'].includes(change)) again();
    updateSoon();
  });
  setInterval(() => visible && !document.hidden && columns.forEach(({ list }) => list.redraw()), 10000);

  return { id: 'tasks', title: 'Tasks', element, search, show() {
    visible = true;
    if (!known && link.state === 'live') all().catch(() => {});
    update();
  }, hide() {
    visible = false;
    closePanel();
  } };
}
