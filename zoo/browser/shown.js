// The viewer of caesr/page/before_after.js on this page, where there is no Gradio around it.
import { HTML, createViewer } from "./viewer.js";
import { say, words } from "./words.js";

export const EXAMPLE = "example-before.jpg";

let element, props, update;

/** Show a picture, or two of it with a divider between; the same ones stay where they were looked at. */
export function show(value) {
  if (element?.lang !== document.documentElement.lang) create();
  props.value = { is_example: true, ...value }; // which hides the map of what was invented
  update();
}

export function showExample() {
  show({ before: EXAMPLE, after: "example-after.webp", note: say("example") });
}

function create() {
  element = document.createElement("div");
  element.lang = document.documentElement.lang;
  element.innerHTML = HTML;
  document.getElementById("viewer").replaceChildren(element);
  props = { words: words(), value: null };
  createViewer(element, props, () => {}, (_, changed) => (update = changed));
}
