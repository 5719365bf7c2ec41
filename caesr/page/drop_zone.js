// Files by drop, click, paste or an example. `element`, `props`, `trigger` and `upload` are Gradio's.
const find = (selector) => element.querySelector(selector);
const words = props.words[navigator.language.startsWith("zh") ? "zh" : "en"];
const zone = find(".zone"), target = find(".target"), chooser = find(".chooser");
const image = find(".picture img"), problem = find(".problem");
let turn = 0; // of the last choice: an upload that another one has overtaken is dropped

function show(files, address) {
  const full = files.length > 0;
  if (image.src.startsWith("blob:") && image.src !== address) URL.revokeObjectURL(image.src);
  zone.classList.toggle("full", full);
  zone.classList.toggle("plain", full && !address);
  find(".picture").hidden = !address;
  if (!address) image.removeAttribute("src");
  else if (image.src !== address) image.src = address;
  find(".remove").hidden = !full;
  const name = full ? files[0].name : words[props.many ? "drop_zone_many" : "drop_zone"];
  find(".what").textContent = files.length > 1 ? words.and_more.replace("{name}", name).replace("{n}", files.length - 1) : name;
  const limit = words.drop_limit.replace("{kinds}", props.kinds);
  find(".limit").textContent = full ? "" : limit;
  target.setAttribute("aria-label", full ? name : `${name}. ${limit}`);
}

// What the server made of a file that this browser does not show.
function showPreview() {
  const { path, picture } = props.preview ?? {};
  if (!picture?.url || path !== props.value?.[0]?.path || !zone.classList.contains("plain")) return;
  zone.classList.remove("plain");
  find(".picture").hidden = false;
  image.src = picture.url;
}

function give(value) {
  props.value = value;
  trigger("input");
}

async function take(files) {
  files = [...files].filter((file) => file.name);
  if (!props.many) files = files.slice(0, 1);
  if (!files.length) return;
  const mine = ++turn;
  problem.textContent = "";
  const large = files.find((file) => file.size > props.max_bytes);
  if (large) {
    problem.textContent = words.too_large_file.replace("{name}", large.name);
    return;
  }
  if (props.value?.length) give(null); // until these are uploaded there is nothing to work with
  show(files, props.many ? "" : URL.createObjectURL(files[0]));
  zone.classList.add("busy");
  const sent = [];
  try {
    for (const [n, file] of files.entries()) {
      find(".what").textContent = files.length > 1 ? `${words.uploading} ${n + 1}/${files.length}` : words.uploading;
      const { path } = await upload(file);
      if (mine !== turn) return;
      sent.push({ path, orig_name: file.inFolder || file.name, meta: { _type: "gradio.FileData" } });
    }
  } catch (error) {
    if (mine !== turn) return;
    show([]);
    problem.textContent = words.upload_failed;
    zone.classList.remove("busy");
    return;
  }
  zone.classList.remove("busy");
  show(files, props.many ? "" : image.src);
  give(sent);
}

function clear() {
  turn++;
  problem.textContent = "";
  zone.classList.remove("busy");
  show([]);
  if (props.value?.length) give(null);
}

// Files of a drop, with those of folders.
async function dropped(transfer) {
  const found = [];
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  async function walk(entry, folder) {
    if (entry.isFile) {
      const file = await new Promise((done, failed) => entry.file(done, failed));
      file.inFolder = folder + file.name;
      found.push(file);
    } else if (entry.isDirectory) {
      const reader = entry.createReader();
      for (;;) {
        const some = await new Promise((done, failed) => reader.readEntries(done, failed));
        if (!some.length) break;
        for (const one of some) await walk(one, `${folder}${entry.name}/`);
      }
    }
  }
  if (!entries.length) return [...transfer.files];
  for (const entry of entries) await walk(entry, "");
  return found;
}

chooser.multiple = props.many;
target.addEventListener("click", () => chooser.click());
chooser.addEventListener("change", () => {
  take(chooser.files);
  chooser.value = "";
});
find(".remove").addEventListener("click", () => {
  clear();
  target.focus();
});
find(".remove").setAttribute("aria-label", words.remove);
find(".remove").title = words.remove;
image.addEventListener("error", () => { // a format that this browser does not show: the server makes a preview
  if (!image.getAttribute("src")) return;
  image.removeAttribute("src");
  zone.classList.add("plain");
  find(".picture").hidden = true;
  showPreview(); // which may have come before
});
watch("preview", showPreview);
zone.addEventListener("dragover", (event) => {
  event.preventDefault();
  zone.classList.add("over");
});
zone.addEventListener("dragleave", () => zone.classList.remove("over"));
zone.addEventListener("drop", async (event) => {
  event.preventDefault();
  zone.classList.remove("over");
  take(await dropped(event.dataTransfer));
});
document.addEventListener("paste", (event) => {
  if (!element.isConnected || !element.offsetParent || event.target.closest("input:not([type=file]), textarea")) return;
  const files = [...(event.clipboardData?.files ?? [])];
  if (files.length) take(files);
});
// A drop beside the zone would open the file instead of the page.
for (const kind of ["dragover", "drop"])
  document.addEventListener(kind, (event) => event.dataTransfer?.types.includes("Files") && event.preventDefault());

find(".try").textContent = words.try_examples;
for (const { name, src } of props.pictures) {
  const button = document.createElement("button");
  button.type = "button";
  button.title = name;
  button.setAttribute("aria-label", `${words.try_examples} ${name}`);
  button.append(Object.assign(document.createElement("img"), { src, alt: "" }));
  button.addEventListener("click", () => {
    turn++;
    problem.textContent = "";
    show([{ name }], src);
    give([{ example: name }]);
  });
  find(".examples").append(button);
}
show([]);
