// Which family suits a picture, by what its file says of its compression and by its pixels.
// The thresholds and measures are those of caesr/engine/auto_model.py and caesr/imaging/artefacts.py.

const MAX_QUALITY = 90; // of a JPEG that is restored
const MIN_BLOCKINESS = 1.4; // of a picture that was a JPEG before
const MIN_NOISE = 2.5; // grey levels, in the smoothest crop
const PART = 1024, CROP = 64; // pixels: the side of what is looked at, from the top left, and of each crop of it
const HEADER_BYTES = 4 << 20; // of a file, in which its quantisation tables come

// The luminance table of the standard, in rows (ITU-T T.81, table K.1), which libjpeg scales by the quality.
const STANDARD_LUMINANCE = [
  16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87,
  80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92,
  95, 98, 112, 100, 103, 99,
];
// Positions of a table's values in the file: diagonal after diagonal, in turn upwards and downwards.
const ZIGZAG = [...Array(64).keys()].sort((a, b) => {
  const diagonal = (i) => (i >> 3) + (i & 7);
  return diagonal(a) - diagonal(b) || (diagonal(a) % 2 ? a - b : (a & 7) - (b & 7));
});

/**
 * Choose a family.
 *
 * @param {Blob} blob the file
 * @param {HTMLImageElement} image decoded
 * @returns {Promise<{family, reason, values}>} `reason` is the key of a sentence, `values` its fields
 */
export async function chooseFamily(blob, image) {
  const quality = jpegQuality(new DataView(await blob.slice(0, HEADER_BYTES).arrayBuffer()));
  if (quality && quality <= MAX_QUALITY) return { family: "photo", reason: "is_jpeg", values: { quality } };
  const { grey, width, height } = readLuma(image);
  if (Math.min(width, height) >= CROP) {
    if (blockiness(grey, width, height) >= MIN_BLOCKINESS) return { family: "photo", reason: "has_blocks", values: {} };
    if (noise(grey, width, height) >= MIN_NOISE) return { family: "photo", reason: "has_noise", values: {} };
  }
  return { family: "lite", reason: "is_clean", values: {} };
}

/** Return the quality of a JPEG, 1 to 100, estimated from its luminance table; null if it is none or has none. */
export function jpegQuality(view) {
  const tables = {};
  if (view.byteLength < 4 || view.getUint16(0) !== 0xffd8) return null;
  for (let at = 2; at + 4 <= view.byteLength && view.getUint8(at) === 0xff; ) {
    const marker = view.getUint8(at + 1);
    if (marker === 0xff) { at++; continue; } // padding
    if (marker === 0xda) break; // pixels
    const end = Math.min(at + 2 + view.getUint16(at + 2), view.byteLength);
    if (marker === 0xdb)
      for (let place = at + 4; place < end; ) {
        const isWide = view.getUint8(place) >> 4, id = view.getUint8(place++) & 15;
        if (place + 64 * (1 + isWide) > end) break; // cut off
        tables[id] = ZIGZAG.map((position) => {
          const step = isWide ? view.getUint16(place) : view.getUint8(place);
          place += 1 + isWide;
          return (100 * step) / STANDARD_LUMINANCE[position];
        });
      }
    at = end;
  }
  const first = Object.keys(tables).sort((a, b) => a - b)[0];
  if (first === undefined) return null;
  const percents = tables[first].sort((a, b) => a - b);
  const percent = Math.max(1, (percents[31] + percents[32]) / 2);
  const quality = percent <= 100 ? 100 - percent / 2 : 5000 / percent;
  return Math.max(1, Math.min(100, Math.round(quality)));
}

/** Return the luma of BT.601, 0 to 255, of the part of a picture that is looked at. */
function readLuma(image) {
  const width = Math.min(PART, image.naturalWidth), height = Math.min(PART, image.naturalHeight);
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  const grey = Float32Array.from({ length: width * height }, (_, i) => 0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2]);
  return { grey, width, height };
}

/** Return how much steeper a luma is across the lines of an 8-pixel grid than elsewhere; 1: not. */
export function blockiness(grey, width, height) {
  return (gridRatio(grey, width, height, 1, width) + gridRatio(grey, height, width, width, 1)) / 2;
}

/** Return the same along one axis; `next` and `line` are the distances to the next value and to the next line. */
function gridRatio(grey, length, lines, next, line) {
  const on = new Float64Array(8), counts = new Float64Array(8); // by phase of the grid
  for (let i = 0; i < length - 3; i++) {
    let sum = 0;
    for (let j = 0; j < lines; j++) {
      const at = j * line + i * next;
      const [a, b, c, d] = [grey[at], grey[at + next], grey[at + 2 * next], grey[at + 3 * next]];
      sum += Math.min(20, Math.max(0, Math.abs(c - b) - (Math.abs(b - a) + Math.abs(d - c)) / 2));
    }
    on[i % 8] += sum / lines;
    counts[i % 8]++;
  }
  const all = on.reduce((a, b) => a + b), count = counts.reduce((a, b) => a + b);
  return Math.max(...on.map((sum, p) => (sum / counts[p] + 0.05) / ((all - sum) / (count - counts[p]) + 0.05)));
}

/** Return the standard deviation of the noise of a luma's smoothest crop, in grey levels; 0 where all is clipped. */
export function noise(grey, width, height) {
  let least = Infinity;
  for (let top = 0; top + CROP <= height; top += CROP)
    for (let left = 0; left + CROP <= width; left += CROP) least = Math.min(least, noiseOfCrop(grey, width, top, left));
  return Number.isFinite(least) ? least : 0;
}

function noiseOfCrop(grey, width, top, left) {
  const variances = [];
  for (let y = top; y <= top + CROP - 8; y += 4)
    for (let x = left; x <= left + CROP - 8; x += 4) variances.push(varianceFromPlane(grey, width, y, x));
  variances.sort((a, b) => a - b);
  const smoothest = variances.slice(0, Math.round(0.05 * variances.length));
  return 1.22 * Math.sqrt(smoothest.reduce((a, b) => a + b) / smoothest.length);
}

/** Return the variance of 8 × 8 pixels around the plane that fits them best; infinite near black and white. */
function varianceFromPlane(grey, width, top, left) {
  let sum = 0, squares = 0, across = 0, down = 0;
  for (let y = 0; y < 8; y++)
    for (let x = 0; x < 8; x++) {
      const value = grey[(top + y) * width + left + x];
      sum += value;
      squares += value * value;
      across += value * (x - 3.5);
      down += value * (y - 3.5);
    }
  const mean = sum / 64;
  if (mean < 8 || mean > 247) return Infinity;
  const slopes = (across * across + down * down) / 336; // 336: the sum of (x - 3.5)² over the block
  return Math.max(0, squares - sum * mean - slopes) / 61;
}
