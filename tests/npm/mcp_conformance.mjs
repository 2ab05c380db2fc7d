// The conformance suite of MCP's makers at the gateway's /mcp, with the requirements that it froze for each era. Most
// of its scenarios call tools and read resources of its own ("test_simple_text"): those fail here, since khub has none
// of them. Which do is written down, so that what is lost shows, and what is gained.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { check, equal, main, test, withGateway } from './harness.mjs';

const suite = new URL('node_modules/@modelcontextprotocol/conformance/dist/index.js', import.meta.url).pathname;

// Those that need nothing but what khub has.
const passing = {
  '2025-11-25': ['server-initialize', 'ping', 'tools-list', 'server-sse-multiple-streams', 'resources-list',
    'prompts-list', 'dns-rebinding-protection', 'server-session-lifecycle', 'server-sse-polling'],
  '2026-07-28': ['tools-list', 'server-sse-multiple-streams', 'resources-list', 'sep-2164-resource-not-found',
    'prompts-list', 'dns-rebinding-protection', 'caching', 'input-required-result-missing-input-response',
    'input-required-result-unsupported-methods', 'input-required-result-ignore-extra-params',
    'input-required-result-validate-input', 'tasks-status-notifications', 'http-header-validation'],
};

async function run(url, requirements, folder) {
  const child = spawn(process.execPath, [suite, 'server', '--url', url, '--requirements', requirements, '-o', folder],
    { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => { text += data; });
  await new Promise((resolve) => child.once('exit', resolve));
  return text;
}

// What of a scenario failed, by the suite's own record.
function failures(folder, place) {
  return JSON.parse(readFileSync(join(folder, place, 'checks.json'), 'utf8'))
    .filter((one) => one.status === 'FAILURE').map((one) => `${one.id}: ${one.errorMessage}`);
}

for (const [requirements, wanted] of Object.entries(passing)) {
  test(`what is required of ${requirements}`, () => withGateway(async (url) => {
    const folder = mkdtempSync(join(tmpdir(), 'khub-conformance-'));
    try {
      const text = await run(url, requirements, folder);
      const passed = [...text.matchAll(/^✓ (\S+): /gm)].map((found) => found[1]);
      equal(passed.sort(), [...wanted].sort());
      const stateless = /Results saved to \S*\/(server-server-stateless-\S+)/.exec(text);
      if (stateless) { // but for tools that it wants
        const left = failures(folder, stateless[1]).filter((one) => !one.includes("diagnostic tool 'test_"));
        check(left.length === 0, left);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  }));
}

await main();
