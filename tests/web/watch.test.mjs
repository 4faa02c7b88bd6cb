// That the watch over pages sees what it is there for: each page here has one fault, and is caught for it.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, test } from 'node:test';

import { browse, inaccessible, looksRight, overflow, settled, tabTo } from './lib/browser.mjs';
import './lib/file.mjs';

const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src *; img-src * data:";
const page = (body) => `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>page</title>
<link rel="icon" href="data:,"><meta name="viewport" content="width=device-width"></head><body>${body}</body></html>`;
const SCRIPTS = {
  '/error.js': 'console.error("something to complain about")',
  '/throws.js': 'null.length',
  '/rejects.js': 'Promise.reject(new Error("nobody waits"))',
  '/foreign.js': 'fetch("http://benchd.example/").catch(() => {})',
  '/address.js': 'fetch("http://192.0.2.1/").catch(() => {})',
  '/missing.js': 'fetch("/nothing").catch(() => {})',
  '/lost.js': 'fetch("/hangup").catch(() => {})',
  '/eval.js': 'try { new Function("1")() } catch {}',
};
const PAGES = {
  '/good': page('<main data-view="good" data-state="ready"><h1>Good</h1><a href="/good">itself</a></main>'),
  '/wide': page('<main><h1>Wide</h1><img alt="a wide one" width="2000" height="20" src="/good.svg"></main>'),
  '/unnamed': page('<main><h1>Unnamed</h1><button></button><img src="/good.svg" width="9" height="9"></main>'),
  '/inline': page('<main><h1>Inline</h1><p style="color:red">red</p></main>'),
  '/inline-script': page('<main><h1>Inline</h1><script>1</script></main>'),
};
for (const name of Object.keys(SCRIPTS)) PAGES[name.replace('.js', '')] = page(`<main><h1>Page</h1></main><script src="${name}"></script>`);

const site = {};
let server;
before(async () => {
  server = http.createServer((request, answer) => {
    if (request.url === '/hangup') return request.socket.destroy();
    const [type, text] = PAGES[request.url] ? ['text/html', PAGES[request.url]] : ['text/javascript', SCRIPTS[request.url]];
    if (request.url === '/good.svg') answer.writeHead(200, { 'Content-Type': 'image/svg+xml' });
    else answer.writeHead(text ? 200 : 404, { 'Content-Type': type, 'Content-Security-Policy': POLICY });
    return answer.end(text ?? '<svg xmlns="http://www.w3.org/2000/svg"/>');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  site.url = `http://127.0.0.1:${server.address().port}`;
});
after(() => server.close());

const look = (path, operate = async () => {}, options = {}) =>
  browse(site, { login: false, check: false, ...options }, async (p, watch) => {
    await p.goto(site.url + path, { waitUntil: 'networkidle' });
    await operate(p, watch);
  });

test('a good page has no problem', async () => {
  const watch = await look('/good', async (p) => {
    await settled(p, 'good');
    await looksRight(p);
    assert.equal(await tabTo(p, 'a'), 1);
  });
  assert.deepEqual(watch.problems, []);
});

for (const [path, problem] of [
  ['/error', /^console: something to complain about/],
  ['/throws', /^exception: TypeError/],
  ['/rejects', /^exception: Error: nobody waits/],
  ['/foreign', /^foreign request: http:\/\/benchd\.example/],
  ['/address', /^foreign request: http:\/\/192\.0\.2\.1/],
  ['/missing', /^answer: 404 .*\/nothing/],
  ['/lost', /^request: .*\/hangup net::/],
  ['/eval', /^console: policy violation: script-src/],
  ['/inline', /^console: policy violation: style-src/],
  ['/inline-script', /^console: policy violation: script-src/],
])
  test(`${path.slice(1)} is caught`, async () => {
    const watch = await look(path);
    assert.ok(watch.problems.some((p) => problem.test(p)), watch.problems.join('\n') || 'no problem seen');
    assert.throws(() => watch.check(), /had problems/);
    watch.allow(/./);
    watch.check();
  });

test('what is asked from another machine does not get there', async () => {
  const watch = await look('/foreign');
  assert.ok(watch.problems.some((p) => /^request: http:\/\/benchd\.example\/ net::ERR_NAME_NOT_RESOLVED/.test(p)), watch.problems.join('\n'));
  assert.ok((await look('/address')).problems.some((p) => /^request: http:\/\/192\.0\.2\.1\/ net::ERR_NAME_NOT_RESOLVED/.test(p)));
});

test('a page that is wider than its window is caught', async () => {
  await look('/wide', async (p) => {
    assert.ok((await overflow(p)) > 0);
    await assert.rejects(looksRight(p), /px too wide at 320/);
  });
});

test('controls and pictures without a name are caught', async () => {
  await look('/unnamed', async (p) => {
    const found = await inaccessible(p);
    assert.ok(found.some((f) => f.startsWith('button-name')), found.join('\n'));
    assert.ok(found.some((f) => f.startsWith('image-alt')), found.join('\n'));
    await assert.rejects(looksRight(p), /button-name/);
  });
});

test('a view that is not there, or not ready, is caught', async () => {
  await look('/good', async (p) => {
    p.setDefaultTimeout(300);
    await assert.rejects(settled(p, 'run'), /is not run ready, but <main data-view="good"/);
    await assert.rejects(settled(p, 'good', 'error'), /is not good error/);
    await assert.rejects(tabTo(p, 'button', 5), /not reached/);
  });
});
