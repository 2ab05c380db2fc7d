// ./dev bench page: the page beside a full room: 100,000 entries of knowledge, 1,000 AIs. How long it takes until a
// list stands there, and the longest task of the browser's thread while one scrolls through it.
//
// usage: page_bench.mjs KHUB [ENTRIES] [AIS]
import { begin, withPage } from './browser.mjs';
import { withHubAndPage } from './room.mjs';
import { Client } from '../clients/js/khub.js'; // as seen from build-npm

const ENTRIES = Number(process.argv[3] ?? 100000), AIS = Number(process.argv[4] ?? 1000);
const AUTHORS = 10; // an AI's share of a room is an eighth
const SCROLL_MS = 8000;
const SUBJECTS = ['networking', 'file_system', 'audio', 'graphics', 'security'];

/** The entries first: to 1,000 AIs each would be said. */
async function fill({ hub, tokens }) {
  const links = [];
  const join = async () => {
    const at = links.length;
    const link = new Client(`ai ${String(at).padStart(4, '0')}`, { address: hub, token: tokens.ada, specialization: SUBJECTS[at % 5],
      capabilities: ['congestion control', 'caching'], listens: false, syncMax: 0 });
    links.push(link);
    await link.join();
  };
  const share = (link, from) => Promise.all(Array.from({ length: ENTRIES / AUTHORS }, (_, at) => link.sharePattern({
    id: `pattern_${from + at}`, type: 'tuned_policy', specialization: SUBJECTS[at % 5], title: `Entry ${from + at}, of some words`,
    parameters: { gain: at / 7, floor: at % 100 } })));
  while (links.length < AUTHORS) await join();
  await Promise.all(links.map((link, at) => share(link, at * ENTRIES / AUTHORS)));
  while (links.length < AIS) await join();
  return links;
}

/** In the page, before it loads: when the first row of a list stood there, and all long tasks. */
function watch() {
  globalThis.tasks = [];
  new PerformanceObserver((list) => globalThis.tasks.push(...list.getEntries().map(({ startTime, duration }) => [startTime, duration])))
    .observe({ type: 'longtask', buffered: true });
  globalThis.firstRow = new Promise((resolve) => new MutationObserver((_, observer) => {
    if (!document.querySelector('main > :not([hidden]) :is([role=listitem], article)')) return;
    observer.disconnect();
    requestAnimationFrame(() => resolve(performance.now()));
  }).observe(document, { childList: true, subtree: true }));
}

/** Scrolls to the end, and on, for so long. */
async function scroll(ms) {
  const list = [...document.querySelectorAll('main > :not([hidden]) :is(.list, .scroller)')].find((each) => each.scrollHeight > each.clientHeight);
  const begun = performance.now();
  let rows = 0;
  while (list && performance.now() - begun < ms) {
    list.scrollTop += list.clientHeight * 3;
    rows = Math.max(rows, Number([...list.querySelectorAll('[aria-posinset]')].at(-1)?.getAttribute('aria-posinset') ?? 0));
    await new Promise((resolve) => requestAnimationFrame(resolve));
  }
  return { rows, longest: Math.max(0, ...globalThis.tasks.filter(([start]) => start >= begun).map(([, duration]) => duration)) };
}

/** The longest task of the page's thread while `act` goes on, in milliseconds of that thread's own time. */
async function ownTime(page, act) {
  const session = await page.context().newCDPSession(page);
  const tasks = [];
  session.on('Tracing.dataCollected', ({ value }) => tasks.push(...value.filter(({ name, tdur }) => name.endsWith('RunTask') && tdur)));
  await session.send('Tracing.start', { transferMode: 'ReportEvents', traceConfig: { includedCategories: ['disabled-by-default-devtools.timeline', 'devtools.timeline'] } });
  const result = await act();
  const over = new Promise((resolve) => session.once('Tracing.tracingComplete', resolve));
  await session.send('Tracing.end');
  await over;
  return [result, Math.max(0, ...tasks.map(({ tdur }) => tdur / 1000))];
}

await begin();
await withHubAndPage(async (place) => {
  const begun = Date.now();
  const links = await fill(place);
  console.log(`${ENTRIES} entries and ${AIS} AIs, within ${((Date.now() - begun) / 1000).toFixed(1)} s`);
  for (const view of ['knowledge', 'here', 'stream'])
    await withPage({ ...place, url: `${place.url}#/${view}` }, { before: (page) => page.addInitScript(watch) }, async (page) => {
      const first = await page.evaluate(() => globalThis.firstRow);
      await page.waitForTimeout(1000);
      const loading = await page.evaluate(() => Math.max(0, ...globalThis.tasks.map(([, duration]) => duration)));
      const [{ rows, longest }, own] = await ownTime(page, () => page.evaluate(scroll, SCROLL_MS));
      const told = (ms) => ms ? `${ms.toFixed(0)} ms` : 'under 50 ms';
      console.log(`${view}: a list after ${first.toFixed(0)} ms; longest task at its beginning ${told(loading)}, scrolling ` +
        `to row ${rows} ${told(longest)}, of its own time at most ${own.toFixed(0)} ms`);
    });
  for (const link of links) await link.close({ timeoutMs: 0 });
});
process.exit(0);
