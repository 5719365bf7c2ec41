// One upscaling at a time in a worker, its progress and time left. A cancelled one leaves nothing: the worker is ended.

const LARGE = 16e6; // pixels of a result that take so much to show and save that nothing else may be held for it

export class Upscaling {
  /**
   * @param {string} runtime folder of onnxruntime-web
   * @param {number} maxShown pixels of a result that are shown at once
   */
  constructor(runtime, maxShown) {
    this.runtime = runtime;
    this.maxShown = maxShown;
    this.isRunning = false;
    this.start();
  }

  start() {
    this.worker = new Worker("worker.js", { type: "module" });
  }

  /** Load what an upscaling by this model will need. */
  prepare(model) {
    if (!this.isRunning) this.worker.postMessage({ task: "prepare", model, runtime: this.runtime });
  }

  /**
   * Upscale a file.
   *
   * @param onProgress called with the share that is done and the seconds that are left
   * @returns {Promise<object>} { blob, shown, reduction, width, height, seconds, provider, threads }
   * @throws {Error} its message is "cancelled", "read", "load" or "upscale"
   */
  async upscale(blob, model, onProgress) {
    const clock = new Clock(onProgress);
    try {
      const message = { task: "upscale", blob, model, runtime: this.runtime, maxShown: this.maxShown };
      const result = await this.ask(message, (done, all) => clock.tick(done, all));
      this.freeAfter(result);
      return result;
    } finally {
      clock.stop();
    }
  }

  /** Return a result as a Blob of a type; throws an Error "convert". */
  async convert(result, type, quality) {
    if (type === result.blob.type) return result.blob;
    const blob = await this.ask({ task: "convert", blob: result.blob, type, quality });
    this.freeAfter(result);
    return blob;
  }

  cancel() {
    this.reject?.(new Error("cancelled"));
    this.restart();
  }

  /** End the worker after a large result: the memory of WebAssembly only ever grows, and that of a canvas stays a while. */
  freeAfter({ width, height }) {
    if (width * height > LARGE) this.restart();
  }

  restart() {
    this.worker.terminate();
    this.start();
  }

  ask(message, onProgress) {
    this.isRunning = true;
    const answer = new Promise((resolve, reject) => {
      this.reject = reject;
      this.worker.onerror = () => reject(new Error("load"));
      this.worker.onmessage = ({ data }) => {
        if (data.done !== undefined) onProgress(data.done, data.all);
        else if (data.error) reject(new Error(data.error));
        else if (data.result) resolve(data.result);
      };
      this.worker.postMessage(message);
    });
    return answer.finally(() => (this.isRunning = false));
  }
}

/** The share that is done: of tiles, and between two of them by the clock, as a tile may take many seconds. */
class Clock {
  constructor(onProgress) {
    this.onProgress = onProgress;
  }

  tick(done, all) {
    const now = performance.now();
    this.began ??= now; // with the message that none is done
    clearInterval(this.timer);
    if (done === 0) return;
    const seconds = (now - this.began) / 1000 / done; // for a tile
    const show = () => {
      const ahead = Math.min(0.9, (performance.now() - now) / 1000 / seconds);
      this.onProgress((done + (done < all ? ahead : 0)) / all, Math.max(0, all - done - ahead) * seconds);
    };
    show();
    this.timer = setInterval(show, 500);
  }

  stop() {
    clearInterval(this.timer);
  }
}
