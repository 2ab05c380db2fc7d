// The page, when peers' texts are markup and scripts: in every field of every message that takes a text, in ids and
// names as in bodies. No script runs, no element comes of it, and all is there to be read as it was written.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { begin, PATIENCE, withPage } from './browser.mjs';
import { check, equal, main, test } from './harness.mjs';
import { everything, withHubAndPage } from './room.mjs';

// For where 64 bytes have room, and for where there is more: tags, ends of attributes, templates, an address, a turn.
const SHORT = '<img src=x onerror=ran()>';
const LONG = `"'></bdi></script>${SHORT}<script>ran()</script><svg/onload=ran()><iframe srcdoc="<script>parent.ran()</script>">` +
  '<a href="javascript:ran()">{{ran()}}${ran()}<%=ran()%>\u202ejavascript:ran()//';

const types = [...readFileSync(fileURLToPath(new URL('../src/wire/types.h', import.meta.url) /* as seen from build-npm */), 'utf8')
  .matchAll(/^ +X\(\w+, "(\w+)", [12], true\)/gm)].map(([, type]) => type);

// Members that are texts of requests, and free in no message: ids of others, enumerations, hashes.
const NO_TEXTS = new Set(['room', 'resume_token', 'message_type', 'needs', 'blocks', 'sha256', 'default', 'choice', 'ai_id', 'target_ai']);
// What is said, and reaches nobody's eyes.
const NOT_SHOWN = new Set(['message_id', 'measurement.note', 'evidence_report.printed', 'chat.retracted']);
// What is said twice, and is to be the same.
const SAME = new Set(['os_component_share.component.id', 'touch.paths']);

/** Which members of requests are texts, by the document that the gateway writes of itself. */
async function textsOf(url, token) {
  const { paths } = await (await fetch(new URL('v1/openapi.json', url), { headers: { Authorization: `Bearer ${token}` } })).json();
  const found = new Set();
  const walk = (schema, name) => {
    if (schema?.type === 'string' && !schema.enum && name) found.add(name);
    for (const [member, inner] of Object.entries(schema?.properties ?? {})) walk(inner, member);
    if (schema?.items) walk(schema.items, name);
  };
  for (const path of Object.values(paths))
    for (const { requestBody } of Object.values(path)) walk(requestBody?.content?.['application/json']?.schema, null);
  return found;
}

/**
 * In the page: opens all that is in the view, with what is folded in its details. The marks of texts that were to be
 * read, and elements that are no part of the page, but could have been made of markup in a text.
 */
async function lookAtAll() {
  const STRANGE = 'img, svg, iframe, object, embed, base, body script, body style, body link, [onerror], [onload], ' +
    '[srcdoc], a:not([href^="#"], [href^="blob:"])';
  const marks = new Set(), strange = new Set();
  const turn = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  const note = () => {
    for (const [, mark] of document.body.textContent.matchAll(/(m\d+m)(?:<|\\?"')/g)) marks.add(mark);
    for (const element of document.querySelectorAll(STRANGE)) strange.add(element.outerHTML);
  };
  note();
  for (const row of document.querySelectorAll('main > :not([hidden]) :is([role=listitem], article)')) {
    row.click();
    await turn();
    for (const details of document.querySelectorAll('#panel details')) details.open = true;
    await turn();
    note();
  }
  return [[...marks], [...strange]];
}

test('no text of a peer becomes markup or a script', () => withHubAndPage(async (place) => {
  const marks = new Map();
  const evil = (path, plain, most = 1 << 16) => {
    const mark = SAME.has(path) ? '' : `m${marks.size}m`;
    if (mark) marks.set(mark, path);
    return mark + (most >= 512 ? LONG : SHORT);
  };
  const { links, said } = await everything(place, evil);
  equal(types.filter((type) => !said.has(type) && !type.endsWith('_query')), []);
  const fields = new Set([...marks.values()].map((path) => path.split('.').at(-1)));
  equal([...await textsOf(place.url, place.tokens.person)].filter((name) => !fields.has(name) && !NO_TEXTS.has(name)), []);
  let ran = 0;
  const before = (page) => page.exposeFunction('ran', () => { ran += 1; });
  await withPage(place, { before }, async (page) => {
    const wanted = new Set([...marks].filter(([, path]) => !NOT_SHOWN.has(path)).map(([mark]) => mark));
    for (const until = Date.now() + PATIENCE; wanted.size;) {
      check(Date.now() < until, 'never seen:', [...wanted].map((mark) => marks.get(mark)));
      for (const link of await page.locator('nav a').all()) {
        await link.click();
        const [found, strange] = await page.evaluate(lookAtAll);
        equal(strange, []);
        for (const mark of found) wanted.delete(mark);
      }
    }
  });
  equal(ran, 0);
  for (const link of Object.values(links)) await link.close({ timeoutMs: 0 });
}));

await begin();
await main();
