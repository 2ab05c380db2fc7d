/**
 * Who is in the room, kept up with what is heard. A member's row is the hub's answer to
 * member_query; what is heard of somebody makes the row old, and it is asked for again once
 * somebody looks at it. That a member is away nobody is told, so now and then all are asked for.
 */
import { soon } from './dom.js';
import { ask, link, on, pages } from './link.js';

const PAGE = 200;
const ALL_MS = 20000; // between two looks at everybody; longer in a large room
const ROWS_MAX = 40; // asked for at once

export const members = new Map(); // id → its row
export const room = { connected: 0, away: 0, known: false };

const old = new Set(); // ids whose row is older than what was heard of them
const changed = new Set();
let looking = null;
let watched = () => [];
let lastAll = 0;

/** `act` is called when the members, or some rows, are other than before. */
export const onMembers = (act) => changed.add(act);

/** The ids that somebody looks at just now. */
export function lookAt(ids) {
  watched = ids;
  refreshRows();
}

const tellChanged = soon(() => {
  for (const act of changed) act();
}, 100);

async function all() {
  const found = new Map();
  await pages('member_query', { limit: PAGE }, (page) => {
    for (const member of page.members) found.set(member.ai_id, member);
    room.connected = page.connected;
    room.away = page.away;
  });
  for (const id of members.keys()) if (!found.has(id)) members.delete(id);
  for (const [id, member] of found) members.set(id, member);
  old.clear();
  room.known = true;
  lastAll = performance.now();
  tellChanged();
}

/** Everybody is asked for anew. */
export function refreshAll() {
  looking ??= all().catch(() => {}).finally(() => {
    looking = null;
  });
  return looking;
}

async function rows() {
  const wanted = watched().filter((id) => old.has(id)).slice(0, ROWS_MAX);
  for (const id of wanted) old.delete(id);
  await Promise.all(wanted.map(async (id) => {
    const answer = await ask('member_query', { id }).catch(() => null);
    const [member] = answer?.members ?? [];
    if (member && member.status !== 'left') members.set(id, member);
    else if (member) members.delete(id);
  }));
  if (wanted.length) tellChanged();
}
const refreshRows = soon(() => rows(), 500);
const refreshSoon = soon(() => refreshAll(), 400);

on('joined', () => refreshAll());
on('message', (message) => {
  const { type, sender, payload } = message;
  if (type === 'hello' || type === 'presence') {
    refreshSoon();
    return;
  }
  const about = sender === 'hub' ? [payload.holder, payload.by, payload.author, payload.initiator,
    ...(Array.isArray(payload.participants) ? payload.participants : [])] : [sender];
  for (const id of about) if (members.has(id)) old.add(id);
  if (old.size) refreshRows();
});
setInterval(() => {
  const wait = ALL_MS * Math.max(1, members.size / 1000);
  if (link.state === 'live' && !document.hidden && performance.now() - lastAll > wait) refreshAll();
}, 5000);
