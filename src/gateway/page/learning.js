/**
 * What is learned, by subject: the best claim that others have confirmed, as it got better, between
 * the textbook's policy, which is 1, the best of practice, and the bound that nobody can beat.
 * Claims and verdicts are the hub's ledger; what stands beside one, its author said with it.
 */
import { chart } from './chart.js';
import { fill, h, nothing, say, soon } from './dom.js';
import { ask, link, on, reason } from './link.js';
import { closePanel } from './panel.js';
import { counted, line, name, now } from './shown.js';

const LOOK_MS = 3000;
const PAGE = 200;
const COMPONENTS = 'collective_features';
const AUTHORS = 4; // from whom a best one came, that are named

const claims = new Map(); // section/id → {subject, id, section, author, seq, at, ratio, status}
const besides = new Map(); // section/id → {bound, practice, parents}
let after = null, known = false;

const keyOf = ({ section, id }) => `${section}/${id}`;

function take({ section, id, subject, author, seq, timestamp, verification }) {
  const at = Date.parse(timestamp);
  claims.set(keyOf({ section, id }), { subject, id, section, author, seq, at: Number.isFinite(at) ? at : now(),
    ratio: verification.ratio ?? null, status: verification.status });
}

/** What changed in the ledger since the last time: a promise of whether anything did. */
async function look() {
  let changed = false, from = after;
  for (;;) {
    const page = await ask('ledger_query', { limit: PAGE, ...(from !== null && { after: from }) });
    for (const claim of page.claims) take(claim);
    changed ||= page.claims.length > 0;
    if (page.next === null) {
      after = page.newest ?? from;
      known = true;
      return changed;
    }
    from = page.next;
  }
}

/** The claims that were the best of their subject when they came, in order. */
function stepsOf(all) {
  const steps = [];
  for (const claim of all) {
    const last = steps.at(-1);
    if (claim.status !== 'confirmed' || !(claim.ratio > 0)) continue;
    // A pattern and the component of it are one claim: the component has what stands beside it.
    if (claim.ratio === last?.ratio && claim.section === COMPONENTS) steps.splice(-1, 1, { ...claim, at: last.at });
    else if (!last || claim.ratio < last.ratio) steps.push(claim);
  }
  return steps;
}

const numberOf = (value) => (typeof value === 'number' && value > 0 ? value : null);

/** Of a claim: the bound and practice that its author measured on the same workloads. */
async function besideOf(claim) {
  const key = keyOf(claim);
  const had = besides.get(key);
  if (had && (had.bound || claim.section !== COMPONENTS)) return; // else its report may come yet
  const { entries } = await ask('knowledge_query', { id: claim.id, section: claim.section });
  const entry = entries[claim.section]?.[claim.id] ?? {};
  const own = entry.performance_benchmarks?.[claim.author] ?? {};
  const { parents } = entry.component ?? entry.pattern ?? {};
  besides.set(key, { bound: numberOf(own.bound_ratio), practice: numberOf(own.practice_ratio),
    parents: Array.isArray(parents) ? parents.filter((each) => typeof each === 'string') : [] });
}

const digits = (ratio) => ratio.toFixed(3);

/** Whose work the best one was made from. */
function authorsOf({ parents = [] }) {
  const of = new Map([...claims.values()].map((claim) => [claim.id, claim.author]));
  return [...new Set(parents.map((id) => of.get(id)).filter(Boolean))].slice(0, AUTHORS);
}

class Subject {
  constructor(subject) {
    this.subject = subject;
    this.series = [['textbook', 1], ['practice', 2], ['best', 0], ['bound', 3]].map(([label, dash]) =>
      ({ label, points: [], dash, step: true }));
    this.told = h('p', {});
    const place = h('div');
    this.element = h('section', { class: 'subject' }, h('h3', {}, h('bdi', {}, line(subject, 64))), this.told, place);
    this.chart = chart(place, { series: this.series, title: `Cost in ${line(subject, 64)}, the textbook's being 1` });
  }

  draw(all) {
    const steps = stepsOf(all);
    const count = (status) => all.filter((claim) => claim.status === status).length;
    const last = steps.at(-1), beside = last && besides.get(keyOf(last));
    fill(this.told, last ? ['Best: ', h('strong', {}, digits(last.ratio)), ' by ', name(last.author),
      beside?.bound && last.ratio < 1 && beside.bound < 1 ?
        `, ${Math.round(100 * (1 - last.ratio) / (1 - beside.bound))} % of the way from textbook to bound` : null,
      beside && authorsOf(beside).length ? ['; made from work of ', authorsOf(beside).map((id, at) => [at ? ', ' : null,
        name(id)])] : null, '. '] : 'Nothing is confirmed yet. ',
    h('span', { class: 'muted' }, `${counted(all.length, 'claim')}: ${count('confirmed')} confirmed, ` +
      `${count('refuted')} refuted, ${count('contested')} contested.`));
    this.points(steps, all[0]?.at ?? now());
  }

  points(steps, began) {
    const end = Math.max(now(), steps.at(-1)?.at ?? 0);
    let before = began;
    const along = (value) => {
      const found = [];
      before = began;
      for (const step of steps) {
        before = Math.max(before, step.at);
        const y = value(step);
        if (y) found.push([before, y]);
      }
      if (found.length) found.push([end, found.at(-1)[1]]);
      return found;
    };
    const beside = (member) => (step) => besides.get(keyOf(step))?.[member];
    const [textbook, practice, best, bound] = this.series;
    textbook.points = [[began, 1], [end, 1]];
    practice.points = along(beside('practice'));
    best.points = along((step) => step.ratio);
    bound.points = along(beside('bound'));
    this.chart.update();
  }
}

const NOTHING = () => nothing('Nobody has claimed anything yet. AIs that learn do so by themselves:',
  { code: 'khub train audio-1 audio\nkhub train audio-2 audio\nkhub train referee general' },
  'What one claims, two others measure again before it counts here.');
const MOVES = new Set(['verification', 'performance_report', 'os_component_share']);

export function learningView() {
  const status = h('p', { class: 'muted', role: 'status' });
  const empty = h('div'), shown = new Map(); // subject → Subject
  const element = h('section', { class: 'view' }, h('h2', {}, 'Learning'), status, empty);
  let visible = false, working = false;

  function draw() {
    const bySubject = new Map();
    for (const claim of [...claims.values()].sort((a, b) => a.seq - b.seq)) {
      if (!bySubject.has(claim.subject)) bySubject.set(claim.subject, []);
      bySubject.get(claim.subject).push(claim);
    }
    for (const [subject, all] of bySubject) {
      if (!shown.has(subject)) {
        shown.set(subject, new Subject(subject));
        element.append(shown.get(subject).element);
      }
      shown.get(subject).draw(all);
    }
    fill(empty, bySubject.size || !known ? null : NOTHING());
  }

  async function update() {
    if (!visible || working || link.state !== 'live' || document.hidden) return;
    working = true;
    try {
      await look();
      const all = [...claims.values()].sort((a, b) => a.seq - b.seq);
      const subjects = new Set(all.map((claim) => claim.subject));
      for (const subject of subjects)
        await Promise.all(stepsOf(all.filter((claim) => claim.subject === subject)).map((step) =>
          besideOf(step).catch(() => besides.delete(keyOf(step)))));
      say(status, '');
      draw();
    } catch (error) {
      say(status, reason(error));
    }
    working = false;
  }
  const again = soon(update, LOOK_MS);

  on('joined', () => {
    claims.clear();
    besides.clear();
    [after, known] = [null, false];
    for (const subject of shown.values()) {
      subject.chart.destroy();
      subject.element.remove();
    }
    shown.clear();
    update();
  });
  on('message', ({ type }) => MOVES.has(type) && again());
  setInterval(update, 10 * LOOK_MS);

  return { id: 'learning', title: 'Learning', element, show() {
    visible = true;
    if (!known) say(status, 'asking');
    update();
  }, hide() {
    visible = false;
    closePanel();
  } };
}
