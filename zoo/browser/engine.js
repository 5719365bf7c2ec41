// Tiles of a picture through a network, by the arithmetic of caesr/engine, on bytes.
//
// A picture is { width, height, data }, data RGBA of 8 bits. A range is [start, stop], stop not part of it.
import { fillTransparent } from "./alpha.js";

const REACH = 2; // pixels of the input to either side that limit a pixel of the result (caesr/imaging/limits.py)
const ALPHA = 3; // its channel

/** Cut an axis into ranges of about `tile` pixels, as equal as multiples of `stride` allow. */
export function cutAxis(length, tile, stride) {
  const roundUp = (value) => Math.ceil(value / stride) * stride;
  const side = roundUp(Math.ceil(length / Math.ceil(length / roundUp(tile))));
  const ranges = [];
  for (let start = 0; start < length; start += side) ranges.push([start, Math.min(length, start + side)]);
  return ranges;
}

/** Return the range of the input that a network needs for a range of it, from a multiple of the stride on. */
export function addHalo([start, stop], length, { halo, stride }) {
  return [Math.max(0, Math.floor((start - halo) / stride) * stride), Math.min(length, stop + halo)];
}

/**
 * Find what is to be upscaled: the colours, once if they are grey, and alpha unless it is one value.
 *
 * Fully transparent pixels take the colour of their surroundings, in the picture itself.
 * @returns {{planes: object[], channels: number, alpha: number|null}} planes, channels of the result, a constant alpha
 */
export function findPlanes(picture) {
  const { data } = picture;
  let hasAlpha = false, isConstant = true, isGrey = true, isVisibleGrey = true, hidden = 0;
  for (let i = 0; i < data.length; i += 4) {
    const isColoured = data[i] !== data[i + 1] || data[i] !== data[i + 2];
    if (data[i + ALPHA] !== 255) hasAlpha = true;
    if (data[i + ALPHA] !== data[ALPHA]) isConstant = false;
    if (data[i + ALPHA] === 0) hidden++;
    else if (isColoured) isVisibleGrey = false;
    if (isColoured) isGrey = false;
  }
  if (hidden > 0 && hidden < data.length / 4) {
    isGrey = isVisibleGrey;
    fillTransparent(picture);
  }
  const colours = isGrey ? 1 : 3;
  const planes = [{ sources: isGrey ? [0, 0, 0] : [0, 1, 2], first: 0 }]; // what the network sees, and where it goes
  if (hasAlpha && !isConstant) planes.push({ sources: [ALPHA, ALPHA, ALPHA], first: colours });
  return { planes, channels: colours + (hasAlpha ? 1 : 0), alpha: hasAlpha && isConstant ? data[ALPHA] : null };
}

/** Count the tiles of a picture, which `upscale` reports one by one. */
export function countTiles({ width, height }, { planes }, { tile, stride }) {
  return cutAxis(width, tile, stride).length * cutAxis(height, tile, stride).length * planes.length;
}

/**
 * Upscale a picture; tiles give the pixels of the whole.
 *
 * @param picture read by `readPicture`
 * @param found by `findPlanes`
 * @param network { scale, halo, stride, tile, run }: `run` takes (3, h, w) floats in [0, 1] and returns
 *   (3, h·scale, w·scale), within the limits of colours
 * @param onTile awaited after each tile
 * @param onStrip awaited with each row of tiles from the top down: Uint8Array (rows, width·scale, channels)
 */
export async function upscale(picture, { planes, channels, alpha }, network, onTile, onStrip) {
  const width = picture.width * network.scale;
  for (const rows of cutAxis(picture.height, network.tile, network.stride)) {
    const strip = { width, channels, data: new Uint8Array((rows[1] - rows[0]) * network.scale * width * channels) };
    if (alpha !== null) for (let i = channels - 1; i < strip.data.length; i += channels) strip.data[i] = alpha;
    for (const columns of cutAxis(picture.width, network.tile, network.stride)) {
      for (const plane of planes) {
        await upscaleTile(picture, plane, network, rows, columns, strip);
        await onTile();
      }
    }
    await onStrip(strip.data);
  }
}

async function upscaleTile(picture, plane, network, rows, columns, strip) {
  const { sources, first } = plane, { scale } = network;
  if (isFlat(picture, sources, rows, columns)) return fillTile(picture, plane, scale, rows, columns, strip);
  const inRows = addHalo(rows, picture.height, network), inColumns = addHalo(columns, picture.width, network);
  const inHeight = inRows[1] - inRows[0], inWidth = inColumns[1] - inColumns[0];
  const values = await network.run(readWindow(picture, sources, inRows, inColumns), inHeight, inWidth);
  const limits = sources[0] === ALPHA ? findLimits(picture, ALPHA, rows, columns) : null;
  const length = inWidth * scale, area = inHeight * scale * length;
  const width = columns[1] - columns[0];
  for (let y = 0; y < (rows[1] - rows[0]) * scale; y++) {
    let from = ((rows[0] - inRows[0]) * scale + y) * length + (columns[0] - inColumns[0]) * scale;
    let to = (y * strip.width + columns[0] * scale) * strip.channels + first;
    for (let x = 0; x < width * scale; x++, from++, to += strip.channels) {
      const red = values[from], green = values[from + area], blue = values[from + 2 * area];
      if (sources[1] === 1) {
        strip.data[to] = red * 255 + 0.5; // which rounds down
        strip.data[to + 1] = green * 255 + 0.5;
        strip.data[to + 2] = blue * 255 + 0.5;
      } else {
        strip.data[to] = ((red + green + blue) / 3) * 255 + 0.5;
      }
      if (limits) {
        const at = Math.floor(y / scale) * width + Math.floor(x / scale);
        strip.data[to] = Math.min(Math.max(strip.data[to], limits.low[at]), limits.high[at]);
      }
    }
  }
}

/** Return whether all that limits a window is of one colour, which then is the result's whatever the network says. */
function isFlat({ width, height, data }, sources, rows, columns) {
  const left = Math.max(0, columns[0] - REACH), right = Math.min(width, columns[1] + REACH);
  const first = 4 * (rows[0] * width + columns[0]);
  for (let y = Math.max(0, rows[0] - REACH); y < Math.min(height, rows[1] + REACH); y++)
    for (let at = 4 * (y * width + left); at < 4 * (y * width + right); at += 4)
      for (const source of sources) if (data[at + source] !== data[first + source]) return false;
  return true;
}

function fillTile({ width, data }, { sources, first }, scale, rows, columns, strip) {
  const channels = new Set(sources).size, from = 4 * (rows[0] * width + columns[0]);
  for (let y = 0; y < (rows[1] - rows[0]) * scale; y++)
    for (let x = columns[0] * scale; x < columns[1] * scale; x++)
      for (let channel = 0; channel < channels; channel++)
        strip.data[(y * strip.width + x) * strip.channels + first + channel] = data[from + sources[channel]];
}

/** Return a window of three channels as floats: (3, rows, columns) in [0, 1]. */
function readWindow({ width, data }, sources, rows, columns) {
  const height = rows[1] - rows[0], count = columns[1] - columns[0];
  const x = new Float32Array(3 * height * count);
  let to = 0;
  for (const source of sources)
    for (let y = rows[0]; y < rows[1]; y++) {
      let from = 4 * (y * width + columns[0]) + source;
      for (const end = from + 4 * count; from < end; from += 4) x[to++] = data[from] / 255;
    }
  return x;
}

/** Return the least and the greatest of the 3 × 3 bytes around each pixel of a window, in one channel. */
function findLimits({ width, height, data }, source, rows, columns) {
  const count = columns[1] - columns[0];
  const low = new Uint8Array((rows[1] - rows[0]) * count).fill(255), high = new Uint8Array(low.length);
  for (let y = rows[0], at = 0; y < rows[1]; y++)
    for (let x = columns[0]; x < columns[1]; x++, at++)
      for (let row = Math.max(0, y - 1); row < Math.min(height, y + 2); row++)
        for (let column = Math.max(0, x - 1); column < Math.min(width, x + 2); column++) {
          const value = data[4 * (row * width + column) + source];
          if (value < low[at]) low[at] = value;
          if (value > high[at]) high[at] = value;
        }
  return { low, high };
}
