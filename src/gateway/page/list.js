/**
 * A list of any length of which only the rows in view are in the page. All rows have one height,
 * said by the style sheet. One row can be reached by Tab; arrows, Page and Home and End go on from
 * there, Enter opens. Each row says which of how many it is.
 */
import { h } from './dom.js';

const BEYOND = 6; // rows above and below those in view

export class List {
  #rows = new Map(); // key → {row, item}
  #active = 0;
  #height = 0;
  #wanted = false;
  #more = null;

  /**
   * label: what is in it; key(item) a name of its own; draw(row, item) fills a row; open(item) what
   * Enter and a click do; more(): a promise, more is there below what is loaded, and is loaded.
   */
  constructor({ label, key, draw, open = null, more = null, rowClass = '' }) {
    Object.assign(this, { key, draw, open, more, rowClass });
    this.items = [];
    this.total = null; // of the whole list, if more than the items; null: these are all
    this.space = h('div', { class: 'space', role: 'list', 'aria-label': label });
    this.probe = h('div', { class: `row ${rowClass}`, 'aria-hidden': 'true' });
    this.element = h('div', { class: 'list', onscroll: () => this.#soon(),
      onkeydown: (event) => this.#key(event) }, this.probe, this.space);
    this.probe.style.visibility = 'hidden';
    new ResizeObserver(() => this.#measure()).observe(this.element);
    new ResizeObserver(() => this.#measure()).observe(this.probe);
  }

  /** What is in it now, in order. */
  set(items, total = null) {
    const item = this.items[this.#active];
    const key = item && this.key(item);
    this.items = items;
    this.total = total;
    if (key !== undefined && this.#rows.get(key)?.row.contains(document.activeElement))
      this.#active = Math.max(0, items.findIndex((each) => this.key(each) === key));
    this.#active = Math.min(this.#active, Math.max(0, items.length - 1));
    this.#soon();
  }

  /** The focus to the row that is chosen. */
  focus() {
    this.go(this.#active);
  }

  /** To the first row. */
  top() {
    this.#active = 0;
    this.element.scrollTop = 0;
    this.#soon();
  }

  /** The keys of the rows that are in the page. */
  get shown() {
    return [...this.#rows.keys()];
  }

  /** Rows are drawn again: what they show has changed, or the time. */
  redraw() {
    for (const each of this.#rows.values()) each.item = null;
    this.#soon();
  }

  #measure() {
    this.#height = this.probe.offsetHeight;
    this.#draw();
  }

  #soon() {
    if (this.#wanted) return;
    this.#wanted = true;
    requestAnimationFrame(() => {
      this.#wanted = false;
      this.#draw();
    });
  }

  #draw() {
    const height = this.#height;
    if (!height || !this.element.clientHeight) return; // it is not in view
    const { items } = this;
    const first = Math.max(0, Math.floor(this.element.scrollTop / height) - BEYOND);
    const last = Math.min(items.length,
      Math.ceil((this.element.scrollTop + this.element.clientHeight) / height) + BEYOND);
    this.space.style.height = `${items.length * height}px`;
    const wanted = new Set([this.#active]); // which keeps the focus, wherever one scrolls
    for (let index = first; index < last; index++) wanted.add(index);
    const kept = new Map();
    for (const index of [...wanted].sort((a, b) => a - b))
      if (index < items.length) this.#place(index, kept);
    for (const [key, { row }] of this.#rows) if (!kept.has(key)) row.remove();
    this.#rows = kept;
    if (this.more && last + 2 * BEYOND >= items.length) this.#load();
  }

  #place(index, kept) {
    const item = this.items[index];
    const key = this.key(item);
    const old = this.#rows.get(key);
    const row = old?.row ?? h('div', { class: `row ${this.rowClass}`, role: 'listitem' });
    if (!old) {
      row.addEventListener('click', () => this.#opened(key));
      row.addEventListener('focus', () => this.#focused(key));
    }
    if (old?.item !== item) this.draw(row, item);
    row.style.transform = `translateY(${index * this.#height}px)`;
    row.setAttribute('aria-posinset', index + 1);
    row.setAttribute('aria-setsize', this.total ?? this.items.length);
    row.tabIndex = index === this.#active ? 0 : -1;
    kept.set(key, { row, item, index });
    // In the page in their order, so that a reader goes through them as one sees them.
    const before = [...kept.values()].at(-2)?.row ?? null;
    const at = before ? before.nextSibling : this.space.firstChild;
    if (at !== row && !row.contains(document.activeElement)) this.space.insertBefore(row, at);
  }

  #load() {
    this.#more ??= Promise.resolve(this.more()).catch(() => false).then((came) => {
      this.#more = null;
      if (came) this.#soon();
    });
  }

  #indexOf(key) {
    return this.#rows.get(key)?.index ?? -1;
  }

  #focused(key) {
    const index = this.#indexOf(key);
    if (index < 0 || index === this.#active) return;
    this.#active = index;
    this.#soon();
  }

  #opened(key) {
    const index = this.#indexOf(key);
    if (index < 0 || String(getSelection())) return;
    this.#active = index;
    this.#soon();
    this.open?.(this.items[index]);
  }

  /** Goes to a row, and has it in view. */
  go(index) {
    const height = this.#height;
    const to = Math.max(0, Math.min(index, this.items.length - 1));
    if (!this.items.length) return;
    this.#active = to;
    const { element } = this;
    if (to * height < element.scrollTop) element.scrollTop = to * height;
    else if ((to + 1) * height > element.scrollTop + element.clientHeight)
      element.scrollTop = (to + 1) * height - element.clientHeight;
    this.#draw();
    this.#rows.get(this.key(this.items[to]))?.row.focus({ preventScroll: true });
  }

  #key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || !event.target.matches('[role=listitem]')) return;
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.#height) - 1);
    const to = { ArrowDown: this.#active + 1, ArrowUp: this.#active - 1, j: this.#active + 1,
      k: this.#active - 1, PageDown: this.#active + page, PageUp: this.#active - page, Home: 0,
      End: this.items.length - 1 }[event.key];
    if (to !== undefined) this.go(to);
    else if (event.key === 'Enter') this.open?.(this.items[this.#active]);
    else return;
    event.preventDefault();
  }
}
