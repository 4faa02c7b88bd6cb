/* Small figures inside tables: places only, in per cent of their width, so they need no measuring and no style text. */
import { html } from './ui.js';

/* What has no place, as the logarithm of nothing, is at the beginning. */
const at = (x) => `${Math.max(0, Math.min(100, x || 0)).toFixed(3)}%`;

/** A bar from zero to the median, and its interval on it. `most`: what is the whole width. */
export function Bar({ median, lo, hi, most }) {
  const place = (x) => (most > 0 ? (100 * x) / most : 0);
  const interval = Number.isFinite(lo) && Number.isFinite(hi);
  return html`<svg class="plot" width="100%" height="14" aria-hidden="true" focusable="false">
    <rect class="amount" x="0" y="4" height="6" width=${at(place(median))} />
    ${interval && html`<line class="range" x1=${at(place(lo))} x2=${at(place(hi))} y1="7" y2="7" />`}
    <line class="mid" x1=${at(place(median))} x2=${at(place(median))} y1="2" y2="12" />
  </svg>`;
}

/** A ratio and its interval around 1, logarithmic; `least` and `most` bound what is shown in this column. */
export function Ratio({ median, lo, hi, least, most }) {
  const [a, b] = [Math.log(Math.min(least, 0.95)), Math.log(Math.max(most, 1.05))];
  const pad = (b - a) * 0.06;
  const place = (x) => (100 * (Math.log(x) - a + pad)) / (b - a + 2 * pad);
  const interval = lo > 0 && Number.isFinite(hi);
  return html`<svg class="plot" width="100%" height="14" aria-hidden="true" focusable="false">
    <line class="one" x1=${at(place(1))} x2=${at(place(1))} y1="0" y2="14" />
    ${interval && html`<line class="range" x1=${at(place(lo))} x2=${at(place(hi))} y1="7" y2="7" />`}
    <line class="mid" x1=${at(place(median))} x2=${at(place(median))} y1="2.5" y2="11.5" />
  </svg>`;
}

/** Parts of a whole, side by side: [{name, value, kind}]. */
export function Stack({ parts, whole, label }) {
  let from = 0;
  return html`<svg class="stack" width="100%" height="18" role="img" aria-label=${label}>
    ${parts.map(({ name, value, kind }) => {
      const x = from;
      from += whole > 0 ? (100 * value) / whole : 0;
      return value > 0 && html`<rect key=${name} class=${kind} x=${at(x)} y="0" height="18" width=${at(from - x)}><title>${name}</title></rect>`;
    })}
  </svg>`;
}
