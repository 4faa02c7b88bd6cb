/* The table of a run. Its columns, order and figures are benchctl's; sorting, the filter and the opened cell are the query. */
import { html, useEffect, useRef } from '../../lib/ui.js';
import { count, fixed, halfWidth, nanoseconds, percent, plural, ratio, scaled, scaleFor } from '../../lib/format.js';
import { Command } from '../../lib/main.js';
import { Bar, Ratio } from '../../lib/plot.js';
import { useQuery } from '../../lib/router.js';
import { ended, Status } from '../../lib/status.js';
import { axisOf, copying, fits, labelOf, mainBlocker, measured, sorted, SORTS, statusOf, traced } from '../../lib/table.js';
import { CellDetails } from './cell.js';

const WAITS_MUCH = 0.2;
const finite = Number.isFinite;

const VERDICTS = { slower: 'bad', faster: 'good', undecided: 'much' };

/* In a run of two sides the verdict is what it is about; in others it is one figure of many. */
function compared(cell) {
  return Boolean(cell.verdict) && axisOf(cell, 'side') === 'b';
}

/* A column is there when some cell has something in it; `early`: already while a run goes on, so that it does not appear
 * between others. */
const COLUMNS = [
  { key: 'time', title: 'time/op', always: true },
  { key: 'pm', title: '±', sr: 'half of the 95 % interval of the time per operation', has: (c) => finite(c.time_ns_per_op?.lo) },
  { key: 'plot', title: '', wide: true, sr: 'time per operation as a bar', always: true },
  { key: 'ops', title: 'ops/s', early: true, has: (c) => c.throughput_ops_s },
  { key: 'ratio', title: 'ratio', early: true, has: (c) => c.ratio },
  { key: 'ratio-pm', title: '±', sr: 'half of the interval of the ratio', has: (c) => finite(c.ratio?.lo) },
  { key: 'ratio-plot', title: '', wide: true, sr: 'the ratio around 1', has: (c) => finite(c.ratio?.lo) },
  { key: 'verdict', title: 'verdict', text: true, has: compared },
  { key: 'scaling', title: 'scaling', early: true, has: (c) => c.scaling },
  { key: 'scaling-pm', title: '±', sr: 'half of the interval of the scaling', has: (c) => finite(c.scaling?.lo) },
  { key: 'copies', title: 'V3', text: true, sr: 'whether it copies, as found by looking', has: copying },
  { key: 'allocations', title: 'allocs/op', sr: "what one operation asks Python's allocators for", has: (c) => finite(c.memory?.allocations_per_op) },
  { key: 'allocated', title: 'B/op', sr: 'bytes one operation asks them for', has: (c) => finite(c.memory?.allocated_bytes_per_op) },
  { key: 'wait', title: 'GIL wait', early: true, has: traced },
  { key: 'blocker', title: 'main blocker', wide: true, early: true, has: (c) => mainBlocker(c.gil) },
];

/** What is the same for all cells of a group, so that they are read against each other. */
function groupFrame(cells) {
  const times = cells.filter(measured).map((c) => c.time_ns_per_op);
  const medians = times.map((t) => t.median);
  const ratios = cells.filter((c) => finite(c.ratio?.lo)).map((c) => c.ratio);
  return {
    scale: times.length ? scaleFor(Math.min(...medians), Math.max(...medians)) : null,
    most: Math.max(0, ...times.map((t) => (finite(t.hi) ? t.hi : t.median))),
    least_ratio: Math.min(1, ...ratios.map((r) => r.lo)),
    most_ratio: Math.max(1, ...ratios.map((r) => r.hi)),
  };
}

function number(key, value, text, more = '') {
  return html`<td key=${key} data-col=${key} class=${`number ${more}`} data-value=${value ?? undefined}>${text}</td>`;
}

function pm(key, estimate) {
  const known = estimate && finite(estimate.lo) && finite(estimate.hi);
  if (!known) return html`<td key=${key} data-col=${key}></td>`;
  const { median, lo, hi } = estimate;
  return html`<td key=${key} data-col=${key} class="number dim" data-lo=${lo} data-hi=${hi}>${halfWidth(median, lo, hi)}</td>`;
}

function figure(key, cell, frame, references) {
  const time = cell.time_ns_per_op;
  const compared = cell.ratio && cell.ratio.to !== cell.id;
  const blocker = mainBlocker(cell.gil);
  switch (key) {
    case 'time':
      return number(key, time.median, html`<strong>${cell.complete ? '' : '~'}${scaled(frame.scale ?? scaleFor(time.median), time.median)}</strong>`);
    case 'pm':
      return pm(key, time);
    case 'plot':
      return html`<td key=${key} data-col=${key}><${Bar} ...${time} most=${frame.most} /></td>`;
    case 'ops':
      return number(key, cell.throughput_ops_s?.median, cell.throughput_ops_s ? count(cell.throughput_ops_s.median) : '');
    case 'ratio':
      if (compared) return number(key, cell.ratio.median, ratio(cell.ratio.median));
      return number(key, null, references.has(cell.id) ? 'ref' : '', 'dim');
    case 'ratio-pm':
      return pm(key, compared ? cell.ratio : null);
    case 'ratio-plot':
      return html`<td key=${key} data-col=${key}>
        ${compared && html`<${Ratio} ...${cell.ratio} least=${frame.least_ratio} most=${frame.most_ratio} />`}
      </td>`;
    case 'verdict':
      return html`<td key=${key} data-col=${key} class=${VERDICTS[cell.verdict] ?? ''}>${compared(cell) ? cell.verdict : ''}</td>`;
    case 'scaling':
      return number(key, cell.scaling?.median, cell.scaling ? html`<strong>${ratio(cell.scaling.median)}</strong>` : '');
    case 'scaling-pm':
      return pm(key, cell.scaling);
    case 'copies':
      return html`<td key=${key} data-col=${key}>${copying(cell)}</td>`;
    case 'allocations':
      return number(key, cell.memory?.allocations_per_op, finite(cell.memory?.allocations_per_op) ? fixed(cell.memory.allocations_per_op, 2) : '');
    case 'allocated':
      return number(key, cell.memory?.allocated_bytes_per_op, finite(cell.memory?.allocated_bytes_per_op) ? count(cell.memory.allocated_bytes_per_op) : '');
    case 'wait':
      if (!traced(cell)) return html`<td key=${key} data-col=${key}></td>`;
      return number(key, cell.gil.wait_share, percent(cell.gil.wait_share), cell.gil.wait_share >= WAITS_MUCH ? 'much' : '');
    default:
      return html`<td key=${key} data-col=${key}>${blocker && html`${blocker.name} <span class="dim">${percent(blocker.share)}</span>`}</td>`;
  }
}

function why(cell) {
  const name = cell.reason?.check ?? cell.reason?.key;
  return name && name !== cell.status ? ` (${name})` : '';
}

/* What stands in the place of figures. */
function NoFigures({ cell, status }) {
  if (status === 'pending') return html`<${Status} of="pending">not measured yet<//>`;
  const message = cell.reason?.message;
  return html`<${Status} of=${status}>${status}${why(cell)}<//>${message && html` <span class="why">${message}</span>`}`;
}

function Row({ doc, index, cell, above, columns, axes, frame, references, open, query }) {
  const status = statusOf(doc, cell);
  const href = query.with({ cell: open ? null : index });
  const names = axes.length ? axes : [null];
  let same = Boolean(above);
  const click = (event) => {
    if (event.defaultPrevented || event.target.closest('a, button') || !getSelection().isCollapsed) return;
    query.set({ cell: open ? null : index });
  };
  return html`<tr class=${`cell ${open ? 'open' : ''}`} data-cell=${index} data-status=${status} onClick=${click}>
    ${names.map((axis, i) => {
      const value = axis === null || axis === 'case' ? cell.case : axisOf(cell, axis) ?? (i === 0 ? cell.case : null);
      same = same && axis !== null && axis !== 'case' && value === axisOf(above, axis);
      const shown = `${cell.oversubscribed && axis === 'threads' ? '*' : ''}${value ?? ''}`;
      const kind = `${axis === 'threads' ? 'number' : ''} ${same ? 'dim' : ''}`;
      if (i > 0) return html`<td key=${axis} data-axis=${axis} class=${kind}>${shown}</td>`;
      return html`<th key=${axis} scope="row" data-axis=${axis} class=${kind}>
        <a href=${href} aria-expanded=${open} aria-label=${`${shown}, ${labelOf(doc, cell)}: details`}>${shown}</a>
      </th>`;
    })}
    ${measured(cell)
      ? columns.map((column) => figure(column.key, cell, frame, references))
      : html`<td data-col="time" class="status-cell" colspan=${columns.length}><${NoFigures} cell=${cell} status=${status} /></td>`}
  </tr>`;
}

const ARROWS = { ascending: ' ↑', descending: ' ↓' };

/* A heading sorts, the smallest first, then the largest first, then not at all. */
function Sorter({ column: { key, title, sr }, now, query }) {
  const next = now === 'ascending' ? `-${key}` : now === 'descending' ? null : key;
  return html`<a href=${query.with({ sort: next })} aria-label=${`${title === '±' ? sr : title}: sort`}>
    ${title}<span aria-hidden="true">${ARROWS[now] ?? ''}</span>
  </a>`;
}

function Head({ axes, columns, query, sort }) {
  return html`<thead><tr>
    ${(axes.length ? axes : ['case']).map((axis) => html`<th key=${axis} scope="col" class=${axis === 'threads' ? 'number' : ''}>${axis}</th>`)}
    ${columns.map((column) => {
      const { key, title, sr, wide, text } = column;
      const now = sort === key ? 'ascending' : sort === `-${key}` ? 'descending' : null;
      return html`<th key=${key} scope="col" data-head=${key} class=${wide || text ? '' : 'number'} aria-sort=${now ?? undefined}>
        ${key in SORTS ? html`<${Sorter} column=${column} now=${now} query=${query} />` : title}
        ${sr && html`<span class="unseen">${sr}</span>`}
      </th>`;
    })}
  </tr></thead>`;
}

function Heading({ of }) {
  return html`
    ${of.text && html`<span>${of.text}</span>`}
    ${of.actual_ns !== null && html` <span class="dim">${nanoseconds(of.actual_ns)} measured</span>`}
    ${of.more && html` <span class="dim">${of.more}</span>`}
  `;
}

/** Which statuses there are, as links that filter. */
function StatusFilter({ doc, filter, query }) {
  const counts = {};
  for (const cell of doc.cells) counts[statusOf(doc, cell)] = (counts[statusOf(doc, cell)] ?? 0) + 1;
  const names = Object.keys(counts);
  if (names.length < 2) return null;
  return html`<span class="chips">${names.map((name) => {
    const on = filter === name;
    return html`<a key=${name} href=${query.with({ filter: on ? null : name })} aria-current=${on ? 'true' : undefined}>
      <${Status} of=${name}>${counts[name]} ${name === 'pending' ? 'to come' : name}<//>
    </a>`;
  })}</span>`;
}

export function RunTable({ doc, table, standalone }) {
  const query = useQuery();
  const filter = query.get('filter') ?? '';
  const sort = query.get('sort');
  const shown = (cell) => !filter || fits(doc, cell, filter);
  const cells = table.ordered.filter(shown);
  const flat = sorted(cells, sort);
  const groups = flat ? [{ key: 'sorted', cells: flat, heading: null }]
    : table.groups.map((g) => ({ ...g, cells: g.cells.filter(shown) })).filter((g) => g.cells.length);
  const axes = [...((flat && table.cases.length > 1) || (!flat && table.caseColumn) ? ['case'] : []),
    ...(flat && table.group ? [table.group] : []), ...table.columns];
  const some = (column) => doc.cells.some((c) => measured(c) && column.has(c));
  const columns = COLUMNS.filter((column) => column.always || (column.early && !ended(doc.run.state)) || some(column));
  const references = new Set(doc.cells.map((c) => c.ratio?.to).filter(Boolean));
  const index = new Map(doc.cells.map((cell, i) => [cell, i]));
  const wanted = query.get('cell');
  const isOpen = (cell) => wanted !== null && (wanted === String(index.get(cell)) || wanted === cell.id);
  const width = Math.max(1, axes.length) + columns.length;
  const change = (event) => query.set({ filter: event.currentTarget.value }, { replace: true });
  const section = useRef(null);
  useEffect(() => {
    /* a link to a cell leads to it */
    if (wanted !== null) section.current.querySelector('tr.open')?.scrollIntoView({ block: 'nearest' });
  }, []);
  const hidden = wanted !== null && !cells.some(isOpen);
  return html`<section class="table" aria-label="Cells" ref=${section}>
    <div class="filters">
      <h2>${plural(doc.cells.length, 'cell')}${cells.length < doc.cells.length && html`, <span>${cells.length} shown</span>`}</h2>
      <label>Filter <input type="search" name="filter" value=${filter} onInput=${change} autocomplete="off" spellcheck=${false}
        placeholder=${table.columns[0] ? `${table.columns[0]}=… ok` : 'ok'} /></label>
      <${StatusFilter} doc=${doc} filter=${filter} query=${query} />
      ${(filter || flat) && html`<a href=${query.with({ filter: null, sort: null })}>As measured</a>`}
    </div>
    ${hidden && html`<p class="notice">
      ${doc.cells.some(isOpen) ? 'The cell of this address does not fit the filter. ' : 'The cell of this address is not in this run. '}
      <a href=${query.with({ cell: null, filter: null })}>Show all cells</a>
    </p>`}
    ${doc.cells.length === 0 && html`<p class="dim">This run has no cells.</p>`}
    ${doc.cells.length > 0 && cells.length === 0 && html`<p class="dim">
      No cell fits the filter. <a href=${query.with({ filter: null })}>Show all</a>
    </p>`}
    ${cells.length > 0 && html`<div class="scroll" tabindex="0" role="region" aria-label="Table of cells"><table class="figures">
      <caption class="unseen">Figures of each cell; a row opens its details</caption>
      <${Head} axes=${axes} columns=${columns} query=${query} sort=${sort} />
      ${groups.map((group) => {
        const frame = { ...groupFrame(group.cells), ...(flat ? { scale: null } : {}) };
        const { text, more, actual_ns: actual } = group.heading ?? { text: '', more: '', actual_ns: null };
        const headed = !table.caseColumn && (text || more || actual !== null);
        return html`<tbody key=${group.key}>
          ${headed && html`<tr class="group"><th scope="rowgroup" colspan=${width}><${Heading} of=${group.heading} /></th></tr>`}
          ${group.cells.map((cell, i) => {
            const open = isOpen(cell);
            const above = flat ? null : group.cells[i - 1];
            return html`<${Row} key=${cell.id} doc=${doc} index=${index.get(cell)} cell=${cell} above=${above} columns=${columns}
                axes=${axes} frame=${frame} references=${references} open=${open} query=${query} />
              ${open && html`<tr key=${`${cell.id} details`} class="details">
                <td colspan=${width}><${CellDetails} doc=${doc} cell=${cell} standalone=${standalone} /></td>
              </tr>`}`;
          })}
        </tbody>`;
      })}
    </table></div>`}
    ${!standalone && doc.cells.length > 0 && html`<p class="dim hint-line">
      The same in a terminal: ${' '}<${Command} text=${`benchctl runs show ${doc.run.id}`} />
    </p>`}
  </section>`;
}
