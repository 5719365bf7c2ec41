// A card for each picture of a batch. `element`, `props`, `trigger` and `watch` are Gradio's.
const words = props.words[navigator.language.startsWith("zh") ? "zh" : "en"];
const make = (tag, fields, ...inside) => {
  const node = Object.assign(document.createElement(tag), fields);
  node.append(...inside);
  return node;
};
function card({ name, words: said, state, thumbnail, file, number }) {
  const inside = thumbnail ? make("img", { src: thumbnail, alt: "" }) : { failed: "!", skipped: "–" }[state] ?? "…";
  const picture = make(number != null ? "button" : "span", { className: "picture" }, inside);
  if (number != null) {
    Object.assign(picture, { type: "button", title: words.compare_result, ariaLabel: `${words.compare_result}: ${name}` });
    picture.setAttribute("aria-pressed", "false");
    picture.addEventListener("click", () => {
      for (const one of element.querySelectorAll("button.picture")) one.setAttribute("aria-pressed", String(one === picture));
      trigger("show", { number });
    });
  }
  const node = make("div", { className: `card ${state}` }, picture, make("p", {}, name), make("small", {}, said));
  if (file?.url)
    node.append(make("a", { href: file.url, download: file.orig_name ?? "", ariaLabel: `${words.download} ${name}` }, words.download));
  return node;
}
function update() {
  element.querySelector(".gallery").replaceChildren(...(props.value || []).map(card));
}
watch("value", update);
update();
