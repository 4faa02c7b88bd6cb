/* Everything of one cell: whether it counts and why, its figures, who waited for whom, its threads, its memory. */
import { html } from '../../lib/ui.js';
import { bytes, count, fixed, nanoseconds, percent, plural, ratio, whole } from '../../lib/format.js';
import { ended, Reason, Status } from '../../lib/status.js';
import { copying, labelOf, measured, statusOf, traced } from '../../lib/table.js';
import { Across, Causes, causesOf } from '../../lib/waits.js';

const MATRIX_MAX = 8;
const LIST_MAX = 12;
const finite = Number.isFinite;

function Figures({ rows }) {
  return html`<dl class="pairs figures">${rows.filter(Boolean).map(([name, value, more]) => html`<div key=${name}>
    <dt>${name}</dt><dd>${value}${more && html` <span class="dim">${more}</span>`}</dd>
  </div>`)}</dl>`;
}

const threeDigits = (x) => fixed(x, 3);
const between = (estimate, text) => (finite(estimate?.lo) && finite(estimate?.hi) ? `[${text(estimate.lo)}, ${text(estimate.hi)}]` : null);

const ENDS = { precision: 'as precise as asked', decided: 'decided', budget: 'the time was over', limit: 'all launches done' };

/** What the verdict is to be read with: what counts as no difference, and what would have been seen at all. */
function verdictMeans(cell) {
  const parts = [];
  if (cell.verdict === 'no difference' && finite(cell.equivalence)) parts.push(`less than ${percent(cell.equivalence)} either way`);
  if (finite(cell.smallest_effect)) parts.push(`this run would have seen ${percent(cell.smallest_effect)}`);
  return parts.join('; ') || null;
}

function Numbers({ doc, cell }) {
  const { time_ns_per_op: time, throughput_ops_s: ops, ratio: to, scaling, latency_ns: latency } = cell;
  const reference = to && doc.cells.find((c) => c.id === to.to);
  return html`<section><h3>Figures</h3><${Figures} rows=${[
    ['Time per operation', nanoseconds(time.median), between(time, nanoseconds)],
    ['Fastest batch', nanoseconds(time.min), finite(time.mad) ? `MAD ${nanoseconds(time.mad)}` : null],
    ops && ['Operations per second', count(ops.median), between(ops, count)],
    to && to.to !== cell.id && ['Ratio', ratio(to.median), `${between(to, threeDigits) ?? 'no interval'} to ${reference ? labelOf(doc, reference) : to.to}`],
    cell.verdict && ['Verdict', cell.verdict, verdictMeans(cell)],
    scaling && ['Scaling', ratio(scaling.median), between(scaling, threeDigits)],
    finite(cell.cpu_ns_per_op) && ['CPU time per operation', nanoseconds(cell.cpu_ns_per_op)],
    finite(cell.u_actual_ns) && ['Native work', nanoseconds(cell.u_actual_ns), 'as measured'],
    finite(cell.fairness) && Number(cell.axes.threads) > 1 && ['Fairness', fixed(cell.fairness, 3), '1 = all alike'],
    finite(cell.ctx_switches_per_op) && ['Switches per operation', fixed(cell.ctx_switches_per_op, 4)],
    latency && ['Latency p50 · p99', `${nanoseconds(latency.p50)} · ${nanoseconds(latency.p99)}`,
      `p99.9 ${nanoseconds(latency.p999)}, longest ${nanoseconds(latency.max)}`],
    ['Samples', String(cell.samples ?? '–'), finite(cell.iterations) ? `${whole(cell.iterations)} operations` : null],
    cell.steady && ['Warm-up', cell.steady],
    Array.isArray(cell.modes) && ['Modes', cell.modes.map((m) => `${percent(m.share)} around ${nanoseconds(m.median)}`).join(', ')],
    cell.first_call_ns && ['First call', nanoseconds(cell.first_call_ns.median), between(cell.first_call_ns, nanoseconds)],
    cell.stopped && ['Ended', ENDS[cell.stopped] ?? cell.stopped, finite(cell.launches) ? plural(cell.launches, 'launch', 'launches') : null],
  ]} /></section>`;
}

function Split({ gil }) {
  const parts = causesOf(gil);
  return html`<${Causes} of=${gil} whole=${gil.wait_ns} />
    <table class="small" data-part="split">
      <thead><tr>
        <th scope="col">Cause</th><th scope="col" class="number">Time</th><th scope="col" class="number">Share</th>
        <th scope="col">What it means</th>
      </tr></thead>
      <tbody>${parts.map((p) => html`<tr key=${p.key} data-cause=${p.kind}>
        <th scope="row"><span class=${`key ${p.kind}`} aria-hidden="true"></span>${p.name}</th>
        <td class="number" data-value=${p.value}>${nanoseconds(p.value)}</td>
        <td class="number">${percent(p.value / gil.wait_ns)}</td>
        <td class="dim">${p.means}</td>
      </tr>`)}</tbody>
    </table>`;
}

function Waits({ cell }) {
  const { gil } = cell;
  if (!gil) return null;
  if (!traced(cell))
    return html`<section><h3>GIL wait</h3><p>Not traced in this cell.</p><${Reason} reason=${gil.reason} /></section>`;
  return html`<section class="wide"><h3>GIL wait <span class="dim">${percent(gil.wait_share)} of the threads' time</span></h3>
    ${gil.waits > 0 && gil.wait_ns > 0 ? html`
      <p class="dim">${[`${whole(gil.waits)} waits, ${nanoseconds(gil.wait_ns)} in all`,
        `half of them under ${nanoseconds(gil.p50_ns)}, 99 % under ${nanoseconds(gil.p99_ns)}, longest ${nanoseconds(gil.max_ns)}`].join(' · ')}</p>
      <${Split} gil=${gil} />` : html`<p>No thread waited for the GIL.</p>`}
    ${gil.lost > 0 && html`<p class="notice">${whole(gil.lost)} waits could not be recorded: shares are too low.</p>`}
    ${gil.reason && html`<div class="notice"><p>These are figures of a part of the batches:</p><${Reason} reason=${gil.reason} /></div>`}
  </section>`;
}

const thread = (index) => (index === null ? 'unknown' : `thread ${index}`);

function Matrix({ blockers, total, threads }) {
  const holders = [...new Set(blockers.map((b) => b.holder))].sort((a, b) => (a === null) - (b === null) || a - b);
  const waiters = threads.map((t) => t.index);
  const most = Math.max(...blockers.map((b) => b.ns));
  return html`<${Across} label="Who waited for whom"><table class="small matrix" data-part="blockers">
    <caption class="unseen">Who waited for whom: waiters down, holders across</caption>
    <thead><tr>
      <th scope="col">waited \\ held</th>
      ${holders.map((h) => html`<th key=${h} scope="col" class="number">${thread(h)}</th>`)}
    </tr></thead>
    <tbody>${waiters.map((w) => html`<tr key=${w}><th scope="row">${thread(w)}</th>${holders.map((h) => {
      const b = blockers.find((x) => x.waiter === w && x.holder === h);
      if (!b) return html`<td key=${h} class="number dim">${w === h ? '' : '–'}</td>`;
      const heat = `number heat heat-${Math.ceil((4 * b.ns) / most)}`;
      return html`<td key=${h} class=${heat} data-waiter=${w} data-holder=${h} data-value=${b.ns}>
        ${nanoseconds(b.ns)}<span class="part">${percent(b.ns / total)}</span>
      </td>`;
    })}</tr>`)}</tbody>
  </table><//>`;
}

/* Of many threads a matrix would be mostly empty. */
function Longest({ blockers, total }) {
  return html`<${Across} label="Who waited for whom"><table class="small" data-part="blockers">
    <thead><tr>
      <th scope="col">Waited</th><th scope="col">Held</th><th scope="col" class="number">Time</th>
      <th scope="col" class="number">Share</th><th scope="col" class="number">Waits</th>
    </tr></thead>
    <tbody>${blockers.slice(0, LIST_MAX).map((b) => html`<tr key=${`${b.waiter} ${b.holder}`} data-waiter=${b.waiter} data-holder=${b.holder}>
      <th scope="row">${thread(b.waiter)}</th><td>${thread(b.holder)}</td>
      <td class="number" data-value=${b.ns}>${nanoseconds(b.ns)}</td><td class="number">${percent(b.ns / total)}</td>
      <td class="number">${whole(b.waits)}</td>
    </tr>`)}</tbody>
  </table><//>
  ${blockers.length > LIST_MAX && html`<p class="dim">and ${blockers.length - LIST_MAX} smaller ones</p>`}`;
}

function Blockers({ cell }) {
  const { gil, threads = [] } = cell;
  if (!traced(cell) || !gil.blockers?.length || !(gil.wait_ns > 0)) return null;
  const blockers = [...gil.blockers].sort((a, b) => b.ns - a.ns);
  const small = threads && threads.length > 0 && threads.length <= MATRIX_MAX;
  return html`<section><h3>Who waited for whom</h3>
    ${small
      ? html`<${Matrix} blockers=${blockers} total=${gil.wait_ns} threads=${threads} />`
      : html`<${Longest} blockers=${blockers} total=${gil.wait_ns} />`}
  </section>`;
}

function Threads({ cell }) {
  if (!cell.threads?.length) return null;
  const waits = traced(cell);
  return html`<section><h3>Threads</h3><${Across} label="Threads"><table class="small" data-part="threads">
    <thead><tr>
      <th scope="col">Thread</th><th scope="col" class="number">tid</th><th scope="col" class="number">Operations</th>
      <th scope="col" class="number">CPU time</th>
      ${waits && html`<th scope="col" class="number">Wait</th><th scope="col" class="number">Waits</th>`}
    </tr></thead>
    <tbody>${cell.threads.map((t) => html`<tr key=${t.index} data-thread=${t.index}>
      <th scope="row">${t.index}</th><td class="number">${t.tid}</td>
      <td class="number" data-value=${t.ops}>${whole(t.ops)}</td>
      <td class="number" data-value=${t.cpu_ns}>${nanoseconds(t.cpu_ns)}</td>
      ${waits && html`<td class="number" data-value=${t.wait_ns}>${nanoseconds(t.wait_ns)}</td><td class="number" data-value=${t.waits}>${whole(t.waits)}</td>`}
    </tr>`)}</tbody>
  </table><//></section>`;
}

function Memory({ cell }) {
  const { memory, memory_reason: reason } = cell;
  if (!memory && !reason) return null;
  return html`<section data-part="memory"><h3>Memory</h3>${memory ? html`<${Figures} rows=${[
    finite(memory.allocations_per_op) && ['Allocations per operation', fixed(memory.allocations_per_op, 2),
      finite(memory.allocated_bytes_per_op) ? `${bytes(memory.allocated_bytes_per_op)}, of Python's allocators` : null],
    finite(memory.bytes_per_op) && ['Kept per operation', bytes(memory.bytes_per_op)],
    ['Largest resident', bytes(memory.rss_peak_bytes)], ['Resident', bytes(memory.rss_bytes)],
    finite(memory.allocator_bytes) && ['Allocator', bytes(memory.allocator_bytes)]]} />` : html`<${Reason} reason=${reason} />`}</section>`;
}

export function CellDetails({ doc, cell, standalone }) {
  const status = statusOf(doc, cell);
  const early = status !== 'ok' || cell.complete ? '' : ended(doc.run.state) ? ', stopped early' : ', so far';
  return html`<div class="detail" data-details=${doc.cells.indexOf(cell)}>
    <header>
      <h2>${labelOf(doc, cell)}</h2>
      <${Status} of=${status}>${status === 'pending' ? 'not measured yet' : status}${early}<//>
      ${!standalone && cell.series && html`<a class="button" data-link="series" href=${`/series/${cell.series}?run=${doc.run.id}`}>Over runs</a>`}
    </header>
    <p><code class="id">${cell.id}</code></p>
    <${Reason} reason=${cell.reason} />
    ${cell.notes?.map((note) => html`<div class=${note.key === copying(cell) ? '' : 'notice'} key=${note.key}><${Reason} reason=${note} /></div>`)}
    ${cell.scaling_reason && html`<div class="notice"><p>Scaling is not shown:</p><${Reason} reason=${cell.scaling_reason} /></div>`}
    <div class="columns">
      ${measured(cell) && html`<${Numbers} doc=${doc} cell=${cell} />`}
      ${measured(cell) && html`<${Waits} cell=${cell} />`}
      ${measured(cell) && html`<${Blockers} cell=${cell} />`}
      ${measured(cell) && html`<${Threads} cell=${cell} />`}
      ${measured(cell) && html`<${Memory} cell=${cell} />`}
    </div>
  </div>`;
}
