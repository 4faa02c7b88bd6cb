/* Before anything is painted: the theme that was chosen by hand, if one was. A plain script, because modules run late. */
try {
  const theme = localStorage.getItem('theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  /* storage is refused: the system's theme */
}
