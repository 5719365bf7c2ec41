// A PNG written as its rows come, so that no whole picture has to be in memory; alpha keeps its exact colours.

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const COLOUR_TYPES = { 1: 0, 2: 4, 3: 2, 4: 6 }; // by channels: grey, grey and alpha, RGB, RGBA
const PAETH = 4; // the filter of every row
const PART_BYTES = 4e6; // of the file, handed to the browser at once, which may keep them on disk

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? 0xedb88320 ^ (byte >>> 1) : byte >>> 1;
  return byte;
});

/** A PNG of 8 bits in sRGB: `write` the rows from the top down, then `finish`. */
export class PngWriter {
  constructor(width, height, channels) {
    this.channels = channels;
    this.above = new Uint8Array(width * channels); // the row before, black at first
    const header = new DataView(new ArrayBuffer(13));
    header.setUint32(0, width);
    header.setUint32(4, height);
    header.setUint8(8, 8); // bits a channel
    header.setUint8(9, COLOUR_TYPES[channels]);
    this.parts = [new Uint8Array(SIGNATURE), chunk("IHDR", new Uint8Array(header.buffer)), chunk("sRGB", new Uint8Array([0]))];
    const stream = new CompressionStream("deflate");
    this.input = stream.writable.getWriter();
    this.compressed = this.collect(stream.readable.getReader());
  }

  /** Add rows: Uint8Array (rows, width, channels). */
  async write(rows) {
    const length = this.above.length;
    const filtered = new Uint8Array((rows.length / length) * (length + 1));
    for (let from = 0, to = 0; from < rows.length; from += length, to += length + 1) {
      const row = rows.subarray(from, from + length);
      filtered[to] = PAETH;
      predict(row, this.above, this.channels, filtered.subarray(to + 1, to + 1 + length));
      this.above = row;
    }
    this.above = this.above.slice(); // the rest of the rows is not held for it
    await this.input.write(filtered);
  }

  /** Return the file as a Blob. */
  async finish() {
    await this.input.close();
    await this.compressed;
    return new Blob([...this.parts, chunk("IEND", new Uint8Array())], { type: "image/png" });
  }

  async collect(reader) {
    let pieces = [], bytes = 0;
    for (;;) {
      const { value, done } = await reader.read();
      if (value) {
        pieces.push(chunk("IDAT", value));
        bytes += value.length;
      }
      if (done || bytes > PART_BYTES) {
        this.parts.push(new Blob(pieces));
        [pieces, bytes] = [[], 0];
      }
      if (done) return;
    }
  }
}

/** Write what a row differs by from the prediction by Paeth, of which deflate makes less. */
function predict(row, above, channels, filtered) {
  for (let i = 0; i < row.length; i++) {
    const left = i < channels ? 0 : row[i - channels], corner = i < channels ? 0 : above[i - channels];
    const toLeft = Math.abs(above[i] - corner), toAbove = Math.abs(left - corner);
    const toCorner = Math.abs(left + above[i] - 2 * corner);
    const nearest = toLeft <= toAbove && toLeft <= toCorner ? left : toAbove <= toCorner ? above[i] : corner;
    filtered[i] = row[i] - nearest; // modulo 256
  }
}

function chunk(name, content) {
  const bytes = new Uint8Array(content.length + 12), view = new DataView(bytes.buffer);
  view.setUint32(0, content.length);
  for (let i = 0; i < 4; i++) bytes[4 + i] = name.charCodeAt(i);
  bytes.set(content, 8);
  let crc = 0xffffffff;
  for (let i = 4; i < bytes.length - 4; i++) crc = CRC_TABLE[(crc ^ bytes[i]) & 255] ^ (crc >>> 8);
  view.setUint32(bytes.length - 4, crc ^ 0xffffffff);
  return bytes;
}
