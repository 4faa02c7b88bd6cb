// A run that has ended.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';

import { browse, looksRight, settled, tabTo, visit } from './lib/browser.mjs';
import { Daemon, measured } from './lib/daemon.mjs';
import { readTable, sameFigures, says } from './lib/figures.mjs';
import { file } from './lib/file.mjs';

let d;
let runs;
let full; // the document of the run that has everything
before(async () => {
  const { data, runs: known } = measured(file);
  runs = known;
  d = await Daemon.start(file, data);
  full = await d.run(runs.full);
});

const order = (page) => page.evaluate(() => [...document.querySelectorAll('tr[data-cell]')].map((row) => Number(row.dataset.cell)));
const numbers = (page, part) =>
  page.evaluate((p) => [...document.querySelectorAll(`[data-part="${p}"] [data-value]`)].map((td) => [Number(td.dataset.value), td.childNodes[0].textContent]), part);
const contended = () => full.cells.findIndex((c) => c.axes.gil === 'hold' && c.axes.threads === 2 && c.gil.waits > 0);

test('every figure is the one of the API', () =>
  browse(d, {}, async (page) => {
    for (const id of [runs.full, runs.text, ...runs.series]) {
      await visit(page, d, `/runs/${id}`, 'run');
      const document = await d.run(id);
      const compared = await sameFigures(page, document);
      assert.ok(compared >= document.cells.length * 3, `${compared} figures`);
    }
  }));

test('what is said of the run is what the API says', () =>
  browse(d, {}, async (page) => {
    await visit(page, d, `/runs/${runs.full}`, 'run');
    assert.match(await page.title(), /^gil-contention/);
    const text = await page.locator('main').innerText();
    const { run } = full;
    for (const word of [run.state, run.id, String(run.seed), 'place=web', run.noise_line, run.environment.kernel, run.environment.cpu_model])
      assert.ok(text.includes(word), `${word}\n${text}`);
    assert.ok(text.includes(`${run.launches} launches`), text);
    assert.ok(/A\/A/.test(text) && full.noise.length > 0, text);
    assert.equal(await page.locator('#connection').getAttribute('data-state'), 'ended');
    if (!(await page.locator('details.environment').evaluate((e) => e.open))) await page.locator('details.environment > summary').click();
    const environment = await page.locator('details.environment').innerText();
    for (const { executable, compiler } of run.environment.interpreters) assert.ok(environment.includes(executable) && environment.includes(compiler), environment);
    await looksRight(page);
  }));

test('columns sort, and the address keeps how', () =>
  browse(d, {}, async (page) => {
    await visit(page, d, `/runs/${runs.full}`, 'run');
    const measuredOrder = await order(page);
    const figures = { time: (c) => c.time_ns_per_op.median, ops: (c) => c.throughput_ops_s.median, wait: (c) => c.gil.wait_share };
    for (const [column, figure] of Object.entries(figures)) {
      const values = async () => (await order(page)).map((i) => figure(full.cells[i]));
      for (const sign of [1, -1]) {
        await page.locator(`th[data-head="${column}"] a`).click();
        const direction = sign > 0 ? 'ascending' : 'descending';
        await page.locator(`th[data-head="${column}"][aria-sort="${direction}"]`).waitFor();
        assert.equal(new URL(page.url()).searchParams.get('sort'), sign > 0 ? column : `-${column}`);
        const found = await values();
        assert.deepEqual(found, [...found].sort((a, b) => sign * (a - b)), `${column} ${direction}`);
        const before = await order(page);
        await page.reload();
        await settled(page, 'run');
        assert.deepEqual(await order(page), before);
        await sameFigures(page, full);
      }
      await page.locator(`th[data-head="${column}"] a`).click();
      await page.waitForFunction(() => !location.search.includes('sort'));
      assert.deepEqual(await order(page), measuredOrder);
    }
  }));

test('the filter keeps what fits, and is in the address', () =>
  browse(d, {}, async (page) => {
    await visit(page, d, `/runs/${runs.full}`, 'run');
    await page.locator('input[name="filter"]').fill('gil=release threads=2');
    const wanted = full.cells.flatMap((c, i) => (c.axes.gil === 'release' && c.axes.threads === 2 ? [i] : []));
    assert.ok(wanted.length > 0 && wanted.length < full.cells.length);
    await page.waitForFunction((n) => document.querySelectorAll('tr[data-cell]').length === n, wanted.length);
    assert.deepEqual((await order(page)).sort((a, b) => a - b), wanted);
    await page.reload();
    await settled(page, 'run');
    assert.deepEqual((await order(page)).sort((a, b) => a - b), wanted);
    await page.locator('input[name="filter"]').fill('nothing-like-this');
    await page.getByText('No cell fits the filter').waitFor();
    await looksRight(page);
    await page.getByRole('link', { name: 'As measured' }).click();
    await page.waitForFunction((n) => document.querySelectorAll('tr[data-cell]').length === n, full.cells.length);
  }));

test('a cell tells who waited for whom, as the API does', () =>
  browse(d, {}, async (page) => {
    const index = contended();
    const cell = full.cells[index];
    await visit(page, d, `/runs/${runs.full}`, 'run');
    await page.locator(`tr[data-cell="${index}"] td[data-col="time"]`).click();
    await page.locator(`[data-details="${index}"]`).waitFor();
    assert.equal(new URL(page.url()).searchParams.get('cell'), String(index));

    const split = Object.fromEntries(
      await page.evaluate(() => [...document.querySelectorAll('[data-part="split"] tr[data-cause]')].map((r) => [r.dataset.cause, [Number(r.querySelector('[data-value]').dataset.value), r.cells[1].innerText, r.cells[2].innerText]])),
    );
    for (const cause of ['holder', 'runqueue', 'switch', 'mutex']) {
      const [value, text, share] = split[cause];
      assert.equal(value, cell.gil[`${cause}_ns`], cause);
      assert.ok(value === 0 || says(text, value), `${text} ${value}`);
      assert.ok(says(share, value / cell.gil.wait_ns), `${share} of ${cause}`);
    }
    const shown = Object.values(split).reduce((sum, [value]) => sum + value, 0);
    assert.ok(Math.abs(shown - cell.gil.wait_ns) <= 0.006 * cell.gil.wait_ns, 'the parts are the whole');

    const blockers = await page.evaluate(() =>
      [...document.querySelectorAll('[data-part="blockers"] td[data-waiter]')].map((td) => [Number(td.dataset.waiter), td.dataset.holder === undefined ? null : Number(td.dataset.holder), Number(td.dataset.value)]));
    const sort = (list) => list.map((b) => JSON.stringify(b)).sort();
    assert.deepEqual(sort(blockers), sort(cell.gil.blockers.map((b) => [b.waiter, b.holder, b.ns])));
    assert.ok((await numbers(page, 'blockers')).every(([value, text]) => says(text, value)));

    const threads = await numbers(page, 'threads');
    assert.deepEqual(threads.map(([value]) => value), cell.threads.flatMap((t) => [t.ops, t.cpu_ns, t.wait_ns, t.waits]));
    assert.ok(threads.every(([value, text]) => value === 0 || says(text, value)), JSON.stringify(threads));
    await looksRight(page);

    await page.reload();
    await settled(page, 'run');
    assert.equal(await page.locator(`[data-details="${index}"]`).count(), 1);
    await page.goto(`${d.url}/runs/${runs.full}?cell=${encodeURIComponent(cell.id)}`);
    await settled(page, 'run');
    assert.equal(await page.locator(`[data-details="${index}"]`).count(), 1, 'the id of a cell is an address too');
  }));

test('what an operation allocates, and whether it copies, is in the table and in the cell', () =>
  browse(d, {}, async (page) => {
    const { cells } = await d.run(runs.text);
    const key = (cell) => cell.notes.find((n) => ['copies', 'zero-copy'].includes(n.key))?.key;
    const i = cells.findIndex((c) => c.memory?.allocations_per_op > 0 && key(c) === 'copies');
    assert.ok(i >= 0 && cells.some((c) => key(c) === 'zero-copy'), JSON.stringify(cells.map((c) => [c.memory, c.notes])));
    await visit(page, d, `/runs/${runs.text}?cell=${i}`, 'run');
    const table = await readTable(page);
    cells.forEach((cell, at) => assert.equal(table[at].columns.copies.text, key(cell) ?? '', cell.id));
    const memory = await page.locator(`[data-details="${i}"] [data-part="memory"]`).innerText();
    assert.ok(memory.includes('Allocations per operation') && memory.includes(cells[i].memory.allocations_per_op.toFixed(2)), memory);
    await page.locator('th[data-head="allocations"] a').click();
    await page.locator('th[data-head="allocations"][aria-sort="ascending"]').waitFor();
    const asked = (await order(page)).map((at) => cells[at].memory.allocations_per_op);
    assert.deepEqual(asked, [...asked].sort((a, b) => a - b));
    if (!(await page.locator('details.environment').evaluate((e) => e.open))) await page.locator('details.environment > summary').click();
    const built = await page.locator('[data-part="bindings"]').innerText();
    assert.ok(built.includes('capi') && !built.includes('{'), built);
    await looksRight(page);
    await visit(page, d, `/runs/${runs.full}`, 'run');
    assert.equal(await page.locator('th[data-head="allocations"], th[data-head="copies"]').count(), 0, 'no column without a figure');
  }));

test('the details of every cell open without a problem', () =>
  browse(d, {}, async (page) => {
    for (const id of [runs.full, runs.sometimes[2], runs.sometimes[3], runs.unsupported, runs.cancelled, runs.interrupted]) {
      const { cells } = await d.run(id);
      for (let i = 0; i < cells.length; i++) {
        await visit(page, d, `/runs/${id}?cell=${i}`, 'run');
        const text = await page.locator(`[data-details="${i}"]`).innerText();
        assert.ok(text.includes(cells[i].id) && text.includes(cells[i].status), text);
        for (const part of Object.values(cells[i].reason ?? {}).filter(Boolean)) assert.ok(text.includes(part.trim()), `${part}: ${text}`);
        assert.ok(!/undefined|NaN|\[object/.test(text), text);
      }
    }
  }));

for (const [name, status, id] of [['invalid', 'invalid', () => runs.sometimes[2]], ['failed', 'failed', () => runs.sometimes[3]], ['unsupported', 'unsupported', () => runs.unsupported]])
  test(`a cell that is ${name} has its reason and no figure`, () =>
    browse(d, {}, async (page) => {
      const document = await d.run(id());
      await visit(page, d, `/runs/${id()}`, 'run');
      await sameFigures(page, document);
      const index = document.cells.findIndex((c) => c.status === status);
      const row = (await readTable(page))[index];
      assert.ok(row.text.includes(status) && row.text.includes(document.cells[index].reason.message.trim()), row.text);
      await looksRight(page);
    }));

for (const state of ['cancelled', 'interrupted'])
  test(`a run that was ${state} says so, and why`, () =>
    browse(d, {}, async (page) => {
      const document = await d.run(runs[state]);
      await visit(page, d, `/runs/${runs[state]}`, 'run');
      const text = await page.locator('main').innerText();
      assert.ok(text.includes(state), text);
      if (document.run.reason) assert.ok(text.includes(document.run.reason.message), text);
      await sameFigures(page, document);
      await looksRight(page);
    }));

test('the keyboard opens a cell and goes on to its chart', () =>
  browse(d, {}, async (page) => {
    const index = contended();
    await visit(page, d, `/runs/${runs.full}`, 'run');
    await tabTo(page, `tr[data-cell="${index}"] a`);
    await page.keyboard.press('Enter');
    await page.locator(`[data-details="${index}"]`).waitFor();
    await tabTo(page, '[data-link="series"]');
    await page.keyboard.press('Enter');
    await settled(page, 'series');
    await page.goBack();
    await settled(page, 'run');
    assert.equal(await page.locator(`[data-details="${index}"]`).count(), 1);
  }));

test('three clicks lead from the list to the wait split of a cell and on to its chart over runs', () =>
  browse(d, {}, async (page) => {
    const index = contended();
    await visit(page, d, '/', 'runs');
    await page.locator(`tr[data-run="${runs.full}"] a`).first().click();
    await settled(page, 'run');
    await page.locator(`tr[data-cell="${index}"] td[data-col="wait"]`).click();
    await page.locator('[data-part="split"]').waitFor();
    await page.locator('[data-link="series"]').click();
    await settled(page, 'series');
    assert.equal(new URL(page.url()).pathname, `/series/${full.cells[index].series}`);
    assert.equal(new URL(page.url()).searchParams.get('run'), runs.full);
  }));

for (const id of ['01ARZ3NDEKTSV4RRFFQ69G5FAV', 'not-an-id', '%2e%2e', '<b>'])
  test(`a run that is not there (${id}) says so`, () =>
    browse(d, {}, async (page, watch) => {
      watch.allow(/status of 40[04]|answer: 40[04]/);
      await page.goto(`${d.url}/runs/${encodeURIComponent(id)}`);
      await page.locator('main[data-state="error"], main[data-view="not-found"]').waitFor();
      assert.match(await page.locator('main').innerText(), /[Nn]ot found|cannot be shown|no run/);
      await looksRight(page);
    }));

test('a run is deleted after a question, and only then', async (t) => {
  const own = await Daemon.start(t, measured(t).data);
  await browse(own, {}, async (page, watch) => {
    await visit(page, own, `/runs/${runs.cancelled}`, 'run');
    await page.getByRole('button', { name: /Delete/ }).click();
    await page.getByRole('button', { name: 'Keep it' }).click();
    assert.equal((await own.request('GET', `/api/v1/runs/${runs.cancelled}`)).status, 200);
    await page.getByRole('button', { name: /Delete/ }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click();
    await settled(page, 'runs');
    assert.equal(await page.locator(`tr[data-run="${runs.cancelled}"]`).count(), 0);
    assert.equal((await own.request('GET', `/api/v1/runs/${runs.cancelled}`)).status, 404);
    watch.check();
  });
});

test('addresses that nobody would write break nothing', () =>
  browse(d, {}, async (page) => {
    const cells = full.cells.length;
    for (const query of ['sort=__proto__', 'sort=-constructor', 'cell=__proto__', 'cell=-1', 'filter=%00', 'filter==', 'cell=%FF', 'a&&=', 'filter=ok?']) {
      await visit(page, d, `/runs/${runs.full}?${query}`, 'run');
      assert.equal((await order(page)).length, /filter=./.test(query) && query !== 'filter==' ? 0 : cells, query);
    }
  }));

test('a document that lacks much is shown as far as it goes, and one that breaks the view says so', () =>
  browse(d, {}, async (page, watch) => {
    const long = 'L'.repeat(20_000);
    const bare = structuredClone(full);
    Object.assign(bare.run, { environment: { interpreters: null, allocators: null, variables: null }, reason: null, labels: { long, '\u202elabel': '😀' } });
    bare.noise = null;
    for (const cell of bare.cells) for (const key of Object.keys(cell)) if (!['id', 'case', 'axes', 'status', 'series', 'complete'].includes(key)) cell[key] = null;
    let shown = bare;
    await page.route(`**/api/v1/runs/${runs.full}`, (route) => route.fulfill({ json: shown }));
    await visit(page, d, `/runs/${runs.full}?cell=0`, 'run');
    assert.equal((await order(page)).length, full.cells.length);
    await looksRight(page);
    watch.allow(/TypeError|console/);
    shown = { ...bare, cells: [{}] };
    await visit(page, d, `/runs/${runs.full}`, 'error', 'error');
    await page.locator('header.shell nav a[href="/"]').click();
    await settled(page, 'runs');
  }));
