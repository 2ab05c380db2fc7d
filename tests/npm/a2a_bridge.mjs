// The SDK that A2A's makers have for JavaScript, as the agent that khub bridge brings in: 1.0 and 0.3, over both
// bindings. Who asks it speaks on the hub's own wire.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { AgentCard, Task, TaskArtifactUpdateEvent, TaskStatusUpdateEvent } from '@a2a-js/sdk';
import { AgentEvent, DefaultRequestHandler, InMemoryTaskStore } from '@a2a-js/sdk/server';
import { UserBuilder, agentCardHandler, jsonRpcHandler, restHandler } from '@a2a-js/sdk/server/express';
import express from 'express';
import { check, equal, khub, main, test, withHub } from './harness.mjs';

/** Asks which of two, and mixes. */
class Mixer {
  async execute({ taskId, contextId, userMessage, task }, bus) {
    const text = userMessage.parts.map(({ content }) => content.value).join('\n');
    const status = (state, words) => ({ state: `TASK_STATE_${state}`, timestamp: new Date().toISOString(),
      message: { messageId: randomUUID(), role: 'ROLE_AGENT', taskId, contextId, parts: [{ text: words }] } });
    const update = (state, words) => bus.publish(AgentEvent.statusUpdate(TaskStatusUpdateEvent.fromJSON(
      { taskId, contextId, status: status(state, words) })));
    bus.publish(AgentEvent.task(task ?? Task.fromJSON({ id: taskId, contextId, status: status('WORKING', 'I hear') })));
    if (!task && text === 'mix this') {
      update('INPUT_REQUIRED', 'which key?');
    } else {
      bus.publish(AgentEvent.artifactUpdate(TaskArtifactUpdateEvent.fromJSON({ taskId, contextId, lastChunk: true,
        artifact: { artifactId: 'mix', name: 'mix', parts: [{ text: `la in ${text}` }, { data: { loud: true } }] } })));
      update('COMPLETED', 'mixed');
    }
    bus.finished();
  }

  async cancelTask() {}
}

/** At a port of its own; run gets its URL. */
async function withAgent(version, binding, streaming, run) {
  const app = express();
  const server = app.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const url = `http://127.0.0.1:${server.address().port}`;
  const card = AgentCard.fromJSON({ name: 'Mixer', description: 'Mixes.', version: '1', capabilities: { streaming },
    defaultInputModes: ['text/plain'], defaultOutputModes: ['text/plain'],
    skills: [{ id: 'mixing', name: 'Mixing', description: 'Mixes.', tags: ['audio'] }],
    supportedInterfaces: [{ url, protocolBinding: binding, protocolVersion: version }] });
  const requestHandler = new DefaultRequestHandler(card, new InMemoryTaskStore(), new Mixer());
  const options = { requestHandler, userBuilder: UserBuilder.noAuthentication, legacyCompat: { enabled: true } };
  app.use('/.well-known/agent-card.json', agentCardHandler({ agentCardProvider: requestHandler }));
  app.use(binding === 'JSONRPC' ? jsonRpcHandler(options) : restHandler(options));
  try {
    await run(url);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** bob, for the agent at that URL. */
async function withBridge(hub, url, run) {
  const folder = mkdtempSync(join(tmpdir(), 'khub-npm-'));
  const bridge = spawn(khub, ['bridge', 'a2a', url, '--as', 'bob', '--hub', hub, '--state', join(folder, 'bob')],
    { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => bridge.once('exit', resolve));
  try {
    const lines = createInterface(bridge.stdout)[Symbol.asyncIterator]();
    for (let line = ''; !line.includes('bob has joined');) {
      const { value, done } = await lines.next();
      check(!done, 'the bridge did not join');
      line = value;
    }
    await run();
  } finally {
    bridge.kill('SIGTERM');
    const code = await ended;
    rmSync(folder, { recursive: true });
    equal(code, 0);
  }
}

/** An AI that asks bob. */
class Asker {
  static async join(hub) {
    const asker = new Asker();
    const [host, port] = hub.split(':');
    asker.socket = connect(Number(port), host);
    asker.lines = createInterface(asker.socket)[Symbol.asyncIterator]();
    asker.send('hello', { protocol: 2 });
    return asker;
  }

  send(message_type, payload, target_ai = null) {
    const message_id = randomUUID();
    this.socket.write(`${JSON.stringify({ message_id, sender_id: 'ada', message_type,
      timestamp: new Date().toISOString(), payload, target_ai })}\n`);
    return message_id;
  }

  async answer() {
    for (;;) {
      const { value, done } = await this.lines.next();
      check(!done, 'the hub has gone');
      const { message_type, payload } = JSON.parse(value);
      if (message_type === 'chat') return payload;
    }
  }
}

for (const version of ['1.0', '0.3'])
  for (const binding of ['JSONRPC', 'HTTP+JSON'])
    for (const streaming of [true, false])
      test(`${version} over ${binding}${streaming ? ', with a stream' : ''}: an agent is asked, asks back, and answers`, () =>
        withHub((hub) => withAgent(version, binding, streaming, (url) => withBridge(hub, url, async () => {
          const ada = await Asker.join(hub);
          const first = ada.send('chat', { text: 'mix this' }, 'bob');
          let said = await ada.answer();
          check(said.a2a, said);
          if (said.text === 'I hear') said = await ada.answer(); // without a stream that may be over
          equal([said.text, said.a2a.state, said.in_reply_to], ['which key?', 'input-required', first]);
          const second = ada.send('chat', { text: 'D minor' }, 'bob');
          const mix = await ada.answer();
          equal([mix.text, mix.a2a.parts[1].data, mix.in_reply_to], ['la in D minor', { loud: true }, second]);
          const last = await ada.answer();
          equal([last.text, last.a2a.state, last.in_reply_to], ['mixed', 'completed', second]);
          ada.socket.end();
        }))));

main();
