// What the conformance script does not ask of clients/js, at a real hub, and at one of a few lines.
//
// usage: js_client.mjs HUB GATEWAY [PART OF A TEST'S NAME]
import { deepStrictEqual as equal, ok as check, rejects, throws } from 'node:assert/strict';
import { createServer } from 'node:net';
import * as khub from '../../clients/js/khub.js';

const [HUB, GATEWAY, PART = ''] = process.argv.slice(2);
const tests = [];
const test = (name, run) => name.includes(PART) && tests.push([name, run]);
let rooms = 0;

/** Links into a room of their own; closed at the end, whatever comes. */
async function links(names, options, run) {
  rooms += 1;
  const made = names.map((name) => new khub.Client(name, { address: HUB, room: `room ${rooms}`, retryFirstMs: 5, ...options }));
  try {
    for (const link of made) await link.join();
    await run(...made);
  } finally {
    for (const link of made) await link.close({ timeoutMs: 0 });
  }
}

/** The next of this type. */
async function next(link, type) {
  for (;;) {
    const message = await link.receive();
    if (message.type === type) return message;
  }
}

/** A hub that welcomes who comes and then does as `heard` says of each line. */
async function fakeHub(heard, run) {
  const sockets = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    const say = (type, payload) => socket.write(`${JSON.stringify({ message_id: 'm', sender_id: 'hub', message_type: type,
      timestamp: 'now', payload, seq: 1 })}\n`);
    const lines = new khub.Lines(1 << 20, (line) => {
      const message = JSON.parse(line);
      if (message.message_type === 'hello') say('training_sync', { seq: 1 });
      else heard(message, say);
    });
    socket.on('data', (bytes) => lines.feed(bytes)).on('error', () => {});
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await run(`127.0.0.1:${server.address().port}`);
  } finally {
    sockets.forEach((socket) => socket.destroy());
    server.close();
  }
}

/** A link without a socket, joined at seq 5; `said` is what it has just said. */
function joined(options) {
  const link = new khub.Protocol('ada', options, '', 0);
  const hear = (message_type, payload, seq, sender_id = 'eve') => link.receive(JSON.stringify({ message_id: 'm', sender_id,
    message_type, timestamp: 'now', payload, seq }), 0);
  const said = () => link.output().map((line) => JSON.parse(line));
  const join = () => {
    link.connecting(0);
    link.connected(0, true);
    const [hello] = said();
    hear('training_sync', { seq: 5 }, 5, 'hub');
    return hello.payload;
  };
  join();
  const again = () => {
    link.lost(0, new khub.Unreachable('cut'));
    return join();
  };
  return { link, hear, said, again, take: () => link.take()?.payload.n };
}

test('of what one message causes, nothing is lost or doubled by a cut', () => {
  const { link, hear, again, take } = joined({});
  hear('chat', { n: 1 }, 6);
  hear('chat', { n: 2 }, 6);
  equal([take(), take()], [1, 2]);
  equal(link.handled, { seq: 6, part: 1 });
  equal(again().since, 5);
  for (const n of [1, 2, 3]) hear('chat', { n }, 6);
  hear('chat', { n: 4 }, 7);
  equal([take(), take(), take()], [3, 4, undefined]);
  equal(link.handled, { seq: 7, part: 1 });
  equal(again().since, 6);
});

test('what was said is said again, in order, until it is answered', () => {
  const { link, hear, said, again } = joined({});
  const errors = [];
  for (const messageId of ['a', 'b', 'c'])
    link.add({ messageId, type: 'chat', ...link.encode('chat', { messageId }, null, messageId), answeredBy: null,
      outcome: null, answer: null, settled: (error) => errors.push([messageId, error?.code ?? null]) });
  equal(said().map((message) => message.message_id), ['a', 'b', 'c']);
  hear('ack', { message_id: 'b', seq: 6 }, 6, 'hub');
  again();
  equal(said().map((message) => message.message_id), ['a', 'c']);
  hear('error', { code: 'too_many', in_reply_to: 'c' }, 6, 'hub');
  hear('ack', { message_id: 'a', seq: 7 }, 7, 'hub');
  hear('ack', { message_id: 'a', seq: 7 }, 7, 'hub');
  equal(errors, [['b', null], ['c', 'too_many'], ['a', null]]);
  equal([link.pending.size, link.pendingBytes], [0, 0]);
});

test('what could not be kept holds up what stands behind it, until the hub hears that this is known', () => {
  const { link, hear, said, again } = joined({});
  const told = [];
  const add = (messageId, type = 'chat') => link.add({ messageId, type, ...link.encode(type, {}, null, messageId),
    answeredBy: null, outcome: null, answer: null, settled: (error) => told.push([messageId, error?.code ?? null]) });
  const what = () => said().map((message) => message.payload.refused ?? message.message_id);
  for (const messageId of ['a', 'b', 'c']) add(messageId);
  add('q', 'knowledge_query');
  equal(what(), ['a', 'b', 'c', 'q']);
  hear('error', { code: 'storage_unavailable', in_reply_to: 'b', behind: null }, 6, 'hub');
  add('d');
  equal(what(), ['b', 'd']);
  hear('error', { code: 'storage_unavailable', in_reply_to: 'q' }, 6, 'hub');
  add('q', 'knowledge_query');
  equal(what(), ['q']);
  again();
  equal(told, [['b', 'storage_unavailable'], ['q', 'storage_unavailable'], ['c', 'storage_unavailable']]);
  equal(what(), ['a', 'd', 'q']);
  add('e');
  hear('error', { code: 'storage_unavailable', in_reply_to: 'd', behind: 'a' }, 6, 'hub');
  equal(what(), ['e']);
});

test('bytes become lines, wherever they are cut', () => {
  const bytes = new TextEncoder().encode('\r\n{"é":"漢"}\r\n\n12345678901234567\n\ufeffx\n');
  for (let cut = 0; cut <= bytes.length; cut++) {
    const lines = [];
    const splitter = new khub.Lines(16, (line) => lines.push(line));
    splitter.feed(bytes.subarray(0, cut));
    splitter.feed(bytes.subarray(cut));
    splitter.feed(new Uint8Array([34, 255, 34, 10, 120]));
    equal(lines, ['{"é":"漢"}', null, '\ufeffx', null]);
  }
});

test('what JSON or the hub can\'t take is refused here', () => links(['ada'], {}, async (ada) => {
  const round = {};
  round.round = round;
  for (const payload of [{ text: 'half \ud83d' }, { '\udc00': 1 }, { x: NaN }, { x: [-Infinity] }, round])
    await rejects(ada.publish('chat', payload), RangeError);
  for (const payload of [{ x: 1n }, null, [1], 'text']) await rejects(ada.publish('chat', payload), TypeError);
  await rejects(ada.chat('x', { to: 'half \ud83d' }), RangeError);
  await rejects(ada.ask('chat'), RangeError);
  for (const options of [{ sinse: 1 }, { since: 'first' }, { since: {} }, { staysS: 86401 }, { ca: 'x', fingerprint: 'y' },
    { address: 'ws://' }, { address: 'http://x' }, { address: 'a:b:c:70000]' }, { cert: 'x' }])
    throws(() => new khub.Client('ada', options), RangeError, JSON.stringify(options));
  equal((await ada.chat('\u{1f600}')).delivered, true);
}));

test('what is beyond queueMax waits for room, in order', () => {
  const waiting = [];
  const heard = ({ message_type: type, message_id, payload }, say) => {
    if (type === 'chat') waiting.push([payload.text, () => say('ack', { message_id, seq: waiting.length + 1 })]);
    else say('heartbeat', { in_reply_to: message_id, seq: 1 });
  };
  return fakeHub(heard, async (address) => {
    const ada = new khub.Client('ada', { address, queueMax: 500 });
    await ada.join();
    const said = Promise.all(['a', 'b', 'c', 'd', 'e'].map((text) => ada.chat(text)));
    for (let acked = 0; acked < 5; acked++) {
      while (waiting.length <= acked) await new Promise(setImmediate);
      check(waiting.length - acked <= 2, `${waiting.length - acked} wait to be answered`);
      waiting[acked][1]();
    }
    await said;
    equal(waiting.map(([text]) => text), ['a', 'b', 'c', 'd', 'e']);
    await ada.close({ timeoutMs: 0 });
  });
});

test('what waits for room does not overtake what could not be kept', () => {
  const heard = [];
  return fakeHub((message, say) => heard.push([message, say]), async (address) => {
    const next = async () => {
      while (!heard.length) await new Promise(setImmediate);
      return heard.shift();
    };
    const ada = new khub.Client('ada', { address, queueMax: 500 });
    await ada.join();
    const said = Promise.allSettled(['a', 'b', 'c', 'd', 'e'].map((text) => ada.chat(text)));
    for (const text of ['a', 'b']) {
      const [{ payload, message_id }, say] = await next();
      equal(payload.text, text);
      say('error', { code: 'storage_unavailable', in_reply_to: message_id, behind: text === 'b' ? 'a' : null });
    }
    equal((await said).map(({ reason }) => reason?.code), Array(5).fill('storage_unavailable'));
    equal('refused' in (await next())[0].payload, true);
    const again = ada.chat('a');
    const [{ payload, message_id }, say] = await next();
    equal(payload.text, 'a');
    say('ack', { message_id, seq: 2 });
    equal((await again).seq, 2);
    await ada.close({ timeoutMs: 0 });
  });
});

test('close waits for what waits for room', () => links(['ada', 'bea'], { queueMax: 300 }, async (ada, bea) => {
  const said = Promise.all([0, 1, 2, 3].map((n) => ada.publish('chat', { n })));
  await ada.close();
  const seqs = (await said).map(({ seq }) => seq);
  equal(seqs, [...seqs].sort((a, b) => a - b));
  for (const n of [0, 1, 2, 3]) equal((await next(bea, 'chat')).payload.n, n);
}));

test('an abort ends the link at once', () => fakeHub(() => {}, async (address) => {
  const end = new AbortController();
  const states = [];
  const ada = new khub.Client('ada', { address, signal: end.signal, onState: (state) => states.push(state) });
  await ada.join();
  const said = rejects(ada.chat('to nobody'), khub.Closed);
  const heard = (async () => {
    for await (const _ of ada) check(false, 'a message');
  })();
  end.abort();
  await said;
  await heard;
  equal(states, ['connecting', 'greeting', 'joined', 'ended']);
  const bea = new khub.Client('bea', { address, signal: end.signal });
  await rejects(bea.join(), khub.Closed);
}));

test('a callback that fails ends run(), and its message comes again', () => links(['ada', 'bea'], { since: 'last', staysS: 60 },
  async (ada, bea) => {
    for (const n of [1, 2, 3]) await bea.publish('chat', { n }, { target: 'ada' });
    const heard = [];
    ada.on(['chat', 'never'], async ({ payload: { n } }) => {
      await new Promise(setImmediate);
      heard.push(n);
      if (n === 2) throw new Error('two');
    });
    await rejects(ada.run(), { message: 'two' });
    equal(ada.state, 'ended');
    const again = new khub.Client('ada', { address: HUB, room: `room ${rooms}`, since: 'last', staysS: 60,
      resumeToken: ada.resumeToken });
    await again.join();
    heard.push((await next(again, 'chat')).payload.n, (await next(again, 'chat')).payload.n);
    await again.close({ leave: true });
    equal(heard, [1, 2, 2, 3]);
  }));

test('$KHUB_TOKEN is kept from children, and must be whole', async () => {
  process.env.KHUB_TOKEN = 'khub_half';
  const ada = new khub.Client('ada', { address: HUB });
  await rejects(ada.join(), RangeError);
  equal(process.env.KHUB_TOKEN, undefined);
  equal(ada.state, 'ended');
  await rejects(ada.chat('x'), RangeError);
  await links(['ada'], { token: '' }, async () => {});
});

test('a WebSocket offers the token as a protocol, but not in the open', async () => {
  const { WebSocket: Real } = globalThis;
  const token = 'khub_0mn4yx4sqvhggbajeyec3sgb61aqn7y4x4736p3xmb3yr49pbe00b4ane5';
  const offered = [];
  globalThis.WebSocket = class {
    constructor(...words) {
      offered.push(words);
      throw new Error('no more');
    }
  };
  try {
    for (const [address, more, name] of [['wss://192.0.2.1/ws', { token }, 'Unreachable'],
      ['ws://localhost/ws', { token: 'not a token' }, 'Unreachable'], ['ws://192.0.2.1/ws', { token }, 'Untrusted'],
      ['ws://192.0.2.1/ws', { token: '' }, 'Unreachable'], ['ws://192.0.2.1/ws', { token, tokenOpen: true }, 'Unreachable']])
      await rejects(new khub.Client('ada', { address, ...more }).join(), { name }, address);
  } finally {
    globalThis.WebSocket = Real;
  }
  const shown = ['khub', `khub.bearer.${token}`];
  equal(offered, [['wss://192.0.2.1/ws', shown], ['ws://localhost/ws', ['khub']], ['ws://192.0.2.1/ws', ['khub']],
    ['ws://192.0.2.1/ws', shown]]);
});

for (const [name, address] of [['a socket', HUB], ['a WebSocket', GATEWAY]])
  test(`who takes nothing is not drowned over ${name}`, () => links(['ada'], { address, inboxMax: 20000 }, async (ada) => {
    const bea = new khub.Client('bea', { address: HUB, room: `room ${rooms}`, listens: false });
    await bea.join();
    for (let n = 0; n < 60; n++) await bea.publish('chat', { n, filler: 'x'.repeat(4000) });
    await bea.close();
    const heard = [];
    while (heard.length < 60) heard.push((await next(ada, 'chat')).payload.n);
    equal(heard, Array.from(heard.keys()));
  }));

test('work is claimed, and a session is worked in', () => links(['ada', 'bea'], {}, async (ada, bea) => {
  equal((await ada.members()).map((member) => member.ai_id), ['ada', 'bea']);
  const lease = await ada.claim('src/a.c', { ttlS: 600, intent: 'to see' });
  equal([lease.mine, lease.holder, lease.intent, lease.ttlS], [true, 'ada', 'to see', 600]);
  const other = await bea.claim('src/a.c');
  equal([other.mine, other.holder, other.fence], [false, 'ada', lease.fence]);
  await ada.shareCode({ id: 'mix', language: 'c', source: 'int mix;' }, { lease });
  equal((await bea.knowledge({ id: 'mix' })).entries.shared_components.mix.contributor, 'ada');
  await ada.release(lease, { done: true });
  await rejects(ada.sharePattern({ id: 'p' }, { lease }), { name: 'Refused', code: 'stale_lease' });

  const id = await ada.openSession('review', 'two at work', { target: 'bea', seeking: ['c'] });
  equal((await next(bea, 'collaboration_request')).payload.session_id, id);
  await bea.answerSession(id);
  await ada.write(id, 'k', { a: 1 });
  await rejects(bea.write(id, 'k', 2), ({ code, payload }) => code === 'conflict' && payload.version === 1 &&
    payload.value.a === 1);
  await bea.write(id, 'k', 2, { baseVersion: 1 });
  for (const key of ['l', 'm']) await ada.write(id, key, key);
  equal(await bea.workspace(id), { k: { version: 2, value: 2 }, l: { version: 1, value: 'l' }, m: { version: 1, value: 'm' } });
  await ada.completeSession(id, { name: 'c' });
  equal((await ada.session(id)).session.status, 'completed');

  const { seq } = await ada.addTask('write it', { key: 'write' });
  check(seq > 0);
  await ada.addTask('try it', { needs: ['write'] });
  const work = await bea.claim('task:write');
  await bea.finishTask(work, [{ command: 'true', exit: 0 }]);
  await ada.reportEvidence('write', 0);
  equal((await ada.tasks('done')).map((task) => task.id), ['write']);
  await rejects(ada.member('nobody'), { code: 'not_found', name: 'Refused' });
  equal(await ada.deadLetters(), []);
}));

console.log(`1..${tests.length}`);
for (const [at, [name, run]] of tests.entries()) {
  try {
    await run();
    console.log(`ok ${at + 1} - ${name}`);
  } catch (error) {
    process.exitCode = 1;
    console.log(`# ${String(error.stack).replaceAll('\n', '\n# ')}\nnot ok ${at + 1} - ${name}`);
  }
}
