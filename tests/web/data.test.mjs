// Measures the runs that the other tests look at, once: good, bad, unsupported, cancelled and interrupted ones.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { BUILD, Daemon, folder } from './lib/daemon.mjs';

const PLACE = process.env.BENCHD_WEB_DATA;
const SMALL = { axes: { threads: [1, 2], u: ['1us'] }, launches: 6, rounds: 1 };

// A copy of the programs without one of the bindings: what an installation looks like that could not build it.
function withoutBinding(t, name) {
  const place = join(folder(t), 'tree');
  for (const part of ['bin', 'lib', 'share'])
    cpSync(join(BUILD, part), join(place, part), { recursive: true, filter: (path) => !path.endsWith(`bdb_${name}.so`) });
  return join(place, 'bin');
}

test('the runs are measured', { timeout: 580_000 }, async (t) => {
  const data = join(folder(t), 'd');
  const cases = join(folder(t), 'cases');
  const runs = { series: [], sometimes: [] };
  cpSync(join(dirname(fileURLToPath(import.meta.url)), 'cases'), cases, { recursive: true });

  let d = await Daemon.start(t, data, { measure: true });
  for (const env of [{}, {}, { WEB_TEST: 'another environment' }, { WEB_TEST: 'another environment' }])
    runs.series.push(await d.measure({ ...SMALL, env, labels: { place: 'web', branch: env.WEB_TEST ? 'other' : 'main' } }));
  for (const mode of ['right', 'right', 'wrong', 'dies', 'right']) {
    writeFileSync(join(cases, 'mode'), mode);
    runs.sometimes.push(await d.measure({ target: 'web_*', env: { BENCHD_CASES: cases }, launches: 6, rounds: 1 }));
  }
  runs.cancelled = await d.submit({ budget_s: 60 });
  await d.waitSample(runs.cancelled);
  assert.equal((await d.request('POST', `/api/v1/runs/${runs.cancelled}/cancel`, {})).status, 202);
  await d.waitState(runs.cancelled, ['cancelled']);
  runs.interrupted = await d.submit({ budget_s: 60 });
  await d.waitSample(runs.interrupted);
  await d.end('SIGKILL');

  d = await Daemon.start(t, data, { measure: true, bin: withoutBinding(t, 'capi') });
  runs.unsupported = await d.measure({
    axes: { threads: [1], u: ['1us'], gil: ['hold'], binding: ['capi:fastcall', 'ctypes:argtypes'] },
    launches: 2,
    rounds: 1,
  });
  await d.end();

  d = await Daemon.start(t, data, { measure: true });
  runs.text = await d.measure({ target: 'ffi.call.text', axes: { binding: ['capi:fastcall'], handover: ['borrow', 'copy'] }, launches: 2, rounds: 1 });
  runs.full = await d.measure({ axes: { threads: [1, 2, 4], u: ['1us', '100us'] }, launches: 6, rounds: 1, labels: { place: 'web' } });

  // nothing here is worth a look unless it is what its name says
  const status = async (id, name) =>
    [...new Set((await d.run(id)).cells.filter((c) => c.case === name).map((c) => c.status))].join();
  for (const id of [...runs.series, runs.text, runs.full]) assert.equal((await d.run(id)).run.state, 'complete', JSON.stringify(await d.run(id)));
  assert.deepEqual(await Promise.all(runs.sometimes.map((id) => status(id, 'web_sometimes'))), ['ok', 'ok', 'invalid', 'failed', 'ok']);
  assert.equal(await status(runs.sometimes[0], 'web_never'), 'invalid');
  assert.equal((await d.run(runs.cancelled)).run.state, 'cancelled');
  assert.equal((await d.run(runs.interrupted)).run.state, 'interrupted');
  assert.deepEqual((await d.run(runs.unsupported)).cells.filter((c) => c.case === 'gil-contention').map((c) => c.status).sort(), ['ok', 'unsupported']);
  await d.end();

  writeFileSync(join(data, 'web.json'), JSON.stringify(runs));
  rmSync(join(data, 'daemon.json'), { force: true });
  rmSync(PLACE, { recursive: true, force: true });
  mkdirSync(dirname(PLACE), { recursive: true });
  cpSync(data, `${PLACE}.new`, { recursive: true });
  renameSync(`${PLACE}.new`, PLACE);
});
