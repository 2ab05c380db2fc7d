// Two WebSocket clients that others wrote, at /ws: Node's own, which is what browsers have, and ws. Both offer
// compression, which nobody takes up.
import { randomUUID } from 'node:crypto';
import { WebSocket as Ws } from 'ws';
import { check, equal, main, test, withGateway } from './harness.mjs';

const urlOf = (gateway) => gateway.replace('http:', 'ws:').replace('/mcp', '/ws');

/** An AI on one of them: what it hears waits to be asked for. */
class Ai {
  constructor(Kind, url, id) {
    this.id = id;
    this.heard = [];
    this.waits = [];
    this.socket = new Kind(url, 'khub');
    this.socket.addEventListener('message', ({ data }) => this.take(JSON.parse(data)));
    this.socket.addEventListener('error', (event) => this.take({ message_type: `error: ${event.message}` }));
    this.closed = new Promise((resolve) => this.socket.addEventListener('close', ({ code, reason }) => {
      resolve([code, reason]);
      this.take({ message_type: `closed: ${code} ${reason}` });
    }));
  }

  take(message) {
    const wait = this.waits.shift();
    if (wait) wait(message);
    else this.heard.push(message);
  }

  async expect(type) {
    const message = this.heard.shift() ?? await new Promise((resolve) => this.waits.push(resolve));
    equal(message.message_type, type);
    return message;
  }

  say(message_type, payload, target_ai = null) {
    this.socket.send(JSON.stringify({ message_id: randomUUID(), sender_id: this.id, message_type,
      timestamp: new Date().toISOString(), payload, target_ai }));
  }

  async join(payload = {}) {
    await new Promise((resolve) => this.socket.addEventListener('open', resolve));
    equal(this.socket.protocol, 'khub');
    this.say('hello', { protocol: 2, ...payload });
    return (await this.expect('training_sync')).payload;
  }
}

for (const [name, Kind] of [['Node\'s own', WebSocket], ['ws', Ws]])
  test(`${name} is a full AI`, () => withGateway(async (gateway) => {
    const ada = new Ai(Kind, urlOf(gateway), 'ada');
    const { resume_token } = await ada.join();
    const bea = new Ai(Kind, urlOf(gateway), 'bea');
    await bea.join();
    await ada.expect('hello');
    for (const text of ['hello \u{1f600}', 'x'.repeat(300000)]) {
      ada.say('chat', { text }, 'bea');
      equal((await bea.expect('chat')).payload.text, text);
      bea.say('chat', { text }, 'ada');
      equal((await ada.expect('chat')).payload.text, text);
    }
    ada.socket.close(3000, 'back soon');
    equal(await ada.closed, [3000, 'back soon']);
    await bea.expect('presence');
    const again = new Ai(Kind, urlOf(gateway), 'ada');
    const { resume_token: newest } = await again.join({ resume_token });
    await bea.expect('hello');
    bea.say('chat', { text: 'there you are' });
    equal((await again.expect('chat')).payload.text, 'there you are');
    const newer = new Ai(Kind, urlOf(gateway), 'ada');
    await newer.join({ resume_token: newest });
    equal(await again.closed, [1008, 'taken_over']);
    newer.socket.send(new Uint8Array([1, 2, 3]));
    equal((await newer.closed)[0], 1003);
    bea.socket.close();
    check([1000, 1005].includes((await bea.closed)[0]), 'bea');
  }));

await main();
