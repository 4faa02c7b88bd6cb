/* Light, dark, or as the system says; the choice is kept by the browser. */
import { html, useState } from './ui.js';

const ORDER = ['auto', 'light', 'dark'];
const WORDS = { auto: 'system', light: 'light', dark: 'dark' };

function stored() {
  const theme = document.documentElement.dataset.theme;
  return theme === 'light' || theme === 'dark' ? theme : 'auto';
}

function store(theme) {
  if (theme === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    if (theme === 'auto') localStorage.removeItem('theme');
    else localStorage.setItem('theme', theme);
  } catch {
    /* not kept, then */
  }
  dispatchEvent(new Event('themechange')); /* for what draws on a canvas */
}

export function ThemeButton() {
  const [theme, set] = useState(stored);
  const next = ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length];
  const change = () => {
    store(next);
    set(next);
  };
  return html`<button type="button" class="quiet theme" onClick=${change} title=${`Change to: ${WORDS[next]}`}>
    <svg width="14" height="14" viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="6.5" /><path d="M8 1.5a6.5 6.5 0 0 1 0 13z" /></svg>
    <span><span class="unseen">Theme: </span>${WORDS[theme]}</span>
  </button>`;
}
