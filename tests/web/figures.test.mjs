// That the comparison of figures can fail.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { browse } from './lib/browser.mjs';
import { sameFigures, says } from './lib/figures.mjs';
import './lib/file.mjs';

test('a text says its value as far as it is rounded', () => {
  for (const [text, value] of [['1.145 µs', 1145.4], ['873 k', 873_400], ['49 %', 0.494], ['1.998×', 1.9977], ['±5.1 %', 0.0506], ['~2.0 s', 2.04e9], ['980', 980.2]])
    assert.ok(says(text, value), `${text} ${value}`);
  for (const [text, value] of [['1.145 µs', 1146], ['1.145 ms', 1145.4], ['873 k', 874_000], ['49 %', 0.5], ['1.998×', 2], ['', 0], ['–', 0], ['980', null]])
    assert.ok(!says(text, value), `${text} ${value}`);
});

const CELL = {
  id: 'a', status: 'ok', complete: true, reason: null, time_ns_per_op: { median: 1145.4, lo: 1100, hi: 1200 },
  throughput_ops_s: { median: 873_000, lo: 1, hi: 2 }, ratio: null, scaling: null, gil: { mode: 'counters', wait_share: 0.5 },
};
const ROW = `<tr data-cell="0" data-status="ok"><td data-col="time" data-value="1145.4">1.145 µs</td>
  <td data-col="pm" data-lo="1100" data-hi="1200">±4.8 %</td><td data-col="ops" data-value="873000">873 k</td>
  <td data-col="ratio">ref</td><td data-col="wait" data-value="0.5">50 %</td></tr>`;
const BAD = { id: 'b', status: 'invalid', reason: { message: 'it is wrong' }, time_ns_per_op: null };

test('a table that differs in anything is refused', () =>
  browse(null, {}, async (page) => {
    const compare = async (rows, cells) => {
      await page.setContent(`<table>${rows}</table>`);
      return sameFigures(page, { cells });
    };
    assert.equal(await compare(ROW, [CELL]), 4);
    await assert.rejects(compare(ROW.replace('value="1145.4"', 'value="1145.5"'), [CELL]), /time of/);
    await assert.rejects(compare(ROW.replace('1.145 µs', '1.146 µs'), [CELL]), /is not 1145.4/);
    await assert.rejects(compare(ROW.replace('hi="1200"', 'hi="1201"'), [CELL]), /pm of/);
    await assert.rejects(compare(ROW.replace('ref', '1.00×'), [CELL]), /ratio of/);
    await assert.rejects(compare(ROW.replace('data-status="ok"', 'data-status="invalid"'), [CELL]), /invalid/);
    await assert.rejects(compare(ROW.replace(/<td data-col="wait".*<\/td>/, ''), [CELL]), /wait of/);
    await assert.rejects(compare('', [CELL]), /the rows/);
    const bad = '<tr data-cell="0" data-status="invalid"><td data-col="time">invalid: it is wrong</td></tr>';
    assert.equal(await compare(bad, [BAD]), 0);
    await assert.rejects(compare(bad.replace('"time"', '"time" data-value="3"'), [BAD]));
    await assert.rejects(compare(bad.replace('it is wrong', ''), [BAD]));
  }));
