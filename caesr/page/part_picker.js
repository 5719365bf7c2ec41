// A square that is moved over a picture. `element`, `props`, `trigger` and `watch` are Gradio's.
const find = (selector) => element.querySelector(selector);
const words = props.words[navigator.language.startsWith("zh") ? "zh" : "en"];
const clamp = (place, share) => Math.min(1 - share / 2, Math.max(share / 2, place));

function draw() {
  const value = props.value || {};
  const address = value.picture?.url;
  find("p").textContent = address ? "" : words.no_picture_yet;
  if (!address) find("img").removeAttribute("src");
  else if (find("img").getAttribute("src") !== address) find("img").src = address;
  const percent = (share) => `${100 * share}%`;
  const [left, top] = [clamp(value.x, value.width) - value.width / 2, clamp(value.y, value.height) - value.height / 2];
  Object.assign(find(".square").style, { left: percent(left), top: percent(top), width: percent(value.width), height: percent(value.height) });
}
function moveTo(x, y) {
  const { width, height } = props.value;
  props.value = { ...props.value, x: clamp(x, width), y: clamp(y, height) };
  draw();
}
function moveToPointer(event) {
  const bounds = find("img").getBoundingClientRect();
  moveTo((event.clientX - bounds.left) / bounds.width, (event.clientY - bounds.top) / bounds.height);
}
let held = false;
element.addEventListener("pointerdown", (event) => {
  if (!props.value?.picture || event.button > 0 || !event.target.closest(".picker")) return;
  held = true;
  find(".picker").setPointerCapture(event.pointerId);
  moveToPointer(event);
});
element.addEventListener("pointermove", (event) => held && moveToPointer(event));
for (const end of ["pointerup", "pointercancel"]) element.addEventListener(end, () => {
  if (held) trigger("input");
  held = false;
});
element.addEventListener("keydown", (event) => {
  const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (!arrow || !props.value?.picture) return;
  event.preventDefault();
  moveTo(props.value.x + arrow[0] / 20, props.value.y + arrow[1] / 20);
  trigger("input");
});
find(".square").setAttribute("aria-label", words.part);
watch("value", draw);
draw();
