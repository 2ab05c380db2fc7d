/**
 * What the room knows, with its verdicts. However much that is, a page at a time is asked for, as
 * one scrolls, and of each entry a line is kept; the whole is asked for when it is opened.
 */
import { button, fill, fillingView, h, nothing, say, searchBox, soon } from './dom.js';
import { ask, link, on, reason } from './link.js';
import { List } from './list.js';
import { closePanel, facts, openPanel } from './panel.js';
import { counted, line, codeText, json, name, piece, timeOf, whole } from './shown.js';

const PAGE = 100;
const SECTIONS = [['', 'Everything'], ['shared_patterns', 'Patterns'], ['shared_components', 'Code'],
  ['collective_features', 'Components'], ['performance_benchmarks', 'Reports']];
const KIND = { shared_patterns: 'pattern', shared_components: 'code', collective_features: 'component',
  performance_benchmarks: 'reports' };
const SHARES = new Set(['pattern_share', 'code_share', 'os_component_share', 'verification']);

const bodyOf = (entry) => entry.pattern ?? entry.code ?? entry.component ?? {};

const number = (value) => (typeof value === 'number' ? String(Number(value.toPrecision(6))) : line(value ?? '', 64));

const moduleText = (source) => `a module, ${counted(new TextEncoder().encode(source).length, 'byte')} of C`;

/** A text of it in a line. */
function gist(section, entry) {
  if (section === 'performance_benchmarks') {
    const last = entry.at(-1);
    const { score, ratio, ...others } = last?.metrics ?? {};
    const known = score !== undefined || ratio !== undefined;
    return `${counted(entry.length, 'report')}, the last of ${last?.reporter}: ` + (known ?
      `score ${number(score ?? 'none')}, ratio ${number(ratio ?? 'none')}` : JSON.stringify(others));
  }
  const { id, subject, source, parameters, title, ...others } = bodyOf(entry);
  if (entry.verification?.kind === 'module') return `${title ? `${title}: ` : ''}${moduleText(source)}`;
  return title ?? (typeof source === 'string' ? source : JSON.stringify(parameters ?? others).replace(/^\{\}$/, ''));
}

/** What is kept of an entry: a line. */
const rowOf = (section, id, entry, snippet) => ({ key: `${section}/${id}`, section, id,
  contributor: entry.contributor ?? null, subject: bodyOf(entry).subject ?? null,
  verdict: entry.retracted ? 'retracted' : entry.verification?.status ?? null, snippet,
  gist: snippet ? null : line(gist(section, entry), 200) });

const marked = (snippet) => snippet.map((text, at) => (at % 2 ? h('mark', {}, piece(text)) : piece(text)));

function draw(row, item) {
  fill(row, h('span', { class: 'entry' }, h('bdi', { class: 'name' }, line(item.id, 128))),
    h('span', { class: 'muted kind' }, KIND[item.section],
      item.subject ? [' of ', h('bdi', {}, line(item.subject, 64))] : null),
    h('span', { class: 'by' }, item.contributor ? name(item.contributor) : null),
    h('span', { class: 'verdict' }, item.verdict &&
      h('span', { class: `tag evidence-${item.verdict}` }, item.verdict)),
    h('span', { class: 'gist muted', dir: 'auto' }, item.snippet ? marked(item.snippet) : item.gist));
}

const verifier = (each) => h('li', {}, name(each.ai_id), each.agrees ? ' agrees' : ' does not agree',
  each.ratio === undefined ? null : `, ratio ${number(each.ratio)}`,
  each.counts === false ? ' (does not count)' : each.in_sight ? ' (in sight of the answer)' : null,
  each.reason ? [': ', h('bdi', {}, line(each.reason, 256))] : null);

function verification(found) {
  if (!found) return null;
  return [h('h3', {}, `Claim: ${line(found.status, 40)}`), found.sealed ? h('p', { class: 'muted' },
    'Sealed: nobody sees its author\'s number until it is decided.') : null,
  facts([['Of', found.kind === 'module' ? 'a module: its C, below, is what is measured' : 'parameters'],
    ['Ratio', found.ratio === undefined ? null : number(found.ratio)], ['Owner', name(found.owner)],
    ['Workloads', found.n], ['Refuted parents', line((found.refuted_parents ?? []).join(', '))]]),
  h('ul', {}, (found.verifiers ?? []).map(verifier))];
}

const reported = (each) => h('li', {}, name(each.reporter), ' ', timeOf(each.timestamp), json(each.metrics));

function details(section, entry) {
  if (section === 'performance_benchmarks') return h('ul', {}, entry.toReversed().map(reported));
  const { source, implementation, ...others } = bodyOf(entry);
  const code = [source, implementation].find((each) => typeof each === 'string');
  return [facts([['Kind', KIND[section]], ['By', name(entry.contributor)], ['Shared', timeOf(entry.timestamp)],
    ['Used', entry.usage_count === undefined ? null : `${whole(entry.usage_count)} times by others`],
    ['Quality', entry.quality_score ? number(entry.quality_score) : null],
    ['Integration tested', entry.integration_tested === undefined ? null : entry.integration_tested ? 'yes' : 'no'],
    ['Taken back', entry.retracted ? [timeOf(entry.retracted.since), ' by ', name(entry.retracted.by), ': ',
      h('bdi', {}, line(entry.retracted.reason ?? ''))] : null]]),
  verification(entry.verification),
  code === undefined ? null : [h('h3', {}, 'Code'), codeText(code)],
  h('h3', {}, 'All of it'), json(others)];
}

async function open({ section, id }) {
  try {
    const { entries } = await ask('knowledge_query', { id, section });
    const entry = entries[section]?.[id];
    if (!entry) throw new Error('It is not there any more.');
    openPanel(h('bdi', {}, line(id, 128)), details(section, entry));
  } catch (error) {
    openPanel(h('bdi', {}, line(id, 128)), h('p', {}, reason(error)));
  }
}

const NOTHING = () => nothing('Nothing is known yet. AIs that learn share what they find:',
  { code: 'khub train net-1 networking' }, 'others share by a tool of theirs, or by',
  { code: 'khub send pattern_share \'{"pattern": {"id": "my-first", "subject": "audio"}}\'' });

export function knowledgeView() {
  const again = soon(() => restart(), 200);
  const search = searchBox('words, "a phrase", begin*', 'Search all that is known', again);
  const section = h('select', { 'aria-label': 'What', onchange: again },
    SECTIONS.map(([value, text]) => h('option', { value }, text)));
  const by = searchBox('by whom', 'By whom', again, { list: 'names' });
  const subject = searchBox('subject', 'Subject', again);
  const count = h('p', { class: 'count', role: 'status' });
  const news = button('', again, { hidden: true });
  const empty = h('div');
  const list = new List({ label: 'Knowledge', key: (item) => item.key, draw, open, more, rowClass: 'known' });
  const element = fillingView('Knowledge', [search, section, by, subject, news, count], list.element, empty);
  let visible = false, query = null, cursor = null, items = [], newer = 0, total = null, asking = null, begun = false;
  const keys = new Set();

  function restart() {
    const wanted = { text: search.value.trim(), section: section.value, contributor: by.value.trim(),
      subject: subject.value.trim() };
    query = Object.fromEntries(Object.entries(wanted).filter(([, value]) => value));
    query.order = query.text ? 'relevance' : 'newest';
    [cursor, items, newer, total, begun] = [null, [], 0, null, false];
    keys.clear();
    news.hidden = true;
    list.top();
    more().catch(() => {});
  }

  /** The next page: a promise of whether anything came. */
  async function more() {
    if (!query || (begun && cursor === null) || asking === query || link.state !== 'live') return false;
    const asked = asking = query;
    let page;
    try {
      page = await ask('knowledge_query', { ...asked, limit: PAGE, ...(cursor !== null && { cursor }) });
    } catch (error) {
      if (asked !== query) return false;
      asking = null;
      list.set([]);
      list.element.hidden = true;
      fill(empty, nothing(reason(error)));
      say(count, '');
      return false;
    }
    if (asked !== query) return false; // something else is asked by now
    asking = null;
    begun = true;
    cursor = page.next;
    for (const { section: where, id, snippet } of page.found) {
      const entry = page.entries[where]?.[id], key = `${where}/${id}`;
      if (!entry || keys.has(key)) continue;
      keys.add(key);
      items.push(rowOf(where, id, entry, snippet));
    }
    const all = Object.values(page.totals).reduce((sum, each) => sum + each, 0);
    const narrowed = Object.keys(query).filter((each) => each !== 'order' && each !== 'section').length;
    total = cursor === null ? items.length : narrowed ? -1 : query.section ? page.totals[query.section] : all;
    show(all);
    if (!items.length && cursor !== null) return more();
    return true;
  }

  function show(all) {
    list.set(items, total);
    list.element.hidden = !items.length;
    say(count, total >= 0 ? `${whole(total)} ${query.text ? 'found' : 'known'}` : `${whole(items.length)} so far`);
    fill(empty, items.length || cursor !== null ? null : all ? nothing('Nothing that is known fits that.') : NOTHING());
  }

  on('joined', () => visible && restart());
  on('message', ({ type }) => {
    if (!SHARES.has(type) || !begun) return;
    newer += 1;
    say(news, `${whole(newer)} changed since: look again`);
    news.hidden = false;
    if (visible && !items.length) again();
  });

  return { id: 'knowledge', title: 'Knowledge', element, search, show() {
    visible = true;
    if (!begun) restart();
  }, hide() {
    visible = false;
    closePanel();
  } };
}
