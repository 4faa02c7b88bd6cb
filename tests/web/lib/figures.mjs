// Figures in pages against those of the API: the exact number in data-value, and the text people read rounded from it.
import assert from 'node:assert/strict';

const FACTORS = { ns: 1, µs: 1e3, ms: 1e6, s: 1e9, k: 1e3, M: 1e6, G: 1e9, T: 1e12, '%': 0.01, '×': 1, '': 1 };

// Whether the text is the value, rounded as far as its last digit.
export function says(text, value) {
  const found = /^[~±*\s]*(-?\d+(?:\.(\d+))?)\s*(ns|µs|ms|s|k|M|G|T|%|×|)\s*$/u.exec(text ?? '');
  if (!found || typeof value !== 'number') return false;
  const factor = FACTORS[found[3]];
  const slack = 0.5 * 10 ** -(found[2]?.length ?? 0) * factor;
  return Math.abs(Number(found[1]) * factor - value) <= slack * (1 + 1e-6);
}

export function halfWidth({ median, lo, hi }) {
  return Math.max(hi - median, median - lo) / Math.abs(median);
}

const traced = (cell) => cell.gil && cell.gil.mode !== 'off' && cell.gil.wait_share !== null;

// What the row of a cell has to say: {column: [number of data-value, number of the text]}; null: nothing.
function expected(cell) {
  const interval = (e) => (e && e.lo !== null && e.hi !== null ? halfWidth(e) : null);
  return {
    time: cell.time_ns_per_op.median,
    pm: interval(cell.time_ns_per_op),
    ops: cell.throughput_ops_s?.median ?? null,
    ratio: cell.ratio?.median ?? null,
    'ratio-pm': interval(cell.ratio),
    scaling: cell.scaling?.median ?? null,
    'scaling-pm': interval(cell.scaling),
    allocations: cell.memory?.allocations_per_op ?? null,
    allocated: cell.memory?.allocated_bytes_per_op ?? null,
    wait: traced(cell) ? cell.gil.wait_share : null,
  };
}

// All rows of the table of cells as {index: {status, columns: {name: {value, lo, hi, text}}}}.
export function readTable(page) {
  return page.evaluate(() =>
    Object.fromEntries(
      [...document.querySelectorAll('tr[data-cell]')].map((row) => [
        row.dataset.cell,
        {
          status: row.dataset.status,
          text: row.innerText,
          columns: Object.fromEntries(
            [...row.querySelectorAll('td[data-col]')].map((td) => [
              td.dataset.col,
              { value: td.dataset.value ?? null, lo: td.dataset.lo ?? null, hi: td.dataset.hi ?? null, text: td.innerText.trim() },
            ]),
          ),
        },
      ]),
    ),
  );
}

// Every figure of every cell of the document is in the page and is the same; and no cell has one the document has not.
export async function sameFigures(page, document) {
  const table = await readTable(page);
  assert.deepEqual(Object.keys(table).map(Number).sort((a, b) => a - b), document.cells.map((_, i) => i), 'the rows of the table');
  let compared = 0;
  document.cells.forEach((cell, index) => {
    const row = table[index];
    const where = `${cell.id}: ${JSON.stringify(row)}`;
    assert.equal(row.status, cell.status, where);
    if (cell.status !== 'ok' && !cell.time_ns_per_op) {
      assert.ok(Object.values(row.columns).every((c) => c.value === null), where);
      if (cell.reason?.message) assert.ok(row.text.includes(cell.reason.message.trim()), where);
      return;
    }
    for (const [name, figure] of Object.entries(expected(cell))) {
      const found = row.columns[name];
      if (figure === null) {
        assert.ok(!found || (found.value === null && !/\d/.test(found.text)), `${name} of ${where}`);
        continue;
      }
      assert.ok(found, `${name} of ${where}`);
      if (name === 'pm' || name.endsWith('-pm')) {
        const estimate = { pm: cell.time_ns_per_op, 'ratio-pm': cell.ratio, 'scaling-pm': cell.scaling }[name];
        assert.deepEqual([Number(found.lo), Number(found.hi)], [estimate.lo, estimate.hi], `${name} of ${where}`);
      } else {
        assert.equal(Number(found.value), figure, `${name} of ${where}`);
      }
      assert.ok(says(found.text, figure), `${name}: '${found.text}' is not ${figure}`);
      compared++;
    }
  });
  return compared;
}
