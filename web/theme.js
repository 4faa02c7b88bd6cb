/* <html data-theme> is light or dark from before anything is painted: as chosen by hand (data-chosen), else as the system
 * says. A plain script, because modules run late. Who chooses tells by the event `themechosen`; `themechange` is for what
 * draws on a canvas. */
{
  const root = document.documentElement;
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const apply = () => {
    root.dataset.theme = root.dataset.chosen ?? (dark.matches ? 'dark' : 'light');
    dispatchEvent(new Event('themechange'));
  };
  try {
    const theme = localStorage.getItem('theme');
    if (theme === 'light' || theme === 'dark') root.dataset.chosen = theme;
  } catch {
    /* storage is refused: the system's theme */
  }
  dark.addEventListener('change', apply);
  addEventListener('themechosen', apply);
  apply();
}
