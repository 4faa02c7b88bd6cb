/* Points in time: relative for the eye, absolute for the record. */
import { html, useEffect, useState } from './ui.js';

const two = (n) => String(n).padStart(2, '0');

/** "2026-01-02 03:04:05", of this browser's clock. */
export function absolute(date) {
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock(date)}`;
}

export const clock = (date) => `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;

/** "just now", "5 min ago", "3 h ago", "yesterday", "12 days ago"; then the absolute date says more. */
export function relative(date, now = Date.now()) {
  const s = (now - date.getTime()) / 1000;
  if (s < 45) return 'just now';
  if (s < 3570) return `${Math.max(1, Math.round(s / 60))} min ago`;
  if (s < 84600) return `${Math.round(s / 3600)} h ago`;
  const days = Math.round(s / 86400);
  return days <= 1 ? 'yesterday' : `${days} days ago`;
}

/** Date.now(), renewed every `ms` milliseconds. */
export function useNow(ms) {
  const [now, set] = useState(Date.now);
  useEffect(() => {
    if (ms === null) return undefined;
    const timer = setInterval(() => set(Date.now()), ms);
    return () => clearInterval(timer);
  }, [ms]);
  return now;
}

/** When something was, both ways. */
export function When({ at, now }) {
  if (!at) return html`<span class="dim">–</span>`;
  const date = new Date(at);
  return html`<time datetime=${at}><span class="when">${relative(date, now)}</span>${' '}<span class="dim">${absolute(date)}</span></time>`;
}
