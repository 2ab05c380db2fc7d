/** A box to write in, as a person; and who that is. */
import { button, fill, h, say } from './dom.js';
import { become, leave, on, person, publish, reason } from './link.js';
import { members } from './room.js';
import { line, name } from './shown.js';

const KEPT = 'khub.person';
const NAMES_MAX = 50;

/** The name that was given on this machine. */
export const keptName = () => localStorage.getItem(KEPT) ?? '';

/** Joins as that person, and remembers who it is. */
export async function comeAs(id) {
  const there = await become(id);
  if (there) localStorage.setItem(KEPT, id);
  return there;
}

/** The names that begin, or go on, like what was typed. */
function suggest(typed, names) {
  const text = typed.toLowerCase();
  const found = [];
  for (const id of members.keys()) {
    if (id === person.id || !id.toLowerCase().includes(text)) continue;
    found.push(h('option', { value: id }));
    if (found.length === NAMES_MAX) break;
  }
  fill(names, found);
}
document.body.append(h('datalist', { id: 'names' }));
document.addEventListener('input', (event) => event.target.getAttribute('list') === 'names' &&
  suggest(event.target.value, document.getElementById('names')));
document.addEventListener('focusin', (event) => event.target.getAttribute?.('list') === 'names' &&
  suggest(event.target.value, document.getElementById('names')));

/** Asks who the person is, once. */
export function nameForm() {
  const input = h('input', { id: 'person-name', autocomplete: 'nickname', placeholder: 'person-anna', required: true,
    maxlength: 128, value: keptName() || null });
  const why = h('p', { class: 'bad', role: 'alert' });
  const form = h('form', { class: 'name-form', onsubmit: async (event) => {
    event.preventDefault();
    say(why, '');
    if (input.value.trim() && !(await comeAs(input.value.trim()))) say(why, person.why);
  } }, h('label', { for: 'person-name' }, 'To write, say who you are: '), input, ' ',
  h('button', {}, 'Join as a person'), why);
  return form;
}

/** onsaid() is called when something was said. */
export function composeBox(onsaid) {
  let answered = null; // the message that is answered
  const to = h('input', { list: 'names', placeholder: 'everyone', 'aria-label': 'To whom; empty: everyone' });
  const text = h('textarea', { rows: 2, 'aria-label': 'What to say',
    placeholder: 'Write. Enter says it, Shift+Enter begins a line.',
    onkeydown: (event) => {
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      form.requestSubmit();
    } });
  const reply = h('p', { class: 'reply muted' });
  const status = h('p', { class: 'muted', role: 'status' });
  const wrong = h('p', { class: 'bad', role: 'alert' });
  const go = h('button', { class: 'primary' }, 'Say it');
  const form = h('form', { class: 'compose', onsubmit: (event) => {
    event.preventDefault();
    send();
  } }, h('div', { class: 'to' }, h('span', { class: 'muted' }, 'To '), to, reply), text, go,
  h('div', { class: 'after' }, status, wrong));
  const names = nameForm();
  const element = h('div', { class: 'write' });

  function answer(item) {
    answered = item;
    if (item) to.value = item.target && item.sender !== person.id ? item.sender : '';
    fill(reply, item && [`answers ${line(item.sender, 40)}: ${line(item.text, 60)} `,
      button('not that', () => answer(null), { class: 'quiet' })]);
  }

  async function send() {
    const said = text.value.trim(), target = to.value.trim() || null;
    if (!said) return;
    go.disabled = true;
    say(wrong, '');
    say(status, person.state === 'there' ? 'saying it' : 'waits for the hub');
    try {
      const payload = { text: said, ...(answered && { in_reply_to: answered.messageId }) };
      const { delivered, stored } = await publish('chat', payload, target);
      text.value = '';
      answer(null);
      onsaid();
      const became = delivered ? 'has it on its connection.' : stored ? 'is away and will get it.' :
        'is not here: this is a dead letter until it comes back.';
      say(status, target ? `${line(target, 60)} ${became}` : 'Said to everyone.');
    } catch (error) {
      say(status, '');
      say(wrong, `Not said. ${reason(error)}`);
    }
    go.disabled = false;
  }

  function update() {
    const joined = ['there', 'joining', 'lost'].includes(person.state);
    if (element.firstChild !== (joined ? form : names)) fill(element, joined ? form : names);
    go.textContent = person.state === 'there' ? 'Say it' : 'Say it later';
  }
  on('person', update);
  update();
  return { element, answer, to(id) {
    answer(null);
    to.value = id;
  }, focus: () => (element.firstChild === form ? text : names.querySelector('input')).focus() };
}

/** Of the head of the page: who writes. */
export function whoIs(element) {
  const update = () => fill(element, person.state === 'none' || person.state === 'refused' ?
    h('span', { class: 'muted' }, person.state === 'refused' && person.why ?
      `Not joined: ${line(person.why, 80)}` : 'Only looking') :
    [person.state === 'there' ? 'You are ' : person.state === 'joining' ? 'Joining as ' : 'Coming back as ',
      name(person.id), ' ', button('leave', () => {
        localStorage.removeItem(KEPT);
        leave();
      }, { class: 'quiet' })]);
  on('person', update);
  update();
}
