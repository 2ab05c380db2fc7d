// The page for those who don't see it as others do: axe-core finds nothing serious in any view, and all of it can be
// done by keys alone. And the way in: a hub with tokens.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { begin, withPage } from './browser.mjs';
import { check, equal, main, test } from './harness.mjs';
import { everything, withHubAndPage } from './room.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const LOOKS = [['light', 1280, 800], ['dark', 1280, 800], ['light', 390, 844], ['dark', 390, 844]];
const plain = (path, text) => text;

/** Of the page as it is: what is serious, or worse. */
async function faultsOf(page) {
  const { violations } = await page.evaluate(() => globalThis.axe.run({ resultTypes: ['violations'] }));
  return violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).slice(0, 3).join(' | ')}`);
}

async function withRoom(options, run) {
  await withHubAndPage(async (place) => {
    const { links } = await everything(place, plain);
    await links.person.close({ leave: true });
    await withPage(place, options, (page) => run(page, links, place));
    for (const link of Object.values(links)) await link.close({ timeoutMs: 0 });
  });
}

/** The view that is shown has come to rest: no row of it is missing. */
const settled = (page) => page.waitForFunction(() => new Promise((resolve) => {
  const view = document.querySelector('main > :not([hidden])');
  let last = null;
  const look = () => {
    if (last === view.textContent) resolve(true);
    last = view.textContent;
    setTimeout(look, 300);
  };
  look();
}));

// An evaluation that the page's policy would not let itself do is axe's.
test('axe-core finds nothing serious, light and dark, on a screen and a phone', () => withRoom({ bypassCSP: true,
  before: (page) => page.addInitScript(AXE) }, async (page) => {
  const found = new Set();
  for (const link of await page.locator('nav a').all()) {
    const view = await link.getAttribute('href');
    await page.setViewportSize({ width: 1280, height: 800 });
    await link.click();
    await settled(page);
    const row = page.locator('main :is([role=listitem], article):visible').last();
    for (const opened of await row.count() ? [false, true] : [false]) {
      if (opened) {
        await row.click();
        await page.locator('#panel').waitFor();
      }
      for (const [colorScheme, width, height] of LOOKS) {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize({ width, height });
        for (const fault of await faultsOf(page)) found.add(`${view}${opened ? ', opened' : ''}, ${colorScheme}, ${width}: ${fault}`);
      }
      await page.keyboard.press('Escape');
    }
  }
  await page.keyboard.press('?');
  for (const fault of await faultsOf(page)) found.add(`help: ${fault}`);
  equal([...found], []);
}));

const focused = (page) => page.evaluate(() => {
  const { activeElement: at } = document;
  return at.id || at.getAttribute('aria-label') || at.getAttribute('role') || at.localName;
});

/** Tabs until that has the focus. */
async function tabTo(page, wanted) {
  for (let times = 0; times < 60; times++) {
    await page.keyboard.press('Tab');
    if (await page.evaluate((selector) => document.activeElement.matches(selector), wanted)) return;
  }
  throw new Error(`no Tab leads to ${wanted}, but to ${await focused(page)}`);
}

test('all can be done by keys', () => withRoom({}, async (page) => {
  const press = (...keys) => keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());
  await page.waitForFunction(() => document.body.dataset.link === 'live');
  await press('Tab');
  equal(await page.evaluate(() => document.activeElement.className), 'skip');
  await press('Enter');
  equal(await focused(page), 'main');
  const views = await page.locator('nav a').count();
  for (let at = 1; at <= views; at++) {
    await press(String(at));
    await page.waitForFunction((which) => document.querySelectorAll('nav a')[which - 1].getAttribute('aria-current') === 'page', at);
    check(await page.evaluate(() => document.title.endsWith(' · khub')), at);
  }
  // a list: into it by Tab, along it by arrows, into details and back to where one was
  await press('1');
  await page.locator('main [role=listitem]:visible').nth(2).waitFor();
  await tabTo(page, '[role=listitem]');
  await press('ArrowDown', 'ArrowDown');
  equal(await page.evaluate(() => document.activeElement.getAttribute('aria-posinset')), '3');
  await press('Enter');
  await page.locator('#panel').waitFor();
  equal(await focused(page), 'panel');
  await press('Escape');
  equal(await page.evaluate(() => document.activeElement.getAttribute('aria-posinset')), '3');
  await press('Home');
  equal(await page.evaluate(() => document.activeElement.getAttribute('aria-posinset')), '1');
  await press('/');
  equal(await page.evaluate(() => document.activeElement.localName), 'input');
  await press('Escape', '?');
  equal(await page.evaluate(() => document.querySelector('#help').open), true);
  await press('Escape');
  // a person: who he is, what he says, what he answers
  await press('w');
  await page.locator('#person-name:focus').waitFor();
  await page.keyboard.type('pat');
  await press('Enter');
  await page.locator('#who >> text=You are').waitFor();
  await press('Escape', 'w');
  await page.locator('textarea:focus').waitFor();
  await page.keyboard.type('By keys alone.');
  await press('Enter');
  await page.locator('article >> text=By keys alone.').waitFor();
  await press('Escape', '3');
  const choice = page.locator('main button:visible', { hasText: /^yes$/ });
  await choice.waitFor();
  while (!(await choice.evaluate((button) => button === document.activeElement))) await press('Tab');
  await press('Enter');
  await page.locator('main li:visible', { hasText: /May I publish it.*yes.*by pat/ }).waitFor();
}));

test('a hub with tokens asks for one, and keeps it for the tab', () => withHubAndPage(async (place) => {
  const nobody = { ...place, tokens: { person: '' } };
  await withPage(nobody, { before: (page) => page.addInitScript(AXE), bypassCSP: true, forgives: /401 \(Unauthorized\)/ }, async (page) => {
    const dialog = page.getByRole('dialog', { name: 'This hub asks for a token' });
    await dialog.waitFor();
    equal(await faultsOf(page), []);
    const type = async (text) => {
      await page.keyboard.type(text);
      await page.keyboard.press('Enter');
    };
    await type('nonsense');
    await dialog.getByText('That is no token').waitFor();
    await dialog.getByLabel('Token').fill('');
    await type(`khub_${'0'.repeat(58)}`);
    await dialog.getByText('takes no such token').waitFor();
    await dialog.getByLabel('Token').fill('');
    await type(place.tokens.ada);
    await page.waitForFunction(() => document.body.dataset.link === 'live');
    equal(await page.evaluate(() => [localStorage.getItem('khub.token'), sessionStorage.getItem('khub.token'), location.href]),
      [null, place.tokens.ada, place.url]);
  });
}));

test('a token of one id looks on, and takes part under that id', () => withHubAndPage(async (place) => {
  await withPage({ ...place, tokens: { person: place.tokens.one } }, {}, async (page) => {
    await page.waitForFunction(() => document.body.dataset.link === 'live');
    await page.keyboard.press('w');
    const name = page.getByLabel('To write, say who you are');
    const come = async (id) => {
      await name.fill(id);
      await page.keyboard.press('Enter');
    };
    await come('two');
    await page.getByRole('alert').getByText('good for ids like "one"').waitFor();
    await come('one');
    await page.locator('#who').getByText('You are one').waitFor();
    equal(await page.evaluate(() => document.body.dataset.link), 'live');
  });
}));

await begin();
await main();
