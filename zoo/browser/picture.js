// Picture files to pixels by the browser's own decoders, and a PNG to JPEG or WebP by its encoders.

const PART = 2048; // pixels: side of what is drawn at once, which every canvas and graphics card holds

/**
 * Decode a picture: upright, in sRGB, 8 bits a channel.
 *
 * @param {Blob} blob a file
 * @returns {Promise<{width, height, data}>} data RGBA, not premultiplied
 * @throws {Error} the browser cannot read it
 */
export async function readPicture(blob) {
  const bitmap = await createImageBitmap(blob, { imageOrientation: "from-image", premultiplyAlpha: "none" });
  const picture = { width: bitmap.width, height: bitmap.height, data: new Uint8ClampedArray(4 * bitmap.width * bitmap.height) };
  await readParts(bitmap, picture, readByCanvas());
  // A canvas multiplies colours by alpha and so rounds those of transparent pixels; a texture keeps them.
  const gl = hasAlpha(picture.data) && new OffscreenCanvas(1, 1).getContext("webgl2");
  if (gl) {
    await readParts(bitmap, picture, readByTexture(gl));
    gl.getExtension("WEBGL_lose_context")?.loseContext(); // frees it now
  }
  bitmap.close();
  return picture;
}

function hasAlpha(data) {
  for (let i = 3; i < data.length; i += 4) if (data[i] !== 255) return true;
  return false;
}

async function readParts(bitmap, picture, read) {
  for (let top = 0; top < bitmap.height; top += PART) {
    for (let left = 0; left < bitmap.width; left += PART) {
      const width = Math.min(PART, bitmap.width - left), height = Math.min(PART, bitmap.height - top);
      const pixels = await read(bitmap, left, top, width, height);
      for (let y = 0; y < height; y++) picture.data.set(pixels.subarray(4 * y * width, 4 * (y + 1) * width), 4 * ((top + y) * picture.width + left));
    }
  }
}

function readByCanvas() {
  const context = new OffscreenCanvas(PART, PART).getContext("2d", { willReadFrequently: true });
  return (bitmap, left, top, width, height) => {
    context.clearRect(0, 0, width, height);
    context.drawImage(bitmap, -left, -top);
    return context.getImageData(0, 0, width, height).data;
  };
}

function readByTexture(gl) {
  gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
  gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer());
  return async (bitmap, left, top, width, height) => {
    const part = await createImageBitmap(bitmap, left, top, width, height, { premultiplyAlpha: "none" });
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, part);
    part.close();
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, gl.getParameter(gl.TEXTURE_BINDING_2D), 0);
    const pixels = new Uint8Array(4 * width * height);
    gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
    return pixels;
  };
}

/**
 * Encode a PNG as JPEG or WebP; for JPEG transparent pixels are laid on white.
 *
 * @throws {Error} the browser holds no canvas of this size, or does not write this type
 */
export async function convert(png, type, quality) {
  const bitmap = await createImageBitmap(png);
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d", { alpha: type !== "image/jpeg" });
  if (type === "image/jpeg") {
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
  }
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const blob = await canvas.convertToBlob({ type, quality });
  if (blob.type !== type) throw new Error(`${type} is not written by this browser.`);
  return blob;
}
