// What screen readers need and Gradio leaves out: names of the examples' pictures, a role of what is empty.
() => {
  const name = () => {
    for (const empty of document.querySelectorAll(".empty[aria-label]:not([role])")) empty.setAttribute("role", "img");
    for (const button of document.querySelectorAll("button.gallery-item:not([aria-label])")) {
      const file = button.querySelector("img")?.src.split("/").pop();
      if (file) button.setAttribute("aria-label", decodeURIComponent(file));
    }
  };
  new MutationObserver(name).observe(document.body, { childList: true, subtree: true });
  name();
}
