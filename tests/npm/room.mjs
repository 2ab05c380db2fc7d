// A hub with tokens, its gateway, and a room in which everything happens that AIs can say: for what looks at the page.
import { execFileSync, spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '../clients/js/khub.js'; // as seen from build-npm, where run.py puts this
import { check, equal, khub } from './harness.mjs';

const ADMIN = ['--role', 'admin'];
const TOKENS = { ada: [], bea: [], cid: [], eve: [], mal: [], person: ADMIN, one: ['--id', 'one'] };

/** run({ hub, url, tokens }): its address, that of the page, and a token for each of TOKENS. */
export async function withHubAndPage(run) {
  const folder = mkdtempSync(join(tmpdir(), 'khub-npm-'));
  const data = join(folder, 'data'), log = join(folder, 'log'), port = join(folder, 'port');
  const tokens = Object.fromEntries(Object.entries(TOKENS).map(([name, words]) =>
    [name, execFileSync(khub, ['token', 'add', name, ...words, '--data', data], { encoding: 'ascii', stdio: ['ignore', 'pipe', 'ignore'] }).trim()]));
  const hub = spawn(khub, ['serve', '--quiet', '--data', data, '--listen', '127.0.0.1:0', '--port-file', port,
    '--http', '127.0.0.1:0', '--log', log], { stdio: 'ignore' });
  const ended = new Promise((resolve) => hub.once('exit', resolve));
  const found = () => existsSync(port) && /The page: (\S+)"/.exec(readFileSync(log, 'utf8'));
  try {
    while (!found()) {
      check(hub.exitCode === null, 'the hub did not start');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await run({ hub: `127.0.0.1:${readFileSync(port, 'ascii').trim()}`, url: found()[1], tokens });
  } finally {
    hub.kill('SIGTERM');
    const code = await ended;
    rmSync(folder, { recursive: true });
    equal(code, 0);
  }
}

export function hashOf(subject, version, parameters) {
  const lines = Object.keys(parameters).sort().map((name) => {
    const bits = Buffer.alloc(8);
    bits.writeDoubleBE(parameters[name]);
    return `${name}=${bits.toString('hex')}\n`;
  });
  return createHash('sha256').update(`khub parameters 1\n${subject}\n${version}\n${lines.join('')}`).digest('hex');
}

export async function heard(link, type) {
  for (;;) {
    const message = await link.receive();
    if (message.type === type) return message;
  }
}

const sha256 = (text) => createHash('sha256').update(text).digest('hex');

/**
 * Says a message of every type that AIs say, and so has the hub say what it says of them. Every text that is free
 * comes out of text(path, plain, most): path is "type.member", most the bytes that it may have. Each must be taken.
 * The promise is of the links, { ada, bea, cid, mal, person }, still there, and the set of types that were said.
 */
export async function everything({ hub, tokens }, text) {
  const said = new Set(['hello', 'heartbeat']);
  const link = async (id, token, more = {}) => {
    const made = new Client(id, { address: hub, token, specialization: more.specialization ?? text('hello.specialization', 'networking', 64),
      capabilities: [text('hello.capabilities', 'congestion control', 128)], version: text('hello.version', '1.0.0', 64),
      features: [text('hello.features_supported', 'tasks', 64)], listens: false, ...more });
    await made.join();
    return made;
  };
  const ada = await link('ada', tokens.ada, { listens: true }), bea = await link('bea', tokens.bea), cid = await link('cid', tokens.cid);
  const mal = await link(text('sender_id', 'mallory', 128), tokens.mal);
  const person = await link('pat', tokens.person, { specialization: 'person' });
  const say = (who, type, payload, more) => {
    said.add(type);
    return who.publish(type, payload, more);
  };
  const t = (type) => (member, plain, most) => text(`${type}.${member}`, plain, most);

  await say(mal, 'chat', { text: t('chat')('text', 'Who can review a scheduler?') }, { messageId: text('message_id', randomUUID(), 128) });
  await say(mal, 'chat', { text: t('chat')('text', 'Only for you.') }, { target: 'ada' });

  let of = t('feature_request');
  await say(mal, 'feature_request', { feature: of('feature', 'congestion', 64), requirements: { [of('requirements', 'os')]:
    of('requirements', 'linux') } });
  await say(mal, 'feature_response', { text: t('feature_response')('text', 'I can.'), original_request: { feature:
    t('feature_response')('original_request.feature', 'congestion') }, requestor: t('feature_response')('requestor', 'ada') });

  of = t('code_share');
  const lease = await mal.claim(t('lease_request')('key', 'src/net/tcp.c', 256), { ttlS: 600, intent: t('lease_request')('intent', 'a slower start') });
  said.add('lease_request');
  await say(mal, 'code_share', { code: { id: of('code.id', 'ring', 128), language: of('code.language', 'c'), name: of('code.name', 'ring.c'),
    source: of('code.source', 'int ring;\n'), [of('code.member', 'note')]: of('code.other', 'lock-free') }, lease: { key: lease.key, fence: lease.fence } });
  await say(mal, 'lease_release', { key: lease.key, fence: lease.fence, done: true });
  await mal.claim(t('lease_request')('key', 'docs', 256), { ttlS: 600, intent: t('lease_request')('intent', 'to write it down') });

  of = t('pattern_share');
  const subject = of('pattern.subject', 'networking', 64), version = of('pattern.subject_version', '1', 64);
  const parameters = { [of('pattern.parameters', 'gain', 64)]: 0.5 };
  await say(ada, 'commitment', { subject, subject_version: version, sha256: hashOf(subject, version, parameters) });
  const { payload: challenge } = await heard(ada, 'challenge');
  const id = of('pattern.id', 'ada_1', 128);
  await say(ada, 'measurement', { commitment_id: challenge.commitment_id, ratio: 0.75, note: t('measurement')('note', 'slow') });
  await say(ada, 'pattern_share', { pattern: { id, type: of('pattern.type', 'tuned_policy'), specialization: of('pattern.specialization', 'networking'),
    title: of('pattern.title', 'a slower start'), subject, subject_version: version, commitment_id: challenge.commitment_id,
    nonce: challenge.nonce, seeds: 64, parameters, ratio_train: 0.7, evaluations: 400, parents: [of('pattern.parents', 'older')] } });
  of = t('performance_report');
  for (const who of [bea, cid])
    await say(who, 'performance_report', { component_id: id, performance: { nonce: challenge.nonce, n: 64, ratio: 0.75, score: 0.5,
      profile: of('performance.profile', 'bursty', 256), reason: of('performance.reason', 'as said', 256), ratio_own: 0.8,
      [of('performance.member', 'note')]: of('performance.other', 'fine') } });

  of = t('os_component_share');
  const component = (name) => ({ name: of('component.name', name, 128), id: of('component.id', `${name}_1`, 128), title: of('component.title', 'A slow start'),
    implementation: of('component.implementation', 'int f(void);\n'), subject: of('component.subject', 'networking'),
    specialization: of('component.specialization', 'networking'), contributors: [of('component.contributors', 'ada')] });
  await say(mal, 'os_component_share', { component: component('start'), original_requestor: of('original_requestor', 'ada'),
    feature_name: of('feature_name', 'congestion') });
  await say(bea, 'performance_report', { component_id: of('component.id', 'start_1', 128), performance: { score: 0.4, integration_tested: true,
    reason: t('performance_report')('performance.reason', 'it runs') } });

  of = t('collaboration_request');
  const session = await mal.openSession(of('type', 'review', 64), of('description', 'Two at one work'),
    { offered: [of('expertise_offered', 'queues')], seeking: [of('seeking_expertise', 'c')] });
  said.add('collaboration_request');
  await say(bea, 'collaboration_response', { session_id: session, accepted: true, reason: t('collaboration_response')('reason', 'gladly') });
  await say(bea, 'collaboration_update', { session_id: session, progress: 0.4, note: t('collaboration_update')('note', 'half of it') });
  of = t('workspace_update');
  await say(mal, 'workspace_update', { session_id: session, key: of('key', 'candidate', 256), value: { [of('value', 'by')]: of('value', 'mallory') }, base_version: 0 });
  await say(mal, 'workspace_update', { session_id: session, key: 'text', value: of('value', 'plain'), base_version: 0 });
  const content = 'a file of few words\n', name = t('artifact_offer')('name', 'build.log', 256);
  await say(mal, 'artifact_offer', { session_id: session, name, size: content.length, sha256: sha256(content), for_room: true });
  await say(mal, 'artifact_chunk', { session_id: session, name, index: 0, data: Buffer.from(content).toString('base64') });
  const other = await bea.openSession(of('type', 'feature_development', 64), of('description', 'Soon over'), { target: 'ada' });
  await say(ada, 'collaboration_response', { session_id: other, accepted: false, reason: t('collaboration_response')('reason', 'no time') });

  of = t('task');
  await say(mal, 'task', { title: of('title', 'Measure the start', 256), body: of('body', 'On three networks.'), key: 'measure' });
  await say(mal, 'task', { title: of('title', 'Write it down', 256), body: of('body', 'In docs.'), key: 'write', needs: ['measure'] });
  await say(mal, 'task', { title: of('title', 'Not that', 256), key: 'not' });
  await say(mal, 'task', { id: 'not', status: 'dropped', why: of('why', 'it is of no use') });
  await say(mal, 'task', { title: of('title', 'Try it', 256), key: 'try' });
  const claimed = await bea.claim('task:measure', { ttlS: 600, intent: t('lease_request')('intent', 'now') });
  await say(bea, 'task', { id: 'measure', status: 'done', fence: claimed.fence, why: of('why', 'done'),
    evidence: [{ command: of('evidence.command', 'make test', 1024), exit: 0, printed: of('evidence.printed', 'ok\n') }] });
  await say(cid, 'evidence_report', { task: 'measure', index: 0, exit: 1, printed: t('evidence_report')('printed', 'no'), note: t('evidence_report')('note', 'not here', 256) });
  await cid.claim('task:try', { ttlS: 600, intent: t('lease_request')('intent', 'on it') });

  of = t('touch');
  for (const who of [mal, ada])
    await say(who, 'touch', { paths: [of('paths', 'src/core', 256)], note: of('note', 'a rename') });

  of = t('approval_request');
  const ask = (question) => say(mal, 'approval_request', { question: of('question', question, 4096), timeout_s: 600,
    choices: [of('choices', 'yes', 64), 'no'], default: 'no' });
  await ask('May I publish it?');
  const { seq } = await ask('May I delete it?');
  await say(person, 'approval_answer', { approval_id: `a${seq}`, choice: 'no', note: t('approval_answer')('note', 'keep it', 1024) });

  of = t('moderation');
  const eve = await link(text('sender_id', 'eve', 120), tokens.eve);
  await say(person, 'moderation', { action: 'kick', target: { ai_id: eve.aiId }, reason: of('reason', 'too loud', 256) });
  await say(person, 'moderation', { action: 'ban', target: { ai_id: eve.aiId }, reason: of('reason', 'still too loud', 256), for_s: 600 });
  await eve.close({ timeoutMs: 0 });
  await say(mal, 'chat', { text: t('chat')('text', 'Are you there?') }, { target: eve.aiId });
  const [letter] = await mal.deadLetters();
  await say(mal, 'dead_letter', { id: letter.id, action: 'resend' }).catch(() => {}); // its target is not there
  const spoken = await say(mal, 'chat', { text: t('chat')('retracted', 'I take this back.') });
  await say(person, 'moderation', { action: 'retract', target: { seq: spoken.seq }, reason: of('reason', 'a secret', 256) });
  said.add('leave');
  const away = await link('zoe', tokens.ada);
  await away.close({ leave: true });
  return { links: { ada, bea, cid, mal, person }, said };
}
