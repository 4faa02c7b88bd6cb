/* The chart over runs: value, interval, runs without a figure, changes of the environment. uPlot draws the axes, the line
 * and the band; marks are drawn here. Colours are read from the page when it draws, so a change of theme is a redraw. */
import uPlot from '../../vendor/uplot.js';

import { clock } from '../../lib/time.js';
import { html, useEffect, useLayoutEffect, useRef } from '../../lib/ui.js';
import { scaleRange } from './data.js';

const HEIGHT = 340;
const NARROW = 560;
const LANE = 26; /* below the values: runs without one */
const HEAD = 22; /* above them: names of environments */
const DRAG = 6;

const day = (date) => `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, '0')}-${String(date.getDate()).padStart(2, '0')}`;

function colours(element) {
  const style = getComputedStyle(element);
  const named = (name) => style.getPropertyValue(`--chart-${name}`).trim();
  return {
    ink: named('ink'), dim: named('dim'), grid: named('grid'), line: named('line'), band: named('band'), bad: named('bad'),
    mark: named('mark'), paper: named('paper'), font: style.getPropertyValue('--chart-font').trim() || 'sans-serif',
  };
}

/* Where between two runs the environment changed: nothing is drawn from one side to the other. */
function breaks(u, rows, places) {
  const gaps = [];
  rows.forEach((row, i) => {
    if (!row.changed || i === 0) return;
    const [a, b] = [u.valToPos(places[i - 1], 'x', true), u.valToPos(places[i], 'x', true)];
    gaps.push([a + 0.5, b - 0.5]);
  });
  return gaps;
}

/* In order and without overlap, as uPlot clips by them. */
function joined(gaps) {
  const out = [];
  for (const [from, to] of gaps.sort((a, b) => a[0] - b[0])) {
    if (out.length && from <= out.at(-1)[1]) out.at(-1)[1] = Math.max(out.at(-1)[1], to);
    else out.push([from, to]);
  }
  return out;
}

function drawer(rows, places, shown, pen) {
  const ratio = () => uPlot.pxRatio;
  const x = (u, i) => u.valToPos(places[i], 'x', true);
  const y = (u, value) => u.valToPos(value, 'y', true);
  const bottom = (u) => u.bbox.top + u.bbox.height;

  function clip(u, draw) {
    const { ctx } = u;
    const r = ratio();
    ctx.save();
    ctx.beginPath();
    ctx.rect(u.bbox.left - 8 * r, u.bbox.top - HEAD * r, u.bbox.width + 16 * r, u.bbox.height + (HEAD + LANE) * r);
    ctx.clip();
    draw(ctx, r);
    ctx.restore();
  }

  /* Vertical lines where the environment changed, and its name; the name only where there is room for it. */
  function environments(u, ctx, r) {
    const p = pen();
    let free = -Infinity;
    ctx.font = `${11 * r}px ${p.font}`;
    ctx.textAlign = 'left';
    ctx.textBaseline = 'middle';
    rows.forEach((row, i) => {
      if (i !== 0 && !row.changed) return;
      const at = i === 0 ? u.bbox.left : (x(u, i - 1) + x(u, i)) / 2;
      if (i !== 0) {
        ctx.strokeStyle = p.dim;
        ctx.lineWidth = r;
        ctx.setLineDash([4 * r, 3 * r]);
        ctx.beginPath();
        ctx.moveTo(at, u.bbox.top - HEAD * r);
        ctx.lineTo(at, bottom(u) + LANE * r);
        ctx.stroke();
        ctx.setLineDash([]);
      }
      const names = [`environment ${row.environment}`, row.environment];
      const next = rows.findIndex((other, k) => k > i && other.changed);
      const end = next < 0 ? u.bbox.left + u.bbox.width : (x(u, next - 1) + x(u, next)) / 2;
      const name = names.find((n) => at + 4 * r >= free && at + 4 * r + ctx.measureText(n).width <= end);
      if (!name) return;
      ctx.fillStyle = p.dim;
      ctx.fillText(name, at + 4 * r, u.bbox.top - (HEAD / 2) * r);
      free = at + 4 * r + ctx.measureText(name).width + 6 * r;
    });
  }

  /* Intervals of their own where runs stand far enough apart; a band needs a neighbour. */
  function intervals(u, ctx, r) {
    if (rows.length < 1 || u.bbox.width / r / rows.length < 9) return;
    ctx.strokeStyle = pen().line;
    ctx.lineWidth = 1.25 * r;
    ctx.globalAlpha = 0.75;
    rows.forEach((row, i) => {
      if (!row.good || row.lo === null || row.hi === null) return;
      const [at, a, b, w] = [x(u, i), y(u, row.lo), y(u, row.hi), 3.5 * r];
      ctx.beginPath();
      ctx.moveTo(at, a);
      ctx.lineTo(at, b);
      ctx.moveTo(at - w, a);
      ctx.lineTo(at + w, a);
      ctx.moveTo(at - w, b);
      ctx.lineTo(at + w, b);
      ctx.stroke();
    });
    ctx.globalAlpha = 1;
  }

  /* A run without a figure stands in its own lane, with a sign that does not depend on colour. */
  function without(u, ctx, r) {
    const p = pen();
    const middle = bottom(u) + (LANE / 2) * r;
    rows.forEach((row, i) => {
      if (row.good) return;
      const at = x(u, i);
      const s = 4 * r;
      ctx.strokeStyle = p.bad;
      ctx.lineWidth = r;
      ctx.globalAlpha = 0.35;
      ctx.beginPath();
      ctx.moveTo(at, u.bbox.top);
      ctx.lineTo(at, middle - 7 * r);
      ctx.stroke();
      ctx.globalAlpha = 1;
      ctx.lineWidth = 2 * r;
      ctx.beginPath();
      if (row.status === 'failed') {
        ctx.moveTo(at - s, middle - s);
        ctx.lineTo(at + s, middle + s);
        ctx.moveTo(at + s, middle - s);
        ctx.lineTo(at - s, middle + s);
      } else if (row.status === 'invalid') {
        ctx.moveTo(at, middle - s * 1.3);
        ctx.lineTo(at, middle + s * 0.3);
        ctx.moveTo(at, middle + s * 0.9);
        ctx.lineTo(at, middle + s * 1.4);
      } else {
        ctx.moveTo(at - s, middle);
        ctx.lineTo(at + s, middle);
      }
      ctx.stroke();
    });
  }

  function values(u, ctx, r) {
    const p = pen();
    const space = u.bbox.width / r / Math.max(1, rows.length);
    const radius = Math.max(1.5, Math.min(3.5, space / 3)) * r;
    rows.forEach((row, i) => {
      if (!row.good) return;
      ctx.beginPath();
      ctx.arc(x(u, i), y(u, row.value), radius, 0, 2 * Math.PI);
      ctx.fillStyle = row.complete === false ? p.paper : p.line;
      ctx.fill();
      if (row.complete === false) {
        ctx.strokeStyle = p.line;
        ctx.lineWidth = 1.5 * r;
        ctx.stroke();
      }
    });
  }

  /* The run one came from, and the one that is looked at. */
  function marked(u, ctx, r) {
    const p = pen();
    const { marked: from, active } = shown();
    for (const [run, width, colour, dash] of [[from, 2, p.mark, []], [active, 1.5, p.ink, [2, 2]]]) {
      const i = run ? rows.findIndex((row) => row.run === run) : -1;
      if (i < 0) continue;
      const row = rows[i];
      const at = x(u, i);
      const high = row.good ? y(u, row.value) : bottom(u) + (LANE / 2) * r;
      ctx.strokeStyle = colour;
      ctx.lineWidth = r;
      ctx.setLineDash(dash.map((d) => d * r));
      ctx.beginPath();
      ctx.moveTo(at, u.bbox.top);
      ctx.lineTo(at, bottom(u) + LANE * r);
      ctx.stroke();
      ctx.setLineDash([]);
      ctx.lineWidth = width * r;
      ctx.beginPath();
      ctx.arc(at, high, 7.5 * r, 0, 2 * Math.PI);
      ctx.stroke();
    }
  }

  /* An axis that does not begin at nothing has a broken foot. */
  function foot(u, ctx, r) {
    if (u.scales.y.distr === 3 || u.scales.y.min <= 0) return;
    const p = pen();
    const [left, low] = [u.bbox.left, bottom(u)];
    ctx.strokeStyle = p.dim;
    ctx.lineWidth = 1.25 * r;
    ctx.beginPath();
    ctx.moveTo(left, low - 1 * r);
    for (const [dx, dy] of [[-4, 3], [4, 7], [-4, 11], [0, 14]]) ctx.lineTo(left + dx * r, low + dy * r);
    ctx.stroke();
  }

  return {
    before: (u) => clip(u, (ctx, r) => environments(u, ctx, r)),
    after: (u) =>
      clip(u, (ctx, r) => {
        intervals(u, ctx, r);
        values(u, ctx, r);
        without(u, ctx, r);
        marked(u, ctx, r);
        foot(u, ctx, r);
      }),
  };
}

/* Which runs get a label below them: as many as fit, each with its time, and its day where it is another one. */
function runTicks(u, rows) {
  const most = Math.max(2, Math.floor(u.bbox.width / uPlot.pxRatio / 74));
  const step = Math.max(1, Math.ceil(rows.length / most));
  return rows.map((_, i) => i).filter((i) => i % step === 0);
}

/* Times, with the day below where it is another one; to the minute unless two neighbours share it. */
function labels(dates, days) {
  const minutes = dates.map((date) => date && clock(date).slice(0, 5));
  const exact = minutes.some((text, i) => i > 0 && text && text === minutes[i - 1] && day(dates[i]) === day(dates[i - 1]));
  let before = null;
  return dates.map((date, i) => {
    if (!date) return '';
    const today = day(date);
    const time = days ? '' : exact ? clock(date) : minutes[i];
    const text = today === before ? time : [time, today].filter(Boolean).join('\n');
    before = today;
    return text;
  });
}

/* What one tick of the axis of time may be, in seconds. */
const STEPS = [1, 2, 5, 10, 15, 30, ...[1, 2, 5, 10, 15, 30].map((m) => m * 60), ...[1, 2, 3, 6, 12].map((h) => h * 3600),
  ...[1, 2, 5, 10, 20, 30, 60, 90, 180, 365].map((d) => d * 86400)];

function optionsOf(width, height, { rows, places, byTime, kind, format, pen, shown, onRange, onHover }) {
  const marks = drawer(rows, places, shown, pen);
  const axis = { stroke: () => pen().dim, grid: { stroke: () => pen().grid, width: 1 }, ticks: { stroke: () => pen().grid, width: 1, size: 4 } };
  const gaps = (u, index, from, to, found) => joined([...found, ...breaks(u, rows, places)]);
  const path = { spanGaps: false, gaps, points: { show: false } };
  return {
    width,
    height,
    padding: [HEAD, 14, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      points: { show: false },
      drag: { x: true, y: false, setScale: false, dist: DRAG },
      bind: { dblclick: () => null }, /* a click has opened a run by then */
    },
    scales: {
      x: {
        time: false,
        range: (u, least, most) => {
          if (!byTime) return [-0.5, rows.length - 0.5];
          const room = Math.max((most - least) * 0.03, 1);
          return [least - room, most + room];
        },
      },
      y: { distr: kind === 'log' ? 3 : 1, range: () => scaleRange(kind, rows) },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        gap: 6 + LANE,
        size: 44 + LANE,
        font: `11px ${pen().font}`,
        space: 74,
        ...(byTime ? { incrs: STEPS } : { splits: (u) => runTicks(u, rows) }),
        values: byTime
          ? (u, splits, index, space, step) => labels(splits.map((s) => new Date(s * 1000)), step >= 86400)
          : (u, splits) => labels(splits.map((i) => rows[i]?.date), false),
        ticks: { show: false },
      },
      {
        ...axis,
        size: (u, labels) => {
          if (!labels?.length) return 48;
          u.ctx.font = `${11 * uPlot.pxRatio}px ${pen().font}`;
          return Math.ceil(Math.max(...labels.map((l) => u.ctx.measureText(l ?? '').width)) / uPlot.pxRatio) + 16;
        },
        font: `11px ${pen().font}`,
        space: 36,
        values: (u, splits) => {
          const some = splits.filter((v) => v !== null);
          const labels = format.ticks(some);
          return splits.map((v) => (v === null ? '' : labels[some.indexOf(v)]));
        },
      },
    ],
    series: [
      {},
      { ...path, stroke: () => 'transparent', width: 0 },
      { ...path, stroke: () => 'transparent', width: 0 },
      { ...path, stroke: () => pen().line, width: 2 },
    ],
    bands: [{ series: [2, 1], fill: () => pen().band }],
    hooks: {
      drawAxes: [marks.before],
      draw: [marks.after],
      setCursor: [(u) => onHover(u.cursor.left < 0 || u.cursor.idx === null ? null : (rows[u.cursor.idx] ?? null))],
      setSelect: [
        (u) => {
          const { left, width: wide } = u.select;
          if (wide < DRAG) return;
          const [a, b] = [u.posToVal(left, 'x'), u.posToVal(left + wide, 'x')];
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          const inside = rows.filter((_, i) => places[i] >= a && places[i] <= b);
          if (inside.length) onRange(inside[0].run, inside.at(-1).run);
        },
      ],
    },
  };
}

/** rows in order; marked and active: ids of runs; kind: fit | zero | log. onHover(row or null), onRange(from, to),
 * onPick(row, byTouch), onMove(row or null). */
export function Chart({ rows, byTime, kind, format, marked, active, label, valueText, onHover, onRange, onPick, onMove }) {
  const place = useRef(null);
  const plot = useRef(null);
  const latest = useRef({});
  latest.current = { marked, active, onHover, onRange, onPick };

  useLayoutEffect(() => {
    const element = place.current;
    let pen = colours(element);
    /* by time, runs of the same second would share a place, and a place is what one points at */
    const places = rows.map((row, i) => (byTime ? row.date.getTime() / 1000 + i * 1e-3 : i));
    const height = () => (element.clientWidth < NARROW ? HEIGHT - 60 : HEIGHT);
    const u = new uPlot(
      optionsOf(element.clientWidth, height(), {
        rows, places, byTime, kind, format,
        pen: () => pen,
        shown: () => latest.current,
        onRange: (...range) => latest.current.onRange(...range),
        onHover: (row) => latest.current.onHover(row),
      }),
      [
        places,
        rows.map((row) => (row.good ? row.lo : null)),
        rows.map((row) => (row.good ? row.hi : null)),
        rows.map((row) => (row.good ? row.value : null)),
      ],
      element,
    );
    plot.current = u;
    const click = (event) => {
      const row = rows[u.posToIdx(event.clientX - u.over.getBoundingClientRect().left)];
      if (row) latest.current.onPick(row, event.pointerType === 'touch');
    };
    u.over.addEventListener('click', click);
    const sizes = new ResizeObserver(() => {
      if (element.clientWidth && element.clientWidth !== u.width) u.setSize({ width: element.clientWidth, height: height() });
    });
    sizes.observe(element);
    const repaint = () => {
      pen = colours(element);
      u.redraw(false, true);
    };
    addEventListener('themechange', repaint);
    return () => {
      sizes.disconnect();
      removeEventListener('themechange', repaint);
      plot.current = null;
      u.destroy();
    };
  }, [rows, byTime, kind, format]);

  useEffect(() => plot.current?.redraw(false, false), [marked, active]);

  const index = rows.findIndex((row) => row.run === active);
  const keys = (event) => {
    const last = rows.length - 1;
    const to = { ArrowLeft: Math.max(0, (index < 0 ? last + 1 : index) - 1), ArrowRight: Math.min(last, index + 1), Home: 0, End: last }[event.key];
    if (to !== undefined) onMove(rows[to]);
    else if (event.key === 'Enter' && index >= 0) onPick(rows[index], false);
    else if (event.key === 'Escape') onMove(null);
    else return;
    event.preventDefault();
  };
  return html`<div class="chart" ref=${place} tabindex="0" role="slider" aria-label=${label} aria-valuemin="1" aria-valuemax=${rows.length}
    aria-valuenow=${index < 0 ? rows.length : index + 1} aria-valuetext=${valueText} onKeyDown=${keys}></div>`;
}
