// The language that a visitor chose comes before the one that the browser prefers, in Gradio as well.
(() => {
  const chosen = document.cookie.match(/caesr_language=(\w+)/)?.[1];
  if (!chosen) return;
  Object.defineProperty(navigator, "language", { get: () => chosen });
  Object.defineProperty(navigator, "languages", { get: () => [chosen] });
})();
