/* Figures as people read them: the same text as benchctl's tables (daemon/benchctl/text.c), to the last digit. */

const DASH = '–';
const known = (x) => typeof x === 'number' && Number.isFinite(x);

/** printf("%.*f"): like toFixed, but a tie goes to the even digit. */
export function fixed(x, decimals) {
  const text = x.toFixed(decimals);
  /* halfway between two texts are only odd multiples of 1/2^(decimals + 1) */
  const tie = Math.abs(x * 2 ** (decimals + 1)) % 2 === 1;
  const below = Math.floor(Math.abs(x) * 10 ** decimals);
  if (!tie || below % 2 !== 0) return text;
  return ((Math.sign(x) * below) / 10 ** decimals).toFixed(decimals);
}

const three = (x) => fixed(x, x < 9.995 ? 2 : x < 99.95 ? 1 : 0);

export function count(x) {
  if (!known(x)) return DASH;
  const prefixes = ['', ' k', ' M', ' G', ' T'];
  let i = 0;
  while (Math.abs(x) >= 999.5 && i + 1 < prefixes.length) {
    x /= 1000;
    i++;
  }
  return three(x) + prefixes[i];
}

/** A number of things: whole below a thousand. */
export const whole = (n) => (Number.isInteger(n) && Math.abs(n) < 1000 ? String(n) : count(n));

export function seconds(s) {
  if (!known(s)) return DASH;
  if (s < 99.95) return `${fixed(s, 1)} s`;
  const whole = Math.floor(s + 0.5);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

export function percent(part) {
  if (!known(part)) return DASH;
  const p = part * 100;
  return `${fixed(p, Math.abs(p) < 9.95 ? 1 : 0)} %`;
}

export function ratio(r) {
  if (!known(r)) return DASH;
  return `${fixed(r, r < 9.9995 ? 3 : r < 99.95 ? 1 : 0)}×`;
}

export function halfWidth(median, lo, hi) {
  if (!known(lo) || !known(hi) || !(Math.abs(median) > 0)) return DASH;
  return `±${percent(Math.max(hi - median, median - lo) / Math.abs(median))}`;
}

const UNITS = [['ns', 1], ['µs', 1e3], ['ms', 1e6], ['s', 1e9]];

/** One unit and one number of decimals for times that are read together. */
export function scaleFor(smallest, largest = smallest) {
  let i = 0;
  while (i + 1 < UNITS.length && smallest >= 0.9 * UNITS[i + 1][1]) i++;
  while (i + 1 < UNITS.length && largest >= 1e5 * UNITS[i][1]) i++;
  const [unit, ns] = UNITS[i];
  const x = smallest / ns;
  return { unit, ns, decimals: x < 9.9995 ? 3 : x < 99.995 ? 2 : x < 999.95 ? 1 : 0 };
}

export function scaled(scale, ns) {
  return known(ns) ? `${fixed(ns / scale.ns, scale.decimals)} ${scale.unit}` : DASH;
}

/** One time on its own. */
export const nanoseconds = (ns) => (known(ns) ? (ns ? scaled(scaleFor(Math.abs(ns)), ns) : '0 ns') : DASH);

export function bytes(n) {
  if (!known(n)) return DASH;
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let i = 0;
  while (Math.abs(n) >= 1023.5 && i + 1 < units.length) {
    n /= 1024;
    i++;
  }
  return `${i ? three(n) : fixed(n, Number.isInteger(n) ? 0 : 2)} ${units[i]}`;
}

/** "1 cell", "2 cells". */
export const plural = (n, one, many = `${one}s`) => `${n} ${n === 1 ? one : many}`;
