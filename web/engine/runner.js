/**
 * The caller's side of the worker: runs networks off the page's main thread, or, where workers are
 * refused, on it, by the same calls.
 *
 *     const runner = new Runner();
 *     const { classes, engine } = await runner.load("person", bytes);
 *     const { probabilities } = await runner.predict("person", { rgba, width, height });
 *     runner.where;                                         // "worker" or "page"; runner.why says why
 *
 * Requests are answered one after the other. With {latest: "camera"} a request takes the place of an
 * older one with the same word that still waits, which is refused with `Superseded`: a camera's
 * frames never queue up. A worker that is lost is replaced, and its networks are loaded anew.
 */

import { engine } from "./inside.js";

/** A newer request took this one's place. */
export class Superseded extends Error {
  name = "Superseded";
}

/** The worker does not answer any more; the next request gets a fresh one. */
export class WorkerLost extends Error {
  name = "WorkerLost";
}

const WARM_UP = 3; // runs before one is timed
const LAST = 9; // runs of which the median is told
const START_PATIENCE = 10_000; // ms until a worker that says nothing counts as refused

export class Runner {
  /** Where requests run, "worker" or "page"; null before the first. */
  where = null;
  /** Why they run on the page, if they do. */
  why = null;
  #options;
  #seat = null;
  #loaded = new Map();
  #times = new Map();
  #waiting = [];
  #current = null;
  #ids = 0;
  #closed = false;

  /**
   * @param {{worker?: boolean, patience?: number}} [options] Whether to use a worker if there is one,
   *   and the milliseconds after which one that does not answer counts as lost.
   */
  constructor({ worker = true, patience = 30_000 } = {}) {
    this.#options = { worker, patience };
  }

  /**
   * Read a network under a name of your choice.
   * @param {string} name
   * @param {ArrayBuffer|Uint8Array} data Compact data; it is kept, for a worker that has to be replaced.
   * @param {{engine?: "auto"|"simd"|"plain", resolution?: number}} [options]
   * @returns {Promise<Object>} What the network is, its layers, `engine` and `refused`, as `choose` says.
   */
  async load(name, data, options = {}) {
    const args = { name, data, ...options };
    const told = await this.#ask("load", args);
    this.#loaded.set(name, args);
    this.#times.set(name, []);
    const { in_size: size, in_channels: channels } = told.layers[0];
    // A browser compiles a loop better when it has run for a while.
    for (let i = 0; i < WARM_UP; i++) await this.run(name, new Float32Array(size * size * channels));
    return told;
  }

  /** Forget a network. */
  async unload(name) {
    this.#loaded.delete(name);
    this.#times.delete(name);
    await this.#ask("unload", { name });
  }

  /** See `MobileNet.run`. */
  run(name, input, { latest } = {}) {
    return this.#ask("run", { name, input }, latest);
  }

  /** See `MobileNet.featureMaps`. */
  featureMaps(name, input, names, { latest } = {}) {
    return this.#ask("featureMaps", { name, input, names }, latest);
  }

  /**
   * From a photo's pixels to what the network says.
   * @param {string} name
   * @param {{rgba: Uint8ClampedArray, width: number, height: number}} photo As `getImageData` gives it,
   *   with `data` in place of `rgba`, too.
   * @param {{maps?: string[], latest?: string}} [options] Layers whose maps are wanted, too.
   * @returns {Promise<{input: Float32Array, logits: Float32Array, probabilities: ?Float32Array, maps: Object,
   *   milliseconds: {preprocess: number, run: number, typical: number}}>} `typical` is the median of
   *   the network's last runs.
   */
  async predict(name, { data, rgba = data, width, height }, { maps, latest } = {}) {
    const found = await this.#ask("predict", { name, rgba, width, height, maps }, latest);
    const times = [...this.#times.get(name), found.milliseconds.run].slice(-LAST);
    this.#times.set(name, times);
    found.milliseconds.typical = times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)];
    return found;
  }

  /** Stop; what was asked and not yet answered is refused. */
  close() {
    this.#closed = true;
    const error = new Error("the runner was closed before this was answered");
    for (const request of this.#waiting.splice(0)) request.reject(error);
    this.#current?.reject(error);
    this.#seat?.then((seat) => seat.close(), () => {});
  }

  #ask(call, args, latest) {
    if (this.#closed) return Promise.reject(new Error("the runner is closed"));
    return new Promise((resolve, reject) => {
      if (latest !== undefined)
        this.#waiting = this.#waiting.filter((older) => {
          if (older.latest === latest) older.reject(new Superseded("a newer request took its place"));
          return older.latest !== latest;
        });
      this.#waiting.push({ call, args, latest, resolve, reject });
      if (!this.#current) this.#work();
    });
  }

  async #work() {
    while ((this.#current = this.#waiting.shift() ?? null)) {
      const { call, args, resolve, reject } = this.#current;
      let seat;
      try {
        seat = await (this.#seat ??= this.#start());
        resolve(await this.#send(seat, call, args));
      } catch (error) {
        if (!seat || error instanceof WorkerLost) this.#seat = null; // the next request starts anew
        reject(error);
      }
    }
  }

  async #send(seat, call, args) {
    const { result, error } = await seat.send({ id: ++this.#ids, call, args });
    if (error) throw Object.assign(new Error(error.message), { name: error.name });
    return result;
  }

  async #start() {
    let seat;
    try {
      if (!this.#options.worker) throw new Error("the caller asked for it");
      seat = await WorkerSeat.start(this.#options.patience);
      [this.where, this.why] = ["worker", null];
    } catch (error) {
      seat = new PageSeat();
      [this.where, this.why] = ["page", `no worker: ${error.message}`];
    }
    try {
      for (const args of this.#loaded.values()) await this.#send(seat, "load", args);
    } catch (error) {
      seat.close();
      throw error;
    }
    if (this.#closed) seat.close();
    return seat;
  }
}

/** Answers on the page, after it had a chance to draw. */
class PageSeat {
  #answer = engine().makeService();

  async send(request) {
    await new Promise((resolve) => setTimeout(resolve));
    return this.#answer(request);
  }

  close() {}
}

/** Answers in a worker, which a page from file:// and an anywidget can start from a string only. */
class WorkerSeat {
  #worker;
  #patience;
  #pending = null;
  #lost = null;

  static async start(patience) {
    const seat = new WorkerSeat();
    const url = URL.createObjectURL(new Blob([`(${engine})().listen();`], { type: "text/javascript" }));
    try {
      seat.#worker = new Worker(url);
      seat.#worker.onmessage = ({ data }) => seat.#receive(data);
      seat.#worker.onerror = (event) => {
        event.preventDefault?.(); // told by a refused promise, so not to the console as well
        seat.#lose(event.message || "it could not be started, as by a Content-Security-Policy");
      };
      seat.#worker.onmessageerror = () => seat.#lose("its answer could not be read");
      seat.#patience = START_PATIENCE;
      await seat.#wait(undefined);
    } catch (error) {
      seat.close();
      throw error;
    } finally {
      URL.revokeObjectURL(url);
    }
    seat.#patience = patience;
    return seat;
  }

  send(request) {
    if (this.#lost) return Promise.reject(this.#lost);
    const answer = this.#wait(request.id);
    try {
      this.#worker.postMessage(request);
    } catch (error) {
      this.#settle((pending) => pending.reject(error)); // such as data that cannot be copied
    }
    return answer;
  }

  close() {
    this.#lose("it was closed");
  }

  #wait(id) {
    return new Promise((resolve, reject) => {
      const late = () => this.#lose(`it did not answer for ${this.#patience / 1000} seconds`);
      this.#pending = { id, resolve, reject, timer: setTimeout(late, this.#patience) };
    });
  }

  #receive(data) {
    if (data.id === this.#pending?.id) this.#settle((pending) => pending.resolve(data));
  }

  #lose(why) {
    this.#worker?.terminate();
    this.#lost ??= new WorkerLost(`the worker was lost: ${why}`);
    this.#settle((pending) => pending.reject(this.#lost));
  }

  #settle(how) {
    const pending = this.#pending;
    this.#pending = null;
    if (!pending) return;
    clearTimeout(pending.timer);
    how(pending);
  }
}
