/* What a chart over runs shows, without any drawing: which runs, under which environments, in which unit. */
import { count, fixed, percent, ratio, scaled, scaleFor } from '../../lib/format.js';

export const METRICS = {
  time_ns_per_op: { name: 'time/op', what: 'what one caller waits for one operation' },
  throughput_ops_s: { name: 'ops/s', what: 'operations of all threads per second' },
  ratio: { name: 'ratio', what: 'time/op ÷ that of the reference cell of the same run' },
  scaling: { name: 'scaling', what: 'throughput ÷ that of the same cell at one thread' },
  wait_share: { name: 'GIL wait', what: 'GIL waiting ÷ (threads × wall time)' },
};

export const isNumber = (x) => typeof x === 'number' && Number.isFinite(x);

/* A, B, …, Z, AA, …: environments have long keys, people need short names. */
function letter(n) {
  const last = String.fromCharCode(65 + (n % 26));
  return n < 26 ? last : letter(Math.floor(n / 26) - 1) + last;
}

/** Points as rows: with their time, the name of their environment, and whether it is another one than before. */
export function rowsOf(points) {
  const names = new Map();
  return points.map((point, index) => {
    const key = point.comparability_key;
    if (!names.has(key)) names.set(key, letter(names.size));
    const before = points[index - 1];
    return {
      ...point,
      date: new Date(point.started),
      environment: names.get(key),
      changed: before !== undefined && before.comparability_key !== key,
      good: isNumber(point.value),
    };
  });
}

/** Ids of runs sort by time. */
export const inRange = (rows, from, to) => rows.filter((row) => (!from || row.run >= from) && (!to || row.run <= to));

/** Least and greatest of all values and interval ends, or null. */
export function extent(rows) {
  let [least, most] = [Infinity, -Infinity];
  for (const row of rows) {
    if (!row.good) continue;
    for (const x of [row.value, row.lo, row.hi]) {
      if (!isNumber(x)) continue;
      least = Math.min(least, x);
      most = Math.max(most, x);
    }
  }
  return least <= most ? [least, most] : null;
}

const decimalsFor = (step) => Math.max(0, Math.min(6, Math.ceil(-Math.log10(step) - 1e-9)));

/** {text(value), ticks(values)}: figures as in benchctl's tables, and the labels of an axis. Times share one unit. */
export function formatOf(metric, rows) {
  const range = extent(rows) ?? [1, 1];
  const steps = (values) => values.slice(1).reduce((least, v, i) => Math.min(least, Math.abs(v - values[i])), Infinity);
  const labels = (values, divisor, unit) => {
    const step = steps(values) / divisor;
    return values.map((v) => `${fixed(v / divisor, Number.isFinite(step) && step > 0 ? decimalsFor(step) : 3)}${unit}`);
  };
  switch (metric) {
    case 'time_ns_per_op': {
      const scale = scaleFor(...range);
      return { text: (v) => scaled(scale, v), ticks: (values) => labels(values, scale.ns, ` ${scale.unit}`) };
    }
    case 'throughput_ops_s':
      return {
        text: count,
        ticks: (values) => {
          const most = Math.max(...values.map(Math.abs));
          const [divisor, prefix] = [[1e12, ' T'], [1e9, ' G'], [1e6, ' M'], [1e3, ' k']].find(([d]) => most >= d) ?? [1, ''];
          return labels(values, divisor, prefix);
        },
      };
    case 'wait_share':
      return { text: percent, ticks: (values) => labels(values, 0.01, ' %') };
    default:
      return { text: ratio, ticks: (values) => labels(values, 1, '×') };
  }
}

export const SCALES = ['fit', 'zero', 'log'];

/** Where the axis of values begins and ends. log: only where everything is above zero. */
export function scaleRange(kind, rows) {
  const range = extent(rows);
  if (!range) return [0, 1];
  let [least, most] = range;
  if (kind === 'log' && least > 0) return [least / 1.15, most * 1.15];
  if (least === most) [least, most] = least === 0 ? [0, 1] : [Math.min(least * 0.9, least * 1.1), Math.max(most * 0.9, most * 1.1)];
  const room = (most - least) * 0.12;
  if (kind === 'zero') return [Math.min(0, least < 0 ? least - room : 0), Math.max(0, most + room)];
  /* what is nearly at zero begins there: half a tick of nothing would only puzzle */
  const from = least - room;
  return [least >= 0 && from <= (most - least) * 0.25 ? 0 : from, most + room];
}
