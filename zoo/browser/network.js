// A network of the zoo in onnxruntime-web: on WebGPU where there is one, else in WebAssembly.

const TILE = 384; // pixels of the input, whose features take about 200 MB
const MAX_THREADS = 8;
const CORES = { wasm: "", webgpu: ".asyncify" }; // which build of the runtime's core goes with it

let loaded = null; // { file, network }: the last one, kept for the next picture

/**
 * Load a network, unless it is the last one.
 *
 * @param model { file, scale, halo, stride } of models.json
 * @param {string} folder of onnxruntime-web
 * @returns {Promise<object>} what `upscale` takes, and `provider`, "webgpu" or "wasm", and `threads`
 */
export async function loadNetwork(model, folder) {
  if (loaded?.file !== model.file) {
    const before = loaded?.network;
    loaded = { file: model.file, network: createNetwork(model, folder, before) };
    loaded.network.catch(() => (loaded = null)); // the next time, it is tried again
  }
  return loaded.network;
}

async function createNetwork(model, folder, before) {
  await before?.then((network) => network.release());
  const onCpu = () => createSession(model.file, folder, "wasm");
  let session = (await hasWebGpu()) ? await createSession(model.file, folder, "webgpu").catch(onCpu) : await onCpu();
  return {
    ...model,
    tile: TILE,
    get provider() {
      return session.provider;
    },
    get threads() {
      return session.threads;
    },
    async run(x, height, width) {
      try {
        return await session.run(x, height, width);
      } catch (error) {
        if (session.provider === "wasm") throw error;
        session = await onCpu(); // the graphics card is gone, or its memory
        return session.run(x, height, width);
      }
    },
    release: () => session.release(),
  };
}

/** Return whether there is a graphics card for WebGPU, rather than a program that imitates one. */
async function hasWebGpu() {
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
  return Boolean(adapter && !(adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter));
}

async function createSession(file, folder, provider) {
  const runtime = new URL(folder, self.location.href).href, core = `${runtime}ort-wasm-simd-threaded${CORES[provider]}`;
  const ort = await import(`${runtime}ort.${provider}.min.js`);
  ort.env.logLevel = "error";
  ort.env.wasm.wasmPaths = { mjs: `${core}.js`, wasm: `${core}.wasm` };
  ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(MAX_THREADS, navigator.hardwareConcurrency) : 1;
  const session = await ort.InferenceSession.create(new URL(file, self.location.href).href, { executionProviders: [provider] });
  return {
    provider,
    threads: ort.env.wasm.numThreads,
    async run(x, height, width) {
      const { reconstruction } = await session.run({ pixel_values: new ort.Tensor("float32", x, [1, 3, height, width]) });
      return reconstruction.data;
    },
    release: () => session.release(),
  };
}
