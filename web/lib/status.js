/* States of runs and of cells: a shape and a word each, so that colour is never the only difference. */
import { html } from './ui.js';

const MARKS = {
  complete: '✓', ok: '✓', running: '▸', queued: '…',
  interrupted: '◐', cancelled: '◼', failed: '✗', invalid: '!', unsupported: '–', pending: '·',
};

export function Status({ of, children }) {
  return html`<span class=${`status ${of}`}><span class="mark" aria-hidden="true">${MARKS[of] ?? '?'}</span>${children ?? of}</span>`;
}

const VERDICTS = { found: 'failed', 'nothing found': 'ok' };

/** Of a check; what it could not decide is no pass. */
export const Verdict = ({ of, children }) => html`<${Status} of=${VERDICTS[of] ?? 'invalid'}>${children ?? of}<//>`;

export const ended = (state) => state !== 'queued' && state !== 'running';

/** "19 ok · 2 invalid": how many cells of each status there are, worst first, without those there are none of. */
export function Statuses({ counts, cells }) {
  const order = ['failed', 'invalid', 'interrupted', 'ok', 'unsupported'];
  const some = order.filter((status) => counts?.[status] > 0);
  if (!some.length) return html`<span class="dim">${cells ?? '–'}</span>`;
  return html`<span class="statuses">
    ${some.map((status) => html`<${Status} key=${status} of=${status}>${counts[status]} ${status}<//>`)}
  </span>`;
}

/** "V5 · allocator-not-loaded", then what it says and what helps. */
export function Reason({ reason }) {
  if (!reason) return null;
  const names = [reason.check, reason.key].filter(Boolean);
  return html`<div class="reason">
    ${names.length > 0 && html`<p class="names">${names.map((n, i) => html`${i > 0 && ' · '}<code>${n}</code>`)}</p>`}
    ${reason.message && html`<p>${reason.message}</p>`}
    ${reason.hint && html`<p class="hint">${reason.hint}</p>`}
  </div>`;
}
