/**
 * How things are shown: names, texts, times, sizes. What a peer wrote may be of any length and any
 * characters: names show what would be hidden in them, texts can't turn the line around them.
 */
import { h } from './dom.js';

// Those of wire/shown.c but for what belongs into a text: joiners, variation selectors.
const HIDDEN = new RegExp('[\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u061c\\u115f\\u1160' +
  '\\u17b4\\u17b5\\u180b-\\u180f\\u200b\\u200e\\u200f\\u2028-\\u202e\\u2060-\\u206f\\u2800\\u3164' +
  '\\ue000-\\uf8ff\\ufeff\\uffa0\\ufff0-\\uffff\\u{e0000}-\\u{10ffff}]', 'gu');
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/gu;
const LINE_MAX = 400;

const spell = (character) => `\\u${character.codePointAt(0).toString(16).padStart(4, '0')}`;

/** The first `most` units, without half a character at the end. */
function cut(text, most) {
  if (text.length <= most) return text;
  const end = /[\ud800-\udbff]/.test(text[most - 1]) ? most - 1 : most;
  return `${text.slice(0, end)}…`;
}

const PLAIN = /^[\x20-\x7e]*$/; // most are

/** A piece of a line: blanks at its ends stay. */
export const piece = (text) => (PLAIN.test(text) ? text : text.replace(/\s+/g, ' ').replace(HIDDEN, spell));

/** In one line, whatever it is. */
export function line(value, most = LINE_MAX) {
  const text = typeof value === 'string' ? value : JSON.stringify(value) ?? '';
  return piece(cut(cut(text, most * 4).trim(), most));
}

/** A text as it was written, but for what controls a terminal or turns lines around. */
export const body = (text) => text.replace(CONTROLS, spell);

/** Somebody's name, by itself: its direction is its own. */
export function name(id, attributes = {}) {
  const text = line(id, 128);
  return h('bdi', { class: 'name', title: text.length > 24 ? text : null, ...attributes }, text);
}

/** A text of any length: what is over `most` comes when it is wanted, a piece at a time. */
export function longText(text, most = 4000) {
  const shown = h('div', { class: 'text', dir: 'auto' });
  let at = 0;
  const rest = h('button', { type: 'button', class: 'quiet' });
  const go = (length) => {
    const next = text.slice(at, at + length);
    shown.append(document.createTextNode(body(next)));
    at += next.length;
    rest.hidden = at >= text.length;
    rest.textContent = `Show more (${bytes(at)} of ${bytes(text.length)} shown)`;
  };
  rest.addEventListener('click', () => go(65536));
  go(most);
  return h('div', {}, shown, rest);
}

/** Code, or what a program printed. */
export const codeText = (text) => h('div', { class: 'code' }, longText(text));

/** What is no text, as JSON. */
export const json = (value) => codeText(JSON.stringify(value, null, 2));

// ── times: by the hub's clock ──

let ahead = 0; // ms that the hub's clock is ahead of this machine's

/** The hub has just said that it is `time`. */
export function clockHeard(time) {
  const there = Date.parse(time) - Date.now();
  if (Number.isFinite(there)) ahead = Math.abs(there) < 2000 ? 0 : there;
}

export const now = () => Date.now() + ahead;

/** "4 s", "12 min", "3 h", "5 d" */
export function span(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 172800) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86400)} d`;
}

/** How long ago; '' of what is no time. */
export function ago(time) {
  const at = Date.parse(time);
  return Number.isFinite(at) ? span(now() - at) : '';
}

/** "14:03:22", of another day with its date. */
export function clock(time) {
  const at = new Date(time);
  if (Number.isNaN(at.getTime())) return '';
  const today = new Date().toDateString() === at.toDateString();
  const text = at.toLocaleTimeString('en-GB');
  return today ? text : `${at.toLocaleDateString('en-CA')} ${text}`;
}

export const timeOf = (time, text = clock(time)) =>
  h('time', { datetime: line(time, 64), title: line(time, 64) }, text);

// ── figures ──

export function bytes(count) {
  if (count < 1000) return `${count} B`;
  if (count < 1e6) return `${(count / 1e3).toFixed(count < 1e4 ? 1 : 0)} kB`;
  return `${(count / 1e6).toFixed(count < 1e7 ? 1 : 0)} MB`;
}

export const whole = (count) => Number(count).toLocaleString('en-US');

/** "1 task", "2 tasks" */
export const counted = (count, one, many = `${one}s`) => `${whole(count)} ${count === 1 ? one : many}`;
