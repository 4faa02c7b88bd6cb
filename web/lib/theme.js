/* Light, dark, or as the system says; the choice is kept by the browser. */
import { html, useState } from './ui.js';

const ORDER = ['auto', 'light', 'dark'];
const WORDS = { auto: 'system', light: 'light', dark: 'dark' };

const chosen = () => document.documentElement.dataset.chosen ?? 'auto';

function choose(theme) {
  if (theme === 'auto') delete document.documentElement.dataset.chosen;
  else document.documentElement.dataset.chosen = theme;
  dispatchEvent(new Event('themechosen')); /* to theme.js */
  try {
    if (theme === 'auto') localStorage.removeItem('theme');
    else localStorage.setItem('theme', theme);
  } catch {
    /* not kept, then */
  }
}

export function ThemeButton() {
  const [theme, set] = useState(chosen);
  const next = ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length];
  const change = () => {
    choose(next);
    set(next);
  };
  return html`<button type="button" class="quiet theme" onClick=${change} title=${`Change to: ${WORDS[next]}`}>
    <svg width="14" height="14" viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="6.5" /><path d="M8 1.5a6.5 6.5 0 0 1 0 13z" /></svg>
    <span><span class="unseen">Theme: </span>${WORDS[theme]}</span>
  </button>`;
}
