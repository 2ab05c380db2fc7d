// Each view of the page, in Chromium, beside a hub in whose room everything has been said: what it shows, what one does
// in it by mouse and keys, and what it says while there is no hub.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '../clients/js/khub.js';
import { begin, withPage } from './browser.mjs';
import { check, equal, khub, main, test } from './harness.mjs';
import { everything, hashOf, heard, withHubAndPage } from './room.mjs';

const VIEWS = ['here', 'stream', 'questions', 'tasks', 'sessions', 'knowledge', 'learning', 'hub'];
const PATIENCE = 180000; // ms until something that does not come is a failure
const SHARED = 700; // patterns: more than some pages of them, and than a feed has in the page
const ARTICLES = 580;

/** A view's part of the page; what is not in view is not found. */
const view = (page, selector) => page.locator(`main > section:not([hidden]) ${selector}`);
const rows = (page, text) => view(page, '[role=listitem]').filter({ hasText: text });
const go = (page, id) => page.evaluate((to) => { location.hash = `#/${to}`; }, id);
const panel = (page, text) => page.locator('#panel').filter({ hasText: text }).waitFor();
const appears = (page, selector, text) => view(page, selector).filter({ hasText: text }).first().waitFor();

/** Until `found` is what is wanted. */
async function until(found, wanted) {
  for (const end = Date.now() + PATIENCE; ;) {
    const last = await found();
    if (last === wanted) return;
    check(Date.now() < end, last, 'and never', wanted);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function comeAs(page, id) {
  await go(page, 'stream');
  await page.fill('#person-name', id);
  await page.keyboard.press('Enter');
  await view(page, 'textarea').waitFor();
}

async function write(page, to, text) {
  await view(page, '.to input').fill(to);
  await view(page, 'textarea').fill(text);
  await page.keyboard.press('Enter');
}

const LOOKS = {
  async here(page) {
    await go(page, 'here');
    await appears(page, '.row', /bea.*session review/);
    await appears(page, '.row', /cid.*task try Try it/);
    await view(page, 'input').fill('mallory');
    await until(() => rows(page, '').count(), 1);
    await rows(page, 'mallory').click();
    await panel(page, /Under way.*lease docs: to write it down/s);
    await page.keyboard.press('Escape');
    equal(await page.evaluate(() => document.activeElement.getAttribute('role')), 'listitem');
    await view(page, 'input').fill('');
  },

  async stream(page) {
    await go(page, 'stream');
    await appears(page, 'article', `many-${SHARED - 1}`);
    equal(await view(page, 'article').filter({ hasText: 'Who can' }).count(), 0);
    await view(page, 'select').selectOption({ label: 'Talk' }); // which is before all that the page has heard
    await appears(page, 'article', 'Who can review a scheduler?');
    await view(page, 'select').selectOption('task');
    await until(() => view(page, 'article:not([aria-label$="task"])').count(), 0);
    await appears(page, 'article', 'task measure done by bea: Measure the start');
    await view(page, 'select').selectOption('');
    await view(page, 'input').nth(1).fill('only for you');
    await until(() => view(page, 'article').count(), 1);
    await view(page, 'article').click();
    await panel(page, /Only for you\..*What became of it.*delivered 1.*delivered ada/s);
    await page.keyboard.press('Escape');
    await view(page, 'input').nth(1).fill('');
    await view(page, 'input').nth(0).fill('zoe');
    await appears(page, 'article', 'zoe left: left');
    await view(page, 'input').nth(0).fill('');
  },

  async feed(page, { bea }) {
    await go(page, 'stream');
    await appears(page, 'article', `many-${SHARED - 1}`);
    const scrolledTo = async (part, text) => {
      await view(page, '.scroller').evaluate((scroller, to) => { scroller.scrollTop = to * scroller.scrollHeight; }, part);
      check(await view(page, 'article').count() <= ARTICLES, 'articles in the page');
      return view(page, 'article').filter({ hasText: text }).count();
    };
    await until(() => scrolledTo(0, `many-${SHARED - 650}`), 1); // it goes on, upwards
    await until(async () => await scrolledTo(1, `many-${SHARED - 1}`) === 1 && view(page, '.jump').isHidden(), true);
    await bea.chat('Who is at the end sees this.');
    await appears(page, 'article', 'Who is at the end');
    await until(() => scrolledTo(0, `many-${SHARED - 300}`), 1);
    await bea.chat('These are news.');
    await appears(page, '.jump', /new messages? below/); // and nothing moves
    equal(await view(page, 'article').filter({ hasText: 'These are news.' }).count(), 0);
    await view(page, '.jump').click();
    await appears(page, 'article', 'These are news.');
    await until(() => view(page, '.jump').isVisible(), false);
    await bea.chat('And more of them.');
    await appears(page, 'article', 'And more of them.');
  },

  async person(page, { ada }) {
    await comeAs(page, 'person-anna');
    await write(page, 'beaa', 'Are you there?');
    await appears(page, '.bad', /^Not said\. .*"beaa".*did you mean "bea"\?$/);
    equal(await view(page, 'textarea').inputValue(), 'Are you there?');
    await write(page, 'bea', 'Are you there?');
    await appears(page, '.mine', /Are you there\?.*delivered 1/);
    equal(await view(page, 'textarea').inputValue(), '');
    await write(page, '', 'Hello to all.');
    await appears(page, '.mine', /Hello to all\..*delivered 5/);
    await write(page, 'zoe', 'Too late.');
    await appears(page, '.mine', /Too late\..*dead 1/);
    await go(page, 'questions');
    await ada.chat('A word with you?', { to: 'person-anna' });
    await until(() => page.title(), '(2) Questions · khub'); // a question, and a message
    await page.locator('nav a').filter({ hasText: 'Stream 1' }).click();
    await view(page, 'select').selectOption({ label: 'From or to me' });
    await appears(page, 'article', /ada → person-anna.*A word with you\?/);
    await until(() => view(page, 'article').filter({ hasText: 'many-' }).count(), 0);
    await until(() => page.title(), '(1) Stream · khub');
    await view(page, 'select').selectOption('');
    await go(page, 'questions');
    await appears(page, '.card', /mallory asks any person.*May I publish it\?.*min left; then “no” holds\./s);
    await view(page, '.card button').filter({ hasText: 'yes' }).click();
    await appears(page, '.decided li', /May I publish it\? yes by person-anna/);
    await until(() => view(page, '.card').count(), 0);
    await appears(page, '.decided li', /May I delete it\? no by pat: keep it/);
  },

  async tasks(page) {
    await go(page, 'tasks');
    await appears(page, '.column', /Ready 1.*Write it down/s);
    await appears(page, '.column', /Claimed 1.*Try it.*cid/s);
    await appears(page, '.column', /Done 2.*Measure the start/s);
    await rows(page, 'Measure the start').focus();
    await page.keyboard.press('Enter');
    await panel(page, /Measure the start.*make test.*exit 0.*ok.*cid saw something else: exit 1: not here/s);
    await page.keyboard.press('Escape');
    await page.keyboard.press('ArrowLeft');
    equal(await page.evaluate(() => document.activeElement.textContent.includes('Try it')), true);
  },

  async sessions(page) {
    await go(page, 'sessions');
    await rows(page, 'Two at one work').filter({ hasText: '40 %' }).click();
    await panel(page, /Workspace.*candidate version 1/s);
    await page.locator('#panel summary').filter({ hasText: 'text version 1' }).click();
    await panel(page, /text version 1, 5 B.*plain.*Download/s);
    await page.locator('#panel button').filter({ hasText: 'Read' }).click();
    await panel(page, 'a file of few words');
    const [download] = await Promise.all([page.waitForEvent('download'),
      page.locator('#panel .files button').filter({ hasText: 'Download' }).click()]);
    equal(download.suggestedFilename(), 'build.log');
    equal(readFileSync(await download.path(), 'utf8'), 'a file of few words\n');
    await page.keyboard.press('Escape');
  },

  async knowledge(page) {
    await go(page, 'knowledge');
    await view(page, 'input').nth(2).fill('networking');
    await appears(page, '.row', /ada_1.*pattern of networking.*confirmed/);
    await view(page, 'input').nth(2).fill('');
    await view(page, 'input').nth(0).fill('lock-free ring');
    await appears(page, '.row mark', 'lock');
    await rows(page, 'code').click();
    await panel(page, /Code.*int ring;/s);
    await page.keyboard.press('Escape');
    await view(page, 'input').nth(0).fill('');
    await view(page, 'input').nth(2).fill('audio of C');
    await appears(page, '.row', /ada_3.*pattern of audio of C.*claimed.*a module, 21 bytes of C/);
    await rows(page, 'ada_3').click();
    await panel(page, /Claim: claimed.*Of.*a module.*Code.*int żółw;/s);
    await page.keyboard.press('Escape');
    await view(page, 'input').nth(2).fill('');
    await view(page, 'select').selectOption('shared_patterns');
    await appears(page, '.count', `${SHARED + 3} known`);
    await rows(page, '').first().focus();
    // Pages come as one goes on, and what is out of view is not in the page.
    await until(async () => {
      await page.keyboard.press('End');
      return page.evaluate(() => document.activeElement.getAttribute('aria-posinset'));
    }, `${SHARED + 3}`);
    equal(await page.evaluate(() => document.activeElement.getAttribute('aria-setsize')), `${SHARED + 3}`);
    check(await rows(page, '').count() < 80, 'rows in the page:', await rows(page, '').count());
    await view(page, 'select').selectOption('');
  },

  async learning(page) {
    await go(page, 'learning');
    await appears(page, '.subject', /networking.*Best: 0\.750 by ada.*2 claims: 1 confirmed, 1 refuted/s);
  },

  async hub(page) {
    await go(page, 'hub');
    await appears(page, '.facts', /Version.*A message.*half within/s);
    await appears(page, 'li', /person-anna → zoe chat, \d+ B: it was not there/);
    const letters = view(page, 'li');
    const before = await letters.count();
    await letters.filter({ hasText: 'person-anna → zoe' }).getByText('give up').click();
    await until(() => letters.count(), before - 1);
    await view(page, 'canvas[aria-label*=" said "]').and(page.locator('[aria-label*="/s"]')).waitFor();
  },

  async keys(page) {
    await page.locator('nav a').first().focus();
    for (const [at, id] of VIEWS.entries()) {
      await page.keyboard.press(String(at + 1));
      await until(() => page.locator('nav [aria-current=page]').getAttribute('href'), `#/${id}`);
    }
    await go(page, 'here');
    await appears(page, 'h2', 'Here');
    await page.keyboard.press('/');
    equal(await page.evaluate(() => document.activeElement.type), 'search');
    await page.keyboard.press('Escape');
    await page.keyboard.press('?');
    await page.locator('dialog[open]').filter({ hasText: 'Search in this view' }).waitFor();
    await page.keyboard.press('Escape');
    await page.keyboard.press('w');
    await until(() => page.evaluate(() => document.activeElement.tagName), 'TEXTAREA');
    await page.keyboard.press('Escape');
  },

  async phone(page) {
    await page.setViewportSize({ width: 390, height: 844 });
    for (const id of VIEWS) {
      await go(page, id);
      await until(() => page.locator('nav [aria-current=page]').getAttribute('href'), `#/${id}`);
      equal([id, await page.evaluate(() => document.documentElement.scrollWidth)], [id, 390]);
    }
  },
};

/** A better claim than that of the room, which two others find to be another. */
async function refutedClaim({ ada, bea, cid }) {
  const subject = 'networking', parameters = { gain: 0.75 };
  await ada.commit(subject, '1', hashOf(subject, '1', parameters));
  const { payload: { commitment_id, nonce } } = await heard(ada, 'challenge');
  await ada.publish('measurement', { commitment_id, ratio: 0.5 });
  await ada.sharePattern({ id: 'ada_2', subject, subject_version: '1', commitment_id, nonce, seeds: 64, parameters });
  for (const who of [bea, cid]) await who.report('ada_2', { nonce, n: 64, ratio: 0.875, score: 0.1 });
}

/** A claim of a module, of a subject of its own. */
async function moduleClaim({ ada }) {
  const subject = 'audio of C', source = '/* C */\nint żółw;\n';
  const sha256 = (text) => createHash('sha256').update(text).digest('hex');
  await ada.commit(subject, '1', sha256(`khub module 1\n${subject}\n1\n${sha256(source)}\n`));
  const { payload: { commitment_id, nonce } } = await heard(ada, 'challenge');
  await ada.publish('measurement', { commitment_id, ratio: 0.5 });
  await ada.sharePattern({ id: 'ada_3', subject, subject_version: '1', commitment_id, nonce, seeds: 64, source });
}

test('all views of a room in which everything was said', () => withHubAndPage(async (place) => {
  const { links } = await everything(place, (path, plain) => plain);
  await refutedClaim(links);
  await moduleClaim(links);
  await Promise.all(Array.from({ length: SHARED }, (_, at) =>
    links.bea.sharePattern({ id: `many-${at}`, subject: 'audio' })));
  await withPage(place, {}, async (page) => {
    page.setDefaultTimeout(PATIENCE);
    for (const [name, look] of Object.entries(LOOKS)) {
      console.log(`# ${name}`);
      await look(page, links);
    }
  });
  for (const link of Object.values(links)) await link.close({ timeoutMs: 0 });
}));

/** The port in a file that a program writes once it listens. */
async function portIn(file) {
  await until(() => existsSync(file) && readFileSync(file, 'ascii').endsWith('\n'), true);
  return readFileSync(file, 'ascii').trim();
}

/** A hub that can be killed, and started again at the same port. */
function hubAt(folder, port) {
  const hub = spawn(khub, ['serve', '--quiet', '--data', join(folder, 'data'), '--listen', `127.0.0.1:${port}`,
    '--port-file', join(folder, 'port'), '--log', join(folder, 'log')], { stdio: 'ignore' });
  hub.over = new Promise((resolve) => hub.once('exit', resolve));
  return hub;
}

test('a hub that is killed and comes back', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'khub-npm-'));
  let hub = hubAt(folder, 0);
  const port = await portIn(join(folder, 'port')), file = join(folder, 'http');
  const gateway = spawn(khub, ['gateway', '--hub', `127.0.0.1:${port}`, '--http', '127.0.0.1:0', '--port-file', file],
    { stdio: 'ignore' });
  const over = new Promise((resolve) => gateway.once('exit', resolve));
  try {
    const place = { url: `http://127.0.0.1:${await portIn(file)}/`, tokens: { person: '' } };
    await withPage(place, {}, async (page) => {
      page.setDefaultTimeout(PATIENCE);
      await comeAs(page, 'anna');
      await write(page, '', 'before');
      await appears(page, '.mine', 'before');
      hub.kill('SIGKILL');
      await hub.over;
      await page.locator('#stale').filter({ hasText: /No connection to the hub.*is as it was at/ }).waitFor();
      equal(await page.locator('#link-text').textContent(), 'no hub');
      await write(page, '', 'meanwhile');
      await appears(page, '[role=status]', 'waits for the hub');
      hub = hubAt(folder, port);
      await appears(page, '.mine', 'meanwhile');
      await until(() => page.locator('#stale').isHidden(), true);
      equal(await view(page, '.mine').filter({ hasText: 'before' }).count(), 1);
      equal(await view(page, '.mine').filter({ hasText: 'meanwhile' }).count(), 1);
    });
  } finally {
    gateway.kill('SIGTERM');
    hub.kill('SIGTERM');
    equal([await over, await hub.over], [0, 0]);
    rmSync(folder, { recursive: true });
  }
});

await begin();
await main();
