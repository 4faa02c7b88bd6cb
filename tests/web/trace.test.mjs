// Traces of a real program: while they go on, and when they have ended.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';

import { browse, looksRight, overflow, settled, tabTo, visit } from './lib/browser.mjs';
import { Daemon, folder } from './lib/daemon.mjs';
import { says } from './lib/figures.mjs';
import { file } from './lib/file.mjs';
import { document, program, trace, waitEnd, waitTrace } from './lib/traced.mjs';
import { waitFor } from './lib/waiting.mjs';

let d;
let target; // the program
let id; // of a trace that has ended
let doc;
let why = null; // nothing can be traced here
before(async () => {
  d = await Daemon.start(file, join(folder(file), 'd'));
  target = await program(file);
  id = await trace({ skip: (reason) => (why = reason) }, d, { pid: target.pid, seconds: 2, command: 'python3 traced.py <b>&amp;' });
  if (id) doc = await waitEnd(d, id);
});

// A test that needs a trace.
function traced(name, body) {
  test(name, (t) => (why ? t.skip(why) : body(t)));
}

// What rows of a table say: [[attributes of the row, {figure or column: {value, text}}]].
const rows = (page, part) =>
  page.evaluate((p) => [...document.querySelectorAll(`[data-part="${p}"] tbody tr`)].map((row) => [
    { ...row.dataset },
    Object.fromEntries([...row.querySelectorAll('td')].map((td, i) => [td.dataset.figure ?? i, { value: td.dataset.value ?? null, text: td.innerText.trim() }])),
    row.innerText,
  ]), part);

function same(found, value, where) {
  assert.equal(Number(found.value), value, where);
  assert.ok(says(found.text, value), `${found.text} for ${value}: ${where}`);
}

async function sameThreads(page, document) {
  const found = await rows(page, 'threads');
  assert.deepEqual(found.map(([row]) => Number(row.tid)).sort(), document.threads.map((t) => t.tid).sort());
  for (const [row, figures] of found) {
    const t = document.threads.find((x) => x.tid === Number(row.tid));
    for (const [name, key] of Object.entries({ wait: 'wait_ns', holder: 'holder_ns', runqueue: 'runqueue_ns', switch: 'switch_ns', mutex: 'mutex_ns', waits: 'waits', p50: 'p50_ns', p99: 'p99_ns', max: 'max_ns', hold: 'hold_ns', run: 'run_ns', off: 'off_ns', share: 'wait_share' }))
      if (t[key] !== null) same(figures[name], t[key], `${key} of ${row.tid}`);
  }
  return found.length;
}

traced('it names who held the GIL, and where', () =>
  browse(d, {}, async (page) => {
    assert.equal(doc.state, 'complete', JSON.stringify(doc.reason));
    await visit(page, d, `/traces/${id}`, 'trace');
    const answer = page.locator('[data-part="answer"]');
    assert.ok((await answer.innerText()).includes(`hold ${target.tids.hold}`), await answer.innerText());
    assert.equal(Number(await answer.getAttribute('data-holder')), target.tids.hold, await answer.innerText());
    assert.ok((await answer.innerText()).includes(`traced.py:${target.lines.hold}`), await answer.innerText());
    const [[top, , text]] = await rows(page, 'holder-lines');
    assert.deepEqual([Number(top.tid), Number(top.line)], [target.tids.hold, target.lines.hold], text);
    const [[waiter]] = await rows(page, 'waiter-lines');
    assert.deepEqual([Number(waiter.tid), Number(waiter.line)], [target.tids.want, target.lines.want]);
    const [[held]] = await rows(page, 'held-lines');
    assert.deepEqual([Number(held.tid), Number(held.line)], [target.tids.hold, target.lines.hold]);
  }));

traced('every figure is the one of the API', () =>
  browse(d, {}, async (page) => {
    await visit(page, d, `/traces/${id}?lines=all`, 'trace');
    assert.ok((await sameThreads(page, doc)) >= 3);
    const gils = await rows(page, 'gils');
    assert.equal(gils.length, doc.gils.length);
    gils.forEach(([, figures], i) => {
      same(figures.held, doc.gils[i].held_share, 'held');
      same(figures.wait, doc.gils[i].wait_ns, 'wait');
      same(figures.waits, doc.gils[i].waits, 'waits');
    });
    const blockers = await page.evaluate(() =>
      [...document.querySelectorAll('[data-part="blockers"] [data-waiter]')].map((td) => [td.dataset.waiter, td.dataset.holder, td.dataset.value ?? td.querySelector('[data-value]').dataset.value].map(Number)));
    const sorted = (list) => list.map((x) => JSON.stringify(x)).sort();
    assert.deepEqual(sorted(blockers), sorted(doc.blockers.filter((b) => b.ns > 0).map((b) => [b.waiter, b.holder, b.ns])));
    for (const [part, lines] of [['holder-lines', doc.lines.filter((l) => l.role === 'holder')], ['waiter-lines', doc.lines.filter((l) => l.role === 'waiter')], ['held-lines', doc.held]]) {
      const found = (await rows(page, part)).map(([row, columns]) => [Number(row.tid), Number(columns[0].value)]);
      assert.deepEqual(sorted(found), sorted(lines.filter((l) => l.ns > 0).map((l) => [l.tid, l.ns])), part);
    }
    for (const name of ['waits', 'wait_ns', 'lost'])
      assert.equal(Number(await page.locator(`[data-figure="${name}"]`).first().getAttribute('data-value')), doc[name], name);
    const cost = await page.locator('[data-part="cost"]').innerText();
    assert.match(cost, /bench-tracer took .+ of a processor.*benchd .+events per second/);
    const text = await page.locator('main').innerText();
    for (const word of [doc.id, doc.python, String(doc.pid), 'python3 traced.py <b>&amp;']) assert.ok(text.includes(word), word);
  }));

traced('it is accessible and nowhere wider than the window', () =>
  browse(d, {}, async (page) => {
    await visit(page, d, `/traces/${id}`, 'trace');
    await looksRight(page);
    await visit(page, d, '/traces', 'traces');
    await looksRight(page);
  }));

traced('the list leads to it, by keyboard too', () =>
  browse(d, {}, async (page) => {
    await visit(page, d, '/', 'runs', 'empty');
    await tabTo(page, 'nav a[href="/traces"]');
    await page.keyboard.press('Enter');
    await settled(page, 'traces');
    assert.equal(await page.locator('nav a[aria-current]').innerText(), 'Traces');
    const { traces } = await d.get('/api/v1/traces');
    assert.deepEqual(await page.evaluate(() => [...document.querySelectorAll('tr[data-trace]')].map((row) => row.dataset.trace)), traces.map((x) => x.id));
    const row = page.locator(`tr[data-trace="${id}"]`);
    const known = traces.find((x) => x.id === id);
    assert.deepEqual([known.waits, known.wait_ns, known.lost], [doc.waits, doc.wait_ns, doc.lost]);
    for (const [column, value] of Object.entries({ waits: doc.waits, wait: doc.wait_ns, lost: doc.lost }))
      same({ value: await row.locator(`[data-col="${column}"]`).getAttribute('data-value'), text: await row.locator(`[data-col="${column}"]`).innerText() }, value, column);
    assert.ok(says(await row.locator('[data-col="seconds"]').innerText(), known.seconds * 1e9));
    await tabTo(page, `tr[data-trace="${id}"] th a`);
    await page.keyboard.press('Enter');
    await settled(page, 'trace');
    assert.equal(new URL(page.url()).pathname, `/traces/${id}`);
    await page.goBack();
    await settled(page, 'traces');
    await visit(page, d, `/traces?before=${id}`, 'traces', 'empty');
    await page.getByText('There are no older traces').waitFor();
  }));

traced('what it is downloaded as is what its name says', () =>
  browse(d, {}, async (page) => {
    await visit(page, d, `/traces/${id}`, 'trace');
    const checks = {
      perfetto: (text) => JSON.parse(text).traceEvents.some((e) => e.name === 'waiting for the GIL' && e.tid === target.tids.want),
      speedscope: (text) => JSON.parse(text).profiles.length > 1,
      collapsed: (text) => text.split('\n').some((line) => line.startsWith('waiting;') && line.includes(`traced.py:${target.lines.want})`)),
      json: (text) => JSON.parse(text).schema === 'benchd.trace.v1',
    };
    for (const [format, check] of Object.entries(checks)) {
      const [download] = await Promise.all([page.waitForEvent('download'), page.locator(`a[data-format="${format}"]`).click()]);
      assert.ok(download.suggestedFilename().includes(`-${id}.`), download.suggestedFilename());
      assert.ok(check(readFileSync(await download.path(), 'utf8')), format);
    }
  }));

traced('figures come while it goes on; it is stopped from the page, and deleted', (t) =>
  browse(d, {}, async (page, watch) => {
    const running = await trace(t, d, { pid: target.pid, keep: true });
    await page.goto(`${d.url}/traces/${running}`);
    await settled(page, 'trace');
    await page.locator('#connection[data-state="live"]').waitFor();
    const waits = async () => Number(await page.locator('[data-figure="waits"]').first().getAttribute('data-value'));
    const seen = new Set();
    await waitFor('figures that move', 60, async () => seen.add(await waits()).size >= 4);
    assert.deepEqual([...seen], [...seen].sort((a, b) => a - b));
    const states = await page.locator('[data-part="threads"] [data-figure="state"]').allInnerTexts();
    assert.ok(states.some((s) => ['running', 'holding', 'waiting', 'off processor'].includes(s)), states.join());
    assert.ok((await overflow(page)) <= 0);
    const asked = watch.requests.filter((url) => url.endsWith(`/api/v1/traces/${running}`)).length;
    assert.equal(asked, 1, 'events bring it');
    await page.getByRole('button', { name: 'Stop the trace' }).click();
    await page.locator('#connection[data-state="ended"]').waitFor();
    const end = await document(d, running);
    assert.equal(end.state, 'complete');
    await sameThreads(page, end);
    await page.getByRole('button', { name: 'Delete…' }).click();
    await page.getByRole('button', { name: 'Keep it' }).click();
    await page.getByRole('button', { name: 'Delete…' }).click();
    await page.getByRole('button', { name: 'Delete', exact: true }).click();
    await settled(page, 'traces');
    assert.equal(await page.locator(`tr[data-trace="${running}"]`).count(), 0);
    assert.equal((await d.request('GET', `/api/v1/traces/${running}`)).status, 404);
  }));

traced('a benchd that is killed meanwhile: the page says so, and that the figures are old', async (t) => {
  const data = join(folder(t), 'd');
  const own = await Daemon.start(t, data);
  await browse(own, {}, async (page, watch) => {
    const running = await trace(t, own, { pid: target.pid, keep: true });
    await waitTrace(own, running, (x) => x.waits > 0);
    await visit(page, own, `/traces/${running}`, 'trace');
    await page.locator('#connection[data-state="live"]').waitFor();
    watch.allow(/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET/);
    await own.end('SIGKILL');
    await settled(page, 'trace', 'offline');
    assert.ok(await page.getByRole('button', { name: 'Stop the trace' }).isDisabled());
    await looksRight(page);
    const again = await Daemon.start(t, data);
    assert.equal(again.url, own.url);
    await page.locator('#connection[data-state="ended"]').waitFor({ timeout: 60_000 });
    await settled(page, 'trace');
    const end = await document(again, running);
    assert.equal(end.state, 'interrupted');
    assert.ok((await page.locator('main').innerText()).includes('interrupted'));
  });
});

test('a trace that does not exist, nobody logged in, and no trace at all', async (t) => {
  const empty = await Daemon.start(t, join(folder(t), 'd'));
  await browse(empty, {}, async (page, watch) => {
    watch.allow(/404/);
    await visit(page, empty, '/traces', 'traces', 'empty');
    await page.getByText('Nothing was traced yet').waitFor();
    await looksRight(page);
    await visit(page, empty, '/traces/01JTRACE000000000000000000', 'trace', 'error');
    await page.getByRole('heading', { name: 'Not found' }).waitFor();
    await looksRight(page);
  });
  await browse(empty, { login: false }, async (page, watch) => {
    watch.allow(/401/);
    for (const [path, view] of [['/traces', 'traces'], ['/traces/01JTRACE000000000000000000', 'trace']]) {
      await visit(page, empty, path, view, 'error');
      await page.getByText('This browser is not logged in').waitFor();
    }
  });
});
