// How a browser gets in, and what those see who are not let in.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';

import { browse, inaccessible, looksRight, settled, visit } from './lib/browser.mjs';
import { Daemon, measured } from './lib/daemon.mjs';
import { file } from './lib/file.mjs';

let d;
before(async () => {
  d = await Daemon.start(file, measured(file).data);
});
const outside = (operate) => browse(d, { login: false }, operate);

test('a code leads to the list of runs, and is gone from the address', () =>
  outside(async (page) => {
    await page.goto(`${d.url}/login#${await d.code()}`);
    await settled(page, 'runs');
    assert.equal(page.url(), `${d.url}/`);
    const [cookie] = await page.context().cookies();
    assert.equal(cookie.httpOnly && cookie.sameSite, 'Strict');
    assert.equal(await page.evaluate(() => document.cookie), '');
    await page.goBack();
    assert.ok(!page.url().includes('#'), page.url());
  }));

test('a code leads on to the view it was asked for', () =>
  outside(async (page) => {
    const { runs } = await d.get('/api/v1/runs?limit=1');
    await page.goto(`${d.url}/login?next=${encodeURIComponent(`/runs/${runs[0].id}?sort=time`)}#${await d.code()}`);
    await settled(page, 'run');
    assert.equal(page.url(), `${d.url}/runs/${runs[0].id}?sort=time`);
  }));

for (const next of ['https://benchd.example/', '//benchd.example/', '/\\benchd.example', 'javascript:alert(1)', '/%5C%5Cbenchd.example/'])
  test(`a code leads to no other site (${next})`, () =>
    outside(async (page, watch) => {
      watch.allow(/404 .*127\.0\.0\.1|status of 404/); // a path of our own that is no view
      await page.goto(`${d.url}/login?next=${encodeURIComponent(next)}#${await d.code()}`);
      await page.waitForFunction(() => !location.pathname.startsWith('/login'));
      assert.equal(new URL(page.url()).origin, d.url);
    }));

test('a code that is spent, and one that never was, are told apart from nothing else', () =>
  outside(async (page, watch) => {
    watch.allow(/401/);
    const code = await d.code();
    await page.goto(`${d.url}/login#${code}`);
    await settled(page, 'runs');
    await page.context().clearCookies();
    for (const bad of [code, 'f'.repeat(code.length)]) {
      await page.goto('about:blank');
      await page.goto(`${d.url}/login#${bad}`);
      await settled(page, 'login', 'error');
      assert.match(await page.locator('main').innerText(), /spent or has expired[^]*benchctl open/);
      assert.equal(page.url(), `${d.url}/login`);
    }
    await looksRight(page);
  }));

test('an address without a code says what to type', () =>
  outside(async (page) => {
    await visit(page, d, '/login', 'login', 'empty');
    assert.match(await page.locator('main').innerText(), /benchctl open/);
    assert.deepEqual(await inaccessible(page), []);
  }));

for (const [path, view] of [['/', 'runs'], ['/runs/ID', 'run'], ['/series/0123456789abcdef', 'series']])
  test(`${path} without a session shows nothing but how to get one`, () =>
    outside(async (page, watch) => {
      watch.allow(/401/);
      const { runs } = await d.get('/api/v1/runs?limit=1');
      await visit(page, d, path.replace('ID', runs[0].id), view, 'error');
      const text = await page.locator('main').innerText();
      assert.match(text, /not logged in[^]*benchctl open/);
      assert.ok(!text.includes(runs[0].suite), text);
      await looksRight(page);
    }));

test('an address that is no view says so, with a way back', () =>
  browse(d, {}, async (page, watch) => {
    watch.allow(/404/);
    const answer = await page.goto(`${d.url}/no/such/view`);
    assert.equal(answer.status(), 404);
    await settled(page, 'not-found', 'ready', 'error', 'empty');
    await looksRight(page);
    await page.locator('main a[href="/"]').click();
    await settled(page, 'runs');
  }));
