// Real Chromium (Debian's), by playwright-core. On its pages all that goes wrong is an error of the test: what a
// script throws, what the console is told as an error, what breaks the page's policy, what is asked of another place.
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { check } from './harness.mjs';

const PROGRAMS = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'];
export const PATIENCE = 300000; // ms, for what never comes
let browser = null;

/** Starts it; where that can't be, the program ends, and says why. */
export async function begin() {
  const executablePath = PROGRAMS.find((path) => existsSync(path));
  try {
    check(executablePath, 'there is no Chromium; ./dev test installs it');
    // root has no sandbox; what is in a container may have no /dev/shm
    browser = await chromium.launch({ executablePath, chromiumSandbox: process.getuid() !== 0,
      args: ['--disable-dev-shm-usage', '--disable-gpu'] });
  } catch (error) {
    console.log(`1..0 # SKIP no browser: ${error.message.split('\n')[0]}`);
    process.exit(0);
  }
}

/**
 * A page of its own at this address, as a person's browser has it, with his token. options: those of playwright's
 * contexts, and before(page), done before it loads; what `forgives` matches is no fault.
 */
export async function withPage({ url, tokens }, { before = async () => {}, forgives = null, ...options }, run) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const faults = [];
  let first;
  const faulted = new Promise((_, reject) => (first = reject));
  faulted.catch(() => {});
  const fault = (what) => {
    if (forgives?.test(what)) return;
    faults.push(what);
    first(new Error(what));
  };
  try {
    context.setDefaultTimeout(PATIENCE);
    const page = await context.newPage();
    page.on('pageerror', (error) => fault(`thrown: ${error.stack ?? error}`));
    page.on('console', (message) => message.type() === 'error' && fault(`console: ${message.text()}`));
    page.on('dialog', (dialog) => {
      fault(`a dialog: ${dialog.message()}`);
      dialog.dismiss();
    });
    page.on('request', (request) => {
      const at = new URL(request.url());
      if (at.protocol !== 'data:' && at.host !== new URL(url).host) fault(`asked of another place: ${at.href}`);
    });
    await page.exposeFunction('khubViolation', (what) => fault(`policy: ${what}`));
    await page.addInitScript(() => addEventListener('securitypolicyviolation', (event) =>
      globalThis.khubViolation(`${event.effectiveDirective} ${event.blockedURI} ${event.sample} ${event.sourceFile}:${event.lineNumber}`)));
    if (tokens.person) await page.addInitScript((token) => sessionStorage.setItem('khub.token', token), tokens.person);
    await before(page);
    await page.goto(url);
    await Promise.race([run(page), faulted]);
    check(!faults.length, faults.join('\n'));
  } catch (error) {
    error.message = [error.message, ...faults.filter((what) => !error.message.includes(what)).slice(0, 9)].join('\n');
    throw error;
  } finally {
    await context.close();
  }
}
