// The worker that does all the work, so that the page stays responsive. It is terminated to cancel.
import { countTiles, findPlanes, upscale } from "./engine.js";
import { loadNetwork } from "./network.js";
import { convert, readPicture } from "./picture.js";
import { PngWriter } from "./png.js";
import { ReducedPng } from "./reduced.js";

const tasks = {
  async prepare({ model, runtime }) {
    await loadNetwork(model, runtime).catch(() => {}); // an upscaling will say why
  },

  /** Upscale a file to a PNG, and to one that can be shown; reports how many tiles are done. */
  async upscale({ blob, model, runtime, maxShown }) {
    const [picture, network] = await Promise.all([
      readPicture(blob).catch(naming("read")),
      loadNetwork(model, runtime).catch(naming("load")),
    ]);
    return upscaleTo(picture, network, maxShown).catch(naming("upscale"));
  },

  async convert({ blob, type, quality }) {
    return convert(blob, type, quality).catch(naming("convert"));
  },
};

async function upscaleTo(picture, network, maxShown) {
  const began = performance.now();
  const width = picture.width * network.scale, height = picture.height * network.scale;
  const reduction = Math.ceil(Math.sqrt((width * height) / maxShown));
  const found = findPlanes(picture), all = countTiles(picture, found, network);
  const png = new PngWriter(width, height, found.channels);
  const reduced = reduction > 1 ? new ReducedPng(width, height, found.channels, reduction) : null;
  let done = 0;
  self.postMessage({ done, all });
  const onTile = () => self.postMessage({ done: ++done, all });
  const onStrip = async (rows) => {
    await png.write(rows);
    await reduced?.write(rows);
  };
  await upscale(picture, found, network, onTile, onStrip);
  const blob = await png.finish(), shown = (await reduced?.finish()) ?? blob;
  const { provider, threads } = network;
  return { blob, shown, reduction, width, height, seconds: (performance.now() - began) / 1000, provider, threads };
}

/** Return a handler that throws an error again, named by what failed; the console has the rest. */
function naming(what) {
  return (error) => {
    console.error(error);
    throw new Error(what);
  };
}

self.onmessage = async ({ data }) => {
  try {
    self.postMessage({ result: await tasks[data.task](data) });
  } catch (error) {
    self.postMessage({ error: error.message });
  }
};
