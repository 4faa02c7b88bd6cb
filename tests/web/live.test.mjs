// A run while it is measured, and a benchd that is killed meanwhile.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';

import { browse, looksRight, settled, visit } from './lib/browser.mjs';
import { Daemon, folder } from './lib/daemon.mjs';
import { readTable, sameFigures } from './lib/figures.mjs';
import { waitFor } from './lib/waiting.mjs';
import './lib/file.mjs';

const REQUEST = { axes: { threads: [1, 2], u: ['1us', '100us'] }, launches: 6, rounds: 1 };
const LONG = { axes: { threads: [1, 2], u: ['1us', '100us'] }, budget_s: 120 };

const connection = (page, state) => page.locator(`#connection[data-state="${state}"]`).waitFor({ timeout: 60_000 });
const figures = async (page) => Object.values(await readTable(page)).filter((row) => row.columns.time?.value).length;

test('figures come while it is measured, and are those of the API at the end', async (t) => {
  const d = await Daemon.start(t, join(folder(t), 'd'), { measure: true });
  await browse(d, {}, async (page, watch) => {
    const id = await d.submit(REQUEST);
    await page.goto(`${d.url}/runs/${id}`);
    await settled(page, 'run');
    const seen = { phases: new Set(), counts: new Set(), while_running: 0 };
    await waitFor('the end of the run', 120, async () => {
      const [state, phase] = await page.evaluate(() => [document.querySelector('#connection')?.dataset.state, document.querySelector('.phase')?.innerText]);
      if (phase) seen.phases.add(phase);
      const n = await figures(page);
      seen.counts.add(n);
      if (state === 'live' && n > 0) seen.while_running++;
      return state === 'ended';
    });
    assert.ok(seen.phases.size >= 3, `progress moved: ${[...seen.phases].join(' / ')}`);
    assert.ok([...seen.phases].some((p) => /launch \d\/6/.test(p)), [...seen.phases].join(' / '));
    assert.ok(seen.while_running > 0 && seen.counts.has(0), `figures came one after the other: ${[...seen.counts]}`);
    const document = await d.run(id);
    assert.equal(document.run.state, 'complete');
    assert.ok((await sameFigures(page, document)) >= document.cells.length * 3);
    assert.equal(await page.locator('progress').count(), 0);
    // events brought it; the document was asked for at the start, when it left the queue, and at the end
    const asked = watch.requests.filter((url) => url.endsWith(`/api/v1/runs/${id}`)).length;
    assert.ok(asked <= 4, `the document was asked for ${asked} times`);
    const before = await readTable(page);
    await page.reload();
    await settled(page, 'run');
    assert.deepEqual(await readTable(page), before);
  });
});

test('a page that comes late, and one that comes back, see the same', async (t) => {
  const d = await Daemon.start(t, join(folder(t), 'd'), { measure: true });
  const id = await d.submit(REQUEST);
  await d.waitSample(id);
  await browse(d, {}, async (page) => {
    await visit(page, d, `/runs/${id}`, 'run');
    await page.locator('header.shell nav a[href="/"]').click(); // away, and the stream with it
    await settled(page, 'runs');
    await page.goBack();
    await settled(page, 'run');
    await connection(page, 'ended');
    await sameFigures(page, await d.run(id));
  });
});

test('a run waits visibly for the one before it, and is cancelled from the page', async (t) => {
  const d = await Daemon.start(t, join(folder(t), 'd'), { measure: true });
  const first = await d.submit(LONG);
  const second = await d.submit(LONG);
  await d.waitSample(first);
  await browse(d, {}, async (page) => {
    await visit(page, d, `/runs/${second}`, 'run');
    await page.locator('[data-phase="queued"]').waitFor();
    await visit(page, d, `/runs/${first}`, 'run');
    await connection(page, 'live');
    await page.locator('progress').waitFor();
    await looksRight(page);
    await page.getByRole('button', { name: 'Cancel the run' }).click();
    await connection(page, 'ended');
    const document = await d.run(first);
    assert.equal(document.run.state, 'cancelled');
    assert.match(await page.locator('main').innerText(), /cancelled/);
    await sameFigures(page, document);
  });
});

test('a killed benchd is said with the time, and one that is started again brings the truth', async (t) => {
  const data = join(folder(t), 'd');
  let d = await Daemon.start(t, data, { measure: true });
  const { url } = d;
  await browse(d, {}, async (page, watch) => {
    watch.allow(/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE/);
    const id = await d.submit(LONG);
    await visit(page, d, `/runs/${id}`, 'run');
    await waitFor('figures in the page', 60, async () => (await figures(page)) > 2);
    await connection(page, 'live');

    const killed = Date.now();
    await d.end('SIGKILL');
    await connection(page, 'lost');
    await settled(page, 'run', 'offline');
    const said = await page.locator('#connection').innerText();
    const [, h, m, s] = /lost.* from (\d\d):(\d\d):(\d\d)/.exec(said) ?? assert.fail(said);
    const from = new Date(killed);
    from.setUTCHours(Number(h), Number(m), Number(s), 0);
    assert.ok(from.getTime() <= Date.now() && killed - from.getTime() < 60_000, `${said}, killed at ${new Date(killed).toISOString()}`);
    assert.match(await page.locator('main').innerText(), /out of date/);
    const stale = await readTable(page);
    // nothing changes while nobody answers, and it keeps trying
    const attempts = () => watch.problems.filter((p) => /ERR_CONNECTION_REFUSED/.test(p)).length;
    const had = attempts();
    await waitFor('another attempt', 60, () => attempts() > had);
    assert.deepEqual(await readTable(page), stale);
    assert.equal(await page.locator('#connection').getAttribute('data-state'), 'lost');
    await looksRight(page);

    d = await Daemon.start(t, data, { measure: true });
    assert.equal(d.url, url, 'it is where it was');
    await connection(page, 'ended');
    await settled(page, 'run');
    const document = await d.run(id);
    assert.equal(document.run.state, 'interrupted');
    assert.ok((await sameFigures(page, document)) > 0);
    const text = await page.locator('main').innerText();
    assert.ok(text.includes('interrupted') && !/out of date|Connection lost/.test(text), text);
    assert.ok(text.includes(document.run.reason.message), text);

    await page.locator('header.shell nav a[href="/"]').click(); // the session is still one
    await settled(page, 'runs');
    assert.equal(await page.locator(`tr[data-run="${id}"]`).getAttribute('data-status'), 'interrupted');
  });
});

test('a benchd that is ended in the ordinary way is said, too', async (t) => {
  const data = join(folder(t), 'd');
  const d = await Daemon.start(t, data, { measure: true });
  await browse(d, {}, async (page, watch) => {
    watch.allow(/ERR_/);
    watch.allow(/503/);
    const id = await d.submit(LONG);
    await visit(page, d, `/runs/${id}`, 'run');
    await waitFor('figures in the page', 60, async () => (await figures(page)) > 0);
    await d.end('SIGTERM');
    // it may still have told how the run ended
    await page.locator('#connection[data-state="lost"], #connection[data-state="ended"]').waitFor();
    const again = await Daemon.start(t, data);
    await connection(page, 'ended');
    await sameFigures(page, await again.run(id));
  });
});

test('an answer that breaks off, or is of somebody else, is asked for again', async (t) => {
  const d = await Daemon.start(t, join(folder(t), 'd'), { measure: true });
  const id = await d.submit(LONG);
  await d.waitSample(id);
  await browse(d, {}, async (page, watch) => {
    watch.allow(/ERR_FAILED|403/);
    const wrong = [{ status: 200, contentType: 'application/json', body: '{"schema":"benchd.run.v1","run":{' }, { status: 403, contentType: 'text/html', body: '<h1>No</h1>' }];
    let streams = 1;
    await page.route(`**/api/v1/runs/${id}/events`, (route) => (streams-- > 0 ? route.abort() : route.continue()));
    await visit(page, d, `/runs/${id}`, 'run', 'offline');
    await page.route(`**/api/v1/runs/${id}`, (route) => (wrong.length ? route.fulfill(wrong.shift()) : route.continue()));
    await page.locator('#connection[data-state="lost"]').getByText('out of date').waitFor();
    await connection(page, 'live');
    assert.equal(wrong.length, 0);
    await settled(page, 'run');
  });
});

test('a benchd that says nothing any more is not live', async (t) => {
  const d = await Daemon.start(t, join(folder(t), 'd'), { measure: true });
  const id = await d.submit(LONG);
  await d.waitSample(id);
  await browse(d, {}, async (page, watch) => {
    watch.allow(/ERR_/);
    await visit(page, d, `/runs/${id}`, 'run');
    await connection(page, 'live');
    process.kill(d.pid, 'SIGSTOP');
    await connection(page, 'lost');
    await settled(page, 'run', 'offline');
    process.kill(d.pid, 'SIGCONT');
    await connection(page, 'live');
    await settled(page, 'run');
  });
});
