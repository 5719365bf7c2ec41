// The page: a picture in, a model and a scale chosen, the result shown and saved. worker.js does the work.
import { chooseFamily } from "./auto.js";
import { EXAMPLE, show, showExample } from "./shown.js";
import { Upscaling } from "./upscaling.js";
import { remember, say, speak } from "./words.js";

const MAX_MEGAPIXELS = 400; // of a result
const MAX_PHOTO = 2e6; // pixels of a picture that is given to the slower model unasked
const ORDER = ["photo", "lite", "texture"]; // in which families are offered
const IS_SMALL = matchMedia("(pointer: coarse)").matches; // a phone or tablet
const MAX_SHOWN = IS_SMALL ? 16e6 : 50e6; // pixels of a result that are shown at once

const find = (id) => document.getElementById(id);
const { runtime, models } = await (await fetch("models.json")).json();
const upscaling = new Upscaling(runtime, MAX_SHOWN);
const families = [...new Set(models.map((model) => model.family))].sort((a, b) => ORDER.indexOf(a) - ORDER.indexOf(b));
let picture = null; // { blob, name, url, width, height, suited }
let result = null; // { blob, shown, reduction, width, height, scale, seconds, provider, threads, name, url, before }
let family = families[0], scale = 4; // chosen
let isChosen = false; // by the visitor, and not for them

// ── what is chosen ──
const scalesOf = (name) => models.filter((model) => model.family === name).map((model) => model.scale);
const model = () => models.find((one) => one.family === family && one.scale === scale);

function choose(newFamily, newScale) {
  const scales = scalesOf(newFamily);
  family = newFamily;
  scale = scales.includes(newScale) ? newScale : scales.at(-1);
  drawSettings();
}

function drawSettings() {
  drawSegments("models", families, (name) => say(name), family, () => true);
  drawSegments("scales", [2, 3, 4], (n) => `×${n}`, scale, (n) => scalesOf(family).includes(n));
  const only = scalesOf(family).length === 1 ? say("only_scale", { n: scale }) : "";
  const reason = picture && !isChosen ? say(picture.suited.reason, picture.suited.values) : say(`${family}_for`);
  find("purpose").textContent = `${reason} ${only}`;
  const from = picture && `${picture.name}: ${picture.width} × ${picture.height} → ${picture.width * scale} × ${picture.height * scale}`;
  find("facts").textContent = from ?? say("formats");
  find("run").disabled = !picture || upscaling.isRunning;
  find("run").classList.toggle("primary", !result); // then to save is what comes next
  find("try").hidden = Boolean(picture);
}

function drawSegments(id, values, label, chosen, isEnabled) {
  const place = find(id), focused = place.contains(document.activeElement);
  place.replaceChildren(
    ...values.map((value) => {
      const input = Object.assign(document.createElement("input"), { type: "radio", name: id, value, className: "visually-hidden" });
      input.checked = value === chosen;
      input.disabled = !isEnabled(value);
      const segment = document.createElement("label");
      segment.append(input, label(value));
      return segment;
    }),
  );
  if (focused) place.querySelector(":checked")?.focus();
}

/** Choose what suits the picture, unless the visitor has chosen. */
function suggest() {
  if (isChosen) return;
  if (picture.suited.family === "photo") choose("photo", 4);
  else choose("lite", scalesOf("lite").findLast((n) => picture.width * picture.height * n * n <= MAX_SHOWN) ?? 2);
}

/** Return the family that suits a picture, and why; the slower one only where it does not take too long. */
async function findSuited(blob, image) {
  const suited = await chooseFamily(blob, image);
  const isLarge = image.naturalWidth * image.naturalHeight > MAX_PHOTO;
  return suited.family === "photo" && isLarge ? { family: "lite", reason: "is_large", values: {} } : suited;
}

// ── a picture ──
async function take(blob, name = blob.name) {
  if (!blob || upscaling.isRunning) return;
  const url = URL.createObjectURL(blob), image = new Image();
  image.src = url;
  let suited;
  try {
    await image.decode();
    suited = await findSuited(blob, image);
  } catch {
    URL.revokeObjectURL(url);
    return complain("cannot_read", { name });
  }
  forget();
  picture = { blob, name, url, width: image.naturalWidth, height: image.naturalHeight, suited };
  complain(null);
  find("stopped").textContent = "";
  suggest();
  drawSettings();
  show({ before: url });
  find("run").focus({ preventScroll: true });
}

/** Free what the picture before took. */
function forget() {
  for (const url of [picture?.url, result?.url]) if (url) URL.revokeObjectURL(url);
  picture = result = null;
  find("save").hidden = true;
}

function complain(key, values) {
  find("problem").textContent = key ? say(key, values) : "";
}

// ── upscaling ──
async function run() {
  const megapixels = (picture.width * picture.height * scale * scale) / 1e6;
  if (megapixels > MAX_MEGAPIXELS) return complain("too_large", { n: Math.ceil(megapixels), most: MAX_MEGAPIXELS });
  complain(null);
  find("save").hidden = true;
  setWorking(true);
  find("status").textContent = say("starting");
  const made = await attempt(upscaling.upscale(picture.blob, model(), showProgress));
  setWorking(false);
  if (!made) return;
  if (result) URL.revokeObjectURL(result.url);
  const url = URL.createObjectURL(made.shown);
  result = { ...made, scale, url, name: picture.name.replace(/\.\w+$/, "") };
  show({ before: picture.url, after: url });
  drawSettings();
  drawResult();
}

/** Await a task of the worker; says what went wrong, and returns null then or if it was cancelled. */
async function attempt(task) {
  try {
    return await task;
  } catch (error) {
    if (error.message === "cancelled") find("stopped").textContent = say("stopped");
    else complain(`cannot_${error.message}`, { name: picture.name });
    return null;
  }
}

function setWorking(isWorking) {
  find("working").hidden = !isWorking;
  find("run").hidden = isWorking;
  for (const id of ["models", "scales", "file"]) for (const input of find(id).querySelectorAll("input")) input.disabled = isWorking;
  find("file").disabled = isWorking;
  if (!isWorking) return drawSettings();
  find("stopped").textContent = "";
  find("bar").removeAttribute("value"); // of which nothing is known yet
  find("cancel").focus({ preventScroll: true });
}

function showProgress(share, secondsLeft) {
  find("bar").value = share;
  const minutes = Math.round(secondsLeft / 60);
  const seconds = Math.max(1, Math.ceil(secondsLeft));
  find("status").textContent = minutes > 1 ? say("minutes_left", { n: minutes }) : say("seconds_left", { n: seconds });
}

function drawResult() {
  if (!result) return;
  find("save").hidden = false;
  const { width, height, seconds, reduction, provider, threads } = result;
  const lines = [say("done", { width, height, n: seconds.toFixed(seconds < 10 ? 1 : 0) })];
  if (reduction > 1) lines.push(say("reduced", { n: reduction }));
  find("made").textContent = lines.join(" ");
  find("engine").textContent = provider === "webgpu" ? say("on_gpu") : say("on_cpu", { n: threads });
}

// ── saving ──
const EXTENSIONS = { "image/png": "png", "image/jpeg": "jpg", "image/webp": "webp" };

async function save() {
  const type = find("format").value;
  find("download").disabled = true;
  find("download").textContent = say("saving");
  complain(null);
  const blob = await attempt(upscaling.convert(result, type, find("quality").value / 100));
  find("download").disabled = false;
  find("download").textContent = say("save");
  if (!blob) return;
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob) });
  link.download = `${result.name}_x${result.scale}.${EXTENSIONS[type]}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // the browser reads it meanwhile
}

async function canWrite(type) {
  const canvas = new OffscreenCanvas(1, 1);
  canvas.getContext("2d"); // without which it has nothing to write
  return (await canvas.convertToBlob({ type })).type === type;
}

// ── events ──
function draw() {
  speak();
  drawSettings();
  drawResult();
  if (picture) show({ before: picture.url, after: result?.url });
  else showExample();
}

find("file").addEventListener("change", (event) => {
  take(event.target.files[0]);
  event.target.value = ""; // so that the same file can be chosen again
});
addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("over");
});
addEventListener("dragleave", (event) => event.relatedTarget || document.body.classList.remove("over"));
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  take(event.dataTransfer.files[0]);
});
addEventListener("paste", (event) => take([...event.clipboardData.files].find((file) => file.type.startsWith("image/"))));
addEventListener("keydown", (event) => event.key === "Escape" && upscaling.isRunning && upscaling.cancel());
find("settings").addEventListener("change", (event) => {
  const { name, value, id } = event.target;
  isChosen ||= name === "models" || name === "scales";
  if (name === "models") choose(value, scale);
  if (name === "scales") choose(family, Number(value));
  if (id === "format") find("quality-row").hidden = value === "image/png";
});
find("quality").addEventListener("input", (event) => (find("quality-value").textContent = event.target.value));
find("settings").addEventListener("submit", (event) => {
  event.preventDefault();
  if (picture) run();
});
find("try").addEventListener("click", async () => take(await (await fetch(EXAMPLE)).blob(), EXAMPLE));
find("cancel").addEventListener("click", () => upscaling.cancel());
find("download").addEventListener("click", save);
for (const button of document.querySelectorAll("[data-language]"))
  button.addEventListener("click", () => {
    speak(button.dataset.language);
    remember();
    draw();
  });

choose(family, scale);
draw();
if (!(await canWrite("image/webp"))) find("format").querySelector("[value='image/webp']").remove();

// ── offline, and threads ──
if (navigator.serviceWorker) {
  navigator.serviceWorker.register("sw.js").catch(() => {}); // without it, the page works as long as its server does
  await navigator.serviceWorker.ready;
  // Threads need headers that the service worker adds, from the next load on; a frame has no say in it.
  const isReload = performance.getEntriesByType("navigation")[0]?.type === "reload"; // which has not helped, then
  if (!self.crossOriginIsolated && self.top === self && !picture && !isReload) {
    location.reload();
  } else if (!navigator.connection?.saveData) {
    upscaling.prepare(model()); // so that it also works offline from now on
  }
}
