/**
 * The engine of `mobilenet.js` with its two heavy loops in WebAssembly with SIMD (`kernels.ts`): the
 * same interface, the same plan, the same memory layout, four numbers at a time.
 *
 *     const { engine, refused } = choose(network);   // the faster one that runs here
 *     engine.engine;                                 // "simd" or "plain"; `refused` says why not simd
 */

import { KERNELS } from "./kernels.js";
import { MobileNet } from "./mobilenet.js";

const PAGE = 65536; // bytes in which WebAssembly's memory grows
const START = 1024; // bytes that are left alone: address 0 is for none

/** WebAssembly with SIMD cannot be used here; the message says why. `MobileNet` runs everywhere. */
export class SimdRefused extends Error {
  name = "SimdRefused";
}

let compiled = null; // by the first that asks; a kilobyte takes under a millisecond

function kernels() {
  if (typeof WebAssembly !== "object")
    throw new SimdRefused("there is no WebAssembly here; the plain engine runs without");
  try {
    compiled ??= new WebAssembly.Module(Uint8Array.from(atob(KERNELS), (c) => c.charCodeAt(0)));
    return new WebAssembly.Instance(compiled).exports;
  } catch (error) {
    const policy = /unsafe-eval|Content Security/.test(error.message);
    throw new SimdRefused(
      (policy
        ? "the page's Content-Security-Policy refuses WebAssembly, which 'wasm-unsafe-eval' would allow"
        : "WebAssembly with SIMD cannot be used here") +
        ` (${error.message}); the plain engine runs without`,
      { cause: error },
    );
  }
}

/** See `MobileNet`. */
export class SimdMobileNet extends MobileNet {
  get engine() {
    return "simd";
  }

  get block() {
    return [4, 8];
  }

  /** Arrays of these lengths, all in one memory that the kernels see. */
  allocate(lengths) {
    this.kernels = kernels();
    const { memory } = this.kernels;
    const sizes = lengths.map((length) => 16 * Math.ceil(length / 4)); // each begins at a whole vector
    const bytes = sizes.reduce((sum, size) => sum + size, START);
    memory.grow(Math.ceil((bytes - memory.buffer.byteLength) / PAGE));
    let at = START;
    return lengths.map((length, i) => {
      const array = new Float32Array(memory.buffer, at, length);
      at += sizes[i];
      return array;
    });
  }

  multiply({ panels, biases, out_size, depth, out_stride, low, high }, from, to) {
    const addresses = [from, to, panels, biases].map((array) => array.byteOffset);
    this.kernels.multiply(...addresses, out_size * out_size, depth, out_stride, low, high);
  }

  depthwise({ panels, biases, out_size, padded_size, stride, in_stride, low, high }, from, to) {
    const addresses = [from, to, panels, biases].map((array) => array.byteOffset);
    this.kernels.depthwise(...addresses, out_size, padded_size, stride, in_stride, low, high);
  }
}

/**
 * The fastest engine that runs here, or the one that is asked for.
 * @param {Object} network From `readNetwork`.
 * @param {{engine?: "auto"|"simd"|"plain", resolution?: number}} [options]
 * @returns {{engine: MobileNet, refused: ?SimdRefused}} `engine.engine` is its name.
 * @throws {SimdRefused} "simd" was asked for and cannot be used.
 */
export function choose(network, { engine = "auto", resolution } = {}) {
  if (!["auto", "simd", "plain"].includes(engine))
    throw new RangeError(`engine is "auto", "simd" or "plain"; got ${engine}`);
  if (engine === "plain") return { engine: new MobileNet(network, resolution), refused: null };
  try {
    return { engine: new SimdMobileNet(network, resolution), refused: null };
  } catch (error) {
    if (!(error instanceof SimdRefused) || engine === "simd") throw error;
    return { engine: new MobileNet(network, resolution), refused: error };
  }
}
