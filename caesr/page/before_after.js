// Before and after, one over the other, in one frame: a divider, zoom, full screen. `element` and the like are Gradio's.
const MAX_ZOOM = 16;
const find = (selector) => element.querySelector(selector);
const words = props.words[navigator.language.startsWith("zh") ? "zh" : "en"];
const stage = () => find(".stage");
const after = () => (find(".after").getAttribute("src") ? find(".after") : find(".before"));
// What lies in the middle (0 to 1); pixels of the screen for one of the result, 0: as many as fit; where the divider is.
let view = { x: 0.5, y: 0.5, zoom: 0, divider: 0.5 };
let shown = "";
const pointers = new Map();
let grabbed = false; // the divider, not the picture

const ratio = () => window.devicePixelRatio || 1;
const fitted = () =>
  Math.min((stage().clientWidth * ratio()) / after().naturalWidth, (stage().clientHeight * ratio()) / after().naturalHeight);
const zoom = () => view.zoom || fitted();
const size = () => [after().naturalWidth, after().naturalHeight].map((side) => (side * zoom()) / ratio());
const clamp = (value, least, most) => Math.min(most, Math.max(least, value));

function draw() {
  for (const image of element.querySelectorAll(".stage img")) image.classList.toggle("shows", image.complete && image.naturalWidth > 0);
  if (!after().naturalWidth || !stage().clientWidth) return;
  const room = [stage().clientWidth, stage().clientHeight];
  const [width, height] = size();
  const half = [room[0] / width / 2, room[1] / height / 2];
  view.x = half[0] >= 0.5 ? 0.5 : clamp(view.x, half[0], 1 - half[0]);
  view.y = half[1] >= 0.5 ? 0.5 : clamp(view.y, half[1], 1 - half[1]);
  const [left, top] = [room[0] / 2 - view.x * width, room[1] / 2 - view.y * height];
  for (const image of element.querySelectorAll(".stage img"))
    Object.assign(image.style, { width: `${width}px`, height: `${height}px`, left: `${left}px`, top: `${top}px` });
  const single = stage().classList.contains("single");
  const divider = view.divider * room[0];
  find(".before-part").style.clipPath = single ? "" : `inset(0 ${room[0] - divider}px 0 0)`;
  const handle = find(".divider");
  handle.style.left = `${divider}px`;
  handle.setAttribute("aria-valuenow", String(Math.round(100 * view.divider)));
  stage().classList.toggle("pixels", zoom() >= 2);
  stage().classList.toggle("moves", canMove());
  for (const button of element.querySelectorAll("button[data-zoom]"))
    button.setAttribute("aria-pressed", String(Number(button.dataset.zoom) === view.zoom));
}

// Zoom, so that what lies at a place of the screen stays there.
function zoomTo(next, place) {
  const bounds = stage().getBoundingClientRect();
  const [x, y] = place ? [place[0] - bounds.left, place[1] - bounds.top] : [bounds.width / 2, bounds.height / 2];
  const off = [x - bounds.width / 2, y - bounds.height / 2];
  const [width, height] = size();
  const at = [view.x + off[0] / width, view.y + off[1] / height];
  view.zoom = next && clamp(next, Math.min(1, fitted()) / 2, MAX_ZOOM);
  const [wider, higher] = size();
  view.x = at[0] - off[0] / wider;
  view.y = at[1] - off[1] / higher;
  draw();
}

function moveBy(x, y) {
  const [width, height] = size();
  view.x -= x / width;
  view.y -= y / height;
  draw();
}

function divideAt(clientX) {
  const bounds = stage().getBoundingClientRect();
  view.divider = clamp((clientX - bounds.left) / bounds.width, 0, 1);
  draw();
}

function toggleFullScreen() {
  const frame = find(".before-after");
  if (document.fullscreenElement) document.exitFullscreen();
  else if (frame.requestFullscreen) frame.requestFullscreen();
  else frame.classList.toggle("fills"); // an iPhone has no full screen for elements
  setTimeout(draw, 100);
}

const spread = () => {
  const [a, b] = [...pointers.values()];
  return { middle: [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2], length: Math.hypot(a[0] - b[0], a[1] - b[1]) };
};
// A picture that fits has nowhere to be moved to, so there the divider follows wherever one drags.
const canMove = () => size()[0] > stage().clientWidth + 1 || size()[1] > stage().clientHeight + 1;

element.addEventListener("load", draw, true); // of images, which does not bubble
element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.zoom) zoomTo(Number(button.dataset.zoom));
  if (button?.classList.contains("full")) toggleFullScreen();
});
element.addEventListener("dblclick", (event) => {
  if (event.target.closest(".stage")) zoomTo(view.zoom ? 0 : 1, [event.clientX, event.clientY]);
});
element.addEventListener("wheel", (event) => {
  if (!event.target.closest(".stage") || !event.ctrlKey) return; // without Ctrl the page scrolls
  event.preventDefault();
  zoomTo(zoom() * Math.exp(-event.deltaY / 300), [event.clientX, event.clientY]);
}, { passive: false });
element.addEventListener("pointerdown", (event) => {
  if (!event.target.closest(".stage") || event.button > 0) return;
  stage().setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, [event.clientX, event.clientY]);
  grabbed = pointers.size === 1 && (event.target.closest(".divider") !== null || !canMove());
  if (grabbed) divideAt(event.clientX);
});
element.addEventListener("pointermove", (event) => {
  const last = pointers.get(event.pointerId);
  if (!last) return;
  const before = pointers.size === 2 ? spread() : null;
  pointers.set(event.pointerId, [event.clientX, event.clientY]);
  if (before) {
    const now = spread();
    zoomTo((zoom() * now.length) / before.length, now.middle);
    moveBy(now.middle[0] - before.middle[0], now.middle[1] - before.middle[1]);
  } else if (grabbed) divideAt(event.clientX);
  else moveBy(event.clientX - last[0], event.clientY - last[1]);
});
for (const end of ["pointerup", "pointercancel"]) element.addEventListener(end, (event) => pointers.delete(event.pointerId));
element.addEventListener("keydown", (event) => {
  if (!event.target.closest(".stage")) return;
  const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  const next = { "+": zoom() * 2, "=": zoom() * 2, "-": zoom() / 2, 0: 0, 1: 1, 2: 2 }[event.key];
  if (event.key === "f") toggleFullScreen();
  else if (next !== undefined) zoomTo(next);
  else if (arrow && event.target.closest(".divider")) {
    view.divider = clamp(view.divider + (arrow[0] || -arrow[1]) / 20, 0, 1);
    draw();
  } else if (arrow) moveBy(-40 * arrow[0], -40 * arrow[1]);
  else return;
  event.preventDefault();
});
find(".invented input").addEventListener("change", (event) => trigger("invented", { on: event.target.checked }));
new ResizeObserver(draw).observe(element);
document.addEventListener("fullscreenchange", draw);

const address = (picture) => (typeof picture === "string" ? picture : picture?.url) ?? "";
function put(selector, picture) {
  const image = find(selector);
  if (!address(picture)) image.removeAttribute("src");
  else if (image.getAttribute("src") !== address(picture)) image.src = address(picture);
}
function update() {
  const value = props.value || {};
  // A map that was asked for before another picture came is of none that is shown.
  if (value.is_layer && address(value.before) + address(value.after) !== shown) return;
  const now = address(value.before) + address(value.after);
  if (now !== shown) view = { x: 0.5, y: 0.5, zoom: 0, divider: 0.5 }; // the same pictures stay where they were looked at
  find(".invented input").checked = Boolean(value.map || value.asks);
  shown = now;
  put(".before", value.before);
  put(".after", value.after);
  put(".map", value.map);
  stage().classList.toggle("single", !value.after);
  find(".bar").hidden = !value.before;
  find(".divider").hidden = !value.after;
  find(".invented").hidden = !value.after || Boolean(value.is_example);
  const tags = value.tags ?? [words.original, words.upscaled];
  find(".tag.original").textContent = value.before ? tags[0] : "";
  find(".tag.upscaled").textContent = tags[1];
  find(".before").alt = value.before ? tags[0] : "";
  find(".after").alt = value.after ? tags[1] : "";
  find(".note").textContent = value.note ?? "";
  find(".empty").textContent = value.before ? "" : words.no_picture_yet;
  draw();
}
find("[data-zoom='0']").textContent = words.fit;
find(".zooms").setAttribute("aria-label", words.zoom);
find(".full").title = words.full_screen;
find(".full").setAttribute("aria-label", words.full_screen);
find(".invented span").textContent = words.show_invented;
find(".stage").setAttribute("aria-label", words.viewer_keys);
find(".divider").setAttribute("aria-label", words.divider);
watch("value", update);
update();
