// Set the chosen theme before the first paint: a classic script, since modules run too late for that.
{
  const chosen = localStorage.getItem("tracebin.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
}
