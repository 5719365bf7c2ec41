// What Gradio leaves out: the choice of language, Ctrl+Enter, a role for what is empty, and the way of a phone.
() => {
  document.documentElement.lang = navigator.language.startsWith("zh") ? "zh" : "en";
  document.addEventListener("click", (event) => {
    const chosen = event.target.closest?.("[data-language]")?.dataset.language;
    if (!chosen) return;
    document.cookie = `caesr_language=${chosen}; path=/; max-age=31536000; SameSite=Lax`;
    location.reload();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) document.querySelector("#run:not(:disabled)")?.click();
  });
  // On a phone the view moves to a result when it is there, and the bar becomes its download (page.css).
  const isPhone = () => window.matchMedia("(max-width: 720px)").matches;
  let before = "";
  const look = () => {
    for (const empty of document.querySelectorAll(".empty[aria-label]:not([role])")) empty.setAttribute("role", "img");
    const done = document.querySelector("#status [data-result]")?.dataset.result ?? "";
    document.querySelector("#layout")?.classList.toggle("has-result", done !== "" && !document.querySelector("#stale span"));
    if (done && done !== before && isPhone()) document.querySelector("#viewer").scrollIntoView({ behavior: "smooth" });
    before = done;
  };
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
  look();
}
