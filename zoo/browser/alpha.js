// Colours for fully transparent pixels, as caesr/imaging/alpha.py finds them: push-pull (Gortler et al. 1996).

/**
 * Give fully transparent pixels the colour of their surroundings, in place.
 *
 * Their stored colour is arbitrary, often black, and upscaling would mix it into the edge as a dark fringe. Visible
 * pixels are averaged into ever smaller pictures, and each hole takes the colour of the first that has one there.
 * @param picture { width, height, data }, RGBA of 8 bits, of which some pixels are visible
 */
export function fillTransparent({ width, height, data }) {
  const half = halve({ width, height, read: (at, channel) => (data[4 * at + 3] === 0 ? 0 : channel === 3 ? 1 : data[4 * at + channel]) });
  const coarse = pushPull(half);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = 4 * (y * width + x);
      if (data[at + 3] === 0)
        for (let channel = 0; channel < 3; channel++) data[at + channel] = Math.floor(interpolate(coarse, channel, y, x, height, width) + 0.5);
    }
  }
}

/** Return a level of half the size: the means of 2 × 2 pixels, three colours and how much of them is visible. */
function halve({ width, height, read }) {
  const half = level(Math.ceil(width / 2), Math.ceil(height / 2));
  for (let y = 0, to = 0; y < half.height; y++) {
    for (let x = 0; x < half.width; x++, to++) {
      for (let channel = 0; channel < 4; channel++) {
        let sum = 0, count = 0;
        for (let row = 2 * y; row < Math.min(height, 2 * y + 2); row++)
          for (let column = 2 * x; column < Math.min(width, 2 * x + 2); column++, count++) sum += read(row * width + column, channel);
        half.values[4 * to + channel] = sum / count;
      }
    }
  }
  return half;
}

/** Return the colours of a level, its holes filled from smaller ones. */
function pushPull(fine) {
  const { width, height, values } = fine;
  const known = level(width, height);
  let hasHoles = false;
  for (let at = 0; at < values.length; at += 4) {
    const visible = values[at + 3];
    if (visible === 0) hasHoles = true;
    else for (let channel = 0; channel < 3; channel++) known.values[at + channel] = values[at + channel] / visible;
  }
  if (!hasHoles || (width === 1 && height === 1)) return known;
  const coarse = pushPull(halve(fine));
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++, at += 4)
      if (values[at + 3] === 0)
        for (let channel = 0; channel < 3; channel++) known.values[at + channel] = interpolate(coarse, channel, y, x, height, width);
  return known;
}

function level(width, height) {
  const values = new Float32Array(4 * width * height);
  return { width, height, values, read: (at, channel) => values[4 * at + channel] };
}

/** Return a channel of a level at a pixel of a larger picture, linear between its own. */
function interpolate(coarse, channel, y, x, height, width) {
  const row = Math.max(0, ((y + 0.5) * coarse.height) / height - 0.5), column = Math.max(0, ((x + 0.5) * coarse.width) / width - 0.5);
  const above = Math.floor(row), left = Math.floor(column);
  const below = Math.min(above + 1, coarse.height - 1), right = Math.min(left + 1, coarse.width - 1);
  const at = (y, x) => coarse.values[4 * (y * coarse.width + x) + channel];
  const upper = at(above, left) * (left + 1 - column) + at(above, right) * (column - left);
  const lower = at(below, left) * (left + 1 - column) + at(below, right) * (column - left);
  return upper * (above + 1 - row) + lower * (row - above);
}
