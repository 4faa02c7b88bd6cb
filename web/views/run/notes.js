/* What qualifies the figures of the table, said once: the notes below benchctl's table. */
import { html } from '../../lib/ui.js';
import { plural, whole } from '../../lib/format.js';
import { Status } from '../../lib/status.js';
import { axisOf, copying, labelOf, measured } from '../../lib/table.js';

const finite = Number.isFinite;

const SEVERAL = Symbol('not the same for all');

/** "gil=release, threads=1": on which axes references differ from their cells. */
function references(doc) {
  const differs = new Map();
  let other = null;
  let any = false;
  for (const cell of doc.cells) {
    const reference = cell.ratio && cell.ratio.to !== cell.id ? doc.cells.find((c) => c.id === cell.ratio.to) : null;
    if (!reference) continue;
    any = true;
    if (reference.case !== cell.case) other = reference.case;
    for (const axis of Object.keys(reference.axes)) {
      const value = axisOf(reference, axis);
      if (value !== axisOf(cell, axis)) differs.set(axis, differs.has(axis) && differs.get(axis) !== value ? SEVERAL : value);
    }
  }
  if (!any) return null;
  const several = [...differs].filter(([, value]) => value === SEVERAL).map(([axis]) => axis);
  return [...(other ? [`case=${other}`] : []), ...[...differs].filter(([, value]) => value !== SEVERAL).map(([axis, value]) => `${axis}=${value}`),
    ...(several.length ? [`another ${several.join(', ')}, marked ref`] : [])].join(', ');
}

/** How many have no ratio though others of their case have one. */
function withoutRatio(doc) {
  const to = new Set(doc.cells.map((c) => c.ratio?.to).filter(Boolean));
  const cases = new Set(doc.cells.filter((c) => c.ratio).map((c) => c.case));
  return doc.cells.filter((c) => measured(c) && !c.ratio && cases.has(c.case) && !to.has(c.id)).length;
}

/** Cells with the same reason together: [{status, reason, differ, cells}]. */
function grouped(cells, statusOf, reasonOf) {
  const groups = [];
  for (const cell of cells) {
    const [status, reason] = [statusOf(cell), reasonOf(cell)];
    const same = groups.find((g) => g.status === status && g.reason?.key === reason?.key && g.reason?.check === reason?.check);
    if (same) {
      same.cells.push(cell);
      same.differ ||= same.reason?.message !== reason?.message;
    } else {
      groups.push({ status, reason, differ: false, cells: [cell] });
    }
  }
  return groups;
}

const names = (g) => [g.reason?.check, g.reason?.key === g.status ? null : g.reason?.key].filter(Boolean);

function said({ reason, differ }) {
  if (!reason) return '';
  return `: ${differ ? 'for example ' : ''}${reason.message ?? reason.key ?? 'no reason given'}${reason.hint ? ` (${reason.hint})` : ''}`;
}

function intervals(doc) {
  const cells = doc.cells.filter(measured);
  const notes = [];
  const has = (test) => cells.some(test);
  if (has((c) => finite(c.time_ns_per_op.lo))) notes.push(['±', '95 % interval; the launch is its unit']);
  if (has((c) => !finite(c.time_ns_per_op.lo)))
    notes.push(['±', notes.length ? 'none for cells with fewer than 6 launches' : 'none: intervals need at least 6 launches']);
  if (has((c) => finite(c.time_ns_per_op.lo) && finite(c.ratio?.median) && !finite(c.ratio.lo)))
    notes.push(['±', 'none for ratios of which too many batches were disturbed (the probes around them differ by over 10 %)']);
  if (has((c) => !c.complete)) notes.push(['~', 'stopped early: figures of what was measured until then']);
  if (has((c) => c.oversubscribed)) notes.push(['*', 'more threads than processors']);
  return notes;
}

function gaps(doc) {
  const cells = doc.cells.filter(measured);
  const where = (g) => {
    if (g.cells.length === 1 && cells.length > 1) return ` for ${labelOf(doc, g.cells[0])}`;
    return g.cells.length < cells.length ? ` for ${g.cells.length} of ${cells.length} cells` : '';
  };
  const part = cells.some((c) => c.gil?.reason && c.gil.mode !== 'off');
  const waits = grouped(cells.filter((c) => c.gil?.reason), () => '', (c) => c.gil.reason)
    .map((g) => ['GIL', `${part ? 'waits not traced in every batch' : 'waits not traced'}${where(g)}${said(g)}`]);
  const scaling = grouped(cells.filter((c) => c.scaling_reason), () => '', (c) => c.scaling_reason).map((g) => ['scaling', `not shown${where(g)}${said(g)}`]);
  const lost = cells.reduce((sum, c) => sum + (c.gil?.lost > 0 ? c.gil.lost : 0), 0);
  return [...waits, ...(lost ? [['GIL', `${whole(lost)} waits could not be recorded: shares are too low`]] : []), ...scaling];
}

/* Columns that only some cases have. */
function columns(doc) {
  return [...(doc.cells.some(copying) ? [['V3', 'whether what is handed over was copied, as found by looking']] : []),
    ...(doc.cells.some((c) => finite(c.memory?.allocations_per_op)) ? [['B/op', "bytes an operation asks Python's allocators for; allocs/op: how often"]] : [])];
}

export function Notes({ doc }) {
  const to = references(doc);
  const none = to ? withoutRatio(doc) : 0;
  const notes = [...intervals(doc), ...(to ? [['ratio', `time/op ÷ that of the same cell with ${to}`]] : []),
    ...(none ? [['ratio', `none for ${plural(none, 'cell')}: too few batches, of ${none === 1 ? 'it' : 'them'} or of the one compared with, went undisturbed`]] : []),
    ...columns(doc), ...gaps(doc)];
  const order = ['failed', 'invalid', 'interrupted', 'unsupported'];
  const told = (status) => doc.cells.filter((c) => c.status === status && (c.reason || !measured(c)));
  const without = order.flatMap((status) => grouped(told(status), (c) => c.status, (c) => c.reason));
  if (!notes.length && !without.length) return null;
  return html`<section class="notes" aria-label="Notes">
    ${notes.length > 0 && html`<dl class="notes">${notes.map(([label, text]) => html`<div key=${label + text}><dt>${label}</dt><dd>${text}</dd></div>`)}</dl>`}
    ${without.map((g) => html`<p key=${`${g.status} ${g.reason?.check} ${g.reason?.key}`} class="without">
      <${Status} of=${g.status}>${plural(g.cells.length, 'cell')} ${g.status}<//>
      ${names(g).map((name) => html` <code>${name}</code>`)}${said(g)}
    </p>`)}
  </section>`;
}
