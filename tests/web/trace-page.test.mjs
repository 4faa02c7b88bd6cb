// Traces that are rare in the wild, through the page's own code: its answers come from here.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, test } from 'node:test';

import { browse, looksRight, settled } from './lib/browser.mjs';
import { Daemon, folder } from './lib/daemon.mjs';
import { file } from './lib/file.mjs';
import { rare } from './lib/traces.mjs';

let d;
before(async () => {
  d = await Daemon.start(file, join(folder(file), 'd'));
});

async function show(page, doc) {
  await page.route(/\/api\/v1\/traces\/[^/?]+$/, (route) => route.fulfill({ contentType: 'application/json', body: JSON.stringify(doc) }));
  await page.goto(`${d.url}/traces/${doc.id}`);
  await settled(page, 'trace');
  return page.locator('main').innerText();
}

for (const [name, [doc, words]] of Object.entries(rare))
  test(name, () =>
    browse(d, {}, async (page) => {
      const text = await show(page, doc);
      for (const word of words) assert.ok(text.includes(word), `${word}\n${text}`);
      assert.equal(await page.locator('main script').count(), 0);
      await looksRight(page);
    }));

test('what is not so is not said', () =>
  browse(d, {}, async (page) => {
    await show(page, rare['two interpreters'][0]);
    assert.equal(await page.locator('[data-note]').count(), 0);
    assert.equal(await page.locator('[data-part="no-gil"], [data-part="locks"], [data-part="spins"], [data-part="cells"]').count(), 0);
    // who waits for one GIL is in no table of another
    const tables = await page.evaluate(() => [...document.querySelectorAll('[data-gil]')].map((g) => [...g.querySelectorAll('[data-waiter]')].map((td) => td.dataset.waiter)));
    assert.deepEqual(tables, [['4244'], ['4242']]);
  }));

test('what an A/A row measures leads to the cell it is of', () =>
  browse(d, {}, async (page) => {
    const [doc] = rare['two interpreters'];
    const cell = { waits: 1, wait_ns: 5, threads_ns: 10, cost: null, lines: [], blockers: [] };
    const text = await show(page, { ...doc, run: '01JRUN00000000000000000000', cells: ['', '#second-process'].map((twin) => ({ ...cell, id: `c/u=1us${twin}` })) });
    assert.ok(text.includes('A/A, second-process') && !text.includes('#'), text);
    const links = await page.locator('[data-part="cells"] a').evaluateAll((all) => all.map((a) => a.getAttribute('href')));
    assert.deepEqual(links, Array(2).fill('/runs/01JRUN00000000000000000000?cell=c%2Fu%3D1us'));
  }));

test('lines are cut, and the address says when they are not', () =>
  browse(d, {}, async (page) => {
    const [doc] = rare['two interpreters'];
    const lines = Array.from({ length: 25 }, (_, i) => ({ role: 'waiter', tid: 4244, function: `f${i}`, file: 'a.py', line: i + 1, native: null, ns: 1e6 - i }));
    await show(page, { ...doc, lines });
    const count = () => page.locator('[data-part="waiter-lines"] tbody tr').count();
    assert.equal(await count(), 10);
    await page.getByRole('link', { name: 'Show all 25 lines' }).click();
    assert.equal(await count(), 25);
    assert.equal(new URL(page.url()).searchParams.get('lines'), 'all');
    await page.reload();
    await settled(page, 'trace');
    assert.equal(await count(), 25);
    await page.getByRole('link', { name: 'Show the first 10' }).click();
    assert.equal(await count(), 10);
  }));

test('a run leads to its trace, and only where there is one', () =>
  browse(d, {}, async (page) => {
    const run = {
      schema: 'benchd.run.v1', noise: [], cells: [],
      run: { id: '01JRUN00000000000000000000', suite: 'gil-contention', state: 'complete', reason: null, started: '2026-01-02T03:04:05Z', wall_s: 1, setup_s: 1, measure_s: 1, batch_s: 1, seed: 7, launches: 1, rounds: 1, labels: {}, environment: {} },
    };
    let traces = [];
    await page.route(/\/api\/v1\/runs\/[^/?]+$/, (route) => route.fulfill({ contentType: 'application/json', body: JSON.stringify(run) }));
    await page.route(/\/api\/v1\/traces\?/, (route) => route.fulfill({ contentType: 'application/json', body: JSON.stringify({ traces, next: null }) }));
    const asked = page.waitForResponse(/\/api\/v1\/traces\?run=01JRUN00000000000000000000/);
    await page.goto(`${d.url}/runs/${run.run.id}`);
    await asked;
    await settled(page, 'run');
    assert.equal(await page.locator('[data-link="trace"]').count(), 0);
    traces = [{ id: '01JTRACE000000000000000000', run: run.run.id }];
    await page.reload();
    await page.locator('[data-link="trace"][href="/traces/01JTRACE000000000000000000"]').waitFor();
  }));
