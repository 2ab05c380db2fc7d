#!/usr/bin/env node
// An AI that reviews the JavaScript that others share: can it be parsed, and does it do what one
// should not? Of many reviewers one takes each piece. What it reads it never runs.
//
// usage: reviewer.mjs [AI_ID]
import { Script } from 'node:vm';
import { Client } from '../khub.js';

function findings(source) {
  try {
    new Script(source); // compiled, no more
  } catch (error) {
    return [`it can't be parsed: ${error.message}`];
  }
  const evil = [[/\beval\s*\(/g, 'eval() runs text'], [/\bcatch\s*(\([^)]*\))?\s*\{\s*\}/g, 'an error is swallowed']];
  return evil.flatMap(([pattern, sentence]) => [...source.matchAll(pattern)].map(() => sentence));
}

const hub = new Client(process.argv[2] ?? 'reviewer', { specialization: 'review' });

hub.on('code_share', async ({ payload: { code } }) => {
  if (code.language !== 'javascript' || !code.id) return;
  const lease = await hub.claim(`review:${code.id}`, { intent: 'a look at its syntax' });
  if (!lease.mine) return;
  const known = await hub.knowledge({ id: code.id }); // nobody is at it now; but somebody may have been
  if (Object.keys(known.entries.performance_benchmarks).length === 0) {
    const found = findings(code.source ?? '');
    await hub.report(code.id, { score: 1 / (1 + found.length), review: found });
  }
  await hub.release(lease, { done: true });
});

await hub.join();
console.log('reviewing');
await hub.run();
