// Pictures of every view, light and dark, wide and narrow: to be looked at. BENCHD_SCREENSHOTS names a folder for those of
// the documentation; the whole default suite is measured for them, after a few short runs.
import assert from 'node:assert/strict';
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { browse, visit } from './lib/browser.mjs';
import { BUILD, Daemon, folder, measured } from './lib/daemon.mjs';
import { program, trace, waitEnd } from './lib/traced.mjs';
import './lib/file.mjs';

const FOR_DOCS = process.env.BENCHD_SCREENSHOTS;
const PLACE = FOR_DOCS ?? join(BUILD, 'tests', 'web', 'pictures');
const LARGEST = 300_000;
const HEIGHTS = { 1280: 820, 360: 780 };
const SHORT = { axes: { threads: [1, 2, 4], u: ['100us'] }, launches: 6, rounds: 1, labels: { branch: 'main' } };

// A benchd with runs worth a picture, and the id of the best.
async function worthwhile(t) {
  if (!FOR_DOCS) {
    const { data, runs } = measured(t);
    return [await Daemon.start(t, data), runs.full];
  }
  const d = await Daemon.start(t, join(folder(t), 'd'), { measure: true });
  for (let i = 0; i < 14; i++) await d.measure({ ...SHORT, env: i < 6 ? { MALLOC_ARENA_MAX: '1' } : {} });
  return [d, await d.measure({ labels: { branch: 'main' } })];
}

// The views of a trace, where this machine lets one be made.
async function tracedViews(t, d) {
  const target = await program(t);
  const id = await trace({ skip: (reason) => t.diagnostic(`no pictures of traces: ${reason}`) }, d, { pid: target.pid, seconds: 3, command: 'python3 traced.py' });
  if (!id) return {};
  assert.equal((await waitEnd(d, id)).state, 'complete');
  return { traces: ['/traces', 'traces', null], trace: [`/traces/${id}`, 'trace', null] };
}

test('pictures', { timeout: 600_000 }, async (t) => {
  mkdirSync(PLACE, { recursive: true });
  const [d, run] = await worthwhile(t);
  const document = await d.run(run);
  assert.equal(document.run.state, 'complete');
  const index = document.cells.findIndex((c) => c.axes.gil === 'hold' && c.axes.threads === 4 && c.axes.u === '100us');
  const views = {
    list: ['/', 'runs', null],
    run: [`/runs/${run}`, 'run', null],
    cell: [`/runs/${run}?cell=${index}`, 'run', `[data-details="${index}"]`],
    series: [`/series/${document.cells[index].series}?run=${run}`, 'series', null],
    ...(await tracedViews(t, d)),
  };
  for (const [width, height] of Object.entries(HEIGHTS))
    for (const scheme of ['light', 'dark'])
      await browse(d, { width: Number(width), height, scheme }, async (page) => {
        for (const [name, [path, view, part]] of Object.entries(views)) {
          await visit(page, d, path, view);
          if (part) await page.evaluate((s) => scrollBy(0, document.querySelector(s).getBoundingClientRect().top - innerHeight / 3), part);
          const file = join(PLACE, `${name}-${scheme}${width === '1280' ? '' : `-${width}`}.png`);
          await page.screenshot({ path: file });
          assert.ok(statSync(file).size < LARGEST, `${file} has ${statSync(file).size} bytes`);
        }
      });
});
