// Pictures of one size in frames that move together. `element`, `watch` and `trigger` are Gradio's.
const view = { x: 0.5, y: 0.5, zoom: 1 }; // what lies in the middle, 0 to 1; screen pixels for one of the pictures'
const frames = () => [...element.querySelectorAll(".frame")];
const picture = (frame) => frame.querySelector("img");
const shown = (frame) => {
  const { naturalWidth, naturalHeight } = picture(frame);
  const factor = view.zoom / window.devicePixelRatio;
  return [naturalWidth * factor, naturalHeight * factor];
};

function draw() {
  const [first] = frames();
  if (!first || !picture(first).naturalWidth) return;
  const [width, height] = shown(first);
  const half = [first.clientWidth / width / 2, first.clientHeight / height / 2];
  view.x = half[0] >= 0.5 ? 0.5 : Math.min(1 - half[0], Math.max(half[0], view.x));
  view.y = half[1] >= 0.5 ? 0.5 : Math.min(1 - half[1], Math.max(half[1], view.y));
  for (const frame of frames()) {
    const image = picture(frame);
    image.style.width = `${width}px`;
    image.style.height = `${height}px`;
    image.style.left = `${frame.clientWidth / 2 - view.x * width}px`;
    image.style.top = `${frame.clientHeight / 2 - view.y * height}px`;
  }
  for (const button of element.querySelectorAll("button[data-zoom]"))
    button.setAttribute("aria-pressed", String(Number(button.dataset.zoom) === view.zoom));
}

function zoomTo(zoom) {
  view.zoom = Math.min(16, Math.max(0.125, zoom));
  draw();
}

function moveBy(x, y) {
  const [first] = frames();
  const [width, height] = shown(first);
  view.x -= x / width;
  view.y -= y / height;
  draw();
}

element.addEventListener("load", draw, true); // of images, which does not bubble
element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-zoom]");
  if (button) zoomTo(Number(button.dataset.zoom));
  const chosen = event.target.closest("button[data-use]");
  if (chosen) trigger("use", { model: chosen.dataset.use });
});
element.addEventListener("wheel", (event) => {
  if (!event.target.closest(".frame") || !event.ctrlKey) return; // without Ctrl the page scrolls
  event.preventDefault();
  zoomTo(view.zoom * (event.deltaY < 0 ? 1.25 : 0.8));
}, { passive: false });
element.addEventListener("pointerdown", (event) => {
  const frame = event.target.closest(".frame");
  if (frame) frame.setPointerCapture(event.pointerId);
});
element.addEventListener("pointermove", (event) => {
  const frame = event.target.closest(".frame");
  if (frame && frame.hasPointerCapture(event.pointerId)) moveBy(event.movementX, event.movementY);
});
element.addEventListener("keydown", (event) => {
  if (!event.target.closest(".frame")) return;
  const step = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] }[event.key];
  const zoom = { "+": view.zoom * 2, "-": view.zoom / 2, 1: 1, 2: 2, 4: 4 }[event.key];
  if (step) moveBy(...step);
  if (zoom) zoomTo(zoom);
  if (step || zoom) event.preventDefault();
});
new ResizeObserver(draw).observe(element);
watch("value", draw);
