/**
 * Elements. What peers wrote gets into the page here and nowhere else, as text nodes: no part of
 * the page makes markup of a string.
 */

/**
 * An element. Attributes: false, null and undefined are left out, true is an empty one, `on…` a
 * function that listens. Children: elements, texts, lists of them; null and false are nothing.
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== false &&
    child !== undefined));
  return element;
}

/** Sets its text, if it is another one: a screen reader is told of changes alone. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Puts these in the place of what is in it. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null &&
    child !== false && child !== undefined));
}

/** A call of `act` soon, however often it was asked for meanwhile. */
export function soon(act, ms) {
  let timer = null;
  return () => {
    timer ??= setTimeout(() => {
      timer = null;
      act();
    }, ms);
  };
}

/** A button. */
export const button = (text, onclick, attributes = {}) =>
  h('button', { type: 'button', onclick, ...attributes }, text);

/** A box to search in. */
export const searchBox = (placeholder, label, oninput, attributes = {}) =>
  h('input', { type: 'search', placeholder, 'aria-label': label, oninput, ...attributes });

/** What stands where nothing is: texts, and as { code } what to type in a shell. */
export const nothing = (...parts) => h('div', { class: 'empty' },
  parts.map((part) => (part?.code ? h('pre', {}, part.code) : h('p', {}, part))));

/** A view that fills the room there is: its bar with a title, and what is below it. */
export const fillingView = (title, bar, ...content) => h('section', { class: 'view fills' },
  h('div', { class: 'bar' }, h('h2', {}, title), bar), content);
