/**
 * The token of a hub that asks for one. It is kept for this tab alone (sessionStorage), is never part
 * of an address, and is shown to this page's own gateway and nobody else.
 */
const KEPT = 'khub.token';
const SHAPE = /^khub_[0-9a-z]{58}$/;

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Is whoever shows this ('': nothing) let in? While there is nobody to ask: yes, for the link to try. */
async function isTaken(token) {
  for (;;) {
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    const answer = await fetch('/v1/members?limit=1', { headers, cache: 'no-store' }).catch(() => null);
    if (answer?.status !== 429) return answer?.status !== 401;
    await wait(1000 * (Number(answer.headers.get('Retry-After')) || 1));
  }
}

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** Asks the person, until there is one that is let in; a promise of it. */
function ask() {
  const input = element('input', { type: 'password', required: true, autocomplete: 'off', spellcheck: false });
  const said = element('p', { role: 'alert' });
  const form = element('form', { method: 'dialog' },
    element('h2', { id: 'token-title', textContent: 'This hub asks for a token' }),
    element('p', { textContent: 'Who runs the hub can give one out: khub token add NAME.' }),
    element('label', { textContent: 'Token ' }, input), said, element('button', { textContent: 'Enter' }));
  const dialog = element('dialog', { id: 'token' }, form);
  dialog.setAttribute('aria-labelledby', 'token-title');
  dialog.addEventListener('cancel', (event) => event.preventDefault());
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const token = input.value.trim();
    said.textContent = '';
    if (!SHAPE.test(token)) said.textContent = 'That is no token: one begins with khub_ and has 63 characters.';
    else if (!(await isTaken(token))) said.textContent = 'The hub takes no such token.';
    if (said.textContent) return;
    dialog.remove();
    resolve(token);
  }));
}

let refused = false; // by the hub, whatever the gateway said

/** The token by which this page is let in; '' where none is asked for. */
export async function tokenChoose() {
  for (const token of refused ? [] : new Set([sessionStorage.getItem(KEPT) ?? '', '']))
    if (await isTaken(token)) return token;
  const token = await ask();
  sessionStorage.setItem(KEPT, token);
  refused = false;
  return token;
}

/** The hub does not take it (any more): the person is asked next. */
export function tokenForget() {
  sessionStorage.removeItem(KEPT);
  refused = true;
}
