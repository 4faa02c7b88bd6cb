/* Whether what is shown is as it stands now. */
import { html } from './ui.js';
import { clock } from './time.js';

/** `of`: what useRun or useTrace gave. */
export function Connection({ of: { connection, refused, told, again }, now }) {
  const at = told === null ? '' : clock(new Date(told));
  const left = again === null ? 0 : Math.max(0, Math.ceil((again - now) / 1000));
  const words = {
    live: 'Live',
    lost: refused
      ? `No live connection, perhaps because too many look on: the figures are from ${at}.${left ? ` New ones in ${left} s.` : ''}`
      : `Connection lost: the figures are from ${at} and may be out of date. Trying again${left ? ` in ${left} s` : ''}.`,
    ended: 'Final figures',
  };
  return html`<p id="connection" role="status" data-state=${connection}>${words[connection]}</p>`;
}
