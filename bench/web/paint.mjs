// When each view is first painted and when it is whole, in a browser whose cache is empty or full; and what the shell weighs.
import http from 'node:http';

import { browse, closeBrowser } from '../../tests/web/lib/browser.mjs';
import { Daemon } from '../../tests/web/lib/daemon.mjs';

const LOADS = Number(process.env.BENCHD_BENCH_LOADS ?? 15);
const BAR_MS = 200;
const SHELL_BAR = 150_000;

// Runs in the page before anything of its own: notes when the view was whole and on the screen.
function observe() {
  const note = () => {
    if (globalThis.wholeAt || !document.querySelector('main:not([data-state="loading"])')) return;
    globalThis.wholeAt = Infinity;
    requestAnimationFrame(() => setTimeout(() => (globalThis.wholeAt = performance.now())));
  };
  new MutationObserver(note).observe(document, { subtree: true, childList: true, attributes: true });
}

function read() {
  const bytes = performance
    .getEntries()
    .filter((e) => (e.entryType === 'resource' || e.entryType === 'navigation') && !e.name.includes('/api/'))
    .map((e) => [e.entryType === 'navigation' ? 'page' : e.name, e.transferSize]);
  return {
    state: document.querySelector('main').dataset.state,
    painted: performance.getEntriesByName('first-contentful-paint')[0].startTime,
    whole: globalThis.wholeAt,
    bytes,
  };
}

async function load(page, url) {
  await page.goto('about:blank');
  await page.goto(url);
  await page.waitForFunction(() => Number.isFinite(globalThis.wholeAt) && performance.getEntriesByName('first-contentful-paint').length);
  const found = await page.evaluate(read);
  if (found.state !== 'ready') throw new Error(`${url} is ${found.state}`);
  return found;
}

// What the browser itself takes here, for a page of one word: nothing above is less than that.
async function nothing(t) {
  const server = http.createServer((request, answer) => {
    answer.writeHead(200, { 'Content-Type': 'text/html', 'Cache-Control': 'no-store' });
    answer.end('<!doctype html><link rel="icon" href="data:,"><main data-state="ready">word</main>');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const url = `http://127.0.0.1:${server.address().port}/`;
  const loads = [];
  for (let i = 0; i < LOADS; i++)
    await browse({ url }, { login: false }, async (page) => {
      await page.addInitScript(observe);
      loads.push(await load(page, url));
    });
  return loads;
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const ms = (values) => `${median(values).toFixed(0)} ms median of ${values.length}, ${Math.max(...values).toFixed(0)} ms at most`;

async function main(t) {
  const d = await Daemon.start(t, process.env.BENCHD_WEB_DATA);
  const { runs } = await d.get('/api/v1/runs?limit=1');
  const { cells } = await d.run(runs[0].id);
  const contended = cells.findIndex((c) => c.gil?.waits > 0);
  const views = {
    'list of runs': '/',
    'a run': `/runs/${runs[0].id}`,
    'a cell': `/runs/${runs[0].id}?cell=${contended}`,
    'a series of 1,000 runs': `/series/${cells[contended].series}?run=${runs[0].id}`,
  };
  console.log('| what | bar | measured | |\n|---|---|---|---|');
  const row = (what, bar, measured, reached) => console.log(`| ${what} | ${bar} | ${measured} | ${reached ? 'reached' : 'missed'} |`);
  const shell = new Map();
  for (const [name, path] of Object.entries(views)) {
    const cold = [];
    for (let i = 0; i < LOADS; i++)
      await browse(d, {}, async (page) => {
        await page.addInitScript(observe);
        cold.push(await load(page, d.url + path));
      });
    const warm = [];
    await browse(d, {}, async (page) => {
      await page.addInitScript(observe);
      await load(page, d.url + path);
      for (let i = 0; i < LOADS; i++) warm.push(await load(page, d.url + path));
    });
    for (const [url, size] of cold[0].bytes) shell.set(url, Math.max(size, shell.get(url) ?? 0));
    for (const [how, loads] of [['empty', cold], ['full', warm]])
      for (const [what, key] of [['first paint', 'painted'], ['whole', 'whole']]) {
        const values = loads.map((l) => l[key]);
        row(`${name}, ${what}, ${how} cache`, `≤ ${BAR_MS} ms`, ms(values), median(values) <= BAR_MS);
      }
  }
  const floor = await nothing(t);
  console.log(`| a page of one word, for comparison: first paint | | ${ms(floor.map((l) => l.painted))} | |`);
  const bytes = [...shell.values()].reduce((sum, n) => sum + n, 0);
  row('shell, all views, as transferred', `≤ ${SHELL_BAR / 1000} kB`, `${(bytes / 1000).toFixed(1)} kB in ${shell.size} files`, bytes <= SHELL_BAR);
}

const endings = [];
try {
  await main({ after: (ending) => endings.push(ending) });
} finally {
  for (const ending of endings.reverse()) await ending();
  await closeBrowser();
}
