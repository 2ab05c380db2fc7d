/** Questions to a person: those that wait, with their time, and what was decided. */
import { button, fill, h, nothing, say, soon } from './dom.js';
import { on, pages, person, publish, reason } from './link.js';
import { nameForm } from './compose.js';
import { body, line, name, now, span, timeOf } from './shown.js';

const DECIDED = 50;

const approvals = new Map(); // approval_id → what the hub said last
let known = false;

const left = (each) => Date.parse(each.asked) + each.timeout_s * 1000 - now();

export function approvalsView() {
  const waits = h('ul', { class: 'cards' });
  const decided = h('ul', { class: 'decided' });
  const status = h('p', { role: 'status', class: 'muted' });
  const named = h('div');
  const form = nameForm();
  form.querySelector('input').id = 'person-name-here';
  form.querySelector('label').htmlFor = 'person-name-here';
  const more = h('div');
  const element = h('section', { class: 'view' }, h('h2', {}, 'Questions'), status, named, waits, more,
    h('h3', {}, 'Decided'), decided);
  const cards = new Map(); // id → {card, time, buttons}
  let visible = false, badge = () => {};

  async function choose(each, choice, card) {
    say(card.why, '');
    for (const one of card.buttons) one.disabled = true;
    try {
      await publish('approval_answer', { approval_id: each.approval_id, choice,
        ...(card.note.value.trim() && { note: card.note.value.trim() }) });
      say(status, `Decided: ${line(choice, 64)}.`);
    } catch (error) {
      say(card.why, reason(error));
      for (const one of card.buttons) one.disabled = false;
    }
  }

  function cardOf(each) {
    const card = { time: h('span', { class: 'left' }), why: h('p', { class: 'bad', role: 'alert' }),
      note: h('input', { placeholder: 'a note, if wanted', 'aria-label': 'A note with the choice' }) };
    card.buttons = each.choices.map((choice) => button([h('bdi', {}, line(choice, 64)), choice === each.default ?
      h('span', { class: 'muted' }, ' (default)') : null], () => choose(each, choice, card)));
    card.element = h('li', { class: 'card' },
      h('p', {}, name(each.asker), h('span', { class: 'muted' }, ' asks ',
        each.target ? name(each.target) : 'any person', ', ', timeOf(each.asked))),
      h('div', { class: 'text question', dir: 'auto' }, body(each.question)),
      h('p', { class: 'choices' }, card.buttons),
      h('p', { class: 'choices' }, card.note),
      h('p', { class: 'muted' }, card.time), card.why);
    return card;
  }

  function tick() {
    for (const [id, card] of cards) {
      const each = approvals.get(id);
      const ms = left(each);
      say(card.time, ms > 0 ? `${span(ms)} left; then “${line(each.default, 64)}” holds.` :
        `The time is up: “${line(each.default, 64)}” holds as soon as the hub says so.`);
    }
  }

  function update() {
    const all = [...approvals.values()];
    const pending = all.filter((each) => each.status === 'pending').sort((a, b) => left(a) - left(b));
    badge(pending.length);
    if (!visible) return;
    const there = person.state === 'there';
    if (named.firstChild !== (there ? null : form)) fill(named, there ? null : form);
    for (const [id, card] of cards) {
      if (pending.some((each) => each.approval_id === id)) continue;
      card.element.remove();
      cards.delete(id);
    }
    pending.forEach((each, at) => {
      if (!cards.has(each.approval_id)) cards.set(each.approval_id, cardOf(each));
      const { element: card, buttons } = cards.get(each.approval_id);
      for (const one of buttons) one.hidden = false;
      if (waits.children[at] !== card) waits.insertBefore(card, waits.children[at] ?? null);
    });
    waits.hidden = !pending.length;
    fill(more, pending.length || !known ? null : nothing('Nothing waits for a person. An agent asks one so:',
      { code: 'khub ask "May I delete build/?" --choice delete --choice keep --default keep' }));
    const over = all.filter((each) => each.status !== 'pending').sort((a, b) =>
      Date.parse(b.decided) - Date.parse(a.decided)).slice(0, DECIDED);
    fill(decided, over.map((each) => h('li', {}, timeOf(each.decided), ' ', name(each.asker), ': ',
      h('bdi', {}, line(each.question, 200)), ' ', h('strong', {}, each.status === 'withdrawn' ? 'taken back' :
        h('bdi', {}, line(each.choice, 64))), each.status === 'answered' ? [' by ', name(each.by)] :
        each.status === 'timed_out' ? ' by default' : null,
      each.note ? [': ', h('bdi', {}, line(each.note, 200))] : null)),
    over.length ? null : h('li', { class: 'muted' }, 'Nothing yet.'));
    tick();
  }
  const updateSoon = soon(update, 100);

  on('joined', async () => {
    const found = new Map();
    await pages('approval_query', { limit: 200 }, (page) => {
      for (const each of page.approvals) found.set(each.approval_id, each);
    }).catch(() => {});
    approvals.clear();
    for (const [id, each] of found) approvals.set(id, each);
    known = true;
    update();
  });
  on('message', ({ type, sender, payload }) => {
    if (type !== 'approval' || sender !== 'hub') return;
    approvals.set(payload.approval_id, payload);
    updateSoon();
  });
  on('person', update);
  setInterval(() => visible && !document.hidden && tick(), 1000);

  return { id: 'questions', title: 'Questions', element, show() {
    visible = true;
    update();
  }, hide() {
    visible = false;
  }, onBadge(act) {
    badge = act;
  } };
}
