/**
 * A feed: articles of any height, the newest at the end. Of the list that it shows some hundreds
 * are in the page: as one scrolls others take their place. At its end it follows what comes; away
 * from it nothing moves, and a button says how many came.
 */
import { button, h, say } from './dom.js';
import { counted } from './shown.js';

const FOLLOWED = 150; // articles in the page while it follows
const STEP = 80, MOST = 500;
const NEAR = 400; // px to an end: more is put there
const FLUSH_MS = 200;

export class Feed {
  #from = 0;
  #to = 0;
  #articles = new Map(); // key → element
  #flushing = null;
  #loading = false;

  /**
   * draw(item) makes an article; earlier() puts older ones in front, a promise; renew() sets the list
   * anew, when some at its end were skipped and one goes there.
   */
  constructor({ label, draw, open, earlier, renew }) {
    Object.assign(this, { draw, open, earlier, renew });
    this.items = [];
    this.skipped = 0;
    this.follows = true;
    this.element = h('div', { class: 'feed', role: 'feed', 'aria-label': label, 'aria-busy': 'false',
      onkeydown: (event) => this.#key(event), onclick: (event) => this.#click(event) });
    this.jump = button('', () => this.end(), { class: 'jump', hidden: true });
    this.scroller = h('div', { class: 'scroller', onscroll: () => this.#scrolled() }, this.element);
    new ResizeObserver(() => this.follows && this.#down()).observe(this.scroller);
  }

  /** Another list. */
  set(items) {
    this.items = items;
    this.skipped = 0;
    this.#clear();
    this.#show(Math.max(0, items.length - FOLLOWED), items.length);
    this.follows = true;
    this.#down();
    this.#count();
  }

  /** `count` items were added at the end of `items`. */
  grew() {
    this.#flushing ??= setTimeout(() => {
      this.#flushing = null;
      this.#flush();
    }, FLUSH_MS);
  }

  #flush() {
    if (this.follows) {
      const { length } = this.items;
      this.#show(Math.max(this.#from, length - FOLLOWED), length);
      this.#down();
    }
    this.#count();
  }

  /** `count` of the items at the front are gone. */
  shrank(count) {
    this.#from = Math.max(0, this.#from - count);
    this.#to = Math.max(0, this.#to - count);
    this.#show(this.#from, this.#to);
  }

  /** `count` items were put in front. */
  grewInFront(count) {
    this.#from += count;
    this.#to += count;
    this.#above();
  }

  /** To the newest. */
  end() {
    if (this.skipped) {
      this.renew();
      return;
    }
    const { length } = this.items;
    this.follows = true;
    this.#show(Math.max(0, length - FOLLOWED), length);
    this.#down();
    this.#count();
  }

  /** An article is drawn again, if it is in the page. */
  redraw(item) {
    const old = this.#articles.get(item.key);
    if (!old) return;
    const fresh = this.#article(item);
    const had = document.activeElement === old;
    old.replaceWith(fresh);
    if (had) fresh.focus({ preventScroll: true });
    if (this.follows) this.#down();
  }

  #clear() {
    this.element.replaceChildren();
    this.#articles.clear();
    this.#from = this.#to = 0;
  }

  #article(item) {
    const article = this.draw(item);
    article.tabIndex = -1;
    article.khubItem = item;
    this.#articles.set(item.key, article);
    return article;
  }

  /** Articles from..to are in the page, and no others. */
  #show(from, to) {
    const { items } = this;
    const wanted = items.slice(from, to);
    const keys = new Set(wanted.map((item) => item.key));
    for (const [key, article] of this.#articles) {
      if (keys.has(key)) continue;
      article.remove();
      this.#articles.delete(key);
    }
    let at = this.element.firstChild;
    const made = [];
    for (const item of wanted) {
      const article = this.#articles.get(item.key);
      if (article && article === at) at = at.nextSibling;
      else made.push([article ?? this.#article(item), at]);
    }
    for (const [article, before] of made) this.element.insertBefore(article, before?.isConnected ? before : null);
    this.#from = from;
    this.#to = to;
    this.#mark();
  }

  #mark() {
    let index = this.#from, reached = false;
    for (const article of this.element.children) {
      article.setAttribute('aria-posinset', ++index);
      article.setAttribute('aria-setsize', this.items.length);
      reached ||= article.tabIndex === 0;
    }
    if (!reached && this.element.lastElementChild) this.element.lastElementChild.tabIndex = 0;
  }

  #down() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  #count() {
    const below = this.items.length - this.#to + this.skipped;
    this.jump.hidden = this.follows && !below;
    say(this.jump, below ? `${counted(below, 'new message')} below` : 'To the newest');
  }

  #above() {
    const from = Math.max(0, this.#from - STEP);
    if (from === this.#from) return;
    const { scroller } = this;
    const end = scroller.scrollHeight - scroller.scrollTop;
    this.#show(from, this.#to);
    scroller.scrollTop = scroller.scrollHeight - end;
    if (this.#to - from > MOST) this.#show(from, from + MOST);
  }

  #below() {
    const to = Math.min(this.items.length, this.#to + STEP);
    const { scroller } = this;
    this.#show(this.#from, to);
    const excess = to - this.#from - MOST;
    if (excess <= 0) return;
    const end = scroller.scrollHeight - scroller.scrollTop;
    this.#show(this.#from + excess, to);
    scroller.scrollTop = scroller.scrollHeight - end;
  }

  async #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    const below = scrollHeight - clientHeight - scrollTop;
    if (below >= 8) this.follows = false;
    else if (this.#to === this.items.length && this.skipped) this.renew();
    else if (this.#to === this.items.length) this.follows = true;
    if (below < NEAR && this.#to < this.items.length) this.#below();
    if (scrollTop < NEAR && this.#from > 0) this.#above();
    else if (scrollTop < NEAR) await this.load();
    this.#count();
  }

  /** Older ones than there are. */
  async load() {
    if (this.#loading) return;
    this.#loading = true;
    this.element.setAttribute('aria-busy', 'true');
    await this.earlier().catch(() => {});
    this.element.setAttribute('aria-busy', 'false');
    this.#loading = false;
  }

  #click(event) {
    const article = event.target.closest('article');
    if (!article || event.target.closest('a, button, summary') || String(getSelection())) return;
    this.#focus(article);
    this.open(article.khubItem);
  }

  #focus(article) {
    if (!article) return;
    for (const other of this.element.querySelectorAll('article[tabindex="0"]')) other.tabIndex = -1;
    article.tabIndex = 0;
    article.focus({ preventScroll: true });
    article.scrollIntoView({ block: 'nearest' });
  }

  #key(event) {
    const article = event.target.closest('article');
    if (!article || event.target !== article || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === 'ArrowDown' || event.key === 'j' || event.key === 'PageDown')
      this.#focus(article.nextElementSibling);
    else if (event.key === 'ArrowUp' || event.key === 'k' || event.key === 'PageUp')
      this.#focus(article.previousElementSibling);
    else if (event.key === 'Home') this.#focus(this.element.firstElementChild);
    else if (event.key === 'End') {
      this.end();
      this.#focus(this.element.lastElementChild);
    } else if (event.key === 'Enter') this.open(article.khubItem);
    else return;
    event.preventDefault();
  }
}
