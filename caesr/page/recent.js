// Thumbnails of the last results. `element`, `props`, `trigger` and `watch` are Gradio's.
const words = props.words[navigator.language.startsWith("zh") ? "zh" : "en"];
function update() {
  const row = element.querySelector(".recent");
  row.querySelectorAll("button").forEach((button) => button.remove());
  row.querySelector(".name").textContent = props.value?.length > 1 ? words.recent : "";
  if (!(props.value?.length > 1)) return;
  props.value.forEach(({ src, title, current }, index) => {
    const button = Object.assign(document.createElement("button"), { type: "button", title });
    button.setAttribute("aria-label", title);
    button.setAttribute("aria-pressed", String(current));
    button.append(Object.assign(document.createElement("img"), { src, alt: "" }));
    button.addEventListener("click", () => trigger("select", { index }));
    row.append(button);
  });
}
watch("value", update);
update();
