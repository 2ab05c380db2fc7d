// A hub of the test's own, and TAP.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual, inspect } from 'node:util';

export const khub = process.argv[2];
const tests = [];

export function test(name, run) {
  tests.push({ name, run });
}

export function check(good, ...what) {
  if (!good) throw new Error(what.map((part) => (typeof part === 'string' ? part : inspect(part))).join(' '));
}

export function equal(found, wanted) {
  check(isDeepStrictEqual(found, wanted), found, 'and not', wanted);
}

/** keeps: what is said there, on disk. */
export async function withHub(run, keeps = false) {
  const folder = mkdtempSync(join(tmpdir(), 'khub-npm-'));
  const port = join(folder, 'port');
  const hub = spawn(khub, ['serve', '--quiet', ...(keeps ? ['--data', join(folder, 'data')] : ['--memory']), '--listen', '127.0.0.1:0', '--port-file', port,
    '--log', join(folder, 'log')], { stdio: 'ignore' });
  const ended = new Promise((resolve) => hub.once('exit', resolve));
  try {
    while (!existsSync(port)) {
      check(hub.exitCode === null, 'the hub did not start');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await run(`127.0.0.1:${readFileSync(port, 'ascii').trim()}`);
  } finally {
    hub.kill('SIGTERM');
    const code = await ended;
    rmSync(folder, { recursive: true });
    equal(code, 0);
  }
}

/** The same with a gateway beside it; run gets the URL of its /mcp, and the hub's address. */
export function withGateway(run, command = (hub) => [khub, 'gateway', '--hub', hub, '--http', '127.0.0.1:0'],
  keeps = false) {
  return withHub(async (hub) => {
    const [program, ...words] = command(hub);
    const gateway = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = new Promise((resolve) => gateway.once('exit', resolve));
    try {
      const address = await new Promise((resolve, reject) => {
        let text = '';
        gateway.stdout.on('data', (data) => {
          text += data;
          const found = /HTTP at ([^;]+);/.exec(text);
          if (found) resolve(found[1]);
        });
        gateway.once('exit', () => reject(new Error('the gateway did not start')));
      });
      await run(`http://${address}/mcp`, hub);
    } finally {
      gateway.kill('SIGTERM');
      equal(await ended, 0);
    }
  }, keeps);
}

export async function main() {
  let failed = 0;
  console.log(`1..${tests.length}`);
  for (const [index, { name, run }] of tests.entries()) {
    try {
      await run();
      console.log(`ok ${index + 1} - ${name}`);
    } catch (error) {
      failed++;
      console.log(`# ${String(error.stack).replaceAll('\n', '\n# ')}`);
      console.log(`not ok ${index + 1} - ${name}`);
    }
  }
  process.exit(failed ? 1 : 0);
}
