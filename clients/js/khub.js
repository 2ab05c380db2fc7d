/**
 * An AI's link to a khub hub, in JavaScript: for Node 20 and later, and for browsers (over
 * WebSocket). One file without dependencies: import it, or copy it.
 *
 *     import { Client } from './khub.js';
 *
 *     const hub = new Client('ada', { specialization: 'networking' });
 *     await hub.join();
 *     await hub.chat('who can review a scheduler?');
 *     for await (const message of hub) console.log(message.sender, message.type, message.payload);
 *
 * A link connects, says hello, and when the connection is lost it comes back by itself, less and
 * less often while there is no hub. Nothing is lost or doubled by that:
 *
 * - What is published is kept until the hub has answered it, and said again under its messageId on
 *   the next connection; the hub takes it once. The promise of publish() is what became of it, and
 *   is rejected with Refused when the hub would not have it. While queueMax bytes wait to be
 *   answered, what is published waits for room. When the link ends, what was not answered may have
 *   been accepted or not.
 * - What the hub could not keep (storage_unavailable) is not overtaken: what was published behind it
 *   before that was known is refused too. Published again in that order, it stands in that order.
 * - A message is *handled* when the next one is asked for, or the promises of its callbacks have
 *   settled. What was not comes again on a later connection, as far as the hub keeps it, and nothing
 *   comes twice. So it is for a program that was killed, too: keep message.position with what you
 *   did, and give it as `since` to the next link; or say since: 'last' each time, and the hub keeps
 *   it (what was handled in the last second before a kill may then come again).
 *
 * While a message is handled, however long that takes, heartbeats go on. What comes meanwhile waits,
 * up to inboxMax; then nothing more is read, unless an answer is awaited; far beyond it what waits
 * is let go with the connection, to come again on the next. (A WebSocket can't stop reading.)
 *
 * On the wire: docs/PROTOCOL.md of khub. Level 2 alone is spoken.
 */

const PORT = 6000;
const LINE_MAX = 1 << 20; // of the hub's, until it says another
const DEPTH_MAX = 64; // of a payload, itself counted
const CONNECT_MS = 30000, GREETING_MS = 30000, PARTING_MS = 5000;
const TELL_MS = 1000; // after something was handled, until the hub is told
const UNHEARD_MAX = 3; // heartbeats in a row that nothing answered: the connection is dead
const OVERFLOW = 4; // times inboxMax: then the connection is let go
const TIMER_MAX = 2 ** 31 - 1;
const WEB_BUFFER_MAX = 1 << 20; // bytes that a WebSocket has not sent; then it is looked at again
const WEB_LOOK_MS = 20;

const environment = globalThis.process?.env ?? {};
const inNode = Boolean(globalThis.process?.versions?.node);

// ── what can go wrong ──

/**
 * All that a link ends with or is rejected with, but RangeError and TypeError for what can't be.
 */
export class KhubError extends Error {
  get name() {
    return this.constructor.name;
  }
}

/**
 * The hub would not have it: `code` is one of its error codes, `detail` its sentence, `payload` all
 * that it said.
 */
export class Refused extends KhubError {
  constructor(payload) {
    super(`${payload.code ?? ''}: ${payload.detail ?? ''}`);
    this.code = String(payload.code ?? '');
    this.detail = String(payload.detail ?? '');
    this.payload = payload;
  }

  /** Milliseconds after which a limit is free again; null: time alone does not free it. */
  get retryAfterMs() {
    return typeof this.payload.retry_after_ms === 'number' ? this.payload.retry_after_ms : null;
  }
}

/** There is no hub, or the connection to it was lost. */
export class Unreachable extends KhubError {}

/** The hub is not the one that was meant; or it would be told a token in the open. */
export class Untrusted extends KhubError {}

/** The link was closed. */
export class Closed extends KhubError {}

/** The message is longer than the hub takes. */
export class TooLong extends KhubError {}

// ── what is said ──

/**
 * A message as it came. `target` is null for everyone; `seq` its place in the room, 0 for what the
 * hub answers.
 */
export class Message {
  constructor(fields, line) {
    this.type = fields.message_type;
    this.sender = fields.sender_id;
    this.payload = fields.payload;
    this.target = typeof fields.target_ai === 'string' && fields.target_ai ? fields.target_ai : null;
    this.messageId = fields.message_id;
    this.timestamp = fields.timestamp;
    this.seq = Number.isSafeInteger(fields.seq) && fields.seq > 0 ? fields.seq : 0;
    /** Its own JSON, for numbers that JavaScript rounds. */
    this.line = line;
    /**
     * The `since` of a later link that has handled this and all before; null for what has no place
     * in the room.
     */
    this.position = null;
  }

  /** Of a chat: what was said. */
  get text() {
    return typeof this.payload.text === 'string' ? this.payload.text : '';
  }

  /** Null for what is no message. */
  static parse(line) {
    let fields;
    try {
      fields = JSON.parse(line);
    } catch {
      return null;
    }
    const texts = [fields?.message_type, fields?.sender_id, fields?.message_id, fields?.timestamp];
    if (!texts.every((text) => typeof text === 'string') || !isObject(fields.payload)) return null;
    return new Message(fields, line);
  }
}

const DEFAULTS = {
  address: null, specialization: 'general', capabilities: [], room: 'main', observer: false, since: null, staysS: 0,
  resumeToken: '', token: null, tokenFile: null, tokenOpen: false, ca: null, fingerprint: null, cert: null, key: null,
  version: '1.0.0', features: [], collaborationReady: true, syncMax: null, retries: null, retryFirstMs: 200,
  retryMaxMs: 10000, heartbeatMs: 30000, queueMax: 8 << 20, inboxMax: 8 << 20, lineMax: 64 << 20, listens: true,
  onState: null, signal: null,
};

function optionsOf(aiId, given) {
  for (const name of Object.keys(given)) if (!(name in DEFAULTS)) throw new RangeError(`there is no option ${name}`);
  const said = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const options = { ...DEFAULTS, ...said, aiId };
  const { since, staysS } = options;
  if (!idFits(aiId) || aiId === 'hub')
    throw new RangeError("an aiId has 1 to 128 bytes, no control characters, and is not 'hub'");
  if (staysS && (options.observer || !(staysS >= 1 && staysS <= 86400)))
    throw new RangeError('staysS is 1 to 86400, and of no observer');
  if ((options.ca && options.fingerprint) || Boolean(options.cert) !== Boolean(options.key))
    throw new RangeError('ca or fingerprint; cert with key');
  if (since !== null && since !== 'last' && !Number.isSafeInteger(since) && !Number.isSafeInteger(since.seq))
    throw new RangeError("since is a position, a seq, or 'last'");
  return options;
}

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const byteLength = (text) => new TextEncoder().encode(text).length;
const idFits = (text) => typeof text === 'string' && text !== '' && !/[\x00-\x1f\x7f]|\p{Surrogate}/u.test(text) &&
  byteLength(text) <= 128;

/** What JSON can't say, or the hub would not take as a message of this AI. */
function payloadCheck(value, left = DEPTH_MAX) {
  if (typeof value?.toJSON === 'function') value = value.toJSON();
  if (typeof value === 'number' && !Number.isFinite(value)) throw new RangeError(`JSON has no ${value}`);
  if (typeof value === 'string' && /\p{Surrogate}/u.test(value)) throw new RangeError('a text has half a character');
  if (typeof value !== 'object' || value === null) return;
  if (left === 0) throw new RangeError(`a payload is nested at most ${DEPTH_MAX} deep`);
  for (const [name, member] of Object.entries(value)) {
    payloadCheck(name, left);
    payloadCheck(member, left - 1);
  }
}

/** Also where crypto.randomUUID is not: on pages without TLS. */
function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

const toBase64 = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
const fromBase64 = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

async function sha256(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Those members that are not undefined or null. */
const present = (members) => Object.fromEntries(Object.entries(members).filter(([, value]) => value != null));

/**
 * Bytes in, lines out: `told` is called with each, or with null for one that is too long or not
 * UTF-8.
 */
export class Lines {
  #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  #pieces = [];
  #length = 0;

  constructor(max, told) {
    this.max = max;
    this.told = told;
  }

  feed(bytes) {
    for (let start = 0, end; ; start = end + 1) {
      end = bytes.indexOf(10, start);
      const piece = bytes.subarray(start, end < 0 ? bytes.length : end);
      this.#length += piece.length;
      if (this.#length > this.max) this.#pieces = [];
      else if (piece.length) this.#pieces.push(piece);
      if (end < 0) return;
      const line = this.#length > this.max ? null : this.#text();
      this.#pieces = [];
      this.#length = 0;
      if (line !== '') this.told(line);
    }
  }

  #text() {
    let whole = this.#pieces[0] ?? new Uint8Array();
    if (this.#pieces.length > 1) {
      whole = new Uint8Array(this.#length);
      let at = 0;
      for (const piece of this.#pieces) {
        whole.set(piece, at);
        at += piece.length;
      }
    }
    try {
      return this.#decoder.decode(whole).replace(/\r+$/, '');
    } catch {
      return null;
    }
  }
}

// ── where a hub is, and what it is shown ──

/** {host, port}, {path} of a Unix socket, or {url} of a WebSocket; `secure`: by TLS. */
function addressOf(text) {
  if (/^wss?:/.test(text)) {
    let url;
    try {
      url = new URL(text);
    } catch {
      throw new RangeError(`${text} is no address of a WebSocket`);
    }
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const secure = url.protocol === 'wss:';
    return { url: url.href, host, port: Number(url.port) || (secure ? 443 : 80), secure };
  }
  if (!inNode) throw new RangeError('a browser needs an address of a WebSocket: ws://HOST:PORT/ws');
  if (text.startsWith('unix:') && text.length > 5) return { path: text.slice(5), secure: false };
  const [, scheme = '', rest] = /^(?:(.*):\/\/)?(.*)$/s.exec(text);
  const found = /^(?:(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?|([^[\]]*:[^[\]]*:[^[\]]*))$/.exec(rest);
  const port = found?.[3] ? Number(found[3]) : PORT;
  if (!found || !['', 'khub', 'khubs'].includes(scheme) || !(port > 0 && port < 65536))
    throw new RangeError(`${text} is not HOST:PORT, [IPV6]:PORT, khubs://HOST:PORT, unix:/PATH or ws://HOST:PORT/ws`);
  return { host: found[1] ?? found[2] ?? found[4], port, secure: scheme === 'khubs' };
}

const isLoopback = (host) => /^(?:::ffff:)?127\.\d+\.\d+\.\d+$|^::1$|^localhost$/i.test(host);

/** The name of the file in which khub's commands look for a hub's token. */
function tokenPlace({ path, host, port }) {
  if (path) return `unix:${path.replaceAll('/', '%2F')}`;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

let environmentToken = '';

/** Has it the check at its end that a mistyped one has not? */
async function tokenWhole(text) {
  const digits = '0123456789abcdefghjkmnpqrstvwxyz';
  if (!new RegExp(`^khub_[${digits}]{58}$`).test(text)) return false;
  const { createHash } = await import('node:crypto');
  const check = createHash('sha256').update(text.slice(0, -6)).digest().readUInt32BE() >>> 2;
  return text.slice(-6) === [25, 20, 15, 10, 5, 0].map((shift) => digits[(check >>> shift) & 31]).join('');
}

async function tokenRead(path) {
  const { open } = await import('node:fs/promises');
  const file = await open(path).catch((error) => {
    throw new RangeError(`no token can be read: ${error.message}`);
  });
  try {
    if (process.platform !== 'win32' && (await file.stat()).mode & 0o077)
      throw new RangeError(`others may read the token in ${path}: chmod 600 it, and if they did, have it rotated`);
    const text = (await file.readFile('latin1')).replace(/[ \t\r\n]+$/, '');
    if (!(await tokenWhole(text)))
      throw new RangeError(`${path} has no token: one begins with khub_, has 63 characters, and a check at its end`);
    return text;
  } finally {
    await file.close();
  }
}

async function tokenChoose(options, address) {
  if (options.token !== null) return options.token;
  if (!inNode) return '';
  if (options.tokenFile) return tokenRead(options.tokenFile);
  const said = environment.KHUB_TOKEN?.trim();
  delete environment.KHUB_TOKEN; // so that no child has it
  if (said) {
    if (!(await tokenWhole(said)))
      throw new RangeError('$KHUB_TOKEN is no token: one begins with khub_, has 63 characters, and a check at its end');
    environmentToken = said;
  }
  if (environmentToken) return environmentToken;
  const { join } = await import('node:path');
  const { homedir } = await import('node:os');
  const { existsSync } = await import('node:fs');
  const home = environment.XDG_CONFIG_HOME || join(homedir(), '.config');
  const path = join(home, 'khub', 'tokens', tokenPlace(address));
  return existsSync(path) ? tokenRead(path) : '';
}

/** 64 hex digits, or '': the certificate is judged by who vouches for it. */
function fingerprintOf(options) {
  const wanted = options.fingerprint ?? (options.ca ? '' : environment.KHUB_FINGERPRINT ?? '');
  const digits = wanted.replace(/^sha256:/i, '').replaceAll(':', '').toLowerCase();
  if (digits && !/^[0-9a-f]{64}$/.test(digits)) throw new RangeError(`the fingerprint ${wanted} is not 64 hex digits`);
  return digits;
}

// ── the protocol: lines in, lines out, no socket and no clock ──

// What the hub answers to this connection alone; it may overtake what was missed, and says nothing
// of how far was read.
const ANSWERS = new Set(['training_sync', 'ack', 'error', 'heartbeat', 'caught_up']);
// What befalls the link by an error of the hub's: while greeting, once joined.
const VERDICTS = {
  id_in_use: ['unless_ours', 'none'],
  taken_over: ['end', 'end'],
  kicked: ['end', 'end'],
  banned: ['end', 'end'],
  protected_mode: ['end', 'end'],
  wrong_protocol: ['end', 'end'],
  connections_full: ['retry', 'retry'],
  unauthorized: ['end', 'none'],
  reserved_id: ['end', 'none'],
  shutting_down: ['retry', 'retry'],
  slow_consumer: ['retry', 'retry'],
  heartbeat_timeout: ['retry', 'retry'],
};
// Refusals of a hello that time may heal; any other ends the link.
const PASSING = new Set(['rate_limited', 'quota_exceeded', 'storage_unavailable']);

const isQuery = (type) => type.endsWith('_query');

const standsBehind = ({ messageId }) => new Refused({ code: 'storage_unavailable', in_reply_to: messageId,
  detail: 'what was said before this could not be kept: nothing came of either' });

/**
 * A link without its socket. Whoever has one tells it what happens (connecting, connected, receive,
 * lost, tick at `due`), sends what output() returns, and looks at `state` after each call. Messages
 * wait in it until they are taken; `now` is any monotonic clock's milliseconds.
 */
export class Protocol {
  state = 'waiting'; // connecting, greeting (hello said, training_sync awaited), joined, ended
  error = null;
  moves = []; // of state, not told yet
  sync = {};
  seq = 0;
  skipped = 0;
  stays = 0;
  lineLimit = LINE_MAX;
  joinedOnce = false;
  guest = false;
  // what is said
  pending = new Map();
  pendingBytes = 0;
  /** How often something could not be kept, which nothing is to overtake. */
  unkeptCount = 0;
  #out = [];
  #helloId = '';
  #beatId = '';
  #leaveId = '';
  #failures = 0;
  #unheard = 0;
  // what came
  #inbox = [];
  #inboxSize = 0;
  #current = null; // taken, and not handled
  #read = null; // position of what came, handled or not
  handled = null;
  #last = null; // message that came with a place and is not handled
  #again = 0; // messages of that seq that come once more
  #told = -1; // how far the hub was told
  #known = -1; // and has said that it was
  #resumed = false;
  #catchingUp = false;
  // its end
  closing = false;
  #leaves = false;
  #hasLeft = false;
  #frozen = false;
  lingering = false; // all is said, and that it is all: the hub's end is awaited
  #parting = ''; // '', 'asked', 'told', 'done'

  constructor(aiId, given, token, now, chance = Math.random) {
    this.options = optionsOf(aiId, given);
    this.token = token;
    this.chance = chance;
    this.due = now;
    this.capabilities = [...this.options.capabilities];
    this.resumeToken = this.options.resumeToken;
    const { since } = this.options;
    this.tells = since === 'last';
    if (since !== null && !this.tells)
      this.#read = this.handled = { seq: since.seq ?? since, part: since.part ?? 0 };
  }

  // ── its life ──

  #move(state, error = null) {
    this.state = state;
    this.error = error;
    this.moves.push([state, error]);
  }

  get ended() {
    return this.state === 'ended';
  }

  connecting(now) {
    this.due = now + CONNECT_MS;
    this.#move('connecting');
  }

  /**
   * local: what is said stays on this machine, or is encrypted. False: else the token would be shown
   * in the open, and the link has ended.
   */
  mayShow(local) {
    if (!this.token || local || this.options.tokenOpen) return true;
    this.end(new Untrusted('the token is not shown to another machine without TLS, for whoever listens on the way ' +
      'would have it: the address wants to be khubs://HOST:PORT or wss://HOST:PORT/ws'));
    return false;
  }

  connected(now, local) {
    if (!this.mayShow(local)) return;
    this.#sayHello();
    this.due = now + GREETING_MS;
    this.#move('greeting');
  }

  #drop() {
    this.#out = [];
    this.guest = this.#frozen = this.lingering = false;
    this.#leaveId = this.#parting = '';
    this.#unheard = this.stays = 0;
  }

  end(error) {
    this.#drop();
    this.due = null;
    this.#move('ended', error);
    for (const pending of [...this.pending.values()]) this.#settle(pending, error ?? new Closed('the link was closed'));
  }

  /** The try failed, or the connection is gone. */
  lost(now, error) {
    if (this.ended) return;
    if (error instanceof Untrusted && !this.joinedOnce) {
      this.end(error);
      return;
    }
    this.#failures = this.state === 'joined' ? 0 : this.#failures + 1;
    const over = this.closing && this.#allOver();
    const { retries } = this.options;
    this.#drop();
    if (over) {
      this.end(null);
    } else if (retries !== null && this.#failures >= retries) {
      this.end(error);
    } else {
      this.due = now + this.#delay();
      this.#move('waiting', error);
      this.#refuseBehind();
    }
  }

  /** Half of it is chance, so that those whom one hub's end sent away do not come back as one. */
  #delay() {
    const { retryFirstMs, retryMaxMs } = this.options;
    const delay = Math.min(retryMaxMs, retryFirstMs * 2 ** Math.min(Math.max(this.#failures - 1, 0), 64));
    return delay * (1 - this.chance() / 2);
  }

  get overflows() {
    return this.#inboxSize > OVERFLOW * this.options.inboxMax;
  }

  get wantsReading() {
    return this.#inboxSize < this.options.inboxMax || this.pending.size > 0 || this.closing;
  }

  /** What is due is done. */
  tick(now) {
    if (this.due !== null && now >= this.due) {
      if (this.state === 'greeting') this.lost(now, new Unreachable('the hub has not answered the hello'));
      else if (this.state === 'connecting') this.lost(now, new Unreachable("the hub can't be reached in time"));
      else if (this.state === 'joined' && (this.lingering || this.#parting)) this.end(null);
      else if (this.state === 'joined' && this.#leaveId)
        this.lost(now, new Unreachable('the hub has not answered the leave'));
      else if (this.state === 'joined') this.#beat(now);
    }
    if (this.closing && !this.ended) this.#closeOn(now);
  }

  #beat(now) {
    if (this.#unheard >= UNHEARD_MAX && this.wantsReading) {
      this.lost(now, new Unreachable(`the hub has not answered ${this.#unheard} heartbeats`));
      return;
    }
    if (this.guest) {
      this.#failures += 1;
      this.#sayHello();
    } else if (this.#out.length === 0) {
      this.#heartbeat();
    }
    this.#unheard = this.wantsReading ? this.#unheard + 1 : 0;
    this.due = now + (this.guest ? this.#delay() : this.options.heartbeatMs);
  }

  // ── its end ──

  /**
   * Nothing more is published; once all is answered, and the hub knows how far was read, the link
   * ends.
   */
  close(leave = false) {
    this.closing = true;
    this.#leaves ||= leave && !this.options.observer;
  }

  #allOver() {
    if (this.pending.size) return false;
    if (this.#leaves) return this.#hasLeft;
    if (!this.tells || this.handled === null || this.#parting === 'done') return true;
    return !this.handled.part && this.#known >= this.handled.seq;
  }

  #closeOn(now) {
    if (this.lingering) return;
    const joined = this.state === 'joined';
    if (this.#allOver()) {
      if (joined) {
        this.lingering = true;
        this.due = now + PARTING_MS;
      } else {
        this.end(null);
      }
    } else if (!joined || this.pending.size) {
      return;
    } else if (this.#leaves && !this.#leaveId) {
      this.#leaveId = this.#say('leave', {});
      this.due = now + PARTING_MS;
    } else if (!this.#leaves && !this.#parting && !this.#catchingUp) {
      this.#parting = 'asked';
      this.#heartbeat();
      this.due = now + PARTING_MS;
    }
  }

  // ── how far was read ──

  /** All up to here was handled. */
  get cursor() {
    if (this.handled === null) return 0;
    return this.handled.part ? this.handled.seq - 1 : this.handled.seq;
  }

  /** All up to this seq has come. */
  #whole(seq) {
    if (this.#read !== null && seq < this.#read.seq) return;
    this.#read = { seq, part: 0 };
    if (this.#last !== null) this.#last.position = this.#read;
    else this.handled = this.#read;
  }

  /** On an earlier connection. */
  #cameBefore(seq) {
    const read = this.#read;
    if (!this.#resumed || read === null || seq > read.seq) return false;
    if (seq === read.seq && read.part) {
      this.#again -= 1;
      return this.#again >= 0;
    }
    return true;
  }

  /** How far all has come with this one. */
  #note(message) {
    const { seq } = message;
    const before = this.#read;
    if (before !== null && seq > before.seq) {
      this.#whole(seq - 1);
      this.#again = 0;
    }
    const read = this.#read;
    this.#read = { seq, part: read !== null && seq === read.seq ? read.part + 1 : 1 };
    message.position = this.#read;
  }

  // ── lines out ──

  /** The line of a message, without its end. Throws RangeError, TypeError or TooLong. */
  encode(type, payload, target, messageId) {
    if (!isObject(payload)) throw new TypeError('a payload is an object');
    payloadCheck(payload);
    if ((target && !idFits(target)) || !idFits(messageId))
      throw new RangeError('an id has 1 to 128 bytes and no control characters');
    const line = JSON.stringify({ message_id: messageId, sender_id: this.options.aiId, message_type: type,
      timestamp: new Date().toISOString(), payload, target_ai: target || null });
    const bytes = byteLength(line);
    if (bytes > this.lineLimit) throw new TooLong(`the message has ${bytes} bytes; the hub takes ${this.lineLimit}`);
    return { line, bytes };
  }

  /** Of the link's own: it has answers of its own, and is not said again. */
  #say(type, payload) {
    const messageId = uuid();
    this.#out.push(this.encode(type, payload, null, messageId).line);
    return messageId;
  }

  /** The payload of a hello, but for what is shown to the hub on a new connection alone. */
  hello() {
    const { options } = this;
    return { specialization: options.specialization, version: options.version, features_supported: options.features,
      capabilities: this.capabilities, collaboration_ready: options.collaborationReady, protocol: 2, room: options.room,
      role: options.observer ? 'observer' : 'member', acks: true,
      ...(options.syncMax !== null && { sync: options.syncMax || 'none' }),
      ...(options.staysS && { stays_s: options.staysS }) };
  }

  #sayHello() {
    const payload = this.hello();
    if (this.resumeToken) payload.resume_token = this.resumeToken;
    if (this.token) payload.token = this.token;
    this.#resumed = this.#catchingUp = this.handled !== null || this.tells;
    if (this.#resumed) {
      payload.since = this.handled === null ? 'last' : this.cursor;
      this.#told = this.cursor;
    }
    this.#again = this.#read?.part ?? 0;
    this.#helloId = this.#say('hello', payload);
  }

  #heartbeat() {
    this.#beatId = this.#say('heartbeat', this.tells && this.handled ? { seq: this.cursor } : {});
    this.#told = this.cursor;
  }

  /** Has the queue room for it? What is longer than the whole queue goes alone. */
  hasRoom(bytes) {
    return this.pending.size === 0 || this.pendingBytes + bytes <= this.options.queueMax;
  }

  /**
   * Publishes or asks: it is kept until it is answered. `pending` has messageId, type, line, bytes,
   * answeredBy (type of the message that answers it beside the ack), and settled(error), called
   * once; `outcome` and `answer` are then in it. `behind` is the link's own: what it stands behind
   * could not be kept, and the hub refuses it, if it gets it.
   */
  add(pending) {
    if (this.closing || this.ended) throw this.error ?? new Closed('the link was closed');
    if (this.pending.has(pending.messageId)) throw new RangeError(`${pending.messageId} is under way already`);
    this.pending.set(pending.messageId, pending);
    this.pendingBytes += pending.bytes;
    if (this.state === 'joined' && !this.guest) this.#out.push(pending.line);
  }

  /** A hello with other capabilities; later connections say them as well. */
  change(capabilities) {
    this.capabilities = [...capabilities];
    if (this.state === 'greeting' || this.state === 'joined') this.#say('hello', this.hello());
  }

  /** Lines that are to be sent now. */
  output() {
    return this.#out.splice(0, 256);
  }

  #settle(pending, error = null) {
    if (!this.pending.delete(pending.messageId)) return;
    this.pendingBytes -= pending.bytes;
    pending.settled(error);
  }

  // ── lines in ──

  /** A line of the hub's, without its end; null for one that could not be read. */
  receive(line, now) {
    if (this.state !== 'greeting' && this.state !== 'joined') return;
    this.heard(now);
    const message = line === null ? null : Message.parse(line);
    if (message === null) {
      this.skipped += 1;
      return;
    }
    this.seq = Math.max(this.seq, message.seq);
    const fromHub = message.sender === 'hub';
    if (fromHub && message.type === 'training_sync') {
      this.#synced(message, now);
      return;
    }
    const answers = ANSWERS.has(message.type) || message.type.endsWith('_result');
    if (!fromHub || !answers || message.payload.code === 'no_reply') {
      if (message.seq && this.#cameBefore(message.seq)) return;
      if (this.closing) {
        this.#passBy(message);
      } else {
        if (message.seq) this.#note(message);
        this.#deliver(message);
      }
      if (fromHub) {
        this.#answer(message);
        this.#left(message);
      }
      return;
    }
    if (message.type === 'heartbeat' || message.type === 'caught_up') this.#upto(message, now);
    if (message.type === 'caught_up' || (message.type === 'error' && !this.#isAwaited(message))) {
      message.seq = 0;
      this.#deliver(message);
    }
    this.#answer(message);
    if (message.type === 'error') {
      this.#left(message);
      this.#obey(message.payload, now);
    }
  }

  /** Some bytes of the hub's have come, if no whole line. */
  heard(now) {
    this.#unheard = 0;
    if (this.state === 'greeting') this.due = now + GREETING_MS;
  }

  #isAwaited({ payload: { in_reply_to: reply } }) {
    return Boolean(reply) && (this.pending.has(reply) || reply === this.#helloId || reply === this.#leaveId);
  }

  #deliver(message) {
    if (!this.options.listens || this.closing) {
      if (message.position && !this.closing) this.handled = message.position;
      return;
    }
    this.#inbox.push(message);
    this.#inboxSize += message.line.length;
    if (message.position) this.#last = message;
  }

  /** It comes while the link is being closed, and will not be handled: not on this link. */
  #passBy(message) {
    if (!message.seq || this.#frozen || this.#parting === 'told') return;
    if (this.#read !== null) this.#whole(message.seq - 1);
    this.#frozen = true;
  }

  /** The next message, or null; the one before it is handled by that. */
  take() {
    this.handle();
    const message = this.#inbox.shift();
    if (!message) return null;
    this.#inboxSize -= message.line.length;
    this.#current = message;
    return message;
  }

  /** The message that was taken last is handled. */
  handle() {
    const message = this.#current;
    this.#current = null;
    if (message === null) return;
    if (message.position) this.handled = message.position;
    if (message === this.#last) this.#last = null;
  }

  /** More was handled than the hub was told of: it is, soon. */
  toldSoon(now) {
    if (this.tells && this.state === 'joined' && !this.closing && !this.guest && this.cursor > this.#told)
      this.due = Math.min(this.due ?? now, now + TELL_MS);
  }

  #synced(message, now) {
    const { payload } = message;
    const first = this.state === 'greeting', wasGuest = this.guest;
    if (typeof payload.resume_token === 'string') this.resumeToken = payload.resume_token;
    const limit = payload.limits?.max_line;
    if (Number.isSafeInteger(limit) && limit > 0) this.lineLimit = limit;
    this.stays = Number.isSafeInteger(payload.stays_s) ? payload.stays_s : 0;
    this.guest = payload.kept === false;
    this.#known = this.#told;
    this.sync = payload;
    if ((first || wasGuest) && !this.#resumed) this.#read = this.handled = { seq: message.seq, part: 0 };
    else if (first && this.#read === null && Number.isSafeInteger(payload.cursor)) // where 'last' was
      this.#read = this.handled = { seq: payload.cursor, part: 0 };
    if (first || (wasGuest && !this.guest)) {
      if (!this.guest) {
        for (const { line } of this.pending.values()) this.#out.push(line);
        this.#failures = 0;
      }
      this.due = now + (this.guest ? this.#delay() : this.options.heartbeatMs);
    }
    if (first) {
      this.joinedOnce = true;
      this.#move('joined');
    }
  }

  /**
   * The hub's word on how far this AI has all: the end of what it missed; and the answer to a
   * heartbeat, which comes behind all that was before it, unless that is still to come again.
   */
  #upto(message, now) {
    const { seq, in_reply_to: reply } = message.payload;
    const mine = reply === this.#beatId;
    if (!Number.isSafeInteger(seq) || this.state !== 'joined') return;
    if (message.type === 'caught_up') {
      this.#catchingUp = false;
      for (const pending of [...this.pending.values()]) this.#settleIfWhole(pending);
    }
    if (mine) this.#known = this.#told;
    if (this.#catchingUp || this.guest) return;
    if (!this.#frozen && (this.#read !== null || this.tells)) {
      this.#whole(seq);
      this.toldSoon(now);
    }
    if (mine && this.#parting === 'told') {
      this.#parting = 'done';
    } else if (mine && this.#parting === 'asked') {
      this.#parting = 'told';
      this.#heartbeat();
    }
  }

  /** All that a message causes comes before its ack, unless what was missed still comes. */
  #settleIfWhole(pending) {
    if (pending.outcome && (pending.answer || !pending.answeredBy || !this.#catchingUp)) this.#settle(pending);
  }

  #answer(message) {
    const { type, payload } = message;
    const pending = this.pending.get(type === 'ack' ? payload.message_id : payload.in_reply_to);
    if (!pending) return;
    if (type === 'error' && payload.code !== 'no_reply') {
      if (payload.code === 'storage_unavailable' && payload.behind === null) this.#unkept(pending);
      this.#settle(pending, new Refused(payload));
    } else if (type === 'ack' && Number.isSafeInteger(payload.seq)) {
      pending.outcome = { messageId: pending.messageId, seq: payload.seq, delivered: payload.delivered === true,
        stored: payload.stored === true };
      this.#settleIfWhole(pending);
    } else if (isQuery(pending.type) && type.endsWith('_result')) {
      pending.answer = payload;
      this.#settle(pending);
    } else if (type === pending.answeredBy) {
      pending.answer = payload;
      this.#settleIfWhole(pending);
    }
  }

  /**
   * The hub could not keep it, and takes nothing that stands behind it before it hears that this is
   * known. So it hears it in front of all that is said from now on.
   */
  #unkept(pending) {
    this.unkeptCount += 1;
    const published = [...this.pending.values()].filter((other) => !isQuery(other.type));
    for (const other of published.slice(published.indexOf(pending) + 1)) other.behind = true;
    this.#say('heartbeat', { refused: pending.messageId });
  }

  /** The connection is lost, and with it the hub's word on these. */
  #refuseBehind() {
    for (const pending of [...this.pending.values()].filter(({ behind }) => behind))
      this.#settle(pending, standsBehind(pending));
  }

  /** The hub's word on our leave; one that does not know it says so. */
  #left({ type, payload }) {
    if (this.#leaveId && ((type === 'presence' && payload.ai_id === this.options.aiId) ||
        (type === 'error' && payload.in_reply_to === this.#leaveId)))
      this.#hasLeft = true;
  }

  /**
   * The hub's room is not as far as this AI: it is another one, in which what came has no place.
   */
  #beginAnew() {
    this.#read = this.handled = this.#last = null;
    for (const message of this.#inbox) message.position = null;
    if (this.#current) this.#current.position = null;
  }

  /**
   * Much more than inboxMax waits to be taken: what has a place is let go, and with the connection,
   * for it comes again on the next.
   */
  overflow(now) {
    this.#inbox = this.#inbox.filter((message) => message.position === null);
    this.#inboxSize = this.#inbox.reduce((sum, message) => sum + message.line.length, 0);
    this.#last = this.#current?.position ? this.#current : null;
    this.#read = this.#last?.position ?? this.handled;
    this.lost(now, new Unreachable('too much waits to be taken: the connection was let go'));
  }

  #verdict({ code, in_reply_to: reply }) {
    const joined = this.state === 'joined';
    if (Object.hasOwn(VERDICTS, String(code))) {
      const verdict = VERDICTS[code][joined ? 1 : 0];
      if (verdict !== 'unless_ours') return verdict;
      return this.joinedOnce || this.resumeToken ? 'retry' : 'end';
    }
    if (joined || reply !== this.#helloId) return 'none';
    return PASSING.has(code) ? 'retry' : 'end';
  }

  #obey(payload, now) {
    if (this.state !== 'greeting' && this.state !== 'joined') return;
    let verdict = this.#verdict(payload);
    if (this.state === 'greeting' && this.#resumed && payload.code === 'bad_payload' &&
        payload.in_reply_to === this.#helloId && this.handled !== null) {
      this.#beginAnew();
      verdict = 'retry';
    }
    if (verdict === 'end') this.end(new Refused(payload));
    else if (verdict === 'retry') this.lost(now, new Unreachable(`the hub: ${new Refused(payload).message}`));
  }
}

// ── what carries its lines ──
//
// A wire tells its link connected(wire, local), heard(wire), came(wire, line), lost(wire, error) and
// drained(wire). It has write(lines), full, pause(whether), finish() (nothing more is said; the
// hub's end is awaited) and close().

/** TCP, TLS or a Unix socket, of Node. */
class SocketWire {
  full = false;
  #socket = null;
  #closed = false;

  constructor(address, options, link) {
    this.link = link;
    this.#connect(address, options).catch((error) => this.#lost(new Unreachable(error.message, { cause: error })));
  }

  async #connect(address, options) {
    const net = await import('node:net');
    if (this.#closed) return;
    const { host, port, path } = address;
    const socket = net.connect(path ? { path } : { host, port, noDelay: true });
    this.#socket = socket;
    const gone = (error) => this.#lost(new Unreachable(`no connection to the hub: ${error.message}`, { cause: error }));
    socket.on('error', gone);
    await new Promise((resolve) => socket.once('connect', resolve));
    if (this.#closed) return;
    if (!path && socket.remotePort === socket.localPort && socket.remoteAddress === socket.localAddress) {
      gone(new Error('it was one to itself')); // of a free port
    } else if (address.secure) {
      await this.#secure(address, options, socket);
    } else {
      this.#listen(socket, options);
      this.link.connected(this, Boolean(path) || isLoopback(socket.remoteAddress));
    }
  }

  async #secure({ host }, options, socket) {
    const [tls, { isIP }, { readFile }] = await Promise.all([import('node:tls'), import('node:net'),
      import('node:fs/promises')]);
    const wanted = fingerprintOf(options);
    const read = (path) => (path ? readFile(path) : undefined);
    let papers;
    try {
      papers = await Promise.all([options.ca, options.cert, options.key].map(read));
    } catch (error) {
      this.#lost(new Untrusted(`no TLS: ${error.message}`, { cause: error }));
      return;
    }
    if (this.#closed) return;
    const [ca, cert, key] = papers;
    const secure = tls.connect({ socket, host, servername: isIP(host) ? '' : host, ca, cert, key, minVersion: 'TLSv1.2',
      rejectUnauthorized: !wanted });
    this.#socket = secure;
    secure.on('error', (error) => {
      // What the hub has against our certificate comes after the handshake. An end is no judgement.
      const ended = error.syscall || error.code === 'ECONNRESET' || this.link.state === 'joined';
      this.#lost(ended ? new Unreachable(`the connection was lost: ${error.message}`, { cause: error }) :
        new Untrusted(`the hub is not to be trusted: ${error.message}`, { cause: error }));
    });
    secure.once('secureConnect', () => {
      const found = secure.getPeerCertificate().fingerprint256?.replaceAll(':', '').toLowerCase();
      if (wanted && found !== wanted)
        this.#lost(new Untrusted(`the hub's certificate has the fingerprint sha256:${found}, not sha256:${wanted}`));
      else if (!this.#closed) this.link.connected(this, true);
    });
    this.#listen(secure, options);
  }

  #listen(socket, options) {
    const lines = new Lines(options.lineMax, (line) => this.link.came(this, line));
    socket.on('data', (bytes) => {
      this.link.heard(this);
      lines.feed(bytes);
    });
    socket.on('drain', () => {
      this.full = false;
      this.link.drained(this);
    });
    for (const event of ['end', 'close'])
      socket.on(event, () => this.#lost(new Unreachable('the hub closed the connection')));
  }

  #lost(error) {
    if (!this.#closed) this.link.lost(this, error);
  }

  write(lines) {
    this.full = !this.#socket.write(`${lines.join('\n')}\n`);
  }

  pause(whether) {
    if (whether) this.#socket.pause();
    else this.#socket.resume();
  }

  finish() {
    this.#socket.end();
  }

  close() {
    this.#closed = true;
    this.#socket?.destroy();
  }
}

/**
 * A gateway on another machine wants a token in the handshake, of which a page chooses nothing but
 * the protocols that it offers. (One that is none is left for the hub to refuse.)
 */
const bearerOf = (token) => /^khub_\w+$/.test(token) ? [`khub.bearer.${token}`] : [];

/** A WebSocket, of browsers and Node: each message is a line. */
class WebWire {
  #timer = null;
  #closed = false;

  constructor({ url, host, secure }, options, link) {
    this.socket = new WebSocket(url, ['khub', ...bearerOf(link.protocol.token)]);
    this.link = link;
    this.socket.addEventListener('open', () => this.#closed || link.connected(this, secure || isLoopback(host)));
    this.socket.addEventListener('message', ({ data }) => {
      if (!this.#closed) link.came(this, typeof data === 'string' && data.length <= options.lineMax ? data : null);
    });
    this.socket.addEventListener('close', ({ code, reason }) => this.#closed || link.lost(this,
      new Unreachable(`the WebSocket was closed: ${code} ${reason}`)));
    this.socket.addEventListener('error', () => {}); // its close says the same
  }

  /** A WebSocket does not say when it has sent what it was given. */
  get full() {
    const full = this.socket.bufferedAmount > WEB_BUFFER_MAX;
    if (full) this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.link.drained(this);
    }, WEB_LOOK_MS);
    return full;
  }

  write(lines) {
    for (const line of lines) this.socket.send(line);
  }

  pause() {}

  finish() {
    this.socket.close(1000);
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.socket.close();
  }
}

/** A Protocol and its wire, a connection at a time; one timer. */
class Link {
  #wire = null;
  #timer = null;
  #armed = null; // for then
  #started = false;
  #finished = false;
  #paused = false;
  #waiters = new Set();
  #queue = []; // of what waits for room among what is not answered
  #joining = null;
  #fetching = Promise.resolve(); // a file

  constructor(aiId, given) {
    this.protocol = new Protocol(aiId, given, '', performance.now());
    this.options = this.protocol.options;
    const { options } = this;
    this.address = addressOf(options.address ?? environment.KHUB_HUB ?? (inNode ? `127.0.0.1:${PORT}` : ''));
    if (this.address.secure && !this.address.url) fingerprintOf(options);
  }

  get state() {
    return this.protocol.state;
  }

  // ── its life ──

  join() {
    this.#joining ??= this.#join();
    return this.#joining;
  }

  async #join() {
    const { protocol, options } = this;
    const { signal } = options;
    try {
      protocol.token = await tokenChoose(options, this.address);
    } catch (error) {
      this.#end(error);
      throw error;
    }
    this.#started = true;
    signal?.addEventListener('abort', this.#abort);
    if (signal?.aborted) this.#abort();
    this.#step();
    while (!protocol.joinedOnce && !protocol.ended) await this.change();
    if (!protocol.joinedOnce) throw protocol.error ?? new Closed('the link was closed');
  }

  #abort = () => this.#end(new Closed('the link was aborted', { cause: this.options.signal.reason }));

  #end(error) {
    if (this.protocol.ended) return;
    this.protocol.end(error);
    this.turn();
  }

  #step() {
    const { protocol } = this;
    const now = performance.now();
    this.#armed = null;
    if (protocol.state === 'waiting' && now >= protocol.due) {
      protocol.connecting(now);
      this.#paused = this.#finished = false;
      const { url, host, secure } = this.address;
      try {
        if (!url) this.#wire = new SocketWire(this.address, this.options, this);
        else if (protocol.mayShow(secure || isLoopback(host))) this.#wire = new WebWire(this.address, this.options, this);
      } catch (error) { // there are no WebSockets here, or none may go there
        protocol.end(new Unreachable(error.message, { cause: error }));
      }
    }
    protocol.tick(now);
    this.turn();
  }

  connected(wire, local) {
    if (wire !== this.#wire) return;
    this.protocol.connected(performance.now(), local);
    this.turn();
  }

  heard(wire) {
    if (wire === this.#wire) this.protocol.heard(performance.now());
  }

  came(wire, line) {
    if (wire !== this.#wire) return;
    this.protocol.receive(line, performance.now());
    this.turn();
  }

  drained(wire) {
    if (wire === this.#wire) this.turn();
  }

  lost(wire, error) {
    if (wire !== this.#wire) return;
    this.protocol.lost(performance.now(), error);
    this.turn();
  }

  /** Does what follows from what happened, and wakes who waits for it. */
  turn() {
    const { protocol } = this;
    if (protocol.overflows && protocol.state === 'joined') protocol.overflow(performance.now());
    this.#admit();
    if (protocol.closing && !protocol.ended) protocol.tick(performance.now());
    if (protocol.state === 'greeting' || protocol.state === 'joined') this.#send();
    if (protocol.state === 'waiting' || protocol.ended) this.#drop();
    for (const [state, error] of protocol.moves.splice(0)) this.#tell(state, error);
    this.#arm();
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const waiter of waiters) waiter();
  }

  #send() {
    const { protocol } = this;
    for (let lines; !this.#wire.full && (lines = protocol.output()).length;) this.#wire.write(lines);
    if (protocol.lingering && !this.#finished) {
      this.#finished = true;
      this.#wire.finish();
    }
    if (protocol.wantsReading === this.#paused) {
      this.#paused = !protocol.wantsReading;
      this.#wire.pause(this.#paused);
    }
  }

  #drop() {
    const wire = this.#wire;
    this.#wire = null;
    wire?.close();
    if (this.protocol.ended) this.options.signal?.removeEventListener('abort', this.#abort);
  }

  #tell(state, error) {
    try {
      this.options.onState?.(state, error);
    } catch (fault) { // the program's, and told to it; the link goes on
      queueMicrotask(() => {
        throw fault;
      });
    }
  }

  #arm() {
    const { due } = this.protocol;
    if (due === this.#armed || !this.#started) return;
    clearTimeout(this.#timer);
    this.#armed = due;
    if (due !== null)
      this.#timer = setTimeout(() => this.#step(), Math.min(Math.max(due - performance.now(), 0), TIMER_MAX));
  }

  /** Waits until something has changed; or for so long. */
  change(ms = null) {
    return new Promise((resolve) => {
      let timer = null;
      const waiter = () => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
        resolve();
      };
      this.#waiters.add(waiter);
      if (ms !== null) timer = setTimeout(waiter, Math.min(Math.max(ms, 0), TIMER_MAX));
    });
  }

  /** After timeoutMs it ends in any case. */
  async close(leave, timeoutMs) {
    const { protocol } = this;
    const end = timeoutMs === null ? Infinity : performance.now() + timeoutMs;
    const left = () => (end === Infinity ? null : end - performance.now());
    if (!this.#joining) this.#end(null);
    while (this.#queue.length && !protocol.ended && performance.now() < end) await this.change(left());
    if (!protocol.ended) protocol.close(leave);
    this.turn();
    while (!protocol.ended && performance.now() < end) await this.change(left());
    this.#end(new Closed('the link was closed before all was answered'));
  }

  // ── what is said, and what came ──

  /** The promise of the pending, with its outcome or answer. */
  say(type, payload, target = null, messageId = null, answeredBy = null) {
    return new Promise((resolve, reject) => {
      if (!this.#joining) throw new Closed('the link has not joined');
      messageId ??= uuid();
      const pending = { messageId, type, ...this.protocol.encode(type, payload, target, messageId), answeredBy,
        outcome: null, answer: null, unkeptCount: this.protocol.unkeptCount,
        settled: (error) => (error ? reject(error) : resolve(pending)) };
      if (this.protocol.closing || this.protocol.ended) this.protocol.add(pending); // which throws
      this.#queue.push(pending);
      this.turn();
    });
  }

  #admit() {
    while (this.#queue.length && (this.protocol.ended || this.protocol.hasRoom(this.#queue[0].bytes))) {
      const pending = this.#queue.shift();
      try {
        if (pending.unkeptCount !== this.protocol.unkeptCount && !isQuery(pending.type)) throw standsBehind(pending);
        this.protocol.add(pending);
      } catch (error) {
        pending.settled(error);
      }
    }
  }

  async ask(query, payload) {
    if (!isQuery(query)) throw new RangeError(`${query} is no query`);
    return (await this.say(query, payload)).answer ?? {};
  }

  /** The next message, by which the one before it is handled; null when none came in time. */
  async take(timeoutMs = null) {
    const { protocol } = this;
    const end = timeoutMs === null ? null : performance.now() + timeoutMs;
    this.handled();
    for (;;) {
      const message = protocol.take();
      if (message) {
        if (this.#paused) this.turn(); // there is room again
        return message;
      }
      if (protocol.ended) throw protocol.error ?? new Closed('the link was closed');
      const left = end === null ? null : end - performance.now();
      if (left !== null && left <= 0) return null;
      await this.change(left);
    }
  }

  handled() {
    const { due } = this.protocol;
    this.protocol.handle();
    this.protocol.toldSoon(performance.now());
    if (due !== this.protocol.due) this.#arm();
  }

  // ── what takes more than one word ──

  async putArtifact(data, offer) {
    const { session_id: sessionId, name } = offer;
    const whole = { ...offer, size: data.length, sha256: await sha256(data) };
    let told = null, size = 0; // of a chunk
    while (told === null || told.status === 'open') {
      if (told === null) { // at the beginning; or it was lost with a connection how far it is
        told = (await this.say('artifact_offer', whole, null, null, 'artifact')).answer;
        size = told?.chunk ?? size;
      } else {
        const { next } = told;
        told = (await this.say('artifact_chunk', { session_id: sessionId, name, index: next,
          data: toBase64(data.subarray(next * size, (next + 1) * size)) }, null, null, 'artifact')).answer;
      }
    }
    if (told.status !== 'kept')
      throw new Refused({ ...told, code: 'conflict', detail: 'somebody else wrote that name meanwhile' });
    return told;
  }

  /** One after the other: the hub answers one at a time. */
  getArtifact(sessionId, name) {
    const found = this.#fetching.then(() => this.#getArtifact(sessionId, name));
    this.#fetching = found.catch(() => {});
    return found;
  }

  async #getArtifact(sessionId, name) {
    const files = await this.pages('artifact_query', { session_id: sessionId, name }, 'artifacts');
    const kept = files.find((file) => file.status === 'kept');
    if (!kept) throw new Refused({ code: 'not_found', detail: `there is no file ${name} that this AI may read` });
    const data = new Uint8Array(kept.size);
    for (let index = 0, at = 0; index < kept.chunks; index++) { // whatever has the name meanwhile
      const part = await this.ask('artifact_query', { session_id: sessionId, sha256: kept.sha256, index });
      const bytes = fromBase64(part.data);
      data.set(bytes, at);
      at += bytes.length;
    }
    if (await sha256(data) !== kept.sha256) throw new KhubError(`${name} is not what its sha256 says`);
    return data;
  }

  async pages(query, payload, member) {
    const found = [];
    for (let after = null; ;) {
      const page = await this.ask(query, present({ ...payload, after }));
      found.push(...page[member]);
      after = page.next;
      if (after === null) return found;
    }
  }
}

// ── what a program has ──

/**
 * The right to work on `key`, as the `lease` of what is shared under it: refused once somebody else
 * has it.
 */
const named = (lease) => lease && { key: lease.key, fence: lease.fence };

export class Client {
  #link;
  #callbacks = [];

  constructor(aiId, options = {}) {
    this.aiId = aiId;
    this.#link = new Link(aiId, options);
  }

  get state() {
    return this.#link.protocol.state;
  }

  get sync() {
    return this.#link.protocol.sync;
  }

  get position() {
    return this.#link.protocol.handled;
  }

  get resumeToken() {
    return this.#link.protocol.resumeToken;
  }

  get stays() {
    return this.#link.protocol.stays;
  }

  get skipped() {
    return this.#link.protocol.skipped;
  }

  join() {
    return this.#link.join();
  }

  async close({ leave = false, timeoutMs = null, handled = true } = {}) {
    if (handled) this.#link.handled();
    await this.#link.close(leave, timeoutMs);
  }

  // ── what came ──

  receive({ timeoutMs = null } = {}) {
    return this.#link.take(timeoutMs);
  }

  handled() {
    this.#link.handled();
  }

  async *[Symbol.asyncIterator]() {
    for (;;) {
      try {
        yield await this.#link.take();
      } catch (error) {
        if (error instanceof Closed) return;
        throw error;
      }
    }
  }

  on(types, callback) {
    this.#callbacks.push({ types: types === null ? null : [types].flat(), callback });
    return this;
  }

  async run() {
    await this.join();
    for await (const message of this) {
      try {
        for (const { types, callback } of this.#callbacks)
          if (types === null || types.includes(message.type)) await callback(message);
      } catch (error) { // the message was not handled
        await this.close({ timeoutMs: 2000, handled: false });
        throw error;
      }
    }
  }

  // ── what is said ──

  async publish(type, payload, { target = null, messageId = null } = {}) {
    return (await this.#link.say(type, payload, target, messageId)).outcome;
  }

  chat(text, { to = null, inReplyTo = null, replyBy = null } = {}) {
    const payload = present({ text, in_reply_to: inReplyTo?.messageId, reply_by: replyBy });
    return this.publish('chat', payload, { target: to });
  }

  sharePattern(pattern, { lease = null } = {}) {
    return this.publish('pattern_share', present({ pattern, lease: named(lease) }));
  }

  shareCode(code, { lease = null } = {}) {
    return this.publish('code_share', present({ code, lease: named(lease) }));
  }

  shareComponent(component, { lease = null } = {}) {
    return this.publish('os_component_share', present({ component, lease: named(lease) }));
  }

  report(componentId, performance) {
    return this.publish('performance_report', { component_id: componentId, performance });
  }

  requestFeature(feature, requirements = {}) {
    return this.publish('feature_request', { feature, requirements });
  }

  answerFeature(requestor, feature, component) {
    return this.publish('os_component_share', { component, original_requestor: requestor, feature_name: feature },
      { target: requestor });
  }

  commit(subject, subjectVersion, sha256) {
    return this.publish('commitment', { subject, subject_version: subjectVersion, sha256 });
  }

  async changeCapabilities(capabilities) {
    this.#link.protocol.change(capabilities);
    this.#link.turn();
  }

  // ── who works on what ──

  async claim(key, { ttlS = 60, intent = null } = {}) {
    const payload = present({ key, ttl_s: ttlS, intent });
    for (;;) {
      const { answer } = await this.#link.say('lease_request', payload, null, null, 'lease');
      if (answer) // else it was lost with a connection: the hub says it again
        return { key, holder: answer.holder, fence: answer.fence, ttlS: answer.ttl_s, intent: answer.intent ?? null,
          mine: answer.holder === this.aiId };
    }
  }

  release(lease, { done = false } = {}) {
    return this.publish('lease_release', { ...named(lease), done });
  }

  addTask(title, { body = null, key = null, needs = [], blocks = [] } = {}) {
    const some = (list) => (list.length ? list : null);
    return this.publish('task', present({ title, body, key, needs: some(needs), blocks: some(blocks) }));
  }

  finishTask(lease, evidence = []) {
    return this.publish('task', { id: lease.key.slice('task:'.length), status: 'done', fence: lease.fence, evidence });
  }

  reportEvidence(task, exit, { printed = null, index = 0 } = {}) {
    return this.publish('evidence_report', present({ task, index, exit, printed }));
  }

  touch(paths, { note = null, ttlS = null, done = false } = {}) {
    return this.publish('touch', present({ paths, note, ttl_s: ttlS, done: done || null }));
  }

  // ── questions to people ──

  async requestApproval(question, choices, fallback, timeoutS, { target = null } = {}) {
    const payload = { question, choices, default: fallback, timeout_s: timeoutS };
    return `a${(await this.publish('approval_request', payload, { target })).seq}`;
  }

  answerApproval(approvalId, choice, note = null) {
    return this.publish('approval_answer', present({ approval_id: approvalId, choice, note }));
  }

  withdrawApproval(approvalId) {
    return this.publish('approval_request', { approval_id: approvalId, withdrawn: true });
  }

  // ── sessions ──

  async openSession(type, description, { target = null, offered = [], seeking = [] } = {}) {
    const { answer } = await this.#link.say('collaboration_request', { type, description, target_ai: target ?? '',
      expertise_offered: offered, seeking_expertise: seeking }, null, null, 'collaboration_update');
    if (!answer) throw new KhubError('the hub has opened a session, and did not say which: see sessions()');
    return answer.session_id;
  }

  answerSession(sessionId, accepted = true, reason = null) {
    return this.publish('collaboration_response', present({ session_id: sessionId, accepted, reason }));
  }

  progress(sessionId, progress, note = null) {
    return this.publish('collaboration_update', present({ session_id: sessionId, progress, note }));
  }

  endSession(sessionId, status, note = null) {
    return this.publish('collaboration_update', present({ session_id: sessionId, status, note }));
  }

  completeSession(sessionId, component) {
    return this.publish('os_component_share', { component, collaboration_complete: true, session_id: sessionId });
  }

  write(sessionId, key, value, { baseVersion = 0, lease = null } = {}) {
    return this.publish('workspace_update', { session_id: sessionId, key, value, base_version: baseVersion,
      ...(lease && { lease: named(lease) }) });
  }

  async workspace(sessionId) {
    const found = {};
    for (let key = null; ;) {
      const page = await this.ask('session_query', present({ id: sessionId, key }));
      Object.assign(found, page.session.workspace);
      key = page.next;
      if (key === null) return found;
    }
  }

  putArtifact(sessionId, name, data, { baseVersion = 0, forRoom = false } = {}) {
    return this.#link.putArtifact(data, { session_id: sessionId, name, base_version: baseVersion, for_room: forRoom });
  }

  getArtifact(sessionId, name) {
    return this.#link.getArtifact(sessionId, name);
  }

  // ── questions ──

  ask(query, payload = {}) {
    return this.#link.ask(query, payload);
  }

  knowledge(wanted = {}) {
    return this.ask('knowledge_query', present(wanted));
  }

  task(id) {
    return this.ask('task_query', { id });
  }

  approval(id) {
    return this.ask('approval_query', { id });
  }

  sent(seq) {
    return this.ask('sent_query', { seq });
  }

  session(id) {
    return this.ask('session_query', { id });
  }

  member(id) {
    return this.ask('member_query', { id });
  }

  members() {
    return this.#link.pages('member_query', {}, 'members');
  }

  sessions() {
    return this.#link.pages('session_query', {}, 'sessions');
  }

  approvals(status = null) {
    return this.#link.pages('approval_query', { status }, 'approvals');
  }

  artifacts(sessionId = null) {
    return this.#link.pages('artifact_query', { session_id: sessionId }, 'artifacts');
  }

  tasks(status = null) {
    return this.#link.pages('task_query', { status }, 'tasks');
  }

  deadLetters(wanted = {}) {
    return this.#link.pages('dead_query', wanted, 'letters');
  }

  async deadLetter(id, action) {
    return (await this.#link.say('dead_letter', { id, action }, null, null, 'dead_result')).answer ?? {};
  }
}
