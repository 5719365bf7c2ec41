// A result too large to be shown at once, reduced by a whole number as its rows come.
import { PngWriter } from "./png.js";

/** A reduced PNG: `write` the rows of the whole from the top down, then `finish`. */
export class ReducedPng {
  constructor(width, height, channels, reduction) {
    Object.assign(this, { width, channels, reduction, count: 0 });
    this.reducedWidth = Math.floor(width / reduction);
    this.sums = new Float64Array(this.reducedWidth * channels);
    this.png = new PngWriter(this.reducedWidth, Math.floor(height / reduction), channels);
  }

  /** Add rows: Uint8Array (rows, width, channels). Each square of pixels becomes their mean. */
  async write(rows) {
    const { width, channels, reduction, sums } = this;
    for (let start = 0; start < rows.length; start += width * channels) {
      for (let x = 0; x < this.reducedWidth * reduction; x++)
        for (let channel = 0; channel < channels; channel++)
          sums[Math.floor(x / reduction) * channels + channel] += rows[start + x * channels + channel];
      if (++this.count < reduction) continue;
      await this.png.write(Uint8Array.from(sums, (sum) => Math.round(sum / reduction ** 2)));
      sums.fill(0);
      this.count = 0;
    }
  }

  /** Return the file as a Blob. */
  finish() {
    return this.png.finish();
  }
}
