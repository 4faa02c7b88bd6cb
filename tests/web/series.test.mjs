// One cell over runs.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';

import { browse, looksRight, settled, tabTo, visit } from './lib/browser.mjs';
import { Daemon, measured } from './lib/daemon.mjs';
import { halfWidth, says } from './lib/figures.mjs';
import { file } from './lib/file.mjs';

let d;
let runs;
const series = {};
before(async () => {
  const { data, runs: known } = measured(file);
  runs = known;
  d = await Daemon.start(file, data);
  const of = async (run, test_) => (await d.run(run)).cells.find(test_);
  series.many = await of(runs.series[0], (c) => c.axes.gil === 'release' && c.axes.threads === 2);
  series.sometimes = await of(runs.sometimes[0], (c) => c.case === 'web_sometimes');
  series.never = await of(runs.sometimes[0], (c) => c.case === 'web_never');
  series.once = await of(runs.unsupported, (c) => c.axes.binding === 'ctypes:argtypes');
});

const path = (name, query = '') => `/series/${series[name].series}${query}`;
const points = async (name, metric = 'time_ns_per_op') => (await d.get(`/api/v1/series/${series[name].series}/points?metric=${metric}`)).points;
const rows = (page) =>
  page.evaluate(() =>
    [...document.querySelectorAll('table.points tr[data-run]')].map((row) => {
      const td = (name) => row.querySelector(`[data-col="${name}"]`);
      return {
        run: row.dataset.run, status: row.dataset.status, marked: row.getAttribute('aria-current') === 'true', text: row.innerText,
        value: td('value').dataset.value ?? null, valueText: td('value').innerText.trim(),
        lo: td('pm').dataset.lo ?? null, hi: td('pm').dataset.hi ?? null, pmText: td('pm').innerText.trim(),
        environment: td('environment').innerText,
      };
    }),
  );
const shownRuns = async (page) => (await rows(page)).map((row) => row.run).reverse();
const readout = (page) => page.locator('.readout').getAttribute('data-run');
// What the canvas shows, as one text: equal pictures, equal texts.
const picture = (page) => page.evaluate(() => document.querySelector('.chart canvas').toDataURL());

async function sameAsApi(page, wanted) {
  const found = (await rows(page)).reverse();
  assert.deepEqual(found.map((row) => [row.run, row.status]), wanted.map((p) => [p.run, p.status]));
  found.forEach((row, i) => {
    const point = wanted[i];
    assert.equal(row.value === null ? null : Number(row.value), point.value, row.text);
    assert.deepEqual([row.lo, row.hi].map((x) => (x === null ? null : Number(x))), [point.lo, point.hi], row.text);
    if (point.value === null) assert.ok(!/\d/.test(row.valueText) && (!point.reason || row.text.includes(point.reason.message.trim())), row.text);
    else assert.ok(says(row.valueText, point.value), `${row.valueText} ${point.value}`);
    if (point.lo !== null) assert.ok(says(row.pmText, halfWidth({ median: point.value, ...point })), row.text);
  });
}

for (const metric of ['time_ns_per_op', 'throughput_ops_s', 'ratio', 'scaling', 'wait_share'])
  test(`every figure of ${metric} is the one of the API`, () =>
    browse(d, {}, async (page) => {
      const wanted = await points('many', metric);
      assert.ok(wanted.length >= 5);
      await visit(page, d, path('many', `?metric=${metric}`), 'series');
      await sameAsApi(page, wanted);
      await page.reload();
      await settled(page, 'series');
      await sameAsApi(page, wanted);
    }));

test('metrics are links, and the address keeps which', () =>
  browse(d, {}, async (page) => {
    await visit(page, d, path('many'), 'series');
    const before = await picture(page);
    await page.getByRole('group', { name: 'Metric' }).getByRole('link', { name: 'ops/s' }).click();
    await page.waitForFunction(() => location.search.includes('metric=throughput_ops_s'));
    await page.getByRole('group', { name: 'Metric' }).locator('[aria-current="true"]', { hasText: 'ops/s' }).waitFor();
    await sameAsApi(page, await points('many', 'throughput_ops_s'));
    assert.notEqual(await picture(page), before);
    await page.goBack();
    await page.getByRole('group', { name: 'Metric' }).locator('[aria-current="true"]', { hasText: 'time/op' }).waitFor();
    await sameAsApi(page, await points('many'));
  }));

test('the run one came from is marked', () =>
  browse(d, {}, async (page) => {
    await visit(page, d, path('many', `?run=${runs.series[2]}`), 'series');
    assert.deepEqual((await rows(page)).filter((row) => row.marked).map((row) => row.run), [runs.series[2]]);
    const marked = await picture(page);
    await visit(page, d, path('many'), 'series');
    assert.equal((await rows(page)).filter((row) => row.marked).length, 0);
    assert.notEqual(await picture(page), marked);
  }));

test('another environment is named, in the chart and beside it', () =>
  browse(d, {}, async (page) => {
    const wanted = await points('many');
    await visit(page, d, path('many'), 'series');
    const found = (await rows(page)).reverse();
    const keys = [...new Set(wanted.map((p) => p.comparability_key))];
    assert.equal(keys.length, 2, 'the data has two environments');
    found.forEach((row, i) => {
      const changed = i > 0 && wanted[i].comparability_key !== wanted[i - 1].comparability_key;
      assert.ok(row.environment.startsWith('AB'[keys.indexOf(wanted[i].comparability_key)]), row.environment);
      assert.equal(row.environment.includes('changed'), changed, row.environment);
    });
    assert.match(await page.locator('.legend').innerText(), /environment changed/);
  }));

test('pointing at a run says its figures, a click opens its cell', () =>
  browse(d, {}, async (page) => {
    const wanted = await points('many');
    await visit(page, d, path('many'), 'series');
    const box = await page.locator('.chart .u-over').boundingBox();
    const x = (i) => box.x + (box.width * (i + 0.5)) / wanted.length;
    for (const i of [0, wanted.length - 1, 2]) {
      await page.mouse.move(x(i), box.y + 30);
      await page.locator(`.readout[data-run="${wanted[i].run}"]`).waitFor();
      assert.ok(says(await page.locator('.readout b').innerText(), wanted[i].value));
    }
    await page.mouse.click(x(2), box.y + 30);
    await settled(page, 'run');
    const url = new URL(page.url());
    assert.equal(url.pathname, `/runs/${wanted[2].run}`);
    assert.equal(url.searchParams.get('cell'), series.many.id);
    await page.locator('[data-details]').waitFor();
  }));

test('a finger first asks, then opens', () =>
  browse(d, { width: 360, hasTouch: true }, async (page) => {
    const wanted = await points('many');
    await visit(page, d, path('many'), 'series');
    const box = await page.locator('.chart .u-over').boundingBox();
    const at = [box.x + (box.width * 1.5) / wanted.length, box.y + 40];
    await page.touchscreen.tap(...at);
    await page.locator(`.readout[data-run="${wanted[1].run}"]`).waitFor();
    assert.equal(new URL(page.url()).pathname, path('many'));
    await page.touchscreen.tap(...at);
    await settled(page, 'run');
    assert.equal(new URL(page.url()).pathname, `/runs/${wanted[1].run}`);
  }));

test('the arrow keys go from run to run, Enter opens one', () =>
  browse(d, {}, async (page) => {
    const wanted = await points('many');
    await visit(page, d, path('many'), 'series');
    await tabTo(page, '.chart');
    const chart = page.locator('.chart');
    for (const [key, i] of [['ArrowLeft', wanted.length - 1], ['ArrowLeft', wanted.length - 2], ['Home', 0], ['ArrowLeft', 0], ['ArrowRight', 1], ['End', wanted.length - 1], ['ArrowRight', wanted.length - 1], ['Home', 0]]) {
      await page.keyboard.press(key);
      await page.locator(`.readout[data-run="${wanted[i].run}"]`).waitFor();
      assert.equal(await chart.getAttribute('aria-valuenow'), String(i + 1));
      assert.match(await chart.getAttribute('aria-valuetext'), new RegExp(`^run ${i + 1} of ${wanted.length}, .*environment`));
    }
    await page.keyboard.press('Escape');
    await page.waitForFunction(() => !document.querySelector('.readout').dataset.run);
    await page.keyboard.press('Home');
    await page.keyboard.press('Enter');
    await settled(page, 'run');
    assert.equal(new URL(page.url()).pathname, `/runs/${wanted[0].run}`);
  }));

test('a part that is dragged out is in the address, and leads back to the whole', () =>
  browse(d, {}, async (page) => {
    const wanted = (await points('many')).map((p) => p.run);
    await visit(page, d, path('many'), 'series');
    const whole = await picture(page);
    const box = await page.locator('.chart .u-over').boundingBox();
    const x = (i) => box.x + (box.width * i) / wanted.length;
    await page.mouse.move(x(1), box.y + 60);
    await page.mouse.down();
    await page.mouse.move(x(2.5), box.y + 60, { steps: 4 });
    await page.mouse.move(x(4), box.y + 60, { steps: 4 });
    await page.mouse.up();
    await page.waitForFunction(() => location.search.includes('from='));
    assert.equal(new URL(page.url()).pathname, path('many'), 'the end of a drag is no click');
    assert.deepEqual(await shownRuns(page), wanted.slice(1, 4));
    assert.notEqual(await picture(page), whole);
    await page.reload();
    await settled(page, 'series');
    assert.deepEqual(await shownRuns(page), wanted.slice(1, 4));
    await page.locator('.extent a.reset').click();
    await page.waitForFunction(() => !location.search.includes('from='));
    assert.deepEqual(await shownRuns(page), wanted);
    await page.goBack();
    await page.waitForFunction(() => location.search.includes('from='));
    assert.deepEqual(await shownRuns(page), wanted.slice(1, 4));
  }));

test('an axis that does not begin at 0 says where it begins', () =>
  browse(d, {}, async (page) => {
    // of one run, the least noisy: the axis of all may begin at 0 of itself
    const [{ run, lo }] = (await points('many')).filter((p) => p.lo > 0).sort((a, b) => b.lo / b.hi - a.lo / a.hi);
    await visit(page, d, path('many', `?from=${run}&to=${run}`), 'series');
    const cut = page.locator('[data-scale="cut"]');
    const fit = await picture(page);
    const [, text] = /begins at (.+), not at 0/.exec(await cut.innerText());
    assert.ok(!says(text, 0) && !says(text, lo), text);
    await cut.getByRole('link', { name: 'Begin at 0' }).click();
    await page.waitForFunction(() => location.search.includes('y=zero'));
    await cut.waitFor({ state: 'detached' });
    assert.notEqual(await picture(page), fit);
    await page.getByRole('group', { name: 'Scale' }).getByRole('link', { name: 'log' }).click();
    await page.locator('[data-scale="log"]').waitFor();
    await page.reload();
    await settled(page, 'series');
    assert.match(await page.locator('.legend').innerText(), /logarithmic/);
    await looksRight(page);
  }));

test('runs without a figure stand where they were, with their reason and no number', () =>
  browse(d, {}, async (page) => {
    const wanted = await points('sometimes');
    assert.deepEqual(wanted.map((p) => p.status), ['ok', 'ok', 'invalid', 'failed', 'ok']);
    await visit(page, d, path('sometimes'), 'series');
    await sameAsApi(page, wanted);
    await tabTo(page, '.chart');
    await page.keyboard.press('Home');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    await page.locator(`.readout[data-run="${wanted[2].run}"]`).waitFor();
    const text = await page.locator('.readout').innerText();
    assert.ok(text.includes('invalid') && text.includes(wanted[2].reason.message.trim()), text);
    assert.ok((await page.locator('.chart').getAttribute('aria-valuetext')).includes(wanted[2].reason.message.trim()));
    await looksRight(page);
  }));

test('a cell that never had a figure has no chart, but reasons', () =>
  browse(d, {}, async (page) => {
    await visit(page, d, path('never'), 'series');
    assert.equal(await page.locator('.chart').count(), 0);
    assert.match(await page.locator('main').innerText(), /No run has a figure/);
    await sameAsApi(page, await points('never'));
    await looksRight(page);
  }));

test('a single run is drawn, and says how to get another', () =>
  browse(d, {}, async (page) => {
    const wanted = await points('once');
    assert.equal(wanted.length, 1);
    await visit(page, d, path('once'), 'series');
    await sameAsApi(page, wanted);
    assert.match(await page.locator('main').innerText(), /One run so far[^]*benchctl run gil-contention/);
    await looksRight(page);
  }));

test('a view that comes late does not take the place of the one that was gone back to', () =>
  browse(d, {}, async (page) => {
    const run = await d.run(runs.series[0]);
    await visit(page, d, `/runs/${run.run.id}?cell=0`, 'run');
    let release;
    const held = new Promise((resolve) => (release = resolve));
    await page.route('**/part/series-*.js', async (route) => {
      await held;
      await route.continue();
    });
    const arrived = page.waitForResponse('**/part/series-*.js');
    await page.locator('[data-link="series"]').click();
    await settled(page, 'loading', 'loading');
    await page.goBack();
    await settled(page, 'run');
    release();
    await (await arrived).finished();
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 200)));
    await settled(page, 'run');
    await page.locator('[data-link="series"]').click();
    await settled(page, 'series');
  }));

test('a series that is not there says so', () =>
  browse(d, {}, async (page, watch) => {
    watch.allow(/40[04]/);
    for (const id of ['0123456789abcdef', 'nonsense']) {
      await visit(page, d, `/series/${id}`, 'series', 'error');
      await looksRight(page);
    }
  }));

test('an unknown metric in the address is the first one', () =>
  browse(d, {}, async (page) => {
    await visit(page, d, path('many', '?metric=constructor&y=bogus&from=zzz&to=0'), 'series');
    assert.match(await page.locator('main').innerText(), /No run in this part/);
    await page.getByRole('link', { name: 'Show all runs of this cell' }).click();
    await page.waitForFunction(() => !location.search.includes('from='));
    await sameAsApi(page, await points('many'));
  }));

test('it is drawn anew for another theme and another width', () =>
  browse(d, {}, async (page) => {
    await visit(page, d, path('many'), 'series');
    const light = await picture(page);
    await page.locator('header button.theme').click(); // light
    await page.locator('header button.theme').click(); // dark
    const dark = await picture(page);
    assert.notEqual(dark, light);
    await page.locator('header button.theme').click(); // as the system: light
    assert.equal(await picture(page), light);
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.waitForFunction((before) => document.querySelector('.chart canvas').toDataURL() !== before, light);
    const width = () => page.locator('.chart canvas').evaluate((c) => c.clientWidth);
    const wide = await width();
    await page.setViewportSize({ width: 700, height: 900 });
    await page.waitForFunction((w) => document.querySelector('.chart canvas').clientWidth < w, wide);
    await page.setViewportSize({ width: 1280, height: 900 });
    await page.waitForFunction((w) => document.querySelector('.chart canvas').clientWidth === w, wide);
  }));

test('it looks right', () =>
  browse(d, {}, async (page) => {
    await visit(page, d, path('many', `?run=${runs.series[2]}`), 'series');
    await looksRight(page);
  }));

test('a benchd that is gone is said, not hidden', async (t) => {
  const gone = await Daemon.start(t, measured(t).data);
  await browse(gone, {}, async (page, watch) => {
    watch.allow(/ERR_CONNECTION_REFUSED/);
    await visit(page, gone, path('many'), 'series');
    await gone.end('SIGKILL');
    await page.getByRole('group', { name: 'Metric' }).getByRole('link', { name: 'ops/s' }).click();
    await settled(page, 'series', 'error');
    assert.match(await page.locator('[role="alert"]').innerText(), /does not answer/);
  });
});
