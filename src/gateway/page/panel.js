/** The details of one thing, beside the view; on a phone in its place. Esc closes. */
import { button, fill, h } from './dom.js';

const panel = document.getElementById('panel');
let from = null; // what had the focus
let closed = null;

/** Shows these. `onclose` is called once it shows something else, or nothing. */
export function openPanel(title, content, onclose = null) {
  if (panel.hidden) from = document.activeElement;
  const before = closed;
  closed = onclose;
  before?.();
  fill(panel, h('div', { class: 'panel-head' }, h('h2', {}, title),
    button('Close', () => closePanel(), { 'aria-keyshortcuts': 'Escape' })), content);
  panel.hidden = false;
  panel.scrollTop = 0;
  document.body.classList.add('with-panel');
  panel.focus({ preventScroll: true });
}

export function closePanel() {
  if (panel.hidden) return false;
  panel.hidden = true;
  document.body.classList.remove('with-panel');
  const before = closed;
  closed = null;
  before?.();
  panel.replaceChildren();
  if (from?.isConnected) from.focus({ preventScroll: true });
  return true;
}

/** Names and what they stand for; pairs whose value is null are left out. */
export const facts = (pairs) => h('dl', { class: 'facts' }, pairs.filter(([, value]) =>
  value !== null && value !== undefined && value !== '').map(([term, value]) =>
  [h('dt', {}, term), h('dd', {}, value)]));
