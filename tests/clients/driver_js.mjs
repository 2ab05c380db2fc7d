// The conformance script's driver of clients/js: what it is told and prints is in README.md.
import * as khub from '../../clients/js/khub.js';

const ERRORS = [[khub.Refused, 'refused'], [khub.Untrusted, 'untrusted'], [khub.Unreachable, 'unreachable'],
  [khub.TooLong, 'too_long'], [khub.Closed, 'closed'], [RangeError, 'argument'], [TypeError, 'argument']];

function named(error) {
  const found = ERRORS.find(([kind]) => error instanceof kind);
  if (!found) throw error;
  return found[1];
}

const tell = (as, event, members) => process.stdout.write(`${JSON.stringify({ as, event, ...members })}\n`);
const failed = (error) => ({ error: named(error), code: error.code ?? '', payload: error.payload ?? null });
const pair = (position) => position && [position.seq, position.part];
const camel = (name) => name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());

/** A link: what it is told to do is a method of that name. */
class Driven {
  held = Promise.resolve();
  free = () => {};

  constructor({ as, do: _, ai_id: aiId, since, ...told }) {
    this.name = as;
    const options = Object.fromEntries(Object.entries(told).map(([name, value]) => [camel(name), value]));
    options.since = Array.isArray(since) ? { seq: since[0], part: since[1] } : since;
    options.onState = (state, error) => this.state(state, error);
    try {
      this.client = new khub.Client(aiId, options);
      this.handle();
    } catch (error) {
      this.state('ended', error);
    }
  }

  state(state, error) {
    tell(this.name, 'state', { state, error: error && named(error), detail: error?.message ?? '',
      code: error instanceof khub.Refused ? error.code : '' });
  }

  async handle() {
    try {
      await this.client.on(null, (message) => {
        const { held } = this;
        tell(this.name, 'message', { ...message, position: pair(message.position) });
        return held;
      }).run();
    } catch (error) {
      named(error); // its state says so
    }
  }

  async event(event, tag, promise) {
    tell(this.name, event, { tag, ...(await promise.catch(failed)) });
  }

  publish({ tag, type, payload, target, message_id: messageId }) {
    return this.event('outcome', tag, this.client.publish(type, payload, { target, messageId }));
  }

  claim({ tag, key, ttl_s: ttlS }) {
    return this.event('claimed', tag, this.client.claim(key, { ttlS }));
  }

  ask({ tag, type, payload }) {
    return this.event('answer', tag, this.client.ask(type, payload).then((answer) => ({ payload: answer })));
  }

  /** Bytes come and go as a text of as many characters. */
  call({ tag, method, words, named }) {
    const bytes = (text) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
    const text = (value) => Array.from(value, (byte) => String.fromCharCode(byte)).join('');
    const given = method === 'put_artifact' ? words.with(2, bytes(words[2])) : words;
    const options = named ? [Object.fromEntries(Object.entries(named).map(([key, value]) => [camel(key), value]))] : [];
    const called = this.client[camel(method)](...given, ...options);
    return this.event('called', tag, called.then((value) => ({ value: value instanceof Uint8Array ? text(value) : value })));
  }

  hold() {
    this.held = new Promise((resolve) => {
      this.free = resolve;
    });
  }

  go() {
    this.free();
  }

  where() {
    const { position, resumeToken, stays } = this.client;
    tell(this.name, 'where', { position: pair(position), resume_token: resumeToken, stays });
  }

  close({ leave }) {
    return this.client.close({ leave });
  }
}

const links = new Map();
const lines = new khub.Lines(64 << 20, (line) => {
  const command = JSON.parse(line);
  if (command.do === 'join') links.set(command.as, new Driven(command));
  else links.get(command.as)[command.do](command);
});
process.stdin.on('data', (bytes) => lines.feed(bytes));
process.stdin.on('end', () => process.exit(0));
