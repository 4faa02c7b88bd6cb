/* One cell over runs: its figure in every finished run, the interval, and what stands between them. The address holds the
 * metric, the part that is shown (from, to: ids of runs), the scale, and the run one came from. */
import { get } from '../lib/api.js';
import { halfWidth } from '../lib/format.js';
import { Command, Empty, Loading, Main, Problem } from '../lib/main.js';
import { go, useQuery } from '../lib/router.js';
import { Reason, Status } from '../lib/status.js';
import { absolute } from '../lib/time.js';
import { html, useCallback, useEffect, useMemo, useRef, useState } from '../lib/ui.js';
import { Chart } from './series/chart.js';
import { extent, formatOf, inRange, METRICS, rowsOf, SCALES, scaleRange } from './series/data.js';

const PAGE = 500;
const MOST_PAGES = 40;
const TABLE_FIRST = 100;
const FIRST_METRIC = 'time_ns_per_op';

/** The series and the points of a metric: {series, points, next, error, loading, older(), reload()}. All that `from` and
 * `run` reach back to, and at least one page. */
function usePoints(id, metric, reach) {
  const [state, set] = useState({ key: null });
  const [wish, again] = useState({ pages: 1, count: 0 });
  const key = `${id} ${metric}`;
  useEffect(() => {
    const abort = new AbortController();
    const load = async () => {
      const series = await get(`series/${id}`, { signal: abort.signal });
      const wanted = metric ?? (series.metrics.includes(FIRST_METRIC) || !series.metrics.length ? FIRST_METRIC : series.metrics[0]);
      let points = [];
      let next = null;
      for (let page = 0; page < MOST_PAGES; page++) {
        const ask = new URLSearchParams({ metric: wanted, limit: PAGE });
        if (next) ask.set('before', next);
        const answer = await get(`series/${id}/points?${ask}`, { signal: abort.signal });
        points = [...answer.points, ...points];
        next = answer.next;
        const enough = page + 1 >= wish.pages && (!reach || (points.length > 0 && points[0].run <= reach));
        if (!next || enough) break;
      }
      set({ key, series, metric: wanted, points, next, error: null });
    };
    load().catch((error) => {
      if (error.name !== 'AbortError') set((old) => (old.key === key ? { ...old, error } : { key, error }));
    });
    return () => abort.abort();
  }, [key, reach, wish]);
  return {
    ...(state.key === key ? state : { error: null }),
    loading: state.key !== key,
    older: () => again(({ pages, count }) => ({ pages: pages + 1, count })),
    reload: () => again(({ pages, count }) => ({ pages, count: count + 1 })),
  };
}

const cellOf = (row, series) => `/runs/${row.run}?cell=${encodeURIComponent(series.cell)}`;

function Choice({ name, values, current, href, label }) {
  return html`<div class="choice" role="group" aria-label=${name}>
    <span class="dim" aria-hidden="true">${name}</span>
    ${values.map((value) => html`<a key=${value} href=${href(value)} aria-current=${value === current ? 'true' : undefined}>${label(value)}</a>`)}
  </div>`;
}

function figureText(row, format) {
  if (!row.good) return [row.status, row.reason?.message].filter(Boolean).join(': ');
  const interval = row.lo === null ? '' : ` ${halfWidth(row.value, row.lo, row.hi)}`;
  return `${format.text(row.value)}${interval}`;
}

const spoken = (row, format, rows) =>
  row ? `run ${rows.indexOf(row) + 1} of ${rows.length}, ${absolute(row.date)}, ${figureText(row, format)}, environment ${row.environment}` : `${rows.length} runs`;

/* What the pointer or the arrow keys are on, in a place that does not move. */
function Readout({ row, rows, series, format, marked }) {
  if (!row) return html`<p class="readout dim">Point at a run, or choose one with the arrow keys; Enter or a click opens it. Drag to see a part.</p>`;
  return html`<p class="readout" data-run=${row.run}>
    <span><span class="dim">run ${rows.indexOf(row) + 1} of ${rows.length}</span> <time datetime=${row.started}>${absolute(row.date)}</time></span>
    ${row.good
      ? html`<span><b>${format.text(row.value)}</b>${row.lo !== null && html` <span class="dim">${halfWidth(row.value, row.lo, row.hi)} [${format.text(row.lo)}, ${format.text(row.hi)}]</span>`}</span>`
      : html`<span><${Status} of=${row.status} /> ${row.reason?.message}</span>`}
    <span class="dim">environment ${row.environment}${row.run === marked ? ' · the run you came from' : ''}</span>
    <a href=${cellOf(row, series)}>Open run</a>
  </p>`;
}

function Legend({ rows, kind, format, query }) {
  const range = extent(rows);
  const some = (test) => rows.some(test);
  const foot = range && kind !== 'log' && scaleRange(kind, rows)[0];
  return html`<ul class="legend">
    ${some((r) => r.good) && html`<li><i class="line"></i>median of each run</li>`}
    ${some((r) => r.good && r.lo !== null) && html`<li><i class="band"></i>95 % interval</li>`}
    ${some((r) => r.good && r.complete === false) && html`<li><i class="hollow"></i>of a run that was stopped early</li>`}
    ${some((r) => !r.good) && html`<li><b class="bad">✗ ! –</b>failed, invalid, no figure</li>`}
    ${some((r) => r.changed) && html`<li><i class="dash"></i>environment changed: what is left and right of it is not comparable</li>`}
    ${kind === 'log' && html`<li data-scale="log">The axis is logarithmic.</li>`}
    ${range && kind !== 'log' && foot > 0 && html`<li data-scale="cut">The axis begins at ${format.text(foot)}, not at 0. <a href=${query.with({ y: 'zero' })}>Begin at 0</a></li>`}
  </ul>`;
}

function Row({ row, series, format, marked }) {
  return html`<tr data-run=${row.run} data-status=${row.status} class=${row.run === marked ? 'marked' : undefined} aria-current=${row.run === marked ? 'true' : undefined}>
    <th scope="row" data-col="started" data-label="Started"><a href=${cellOf(row, series)}>${absolute(row.date)}</a></th>
    <td data-col="value" data-label="Median" class="number" data-value=${row.value}>${row.good ? format.text(row.value) : html`<span class="dim">–</span>`}</td>
    <td data-col="pm" data-label="±" class="number" data-lo=${row.lo} data-hi=${row.hi}>${row.good && row.lo !== null ? halfWidth(row.value, row.lo, row.hi) : ''}</td>
    <td data-col="status" data-label="Status"><div><${Status} of=${row.status} />${row.complete === false && row.good && ' (incomplete)'}${row.reason && html`<${Reason} reason=${row.reason} />`}</div></td>
    <td data-col="environment" data-label="Environment"><span>${row.environment}${row.changed && html` <span class="dim">changed</span>`}</span></td>
    <td data-col="suite" data-label="Suite">${row.suite}</td>
    <td data-col="id" data-label="Run"><a class="id" href=${`/runs/${row.run}`} aria-label=${`Run ${row.run}`}>${row.run}</a></td>
  </tr>`;
}

function Table({ rows, series, metric, format, marked }) {
  const [most, set] = useState(TABLE_FIRST);
  const newest = [...rows].reverse();
  return html`<table class="cards points">
    <caption>${METRICS[metric].name} in each run, newest first</caption>
    <thead><tr><th scope="col">Started</th><th scope="col" class="number">Median</th><th scope="col" class="number">±</th><th scope="col">Status</th><th scope="col">Environment</th><th scope="col">Suite</th><th scope="col">Run</th></tr></thead>
    <tbody>${newest.slice(0, most).map((row) => html`<${Row} key=${row.run} row=${row} series=${series} format=${format} marked=${marked} />`)}</tbody>
  </table>
  ${most < newest.length && html`<p><button type="button" onClick=${() => set(newest.length)}>Show all ${newest.length} runs</button></p>`}`;
}

/* Axes that say something: those that are not at their default are in the cell's id. */
function Heading({ series, metric, marked }) {
  const [name, ...axes] = series.cell.split('/');
  return html`<p class="crumbs">${marked ? html`<a href=${`/runs/${marked}?cell=${encodeURIComponent(series.cell)}`}>The run you came from</a>` : html`<a href="/">All runs</a>`}</p>
    <h1 tabindex="-1">${name} <span class="dim">over runs</span></h1>
    <p class="axes">${axes.map((axis) => html`<code key=${axis}>${axis}</code> `)}</p>
    <p class="dim">${METRICS[metric].name}: ${METRICS[metric].what}</p>`;
}

function Body({ series, metric, points, next, older, query }) {
  const [active, activate] = useState(null);
  const touched = useRef(null);
  const all = useMemo(() => rowsOf(points), [points]);
  const [from, to] = [query.get('from'), query.get('to')];
  const rows = useMemo(() => inRange(all, from, to), [all, from, to]);
  const format = useMemo(() => formatOf(metric, rows), [metric, rows]);
  const marked = query.get('run');
  const range = extent(rows);
  const asked = SCALES.includes(query.get('y')) ? query.get('y') : 'fit';
  const logarithmic = range && range[0] > 0;
  const kind = asked === 'log' && !logarithmic ? 'fit' : asked;
  const byTime = query.get('x') === 'time';
  const shownRow = rows.find((row) => row.run === active) ?? null;
  const pick = useCallback((row, byTouch) => {
    /* a finger cannot hover: its first touch says what is there, the second opens it */
    if (byTouch && row.run !== touched.current) {
      touched.current = row.run;
      activate(row.run);
    } else {
      go(cellOf(row, series));
    }
  }, [series]);
  const good = rows.filter((row) => row.good).length;
  const metrics = Object.keys(METRICS).filter((name) => name === metric || series.metrics.includes(name));
  return html`
    <div class="controls">
      <${Choice} name="Metric" values=${metrics} current=${metric} label=${(m) => METRICS[m].name}
        href=${(m) => query.with({ metric: m === FIRST_METRIC ? null : m })} />
      ${range && html`<${Choice} name="Scale" values=${logarithmic ? SCALES : SCALES.slice(0, 2)} current=${kind}
        label=${(y) => ({ fit: 'fit', zero: 'from 0', log: 'log' })[y]} href=${(y) => query.with({ y: y === 'fit' ? null : y })} />
      <${Choice} name="Across" values=${['runs', 'time']} current=${byTime ? 'time' : 'runs'} label=${(x) => x} href=${(x) => query.with({ x: x === 'runs' ? null : x })} />`}
    </div>
    <p class="extent">${rows.length === 0 ? 'No run' : `${rows.length} ${rows.length === 1 ? 'run' : 'runs'}${good === rows.length ? '' : `, ${good} with a figure`}, ${absolute(rows[0].date)} to ${absolute(rows.at(-1).date)}`}
      ${(from || to) && html` <a class="reset" href=${query.with({ from: null, to: null })}>Show all ${all.length}${next ? '+' : ''}</a>`}
      ${next && html` <button type="button" class="quiet" onClick=${older}>Load older runs</button>`}</p>
    ${rows.length === 0 && html`<${Empty} title="No run in this part"><p><a href=${query.with({ from: null, to: null })}>Show all runs of this cell</a></p><//>`}
    ${rows.length > 0 && !range && html`<${Empty} title="No run has a figure of this cell"><p>Why is said beside each run below. A cell that did something else than it should is never given a number.</p><//>`}
    ${range && html`<figure class="over-runs">
      <${Readout} row=${shownRow} rows=${rows} series=${series} format=${format} marked=${marked} />
      <${Chart} rows=${rows} byTime=${byTime} kind=${kind} format=${format} marked=${marked} active=${active}
        label=${`${METRICS[metric].name} of ${series.case} over runs`} valueText=${spoken(shownRow, format, rows)}
        onHover=${(row) => row && activate(row.run)} onMove=${(row) => activate(row?.run ?? null)} onPick=${pick}
        onRange=${(a, b) => query.set({ from: a === all[0].run ? null : a, to: b === all.at(-1).run ? null : b })} />
      <figcaption><${Legend} rows=${rows} kind=${kind} format=${format} query=${query} /></figcaption>
    </figure>
    ${rows.length === 1 && all.length === 1 && html`<p class="notice">One run so far. What is measured again is drawn beside it: <${Command} text=${`benchctl run ${rows[0].suite}`} /></p>`}`}
    ${rows.length > 0 && html`<${Table} rows=${rows} series=${series} metric=${metric} format=${format} marked=${marked} />`}`;
}

export default function Series({ params }) {
  const query = useQuery();
  const wish = Object.hasOwn(METRICS, query.get('metric') ?? '') ? query.get('metric') : null;
  const reach = [query.get('from'), query.get('run')].filter(Boolean).sort()[0] ?? null;
  const { series, metric, points, next, error, loading, older, reload } = usePoints(params.id, wish, reach);
  if (!series) {
    return html`<${Main} view="series" state=${error ? 'error' : 'loading'} title="Over runs">
      ${error ? html`<${Problem} error=${error} retry=${reload} what="This series" />` : loading && html`<${Loading} what="the runs of this cell" lines=${8} />`}
    <//>`;
  }
  const state = error?.status === 0 ? 'offline' : points.length === 0 ? 'empty' : 'ready';
  return html`<${Main} view="series" state=${state} title=${`${series.case} over runs`} heading=${false}>
    <${Heading} series=${series} metric=${metric} marked=${query.get('run')} />
    ${error && html`<p class="notice" role="status">${error.message} <button type="button" onClick=${reload}>Try again</button></p>`}
    ${points.length === 0
      ? html`<${Empty} title="No finished run has this cell"><p>A run is drawn here once it has ended.</p><p><${Command} text="benchctl runs list" /></p><//>`
      : html`<${Body} series=${series} metric=${metric} points=${points} next=${next} older=${older} query=${query} />`}
  <//>`;
}
