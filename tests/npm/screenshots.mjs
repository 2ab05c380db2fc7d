// Makes the README's pictures, of the page and of khub top beside a real run of khub demo: `./dev screenshots FOLDER`.
//
// usage: screenshots.mjs KHUB FOLDER [SECONDS]
import { execFileSync, spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { begin, withPage } from './browser.mjs';
import { check, khub } from './harness.mjs';

const folder = resolve(process.argv[3]);
const SECONDS = Number(process.argv[4] ?? 180); // of the demo that are to be seen
const BYTES_MOST = 150 << 10;

const STYLE = `body { margin: 0 } pre { display: inline-block; margin: 0; padding: 1rem 1.25rem; background: #16181b; color: #e4e5e7;
  font: 14px/1.4 "DejaVu Sans Mono", monospace } .s1 { font-weight: bold } .s2 { color: #9da3aa } .s31 { color: #ff8a80 }
  .s32 { color: #5cc98a } .s33 { color: #e3b04b } .s34 { color: #85b2ff } .s35 { color: #cfa0ee } .s36 { color: #5fd0d6 }`;

/** What khub prints in colours, as a terminal has it. */
function terminal(text) {
  const parts = text.trimEnd().replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`).split(/\x1b\[(\d+)m/);
  const spans = parts.map((part, at) => (at % 2 ? '' : `<span class="s${parts[at - 1] ?? 0}">${part}</span>`));
  return `<style>${STYLE}</style><pre>${spans.join('')}</pre>`;
}

async function take(place, name) {
  const path = join(folder, `${name}.png`);
  await place.screenshot({ path });
  check(statSync(path).size <= BYTES_MOST, path, `has ${statSync(path).size} bytes`);
  console.log(path);
}

await begin();
const demo = spawn(khub, ['demo', '--minutes', '10'], { stdio: ['ignore', 'pipe', 'inherit'] });
const ended = new Promise((end) => demo.once('exit', end));
try {
  const [hub, url] = await new Promise((found, reject) => {
    let text = '';
    demo.stdout.on('data', (data) => {
      text += data;
      const both = /a hub on (\S+) [^]*the page to watch them on: (\S+)/.exec(text);
      if (both) found(both.slice(1));
    });
    demo.once('exit', () => reject(new Error('the demo did not start')));
  });
  await withPage({ url, tokens: {} }, { viewport: { width: 1000, height: 600 }, forgives: /./ }, async (page) => {
    await page.waitForTimeout(SECONDS * 1000);
    await page.goto(new URL('#/learning', url).href);
    await page.waitForTimeout(3000); // its curves are drawn
    await take(page, 'page-learning');
    await page.goto('about:blank');
    await page.setContent(terminal(execFileSync(khub, ['top', '--hub', hub, '--once', '--color', 'always'], { encoding: 'utf8' })));
    await take(page.locator('pre'), 'top');
  });
} finally {
  demo.kill('SIGINT');
  await ended;
}
process.exit(0);
