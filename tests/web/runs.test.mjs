// The list of runs.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, test } from 'node:test';

import { browse, looksRight, settled, tabTo, visit } from './lib/browser.mjs';
import { Daemon, folder, measured } from './lib/daemon.mjs';
import { says } from './lib/figures.mjs';
import { file } from './lib/file.mjs';
import { waitFor } from './lib/waiting.mjs';

let d;
let runs;
before(async () => {
  const { data, runs: known } = measured(file);
  runs = known;
  d = await Daemon.start(file, data);
});

const rows = (page) =>
  page.evaluate(() =>
    [...document.querySelectorAll('tr[data-run]')].map((row) => ({
      id: row.dataset.run,
      status: row.dataset.status,
      wall: row.querySelector('[data-col="wall"]').dataset.value ?? null,
      wallText: row.querySelector('[data-col="wall"]').innerText.trim(),
      started: row.querySelector('[data-col="started"]').dataset.value,
      text: row.innerText,
    })),
  );
const ids = async (page) => (await rows(page)).map((row) => row.id);
const listed = async (query) => (await d.get(`/api/v1/runs${query}`)).runs.map((run) => run.id);
const shows = async (page, wanted) => {
  await page.waitForFunction(
    (list) => JSON.stringify([...document.querySelectorAll('tr[data-run]')].map((r) => r.dataset.run)) === JSON.stringify(list),
    wanted,
  );
};

test('every run is listed as the API lists it', () =>
  browse(d, {}, async (page) => {
    await visit(page, d, '/', 'runs');
    const { runs: wanted } = await d.get('/api/v1/runs');
    const found = await rows(page);
    assert.deepEqual(found.map((row) => row.id), wanted.map((run) => run.id));
    found.forEach((row, i) => {
      const run = wanted[i];
      assert.equal(row.status, run.state);
      assert.ok(row.text.includes(run.state) && row.text.includes(run.suite), row.text);
      assert.equal(row.started, run.started);
      assert.equal(row.wall === null ? null : Number(row.wall), run.wall_s);
      if (run.wall_s !== null && run.wall_s < 99) assert.ok(says(row.wallText, run.wall_s * 1e9), row.wallText);
      for (const [status, n] of Object.entries(run.statuses)) assert.equal(row.text.includes(`${n} ${status}`), n > 0, `${row.text}: ${n} ${status}`);
      for (const [key, value] of Object.entries(run.labels)) assert.ok(row.text.includes(`${key}=${value}`), row.text);
      if (run.reason?.message) assert.ok(row.text.includes(run.reason.message), row.text);
    });
    assert.equal(found.find((row) => row.id === runs.interrupted).status, 'interrupted');
    await looksRight(page);
  }));

test('filters are in the address, and the address gives the same list again', () =>
  browse(d, {}, async (page) => {
    await visit(page, d, '/', 'runs');
    const all = await ids(page);
    await page.locator('select[name="state"]').selectOption('cancelled');
    await shows(page, [runs.cancelled]);
    assert.equal(new URL(page.url()).search, '?state=cancelled');
    await page.reload();
    await settled(page, 'runs');
    assert.deepEqual(await ids(page), [runs.cancelled]);
    assert.equal(await page.locator('select[name="state"]').inputValue(), 'cancelled');
    await page.getByRole('link', { name: 'Clear' }).click();
    await shows(page, all);

    const label = page.locator('input[name="label"]');
    await label.fill('branch=other');
    await label.press('Enter');
    const labelled = await listed('?label=branch%3Dother');
    assert.ok(labelled.length > 0 && labelled.length < all.length);
    await shows(page, labelled);
    const suite = page.locator('input[name="suite"]');
    await suite.fill('gil-contention');
    await suite.press('Enter');
    await shows(page, await listed('?label=branch%3Dother&suite=gil-contention'));
    await page.reload();
    await settled(page, 'runs');
    assert.equal(await page.locator('input[name="label"]').inputValue(), 'branch=other');
    await suite.fill('no-such-suite');
    await suite.press('Enter');
    await settled(page, 'runs', 'empty');
    assert.match(await page.locator('main').innerText(), /No run fits these filters/);
    await looksRight(page);
    await page.getByRole('link', { name: 'Show all runs' }).click();
    await shows(page, all);
  }));

test('a label of a run is a filter', () =>
  browse(d, {}, async (page) => {
    await visit(page, d, '/', 'runs');
    await page.locator('tr[data-run] a', { hasText: 'branch=main' }).first().click();
    await shows(page, await listed('?label=branch%3Dmain'));
  }));

test('the keyboard reaches a run and opens it, and goes back', () =>
  browse(d, {}, async (page) => {
    await visit(page, d, '/', 'runs');
    const [first] = await ids(page);
    await tabTo(page, `tr[data-run="${first}"] a`);
    await page.keyboard.press('Enter');
    await settled(page, 'run');
    assert.equal(new URL(page.url()).pathname, `/runs/${first}`);
    assert.ok(await page.evaluate(() => document.querySelector('main').contains(document.activeElement)), 'the focus is in the new view');
    await page.goBack();
    await settled(page, 'runs');
    assert.deepEqual((await ids(page))[0], first);
  }));

test('the first thing the keyboard reaches leads past the head of the page', () =>
  browse(d, {}, async (page) => {
    await visit(page, d, '/', 'runs');
    assert.equal(await tabTo(page, 'a.skip'), 1);
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    assert.ok(await page.evaluate(() => document.querySelector('main').contains(document.activeElement)));
  }));

test('the theme is chosen by hand, and kept', () =>
  browse(d, { scheme: 'light' }, async (page) => {
    const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await visit(page, d, '/', 'runs');
    const light = await paper();
    const button = page.locator('header button.theme');
    await button.click(); // light
    assert.equal(await paper(), light);
    await button.click(); // dark
    const dark = await paper();
    assert.notEqual(dark, light);
    await page.reload();
    await settled(page, 'runs');
    assert.equal(await paper(), dark);
  }));

test('an empty store says what to type', async (t) => {
  const empty = await Daemon.start(t, join(folder(t), 'd'));
  await browse(empty, {}, async (page) => {
    await visit(page, empty, '/', 'runs', 'empty');
    assert.match(await page.locator('main').innerText(), /benchctl run gil-contention/);
    await looksRight(page);
  });
});

test('more runs than a page holds are on the next ones', async (t) => {
  const many = await Daemon.start(t, join(folder(t), 'd'), { measure: true });
  const submitted = [];
  for (let i = 0; i < 53; i++) submitted.unshift(await many.submit({ axes: { threads: [1], u: ['1us'] }, budget_s: 60 }));
  await browse(many, {}, async (page) => {
    await visit(page, many, '/', 'runs'); // one of them is measured, the others wait their turn
    assert.deepEqual(await ids(page), submitted.slice(0, 50));
    assert.ok((await rows(page)).every((row) => row.status === 'queued'));
    for (const id of submitted) await many.request('POST', `/api/v1/runs/${id}/cancel`, {});
    await page.waitForFunction(() => [...document.querySelectorAll('tr[data-run]')].every((r) => r.dataset.status === 'cancelled'));
    await page.getByRole('link', { name: 'Older runs' }).click();
    await shows(page, submitted.slice(50));
    await page.reload();
    await settled(page, 'runs');
    assert.deepEqual(await ids(page), submitted.slice(50));
    assert.equal(await page.getByRole('link', { name: 'Older runs' }).count(), 0);
    await page.getByRole('link', { name: 'Newest' }).click();
    await shows(page, submitted.slice(0, 50));
    await page.goBack();
    await shows(page, submitted.slice(50));
  });
});

test('a list whose benchd has gone keeps what it knew, and says so', async (t) => {
  const gone = await Daemon.start(t, measured(t).data);
  await browse(gone, {}, async (page, watch) => {
    watch.allow(/ERR_CONNECTION_REFUSED/);
    await visit(page, gone, '/', 'runs');
    const known = await ids(page);
    await gone.end('SIGKILL');
    await settled(page, 'runs', 'offline');
    assert.match(await page.locator('[role="status"]').first().innerText(), /does not answer/);
    assert.deepEqual(await ids(page), known);
  });
});

test('the way back leads to where one was', () =>
  browse(d, { height: 300 }, async (page) => {
    await visit(page, d, '/', 'runs');
    await page.evaluate(() => scrollTo(0, 200));
    const before = await page.evaluate(() => scrollY);
    assert.ok(before > 0, 'the list is longer than the window');
    await page.locator('tr[data-run] th a').last().evaluate((a) => a.click());
    await settled(page, 'run');
    assert.equal(await page.evaluate(() => scrollY), 0);
    await page.goBack();
    await settled(page, 'runs');
    await waitFor('the old place', 10, async () => (await page.evaluate(() => scrollY)) === before);
  }));

test('answers that take longer than the list waits between two questions come all the same', () =>
  browse(d, {}, async (page) => {
    let asked = 0;
    await page.route('**/api/v1/runs?*', async (route) => {
      const answer = await route.fetch();
      const list = await answer.json();
      Object.assign(list.runs[0], { state: 'running', reason: null, wall_s: ++asked });
      await new Promise((resolve) => setTimeout(resolve, asked > 1 ? 2500 : 0));
      await route.fulfill({ json: list }).catch(() => {});
    });
    await visit(page, d, '/', 'runs');
    const wall = () => page.locator('tr[data-run] td[data-col="wall"]').first().getAttribute('data-value');
    await waitFor('the third answer', 30, async () => Number(await wall()) >= 3);
  }));
