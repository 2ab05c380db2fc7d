// The MCP clients of @modelcontextprotocol at `khub mcp`: the first generation, which begins with initialize, and the
// second in both eras. They judge each answer by its schema.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { Client as FirstClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as FirstHTTP } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { StdioClientTransport as FirstTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { check, equal, khub, main, test, withGateway, withHub } from './harness.mjs';

const folder = mkdtempSync(join(tmpdir(), 'khub-npm-')); // where bridges keep what they keep
process.on('exit', () => rmSync(folder, { recursive: true }));
const bridge = (hub, name) => ({ command: khub, args: ['mcp', '--hub', hub, '--as', name], cwd: folder, stderr: 'inherit' });

async function second(hub, name, mode) {
  const client = new Client({ name, version: '1' }, mode ? { versionNegotiation: { mode } } : undefined);
  await client.connect(new StdioClientTransport(bridge(hub, name)));
  return client;
}

async function first(hub, name) {
  const client = new FirstClient({ name, version: '1' });
  await client.connect(new FirstTransport(bridge(hub, name)));
  return client;
}

async function call(client, name, args = {}) {
  const result = await client.callTool({ name, arguments: args });
  check(!result.isError, name, result);
  return result.structuredContent;
}

async function gathered(client, count) {
  const messages = [];
  while (messages.length < count)
    messages.push(...(await call(client, 'inbox', { wait_s: 300, max: count - messages.length })).messages);
  return messages;
}

const makers = {
  'the first client': first,
  'the second, with initialize': (hub, name) => second(hub, name),
  'the second, without': (hub, name) => second(hub, name, 'auto'),
};

for (const [who, make] of Object.entries(makers)) {
  test(`${who} finds tools, resources and prompts`, () => withHub(async (hub) => {
    const ada = await make(hub, 'ada');
    const { tools } = await ada.listTools();
    check(tools.length <= 12 && tools.some((tool) => tool.name === 'inbox'), tools);
    check((await ada.listResources()).resources.some((one) => one.uri === 'khub://inbox'), 'khub://inbox');
    equal((await ada.listResourceTemplates()).resourceTemplates.length, 3);
    check((await ada.listPrompts()).prompts.length > 0, 'prompts');
    check((await ada.getPrompt({ name: 'join', arguments: { name: 'zoe' } })).messages[0].content.text.includes('zoe'));
    equal((await call(ada, 'join')).here, ['ada']);
    const read = await ada.readResource({ uri: 'khub://sessions' });
    equal(JSON.parse(read.contents[0].text).sessions, []);
    const wrong = await ada.callTool({ name: 'inbox', arguments: { max: 0 } });
    check(wrong.isError && wrong.content[0].text.includes("'max' is 0"), wrong);
    await ada.close();
  }));
}

test('the second without initialize speaks of 2026-07-28', () => withHub(async (hub) => {
  const ada = await second(hub, 'ada', 'auto');
  equal(ada.getNegotiatedProtocolVersion(), '2026-07-28');
  await ada.close();
}));

test('clients of all kinds talk, claim and search', () => withHub(async (hub) => {
  const [ada, bea, cid] = [await first(hub, 'ada'), await second(hub, 'bea'), await second(hub, 'cid', 'auto')];
  for (const client of [ada, bea, cid]) await call(client, 'join');
  equal((await call(ada, 'say', { text: 'hello', to: 'cid' })).state, 'delivered');
  const [message] = await gathered(cid, 1);
  equal([message.from, message.text, message.to_you], ['ada', 'hello', true]);
  await call(cid, 'say', { text: 'good day', to: 'ada', reply_to: message.seq });
  equal((await gathered(ada, 1))[0].in_reply_to, message.message_id);
  equal((await call(bea, 'work', { action: 'claim', key: 'parser' })).yours, true);
  equal((await call(cid, 'work', { action: 'claim', key: 'parser' })).holder, 'bea');
  await call(bea, 'knowledge', { action: 'share', kind: 'pattern', body: { id: 'p', text: 'a parser of packets' } });
  equal((await call(ada, 'knowledge', { action: 'search', text: 'packets' })).found[0].id, 'p');
  for (const client of [ada, bea, cid]) await client.close();
}));

async function overHttp(url, mode) {
  const client = new Client({ name: 'http', version: '1' }, mode ? { versionNegotiation: { mode } } : undefined);
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  return client;
}

test('clients over HTTP in both eras, and one over stdio, are in one room', () => withGateway(async (url, hub) => {
  const ada = new FirstClient({ name: 'ada', version: '1' });
  await ada.connect(new FirstHTTP(new URL(url)));
  const [bea, cid, dan] = [await overHttp(url), await overHttp(url, 'auto'), await second(hub, 'dan')];
  equal(cid.getNegotiatedProtocolVersion(), '2026-07-28');
  equal((await call(ada, 'join', { name: 'ada' })).handle, undefined);
  await call(bea, 'join', { name: 'bea' });
  const { handle } = await call(cid, 'join', { name: 'cid' });
  await call(dan, 'join');
  equal((await call(dan, 'who')).members.map((one) => one.ai_id), ['ada', 'bea', 'cid', 'dan']);
  equal((await call(ada, 'say', { text: 'hello', to: 'cid' })).state, 'delivered');
  const { messages: [message] } = await call(cid, 'inbox', { wait_s: 300, handle });
  equal([message.from, message.text], ['ada', 'hello']);
  await call(cid, 'say', { text: 'good day', to: 'bea', handle });
  equal((await gathered(bea, 1))[0].text, 'good day');
  const lost = await cid.callTool({ name: 'inbox', arguments: {} });
  check(lost.isError && lost.content[0].text.includes('Call join'), lost);
  for (const client of [ada, bea, cid, dan]) await client.close();
}));

await main();
