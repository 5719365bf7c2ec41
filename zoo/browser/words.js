// Everything that the page says, in English and Chinese, and which of them is spoken.

const WORDS = {
  en: {
    tagline: "Make photos 2–4× larger and sharper.",
    promise: "Your picture never leaves this device: all work is done by your browser.",
    language: "Language",
    drop: "Drop a photo, paste or browse",
    formats: "JPEG, PNG, WebP and whatever else your browser shows",
    example: "An example: a photo saved as a small JPEG, and what Photo makes of it.",
    model: "Model",
    photo: "Photo", lite: "Faithful", texture: "Texture", base: "Base",
    photo_for: "Removes JPEG artefacts, noise and blur.",
    lite_for: "For clean pictures; fast.",
    texture_for: "Fabric, foliage, hair; invents detail.",
    base_for: "For clean pictures; slower.",
    is_jpeg: "JPEG artefacts found (quality about {quality}): using Photo.",
    has_blocks: "Blocks of a JPEG found: using Photo.",
    has_noise: "Noise found: using Photo.",
    is_clean: "A clean picture: using Faithful.",
    is_large: "A large picture: using Faithful, which is faster. Photo removes its noise and JPEG artefacts.",
    only_scale: "×{n} only.",
    try: "Try it with this example",
    scale: "Scale",
    run: "Upscale",
    cancel: "Cancel",
    starting: "Loading the model …",
    seconds_left: "About {n} s left",
    minutes_left: "About {n} min left",
    stopped: "Stopped.",
    done: "{width} × {height} pixels in {n} s.",
    reduced: "Shown at 1/{n} of its size; the file has every pixel.",
    format: "Format",
    quality: "Quality",
    save: "Save",
    saving: "Saving …",
    kept: "Transparency is kept, photos are turned upright. Not kept: metadata, the colour profile (colours become sRGB), more than 8 bits a channel.",
    on_gpu: "Computed on the graphics card (WebGPU).",
    on_cpu: "Computed on the processor (WebAssembly, threads: {n}).",
    cannot_read: "{name} cannot be read by this browser. Convert it to JPEG or PNG.",
    cannot_load: "The model did not load. Check the connection and try again.",
    cannot_upscale: "The picture could not be upscaled; memory may not suffice. Try a smaller scale or picture.",
    cannot_convert: "This browser cannot write the result in this format. Save it as PNG.",
    too_large: "The result would have {n} megapixels, and this page makes at most {most}. Choose a smaller scale or picture.",
    fit: "Fit", zoom: "Zoom", full_screen: "Full screen", original: "Original", upscaled: "Upscaled",
    divider: "Divider between the original and the result",
    viewer_keys: "Picture before and after. Arrow keys move it, + and − zoom, 0 fits it, F is full screen.",
    show_invented: "", no_picture_yet: "Your picture appears here.",
  },
  zh: {
    tagline: "把照片放大 2–4 倍，更清晰。",
    promise: "图片不会离开您的设备：一切都在浏览器中完成。",
    language: "语言",
    drop: "拖入、粘贴或选择一张照片",
    formats: "JPEG、PNG、WebP，以及浏览器能显示的其他格式",
    example: "示例：一张存为小 JPEG 的照片，以及“照片”模型的结果。",
    model: "模型",
    photo: "照片", lite: "忠实", texture: "纹理", base: "Base",
    photo_for: "去除 JPEG 痕迹、噪点和模糊。",
    lite_for: "适合清晰的图片，很快。",
    texture_for: "织物、树叶、头发；会创造细节。",
    base_for: "适合清晰的图片，稍慢。",
    is_jpeg: "发现 JPEG 压缩痕迹（质量约 {quality}）：使用“照片”。",
    has_blocks: "发现 JPEG 方块痕迹：使用“照片”。",
    has_noise: "发现噪点：使用“照片”。",
    is_clean: "图片干净：使用“忠实”。",
    is_large: "图片较大：使用更快的“忠实”。“照片”可去除其噪点和 JPEG 痕迹。",
    only_scale: "仅支持 ×{n}。",
    try: "用此示例试试",
    scale: "倍数",
    run: "放大",
    cancel: "取消",
    starting: "正在加载模型……",
    seconds_left: "大约还需 {n} 秒",
    minutes_left: "大约还需 {n} 分钟",
    stopped: "已停止。",
    done: "{width} × {height} 像素，用时 {n} 秒。",
    reduced: "以 1/{n} 的大小显示；文件含全部像素。",
    format: "格式",
    quality: "质量",
    save: "保存",
    saving: "正在保存……",
    kept: "保留透明度，照片按正确方向显示。不保留：元数据、颜色配置文件（颜色转为 sRGB）、每通道超过 8 位的精度。",
    on_gpu: "由显卡计算（WebGPU）。",
    on_cpu: "由处理器计算（WebAssembly，线程数：{n}）。",
    cannot_read: "此浏览器无法读取 {name}。请转换为 JPEG 或 PNG。",
    cannot_load: "模型未能加载。请检查网络连接后重试。",
    cannot_upscale: "无法放大此图片，可能内存不足。请选择较小的倍数或图片。",
    cannot_convert: "此浏览器无法以该格式写出结果。请保存为 PNG。",
    too_large: "结果将有 {n} 百万像素，而本页最多生成 {most} 百万像素。请选择较小的倍数或图片。",
    fit: "适合", zoom: "缩放", full_screen: "全屏", original: "原图", upscaled: "放大后",
    divider: "原图与结果之间的分隔线",
    viewer_keys: "放大前后的图片。方向键移动，+ 和 − 缩放，0 适合窗口，F 全屏。",
    show_invented: "", no_picture_yet: "您的图片将显示在这里。",
  },
};

let language = (recall() ?? navigator.language).startsWith("zh") ? "zh" : "en";

/** Return a sentence with its {fields} filled in. */
export function say(key, values = {}) {
  return WORDS[language][key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** Return the words of the spoken language, as the viewer takes them. */
export function words() {
  return { en: WORDS[language], zh: WORDS[language] };
}

/** Speak a language from now on; without one, fill the page with that which is spoken. */
export function speak(chosen = language) {
  language = chosen;
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = say(element.dataset.word);
  for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", say(element.dataset.label));
  for (const button of document.querySelectorAll("[data-language]"))
    button.setAttribute("aria-pressed", String(button.dataset.language === language));
}

/** Keep the spoken language for the next visit, where the browser allows a page to keep something. */
export function remember() {
  try {
    localStorage.setItem("caesr-language", language);
  } catch {} // in a frame, whose storage may be blocked
}

function recall() {
  try {
    return localStorage.getItem("caesr-language");
  } catch {
    return null;
  }
}
