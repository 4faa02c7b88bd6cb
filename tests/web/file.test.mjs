// A run as one file, opened from disk.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { pathToFileURL } from 'node:url';

import { browse, looksRight, settled, tabTo } from './lib/browser.mjs';
import { Daemon, folder, measured } from './lib/daemon.mjs';
import { sameFigures } from './lib/figures.mjs';
import { file } from './lib/file.mjs';

let d;
let runs;
before(async () => {
  const { data, runs: known } = measured(file);
  runs = known;
  d = await Daemon.start(file, data);
});

async function save(t, id) {
  const answer = await d.request('GET', `/api/v1/runs/${id}/page`);
  assert.equal(answer.status, 200, answer.text);
  assert.match(answer.headers['content-disposition'], new RegExp(`attachment; filename="benchd-${id}\\.html"`));
  const path = join(folder(t), 'a run.html');
  writeFileSync(path, answer.text);
  return pathToFileURL(path).href;
}

// Opens the file where nothing else can be reached, and checks that nothing else was tried.
const open = (url, operate) =>
  browse(null, {}, async (page, watch) => {
    await page.goto(url);
    await settled(page, 'run');
    await operate(page);
    assert.deepEqual([...new Set(watch.requests.map((r) => r.split('#')[0]))], [url]);
    watch.allow(/^foreign request: file:/); // itself
  });

for (const name of ['full', 'unsupported', 'interrupted'])
  test(`the file of a run shows the figures of the API, and asks nobody (${name})`, async (t) => {
    const url = await save(t, runs[name]);
    const document = await d.run(runs[name]);
    await open(url, async (page) => {
      await sameFigures(page, document);
      const text = await page.locator('body').innerText();
      assert.ok(text.includes(document.run.id) && text.includes(document.run.state), text);
      assert.deepEqual(await page.locator('a[href^="/"], a[href*="/api/"], script[src], link[href^="http"]').count(), 0, 'nothing that leads to a benchd');
      await looksRight(page);
    });
  });

test('cells open in the file, and its address keeps which', async (t) => {
  const url = await save(t, runs.full);
  const { cells } = await d.run(runs.full);
  const index = cells.findIndex((c) => c.gil.waits > 0);
  await open(url, async (page) => {
    await tabTo(page, `tr[data-cell="${index}"] a`);
    await page.keyboard.press('Enter');
    await page.locator(`[data-details="${index}"] [data-part="split"]`).waitFor();
    await page.reload();
    await page.locator(`[data-details="${index}"] [data-part="split"]`).waitFor();
    await looksRight(page);
    const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await paper();
    await page.locator('button.theme').click();
    await page.locator('button.theme').click();
    assert.notEqual(await paper(), light);
    // closing the cell leaves one where one is
    const row = page.locator(`tr[data-cell="${index}"] a`);
    await page.setViewportSize({ width: 1280, height: 300 });
    await page.evaluate(() => scrollTo(0, 250));
    const before = await page.evaluate(() => scrollY);
    await row.evaluate((a) => a.click());
    await page.locator(`[data-details="${index}"]`).waitFor({ state: 'detached' });
    assert.ok(before > 0);
    assert.equal(await page.evaluate(() => scrollY), before);
  });
});

test('text of a run is text in the file, whatever it looks like', async (t) => {
  // real text of a user's own: labels may hold anything
  const own = await Daemon.start(t, join(folder(t), 'd'), { measure: true });
  const nasty = '</script><script>document.title="taken"</script><!-- \u2028 <b>';
  const id = await own.measure({ axes: { threads: [1], u: ['1us'] }, launches: 1, rounds: 1, labels: { nasty } });
  const answer = await own.request('GET', `/api/v1/runs/${id}/page`);
  const path = join(folder(t), 'nasty.html');
  writeFileSync(path, answer.text);
  await open(pathToFileURL(path).href, async (page) => {
    assert.ok((await page.locator('body').innerText()).includes('</script><script>document.title="taken"'));
    assert.notEqual(await page.title(), 'taken');
  });
  await browse(own, {}, async (page) => {
    for (const [path_, view] of [['/', 'runs'], [`/runs/${id}`, 'run']]) {
      await page.goto(own.url + path_);
      await settled(page, view);
      assert.ok((await page.locator('body').innerText()).includes('</script><script>document.title="taken"'));
      assert.notEqual(await page.title(), 'taken');
    }
  });
});
