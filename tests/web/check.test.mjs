// Checks that are kept: in the list of runs, on their pages, while they go on, and as one file.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { pathToFileURL } from 'node:url';

import { browse, looksRight, settled, visit } from './lib/browser.mjs';
import { BUILD, Daemon, FINAL, folder, measured } from './lib/daemon.mjs';
import { file } from './lib/file.mjs';
import { waitFor } from './lib/waiting.mjs';

const MODULES = join(BUILD, 'tests', 'check');
const HANGS = `def add(a, b): return a + b
def forever(x):
    with open(MARK, "a") as f: f.write("x")
    while True: pass
`;

let d;
let place;
let registered = 0;
const checks = {};

// As benchctl writes down what it is told to check.
function register(what) {
  const id = `01M81E1284PN3A7V019N0412${String(++registered).padStart(2, '0')}`;
  mkdirSync(join(d.data, 'registered'), { recursive: true, mode: 0o700 });
  const text = JSON.stringify({ schema: 'benchd.registered.v1', kind: 'module', argv: ['/usr/bin/python3'], cwd: '/', ...what });
  writeFileSync(join(d.data, 'registered', `${id}.json`), text, { mode: 0o600 });
  return `@${id}`;
}

const check = (what, more = {}) => d.submit({ target: register(what), kind: 'check', ...more });

before(async () => {
  d = await Daemon.start(file, measured(file).data, { measure: true });
  place = folder(file);
  const built = join(MODULES, readFileSync(join(MODULES, 'default.txt'), 'utf8').trim());
  for (const name of ['planted_leak_argument', 'clean_leak_argument']) checks[name] = await check({ name, path: join(built, `${name}.so`) });
  checks.missing = await check({ name: 'no_such_module_here' });
  for (const id of Object.values(checks)) await d.waitState(id, FINAL, 300);
});

const text = (page, selector) => page.locator(selector).innerText();

test('the list says of a check what it is and what it found', () =>
  browse(d, {}, async (page) => {
    await visit(page, d, '/', 'runs');
    for (const [name, suite, said] of [['planted_leak_argument', 'planted_leak_argument', 'found'], ['clean_leak_argument', 'clean_leak_argument', 'nothing found'],
      ['missing', 'no_such_module_here', '–']]) {
      const row = `tr[data-run="${checks[name]}"]`;
      assert.equal(await text(page, `${row} [data-col="suite"]`), `Check of ${suite}`);
      assert.equal((await text(page, `${row} [data-col="cells"]`)).replace(/^[✓✗]\s*/, ''), said);
    }
    // others are as they were
    assert.ok((await page.locator('tr[data-run] [data-col="suite"]').allInnerTexts()).some((suite) => suite === 'gil-contention'));
    await looksRight(page);
  }));

test('its page has the findings and no table of cells', async () => {
  const found = (await d.run(checks.planted_leak_argument)).check;
  const [finding] = found.findings;
  await browse(d, {}, async (page) => {
    await visit(page, d, `/runs/${checks.planted_leak_argument}`, 'run');
    assert.equal(await text(page, 'h1'), 'Check of planted_leak_argument');
    assert.match(await text(page, '.verdict'), /1 finding/);
    const rows = page.locator('[data-part="findings"] tbody tr');
    assert.equal(await rows.count(), found.findings.length);
    const row = await rows.first().innerText();
    for (const part of [finding.function, 'reference leaks', finding.evidence, finding.hint, ...finding.call]) assert.ok(row.includes(part), `${row}\n${part}`);
    assert.equal(await page.locator('[data-part="checks"] tbody tr').count(), found.checks.length);
    assert.equal(await text(page, '[data-part="checks"] tr[data-check="leaks"] td'), '✗found: 1');
    assert.equal(await page.locator('.figures, tr.cell').count(), 0);
    await looksRight(page);
    await visit(page, d, `/runs/${checks.clean_leak_argument}`, 'run');
    assert.match(await text(page, '.verdict'), /nothing found/);
    assert.equal(await page.locator('[data-part="findings"]').count(), 0);
    await looksRight(page);
    // one that could not begin says why, and has no verdict
    await visit(page, d, `/runs/${checks.missing}`, 'run');
    assert.match(await text(page, 'main'), /has no module no_such_module_here/);
    assert.equal(await page.locator('.verdict, .figures').count(), 0);
    await looksRight(page);
  });
});

test('one that goes on tells where it is, and can be cancelled', async () => {
  const path = join(place, 'hangs.py');
  const mark = join(place, 'mark');
  writeFileSync(path, HANGS.replace('MARK', JSON.stringify(mark)));
  const id = await check({ name: 'hangs.py', path });
  await waitFor('the call that hangs', 120, () => {
    try {
      return readFileSync(mark, 'utf8').length > 0;
    } catch {
      return false;
    }
  });
  await browse(d, {}, async (page) => {
    await visit(page, d, `/runs/${id}`, 'run');
    await page.locator('.phase', { hasText: 'hangs.forever' }).waitFor();
    await page.getByRole('button', { name: 'Cancel the run' }).click();
    await page.locator('#state[data-state="cancelled"]').waitFor();
    assert.match(await text(page, '.verdict'), /undecided/);
    await looksRight(page);
  });
});

test('it is one file, too', async (t) => {
  const answer = await d.request('GET', `/api/v1/runs/${checks.planted_leak_argument}/page`);
  assert.equal(answer.status, 200, answer.text);
  const path = join(folder(t), 'a check.html');
  writeFileSync(path, answer.text);
  await browse(null, {}, async (page, watch) => {
    watch.allow(/^foreign request: file:/); // itself
    await page.goto(pathToFileURL(path).href);
    await settled(page, 'run');
    assert.ok((await text(page, '[data-part="findings"]')).includes('planted_leak_argument.twice'));
    await looksRight(page);
  });
});
