// What traces are exported as, in the programs they are for: speedscope in a real browser, its schema, and the rules of
// Chrome's trace events and of collapsed stacks.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import { dirname, extname, join, normalize } from 'node:path';
import { before, test } from 'node:test';

import { browse } from './lib/browser.mjs';
import { Daemon, folder } from './lib/daemon.mjs';
import { file } from './lib/file.mjs';
import { program, trace, waitEnd } from './lib/traced.mjs';

const load = createRequire(`${process.env.BENCHD_WEB_MODULES}/package.json`);
const Ajv = load('ajv');
const SPEEDSCOPE = join(dirname(load.resolve('speedscope/package.json')), 'dist', 'release');
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json', '.png': 'image/png' };

const files = {}; // of the trace, by format
let doc;
let target;
let why = null; // nothing can be traced here
let place; // {url} of speedscope
before(async () => {
  const d = await Daemon.start(file, join(folder(file), 'd'));
  target = await program(file);
  const id = await trace({ skip: (reason) => (why = reason) }, d, { pid: target.pid, seconds: 2 });
  if (!id) return;
  doc = await waitEnd(d, id);
  for (const format of ['perfetto', 'speedscope', 'collapsed']) {
    const answer = await d.request('GET', `/api/v1/traces/${id}/export?format=${format}`);
    assert.equal(answer.status, 200, answer.text);
    files[format] = answer.text;
  }
  const server = http.createServer((request, answer) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    const format = pathname.startsWith('/trace/') ? pathname.slice(7) : null;
    try {
      const name = pathname === '/' ? '/index.html' : normalize(pathname);
      const content = format ? files[format] : readFileSync(join(SPEEDSCOPE, name));
      answer.writeHead(200, { 'Content-Type': TYPES[extname(name)] ?? 'application/octet-stream' }).end(content);
    } catch {
      answer.writeHead(404).end();
    }
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  file.after(() => server.close());
  place = { url: `http://127.0.0.1:${server.address().port}` };
});

function traced(name, body) {
  test(name, (t) => (why ? t.skip(why) : body(t)));
}

// Opens an exported file in speedscope, in the view that lists functions; its text, and that of the list of profiles.
async function opened(format) {
  const seen = {};
  await browse(place, { login: false }, async (page) => {
    await page.goto(`${place.url}/#profileURL=${encodeURIComponent(`${place.url}/trace/${format}`)}`);
    await page.getByText('Sandwich').click();
    await page.getByText('Symbol Name').waitFor();
    seen.functions = await page.locator('body').innerText();
    await page.keyboard.press('t');
    await page.getByText('Total Weight').waitFor();
    seen.profiles = await page.locator('body').innerText();
  });
  return seen;
}

traced('speedscope shows the waits of each thread and what blocked them', async () => {
  const { functions, profiles } = await opened('speedscope');
  const { profiles: own } = JSON.parse(files.speedscope);
  for (const { name } of own) assert.ok(profiles.includes(name), `${name}\n${profiles}`);
  assert.ok(own.some(({ name }) => name.includes(`(${target.tids.want}): waiting`)), profiles);
  assert.ok(own.some(({ name }) => name === 'blocking others'));
  assert.ok(/\b(hold|want)\b/.test(functions), functions);
});

traced('speedscope reads the Chrome trace events: threads, waits and holds', async () => {
  const { functions, profiles } = await opened('perfetto');
  for (const tid of [target.tids.hold, target.tids.want]) assert.ok(profiles.includes(`tid ${tid}`), profiles);
  assert.ok(functions.includes('waiting for the GIL') || functions.includes('holding the GIL'), functions);
});

traced('the file for speedscope fits its schema', () => {
  const schema = JSON.parse(readFileSync(join(SPEEDSCOPE, 'file-format-schema.json'), 'utf8'));
  const fits = new Ajv({ strict: false }).compile(schema);
  const content = JSON.parse(files.speedscope);
  assert.ok(fits(content), JSON.stringify(fits.errors));
  for (const p of content.profiles) {
    assert.equal(p.samples.length, p.weights.length);
    assert.equal(p.weights.reduce((a, b) => a + b, 0), p.endValue);
    assert.ok(p.samples.flat().every((i) => i < content.shared.frames.length));
  }
  assert.ok(!fits({ ...content, profiles: [{ ...content.profiles[0], unit: 'moons' }] }), 'the schema refuses what does not fit');
});

const near = (a, b, part, what) => assert.ok(Math.abs(a - b) <= part * b, `${what}: ${a} and ${b}`);

traced('Chrome trace events: times, arrows and sums', () => {
  const { traceEvents: events } = JSON.parse(files.perfetto);
  const ns = (us) => Math.round(us * 1000);
  const slices = events.filter((e) => e.ph === 'X');
  const ends = new Map();
  for (const e of slices) {
    assert.ok(e.dur >= 0 && ns(e.ts) >= (ends.get(e.tid) ?? -Infinity), `slices of ${e.tid} follow each other: ${JSON.stringify(e)}`);
    ends.set(e.tid, ns(e.ts + e.dur));
  }
  const waits = slices.filter((e) => e.name === 'waiting for the GIL');
  if (!doc.truncated) assert.equal(waits.length, doc.waits);
  for (const t of doc.threads) {
    const own = waits.filter((e) => e.tid === t.tid);
    const sum = (key) => own.reduce((total, e) => total + e.args[key], 0);
    for (const key of ['holder_ns', 'runqueue_ns', 'switch_ns', 'mutex_ns']) near(sum(key), t[key], 0.001, `${key} of ${t.tid}`);
  }
  for (const e of waits) {
    const { holder_ns: holder, blocked_by: by } = e.args;
    assert.equal(by.reduce((total, p) => total + p.ns, 0), holder, JSON.stringify(e));
  }
  const from = new Map(events.filter((e) => e.ph === 's').map((e) => [e.id, e]));
  const to = events.filter((e) => e.ph === 'f');
  assert.ok(to.length > 0 && from.size === to.length);
  for (const e of to) assert.ok(ns(from.get(e.id).ts) <= ns(e.ts) && from.get(e.id).tid !== e.tid, JSON.stringify([from.get(e.id), e]));
  const named = new Set(events.filter((e) => e.ph === 'M' && e.name === 'thread_name').map((e) => e.tid));
  assert.ok(slices.every((e) => named.has(e.tid)));
  // the thread that holds is seen to hold, for about as long as the document says
  const held = slices.filter((e) => e.name === 'holding the GIL' && e.tid === target.tids.hold).reduce((total, e) => total + ns(e.dur), 0);
  near(held, doc.threads.find((t) => t.tid === target.tids.hold).hold_ns, 0.3, 'held');
});

traced('collapsed stacks: every ns of waiting once, and whom it was for', () => {
  const sums = new Map();
  for (const line of files.collapsed.trimEnd().split('\n')) {
    const [, root, thread, value] = /^([^;]+);([^;]+)(?:;[^;]+)+ (\d+)$/.exec(line) ?? assert.fail(line);
    const key = `${root} ${/\((\d+)\)$/.exec(thread)?.[1] ?? 'unknown'}`;
    sums.set(key, (sums.get(key) ?? 0) + Number(value));
  }
  for (const t of doc.threads) near(sums.get(`waiting ${t.tid}`) ?? 0, t.holder_ns + t.runqueue_ns + t.switch_ns + t.mutex_ns, 0.001, `waiting of ${t.tid}`);
  const blocking = [...sums].filter(([key]) => key.startsWith('blocking others')).reduce((total, [, ns]) => total + ns, 0);
  near(blocking, doc.threads.reduce((total, t) => total + t.holder_ns, 0), 0.001, 'blocking others');
  assert.ok(files.collapsed.includes(`traced.py:${target.lines.want}`));
});
