/* What the table of a run shows: the same columns, groups and order as benchctl's (daemon/benchctl/run_table.c), but with a
 * row for every cell, also those that cannot be measured here. */

/* In the order of ids; a value that is its axis's default is not worth mentioning. */
const AXES = {
  python: null, binding: null, caller: 'python', allocator: 'glibc', objalloc: 'pymalloc', threads: null, affinity: 'pinned', gc: 'on', switch_interval: '5ms',
};
const ALWAYS_NAMED = ['allocator', 'objalloc'];
const LAST_CASE = 'empty-loop';
const BLOCKER_MIN_SHARE = 0.01;

const text = (value) => (value === null || value === undefined ? null : String(value));
export const axisOf = (cell, axis) => text(cell.axes[axis]);
const distinct = (values) => [...new Set(values.filter((v) => v !== null))];

/** Names of the axes that differ among these cells, in the order of ids. */
export function varying(cells) {
  const names = new Set(Object.keys(AXES));
  for (const cell of cells) for (const axis of Object.keys(cell.axes)) names.add(axis);
  return [...names].filter((axis) => distinct(cells.map((cell) => axisOf(cell, axis))).length > 1);
}

/* What is worked out from all cells is kept with them: rows are many, and drawn often while a run goes on. */
const kept = new WeakMap();

function casesOf(doc) {
  if (!kept.has(doc)) {
    const named = doc.cells.some((c) => c.case === doc.run.suite);
    const names = distinct(doc.cells.map((c) => c.case));
    const axes = new Map(names.map((name) => [name, varying(doc.cells.filter((c) => c.case === name))]));
    kept.set(doc, { main: named ? doc.run.suite : names[0], axes });
  }
  return kept.get(doc);
}

/** A cell by what makes it differ from the others of its case: "gil=hold threads=2". */
export function labelOf(doc, cell) {
  const { main, axes: all } = casesOf(doc);
  const axes = all.get(cell.case);
  const parts = axes.filter((axis) => axisOf(cell, axis) !== null).map((axis) => `${axis}=${axisOf(cell, axis)}`);
  return (axes.length === 0 || cell.case !== main ? [cell.case, ...parts] : parts).join(' ');
}

/** What V3 found of a cell that says whether it copies: "copies", "zero-copy", or null. */
export const copying = (cell) => cell.notes?.find((note) => note.key === 'copies' || note.key === 'zero-copy')?.key ?? null;
export const measured = (cell) => cell.time_ns_per_op !== null && cell.time_ns_per_op !== undefined;
/** What a row says about its cell; "pending" is a cell of a run in progress that has no sample yet. */
export const statusOf = (doc, cell) =>
  (cell.status === 'ok' && !measured(cell) && (doc.run.state === 'queued' || doc.run.state === 'running') ? 'pending' : cell.status);

function findAxes(rows, cases) {
  const axes = [];
  for (const name of cases)
    for (const axis of varying(rows.filter((cell) => cell.case === name))) if (!axes.includes(axis)) axes.push(axis);
  const threads = axes.includes('threads');
  let group = null;
  let most = 1;
  if (axes.length - (threads ? 1 : 0) > 1)
    for (const axis of axes) {
      const n = distinct(rows.map((cell) => axisOf(cell, axis))).length;
      if (!(axis in AXES) && n > most) [most, group] = [n, axis];
    }
  /* a heading for every other row is none */
  if (group && 2 * distinct(rows.map((cell) => `${cell.case} ${axisOf(cell, group)}`)).length > rows.length) group = null;
  const columns = axes.filter((axis) => axis !== group && axis !== 'threads');
  if (threads) columns.push('threads');
  return { columns, group };
}

/** The one value an axis has in all cells of a case, or null. */
function constant(rows, name, axis) {
  const values = distinct(rows.filter((cell) => cell.case === name).map((cell) => axisOf(cell, axis)));
  return values.length === 1 ? values[0] : null;
}

function heading(table, doc, cells) {
  const cell = cells[0];
  const value = table.group && axisOf(cell, table.group);
  const parts = [];
  if (cell.case !== doc.run.suite && (table.cases.length > 1 || !value)) parts.push(cell.case);
  if (value) parts.push(`${table.group}=${value}`);
  const differing = Object.keys(cell.axes)
    .filter((axis) => !table.columns.includes(axis) && axis !== table.group)
    .filter((axis) => axisOf(cell, axis) !== constant(table.rows, table.cases[0], axis))
    .map((axis) => `${axis}=${axisOf(cell, axis)}`);
  const actual = table.group === 'u' ? cells.find((c) => Number.isFinite(c.u_actual_ns)) : null;
  return { text: parts.join('  '), more: differing.join('  '), actual_ns: actual ? actual.u_actual_ns : null };
}

/** {columns, group, cases, rows, caseColumn, constants, groups: [{heading, cells}]}, of the document's cells. */
export function tableOf(doc) {
  const rows = [...doc.cells];
  const cases = distinct(rows.map((cell) => cell.case)).filter((name) => name !== LAST_CASE);
  if (rows.some((cell) => cell.case === LAST_CASE)) cases.push(LAST_CASE);
  const { columns, group } = findAxes(rows, cases);
  const table = { rows, cases, columns, group, caseColumn: rows.length === cases.length };
  const keys = [group, ...columns];
  const orders = keys.map((axis) => (axis ? distinct(rows.map((cell) => axisOf(cell, axis))) : []));
  const rank = new Map(rows.map((cell, index) => [cell,
    [cases.indexOf(cell.case), ...keys.map((axis, i) => (axis ? orders[i].indexOf(axisOf(cell, axis)) : 0)), index]]));
  const compare = (a, b) => {
    const [x, y] = [rank.get(a), rank.get(b)];
    const i = x.findIndex((value, k) => value !== y[k]);
    return i < 0 ? 0 : x[i] - y[i];
  };
  table.ordered = [...rows].sort(compare);
  table.groups = [];
  for (const cell of table.ordered) {
    const key = rank.get(cell).slice(0, group ? 2 : 1).join();
    const last = table.groups.at(-1);
    if (last?.key === key) last.cells.push(cell);
    else table.groups.push({ key, cells: [cell] });
  }
  for (const g of table.groups) g.heading = heading(table, doc, g.cells);
  table.constants = rows.length === 0 ? [] : Object.keys(rows[0].axes)
    .map((axis) => [axis, constant(rows, cases[0], axis)])
    .filter(([axis, value]) => value !== null && (ALWAYS_NAMED.includes(axis) || value !== AXES[axis]) && !columns.includes(axis) && axis !== group);
  return table;
}

/** What most of the waiting was for: {name, share}, or null when hardly anything waited. */
export function mainBlocker(gil) {
  if (!gil || gil.mode === 'off' || !(gil.waits > 0) || !(gil.wait_ns > 0) || gil.wait_share < BLOCKER_MIN_SHARE) return null;
  const most = (gil.blockers ?? []).reduce((best, b) => (!best || b.ns > best.ns ? b : best), null);
  const queue = gil.runqueue_ns > gil.holder_ns && gil.runqueue_ns > gil.switch_ns;
  if (queue) return { name: 'the run queue', share: gil.runqueue_ns / gil.wait_ns };
  if (!most) return null;
  return { name: `thread ${most.waiter} ← ${most.holder === null ? '?' : `thread ${most.holder}`}`, share: most.ns / gil.wait_ns };
}

export const traced = (cell) => Boolean(cell.gil && cell.gil.mode !== 'off' && Number.isFinite(cell.gil.wait_share));

/** What columns are sorted by; null goes last whichever way. */
export const SORTS = {
  time: (cell) => cell.time_ns_per_op?.median ?? null,
  pm: (cell) => (Number.isFinite(cell.time_ns_per_op?.hi) ? (cell.time_ns_per_op.hi - cell.time_ns_per_op.lo) / cell.time_ns_per_op.median : null),
  ops: (cell) => cell.throughput_ops_s?.median ?? null,
  ratio: (cell) => cell.ratio?.median ?? null,
  scaling: (cell) => cell.scaling?.median ?? null,
  allocations: (cell) => cell.memory?.allocations_per_op ?? null,
  allocated: (cell) => cell.memory?.allocated_bytes_per_op ?? null,
  wait: (cell) => (traced(cell) ? cell.gil.wait_share : null),
};

/** The cells by a column, "-column" for the largest first; null when there is no such column. */
export function sorted(cells, sort) {
  const name = sort?.replace(/^-/, '') ?? '';
  if (!Object.hasOwn(SORTS, name)) return null;
  const key = SORTS[name];
  const sign = sort.startsWith('-') ? -1 : 1;
  return [...cells].sort((a, b) => {
    const [x, y] = [key(a), key(b)];
    if (x === null || y === null) return (x === null) - (y === null);
    return sign * (x - y);
  });
}

/** Whether a cell has every word of the filter: a status, "axis=value" whole, or a part of its id. */
export function fits(doc, cell, filter) {
  return filter.toLowerCase().split(/\s+/).filter(Boolean).every((word) => {
    const [, axis, value] = /^([^=]*)=?(.*)$/s.exec(word);
    const own = Object.keys(cell.axes).find((name) => name.toLowerCase() === axis);
    if (value && own) return axisOf(cell, own).toLowerCase() === value;
    return statusOf(doc, cell) === word || cell.id.toLowerCase().includes(word);
  });
}
