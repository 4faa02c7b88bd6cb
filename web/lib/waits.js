/* Waits by cause, of a cell or of a trace. */
import { html } from './ui.js';
import { percent } from './format.js';
import { Stack } from './plot.js';

const CAUSES = [
  ['holder_ns', 'holder', 'another thread held the GIL'],
  ['runqueue_ns', 'run queue', 'the GIL was free, but no processor was'],
  ['switch_ns', 'switch', 'having let go on request, until another thread took it'],
  ['mutex_ns', 'mutex', 'the lock that guards the GIL'],
];

/** {key, name, means, value, kind} for each cause of sums {wait_ns, holder_ns, …}, and for what none is known of. */
export function causesOf(sums) {
  const parts = CAUSES.map(([key, name, means]) => ({ key, name, means, value: sums[key] ?? 0, kind: key.replace('_ns', '') }));
  const rest = Math.max(0, sums.wait_ns - parts.reduce((sum, p) => sum + p.value, 0));
  if (rest > 0.005 * sums.wait_ns)
    parts.push({ key: 'rest', name: 'not attributed', means: 'of waits whose end was not seen', value: rest, kind: 'rest' });
  return parts;
}

/** The bar of them; `whole`: what its full width is. */
export function Causes({ of, whole }) {
  const parts = causesOf(of);
  const label = parts.map((p) => `${p.name} ${percent(of.wait_ns > 0 ? p.value / of.wait_ns : 0)}`).join(', ');
  return html`<${Stack} parts=${parts} whole=${whole} label=${`Wait by cause: ${label}`} />`;
}

/* A table that may be wider than its place. */
export function Across({ label, children }) {
  return html`<div class="across" tabindex="0" role="region" aria-label=${label}>${children}</div>`;
}
