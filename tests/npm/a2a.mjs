// The SDK that A2A's makers have for JavaScript, as a client: 1.0 over both bindings, and 0.3. What an AI does in its
// tasks is said on the hub's own wire.
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { ClientFactory, DefaultAgentCardResolver, JsonRpcTransportFactory, RestTransportFactory } from '@a2a-js/sdk/client';
import { TaskNotFoundError, UnsupportedOperationError } from '@a2a-js/sdk/errors';
import { check, equal, khub, main, test, withGateway } from './harness.mjs';

const State = { SUBMITTED: 1, WORKING: 2, COMPLETED: 3, CANCELED: 5, INPUT_REQUIRED: 6, REJECTED: 7 };
const User = 1;

/** An AI that takes tasks. */
class Worker {
  static async join(hub, id, ...skills) {
    const worker = new Worker();
    const [host, port] = hub.split(':');
    worker.id = id;
    worker.socket = connect(Number(port), host);
    worker.lines = createInterface(worker.socket)[Symbol.asyncIterator]();
    worker.send('hello', { protocol: 2, capabilities: ['a2a', ...skills] });
    await worker.until('training_sync');
    return worker;
  }

  send(message_type, payload, target_ai = null) {
    this.socket.write(`${JSON.stringify({ message_id: randomUUID(), sender_id: this.id, message_type,
      timestamp: new Date().toISOString(), payload, target_ai })}\n`);
  }

  async until(type, wanted = {}) {
    for (;;) {
      const { value, done } = await this.lines.next();
      check(!done, this.id, 'was cut while it waited for', type);
      const { message_type, payload, sender_id } = JSON.parse(value);
      if (message_type === type && Object.entries(wanted).every(([name, one]) => payload[name] === one))
        return { ...payload, sender_id };
    }
  }

  /** Accepts the next task; its first words. */
  async take() {
    const offer = await this.until('collaboration_request');
    this.session = { session_id: offer.session_id };
    this.client = offer.sender_id;
    const said = await this.until('chat', this.session);
    this.send('collaboration_response', { ...this.session, accepted: true });
    await this.until('collaboration_update', { ...this.session, status: 'active' });
    return said;
  }

  say(text, a2a) {
    this.send('chat', { ...this.session, text, a2a }, this.client);
  }

  note(progress, note) {
    this.send('collaboration_update', { ...this.session, progress, note });
  }

  finish(component) {
    this.send('os_component_share', { ...this.session, collaboration_complete: true, component });
  }
}

const message = (text, more = {}) => ({ message: { messageId: randomUUID(), role: User, contextId: '', taskId: '',
  parts: [{ content: { $case: 'text', value: text }, filename: '', mediaType: '' }], extensions: [],
  referenceTaskIds: [], ...more }, tenant: '' });
const textOf = (one) => one.parts.map((part) => part.content.value).join('\n');
const stateOf = (one) => one.status.state;

const place = (gateway) => gateway.replace('/mcp', '');
const cardOf = async (gateway, path) => (await fetch(place(gateway) + path)).json();

/** Of 1.0, by the card; over that binding. */
const newest = (binding) => async (gateway, tenant) => new ClientFactory({
  transports: [new JsonRpcTransportFactory(), new RestTransportFactory()], preferredTransports: [binding],
}).createFromUrl(place(gateway), `/a2a/${tenant}/.well-known/agent-card.json`);

/** Of 0.3: what such a client knows of the card. */
async function oldest(gateway, tenant) {
  const legacyCompat = { enabled: true };
  const { supportedInterfaces, ...card } = await cardOf(gateway, `/a2a/${tenant}/.well-known/agent-card.json`);
  check(supportedInterfaces.length === 3, card);
  return new ClientFactory({
    transports: [new JsonRpcTransportFactory({ legacyCompat })],
    cardResolver: new DefaultAgentCardResolver({ legacyCompat }),
  }).createFromAgentCard(card);
}

const kinds = { '1.0 over JSON-RPC': newest('JSONRPC'), '1.0 over HTTP+JSON': newest('HTTP+JSON'), '0.3': oldest };

for (const [kind, clientOf] of Object.entries(kinds)) {
  test(`${kind}: a task is given, answers what it is asked, and ends`, () => withGateway(async (gateway, hub) => {
    const ada = await Worker.join(hub, 'ada', 'mixing');
    const client = await clientOf(gateway, 'ada');
    equal(client.protocolVersion, kind.slice(0, 3));
    const asked = client.sendMessage(message('mix this'));
    equal((await ada.take()).text, 'mix this');
    ada.note(0.5, 'half');
    ada.say('which key?', { state: 'input-required', parts: [{ text: 'which key?' }, { data: { keys: [1, 2] } }] });
    const task = await asked; // it waits for that long
    equal(stateOf(task), State.INPUT_REQUIRED);
    equal(task.status.message.parts[1].content.value, { keys: [1, 2] });
    equal(task.history.map(textOf), ['mix this', 'half']);

    const events = [];
    const stream = client.sendMessageStream(message('D minor', { taskId: task.id, contextId: task.contextId }));
    for await (const { payload } of stream) {
      events.push(payload);
      if (payload.$case !== 'task') continue;
      equal((await ada.until('chat', { text: 'D minor' })).session_id, task.id);
      ada.note(0.9);
      ada.finish({ name: 'mix', code: 'int x;' });
    }
    equal(events.map((event) => event.$case), ['task', 'statusUpdate', 'artifactUpdate', 'statusUpdate']);
    equal([events[0], events[1], events[3]].map(({ value }) => stateOf(value)),
      [State.WORKING, State.WORKING, State.COMPLETED]);
    equal(events[2].value.artifact.parts[0].content.value, { name: 'mix', code: 'int x;' });

    const done = await client.getTask({ tenant: '', id: task.id, historyLength: 1 });
    equal([stateOf(done), done.history.length, done.artifacts.length], [State.COMPLETED, 1, 1]);
    let error;
    await client.sendMessage(message('more', { taskId: task.id })).catch((found) => { error = found; });
    check(error instanceof UnsupportedOperationError, error);
    await client.getTask({ tenant: '', id: randomUUID() }).catch((found) => { error = found; });
    check(error instanceof TaskNotFoundError, error);
    ada.socket.end();
  }, undefined, true));

  test(`${kind}: a task is followed, and given up`, () => withGateway(async (gateway, hub) => {
    const ada = await Worker.join(hub, 'ada');
    const client = await clientOf(gateway, 'ada');
    const first = client.sendMessageStream(message('go'));
    const { id } = (await first.next()).value.payload.value;
    await ada.take();
    const second = client.resubscribeTask({ tenant: '', id });
    equal((await second.next()).value.payload.value.id, id);
    const rest = async (stream) => {
      const states = [];
      for await (const { payload } of stream) states.push(stateOf(payload.value));
      return states;
    };
    const [one, other, given] = await Promise.all([rest(first), rest(second), client.cancelTask({ tenant: '', id })]);
    equal([stateOf(given), one.at(-1), other.at(-1)], [State.CANCELED, State.CANCELED, State.CANCELED]);
    if (kind !== '0.3') {
      const { tasks, totalSize } = await client.listTasks({ tenant: '', pageSize: 10, pageToken: '', contextId: '',
        status: 0 });
      equal([totalSize, tasks[0].id, stateOf(tasks[0])], [1, id, State.CANCELED]);
    }
    ada.socket.end();
  }, undefined, true));
}

for (const [kind, clientOf] of Object.entries(kinds)) {
  test(`${kind}: what becomes of a task is posted`, () => withGateway(async (gateway, hub) => {
    const heard = [];
    const receiver = createServer((request, answer) => {
      let body = '';
      request.on('data', (bytes) => { body += bytes; });
      request.on('end', () => {
        heard.push([request.headers['x-a2a-notification-token'], JSON.parse(body)]);
        answer.end();
        arrived();
      });
    });
    let arrived = () => {};
    await new Promise((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    const ada = await Worker.join(hub, 'ada');
    const client = await clientOf(gateway, 'ada');
    const stream = client.sendMessageStream(message('go'));
    const { id: taskId } = (await stream.next()).value.payload.value;
    await stream.return();
    await ada.take();
    const config = { tenant: '', taskId, id: 'mine', url: `http://127.0.0.1:${receiver.address().port}/`,
      token: 'my-token', authentication: undefined };
    equal((await client.createTaskPushNotificationConfig(config)).url, config.url);
    equal((await client.getTaskPushNotificationConfig({ tenant: '', taskId, id: 'mine' })).token, 'my-token');
    equal((await client.listTaskPushNotificationConfig({ tenant: '', taskId, pageSize: 10, pageToken: '' })).configs.length, 1);
    ada.finish({ name: 'x' });
    const isLast = ([, event]) => (event.status ?? event.statusUpdate?.status ?? event.task?.status)?.state.endsWith(
      kind === '0.3' ? 'completed' : 'COMPLETED');
    while (!heard.some(isLast)) await new Promise((resolve) => { arrived = resolve; });
    check(heard.every(([token]) => token === 'my-token'), heard);
    await client.deleteTaskPushNotificationConfig({ tenant: '', taskId, id: 'mine' });
    equal((await client.listTaskPushNotificationConfig({ tenant: '', taskId, pageSize: 10, pageToken: '' })).configs, []);
    ada.socket.end();
    receiver.close();
  }, (hub) => [khub, 'gateway', '--hub', hub, '--http', '127.0.0.1:0', '--push-allow', '127.0.0.1'], true));
}

test('the hub hands a task on, by its own card', () => withGateway(async (gateway, hub) => {
  const ada = await Worker.join(hub, 'ada', 'mixing');
  const bea = await Worker.join(hub, 'bea', 'mastering');
  const client = await new ClientFactory().createFromUrl(place(gateway));
  equal(client.agentCard.skills.map(({ id }) => id).sort(), ['hand-on', 'mastering', 'mixing']);
  const asked = client.sendMessage(message('mastering, please'));
  await bea.take();
  bea.finish({ name: 'x' });
  equal((await asked).metadata.tenant, 'bea');
  ada.socket.end();
  bea.socket.end();
}, undefined, true));

main();
