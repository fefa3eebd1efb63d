/**
 * A complete MobileNet V1: reads its weights, makes a photo into its input, and runs it.
 *
 *     const network = readNetwork(bytes);                     // what Python's `compact(net)` gives
 *     const engine = new MobileNet(network);
 *     const logits = engine.run(preprocess(network.preprocess, rgba, width, height));
 *     probabilities(network, logits);                         // of network.classes
 *
 * Batch normalization is folded into the weights: a layer is a convolution, a bias and a ReLU. A map
 * is height x width x channels in one Float32Array: as it lies, it is the matrix that a 1x1
 * convolution multiplies. Channels are filled up with zeros, so that no loop has a special end.
 *
 *
 * @typedef {Object} Layer One row of Table 1.
 * @property {string} name Such as "dw_3".
 * @property {"standard"|"depthwise"|"pointwise"|"fc"} kind
 * @property {number} kernel_size As are stride, in_channels and out_channels.
 * @property {Float32Array} weights (rows, columns, in, out); of a depthwise layer (rows, columns, out)
 * @property {Float32Array} bias (out)
 */

// --- The file -----------------------------------------------------------------------------------

const VERSION = 1;
const PREFIX = 20; // bytes: "MNET", version, length, the header's length, checksum

/** The data is no network, or damaged; the message says which. */
export class DataError extends Error {
  name = "DataError";
}

/**
 * A network from its compact data.
 * @param {ArrayBuffer|Uint8Array} data
 * @returns {Object} `layers` ({Layer[]}), and as in Python `architecture`, `convention`,
 *   `preprocess`, `classes`, `head` and `source`.
 */
export function readNetwork(data) {
  const bytes = data instanceof Uint8Array ? data : new Uint8Array(data);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = (from, to) => new TextDecoder().decode(bytes.subarray(from, to));
  const check = (fine, message) => {
    if (!fine) throw new DataError(message);
  };
  check(text(0, 4) === "MNET", `this is no network: ${bytes.length} bytes without the mark MNET`);
  check(bytes.length >= PREFIX, `the network is cut short: ${bytes.length} bytes`);
  const [version, length, header, checksum] = [4, 8, 12, 16].map((at) => view.getUint32(at, true));
  check(version === VERSION,
    `the network is of version ${version}, this engine reads ${VERSION}; take a newer engine`);
  check(bytes.length === length, `the network is ${bytes.length < length ? "cut short" : "too long"}: ` +
    `it has ${bytes.length} bytes and says ${length}`);
  check(crc32(bytes.subarray(PREFIX)) === checksum,
    "the network is damaged: its checksum is wrong");
  try {
    return readLayers(JSON.parse(text(PREFIX, PREFIX + header)), view, PREFIX + header);
  } catch (error) {
    throw new DataError(`the network's header is damaged: ${error.message}`);
  }
}

function readLayers(network, view, at) {
  const take = (count, precision) => {
    const { size, read } = NUMBERS[precision];
    const numbers = fill(count, (i) => read(view, at + i * size));
    at = ceilTo(at + count * size, 4);
    return numbers;
  };
  for (const layer of network.layers) {
    const { kernel_size: k, in_channels: M, out_channels: N } = layer;
    const count = k * k * N * (layer.kind === "depthwise" ? 1 : M);
    const steps = network.precision === "float32" ? null : take(N, "float32");
    layer.weights = take(count, network.precision);
    if (steps) for (let i = 0; i < count; i++) layer.weights[i] *= steps[i % N];
    layer.bias = take(N, "float32");
  }
  if (at !== view.byteLength) throw new DataError(`${view.byteLength - at} bytes are left`);
  return network;
}

/** Little-endian; whole numbers count the steps of their output channel. */
const NUMBERS = {
  float32: { size: 4, read: (view, at) => view.getFloat32(at, true) },
  int16: { size: 2, read: (view, at) => view.getInt16(at, true) },
  int8: { size: 1, read: (view, at) => view.getInt8(at) },
};

/** The checksum of zip and PNG. */
function crc32(bytes) {
  const table = Uint32Array.from({ length: 256 }, (_, c) => {
    for (let bit = 0; bit < 8; bit++) c = (c >>> 1) ^ (c & 1 ? 0xedb88320 : 0);
    return c;
  });
  let crc = ~0;
  for (let i = 0; i < bytes.length; i++) crc = (crc >>> 8) ^ table[(crc ^ bytes[i]) & 255];
  return ~crc >>> 0;
}

function fill(count, value) {
  const out = new Float32Array(count);
  for (let i = 0; i < count; i++) out[i] = value(i);
  return out;
}

const ceilTo = (number, step) => Math.ceil(number / step) * step;

// --- The network --------------------------------------------------------------------------------

/** Runs a network, one picture at a time. All memory is taken once, in the constructor. */
export class MobileNet {
  /** Of what `readNetwork` gives, for its own or another resolution. */
  constructor(network, resolution = network.architecture.resolution) {
    const [tallest, widest] = this.block;
    const { padding, activation } = network.convention;
    let size = resolution;
    let stride = ceilTo(network.layers[0].in_channels, 4); // numbers from a pixel to the next
    let [map, padded, columns] = [size * size * stride, 0, 0]; // the most numbers in each
    this.network = network;
    this.layers = network.layers.map((layer) => {
      const { kind, kernel_size: k } = layer;
      const pooled = size;
      if (kind === "fc") size = 1; // behind the average pool
      const [before, after] = zeros(size, layer, padding);
      const plan = { ...layer, pooled, before, in_size: size, in_stride: stride, padded_size: size + before + after };
      size = plan.out_size = Math.floor((plan.padded_size - k) / layer.stride) + 1;
      if (kind !== "depthwise") stride = ceilTo(layer.out_channels, widest);
      plan.out_stride = stride;
      plan.depth = k * k * (kind === "depthwise" ? 1 : plan.in_stride); // rows of the weights' matrix
      plan.low = kind === "fc" ? -Infinity : 0;
      plan.high = kind !== "fc" && activation === "relu6" ? 6 : Infinity;
      // On a very small map, a block of pixels reaches behind the last.
      const pixels = Math.max(size * size, tallest);
      map = Math.max(map, pixels * Math.max(stride, plan.in_stride));
      if (k > 1) padded = Math.max(padded, plan.padded_size ** 2 * plan.in_stride);
      if (kind === "standard") columns = Math.max(columns, pixels * plan.depth);
      return plan;
    });
    const sizes = this.layers.flatMap((plan) => [plan.depth * plan.out_stride, plan.out_stride]);
    const [from, to, ...rest] = this.allocate([map, map, padded, columns, ...sizes]);
    this.maps = [from, to];
    [this.padded, this.columns] = rest;
    this.layers.forEach((plan, i) => {
      [plan.panels, plan.biases] = rest.slice(2 * i + 2);
      plan.biases.set(plan.bias);
      pack(plan, plan.kind === "depthwise" ? plan.out_stride : widest);
    });
  }

  /**
   * The outputs before softmax; pooled features of a network without classifier.
   * @param {Float32Array} input (resolution, resolution, in_channels), as `preprocess` gives it
   * @param {(plan: Object, map: Float32Array) => void} [look] Called behind every layer.
   * @returns {Float32Array} (outputs)
   */
  run(input, look = () => {}) {
    const { in_size, in_channels, in_stride } = this.layers[0];
    const length = in_size * in_size * in_channels;
    if (!(input instanceof Float32Array) || input.length !== length)
      throw new RangeError(`the network takes a Float32Array of ${in_size} x ${in_size} x ${in_channels} ` +
        `= ${length} numbers, got ${input?.constructor.name} of ${input?.length}`);
    let [from, to] = this.maps;
    let last;
    const step = (work) => {
      work();
      [from, to] = [to, from];
    };
    spread(input, in_channels, from, in_stride);
    for (const plan of this.layers) {
      if (plan.kind === "fc") step(() => averagePool(plan.pooled, plan.in_stride, from, to));
      step(() => this.layer(plan, from, to));
      look(plan, from);
      last = plan;
    }
    if (last.kind !== "fc") step(() => averagePool(last.out_size, last.out_stride, from, to));
    return from.slice(0, last.out_channels);
  }

  /**
   * What layers give, behind their ReLU.
   * @param {string[]} [names] Of the layers; all if left out.
   * @returns {Object<string, {size: number, channels: number, values: Float32Array}>} By name;
   *   values are (size, size, channels).
   */
  featureMaps(input, names = this.layers.map((plan) => plan.name)) {
    const maps = {};
    this.run(input, ({ name, out_size: size, out_channels: channels, out_stride }, map) => {
      if (!names.includes(name)) return;
      maps[name] = { size, channels, values: new Float32Array(size * size * channels) };
      spread(map, out_stride, maps[name].values, channels);
    });
    const unknown = names.find((name) => !maps[name]);
    if (unknown !== undefined) throw new RangeError(`no layer is called ${unknown}`);
    return maps;
  }

  /** One layer, from map to map. */
  layer(plan, from, to) {
    if (plan.kernel_size < 2) return this.multiply(plan, from, to);
    pad(plan, from, this.padded);
    if (plan.kind === "depthwise") return this.depthwise(plan, this.padded, to);
    im2col(plan, this.padded, this.columns); // then a standard convolution is a matrix product, too
    return this.multiply(plan, this.columns, to);
  }

  // What the engine in WebAssembly does in another way:

  get engine() { return "plain"; }

  /** Pixels and channels that the matrix product makes at once. */
  get block() { return [2, 4]; }

  allocate(lengths) { return lengths.map((length) => new Float32Array(length)); }

  multiply(plan, from, to) { multiply(plan, from, to); }

  depthwise(plan, from, to) { depthwise(plan, from, to); }
}

/** Zeros before and after `size` pixels; an odd one goes after, but if "symmetric". */
function zeros(size, { kind, kernel_size: k, stride }, padding) {
  if (padding === "symmetric") return [k >> 1, k >> 1];
  if (padding === "keras" && kind === "depthwise" && stride > 1) return [0, 1];
  const total = Math.floor((size - 1) / stride) * stride + k - size;
  return [total >> 1, total - (total >> 1)];
}

/** Weights in the order in which loops read them: panels of a few channels, row after row. */
function pack({ kind, kernel_size: k, weights, panels, depth, in_channels, in_stride, out_channels }, lanes) {
  const [inputs, step] = kind === "depthwise" ? [1, 1] : [in_channels, in_stride];
  for (let place = 0; place < k * k; place++)
    for (let m = 0; m < inputs; m++)
      for (let n = 0; n < out_channels; n++) {
        const row = Math.floor(n / lanes) * depth + place * step + m;
        panels[row * lanes + (n % lanes)] = weights[(place * inputs + m) * out_channels + n];
      }
}

/** Copy pixels of `fromStride` numbers into pixels of `toStride`; what is more becomes 0. */
function spread(from, fromStride, to, toStride) {
  const pixels = Math.floor(Math.min(from.length / fromStride, to.length / toStride));
  for (let p = 0; p < pixels; p++)
    for (let c = 0; c < toStride; c++)
      to[p * toStride + c] = c < fromStride ? from[p * fromStride + c] : 0;
}

/** Copy a map with zeros around it. */
function pad({ in_size, in_stride, before, padded_size }, from, to) {
  to.fill(0, 0, padded_size * padded_size * in_stride);
  const row = in_size * in_stride;
  for (let y = 0; y < in_size; y++)
    to.set(from.subarray(y * row, (y + 1) * row), ((y + before) * padded_size + before) * in_stride);
}

/** Copy each window of a padded map into a row of a matrix, (out_size ** 2, depth). */
function im2col({ kernel_size: k, stride, in_stride, padded_size, out_size }, from, to) {
  let at = 0;
  for (let y = 0; y < out_size; y++)
    for (let x = 0; x < out_size; x++)
      for (let i = 0; i < k; i++) {
        const start = ((y * stride + i) * padded_size + x * stride) * in_stride;
        for (let j = 0; j < k * in_stride; j++) to[at++] = from[start + j];
      }
}

/** ReLU is 0 to infinity, ReLU6 0 to 6. NaN stays NaN: an error must not look like a 0. */
const clamp = (low, high) => (x) => (x < low ? low : x > high ? high : x);

/**
 * The 1x1 convolution, nearly all of MobileNet's work: (pixels, depth) times (depth, channels). Two
 * pixels and four channels at a time: a number that is read serves two or four products, and eight
 * sums stay in registers.
 */
function multiply({ depth, out_size, out_stride, panels, biases, low, high }, from, to) {
  const relu = clamp(low, high);
  const last = Math.max(0, out_size * out_size - 2); // an odd pixel is done with the one before it
  for (let n = 0; n < out_stride; n += 4) {
    for (let pixel = 0; pixel < last + 2; pixel += 2) {
      const p = Math.min(pixel, last);
      let a = p * depth, b = a + depth, w = n * depth;
      let a0 = biases[n], a1 = biases[n + 1], a2 = biases[n + 2], a3 = biases[n + 3];
      let b0 = a0, b1 = a1, b2 = a2, b3 = a3;
      for (const end = b; a < end; a++, b++, w += 4) {
        const w0 = panels[w], w1 = panels[w + 1], w2 = panels[w + 2], w3 = panels[w + 3];
        const x = from[a], y = from[b];
        a0 += x * w0; a1 += x * w1; a2 += x * w2; a3 += x * w3;
        b0 += y * w0; b1 += y * w1; b2 += y * w2; b3 += y * w3;
      }
      const t = p * out_stride + n, u = t + out_stride;
      to[t] = relu(a0); to[t + 1] = relu(a1); to[t + 2] = relu(a2); to[t + 3] = relu(a3);
      to[u] = relu(b0); to[u + 1] = relu(b1); to[u + 2] = relu(b2); to[u + 3] = relu(b3);
    }
  }
}

/** The 3x3 depthwise convolution of a padded map: each channel with its own nine weights. */
function depthwise({ stride, in_stride: C, padded_size, out_size, panels, biases, low, high }, from, to) {
  const relu = clamp(low, high);
  const row = padded_size * C;
  for (let c = 0; c < C; c++) {
    const [w0, w1, w2, w3, w4, w5, w6, w7, w8] = fill(9, (i) => panels[i * C + c]);
    for (let y = 0; y < out_size; y++)
      for (let x = 0; x < out_size; x++) {
        const p = (y * padded_size + x) * stride * C + c, q = p + row, r = q + row;
        const sum = biases[c] +
          from[p] * w0 + from[p + C] * w1 + from[p + 2 * C] * w2 +
          from[q] * w3 + from[q + C] * w4 + from[q + 2 * C] * w5 +
          from[r] * w6 + from[r + C] * w7 + from[r + 2 * C] * w8;
        to[(y * out_size + x) * C + c] = relu(sum);
      }
  }
}

/** Each channel's mean. */
function averagePool(size, stride, from, to) {
  const pixels = size * size;
  for (let c = 0; c < stride; c++) {
    let sum = 0;
    for (let p = 0; p < pixels; p++) sum += from[p * stride + c];
    to[c] = sum / pixels;
  }
}

/** What the outputs say, 0 to 1: softmax, or of classes that do not exclude each other sigmoid. */
export function probabilities({ head }, logits) {
  if (head === "features") throw new RangeError("a network without classifier has no probabilities");
  if (head === "sigmoid") return logits.map((x) => 1 / (1 + Math.exp(-x)));
  const most = Math.max(...logits); // exp of a large number would be infinite
  const shares = Array.from(logits, (x) => Math.exp(x - most));
  const sum = shares.reduce((a, b) => a + b);
  return Float32Array.from(shares, (share) => share / sum);
}

// --- From a photo to the input: what PIL does in Python, to the last bit --------------------------

const sinc = (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));
/** How far each reaches, and its weight at a distance. */
const FILTERS = {
  nearest: [0],
  box: [0.5, (_, away) => +(away > -0.5 && away <= 0.5)],
  bilinear: [1, (x) => 1 - x],
  hamming: [1, (x) => sinc(x) * (0.54 + 0.46 * Math.cos(Math.PI * x))],
  bicubic: [2, (x) => (x < 1 ? (1.5 * x - 2.5) * x * x + 1 : ((x - 5) * x + 8) * x * -0.5 + 2)],
  lanczos: [3, (x) => sinc(x) * sinc(x / 3)],
};
const ONE = 2 ** 22; // PIL computes with whole numbers, 22 bits behind the point

/**
 * A photo as network input: resized, cropped and scaled as `net.preprocess` does it.
 * @param {Object} steps `network.preprocess`
 * @param {Uint8ClampedArray} rgba (height, width, 4), as `getImageData` gives it
 * @returns {Float32Array} (resolution, resolution, 3)
 */
export function preprocess(steps, rgba, width, height, resolution = steps.resolution) {
  if (!(rgba?.length && rgba.length === 4 * width * height))
    throw new RangeError(`${width} x ${height} pixels are not ${rgba?.length} bytes of RGBA`);
  const side = Math.floor(resolution / steps.crop_fraction + 1e-6);
  let [w, h] = steps.crop_mode === "squash" ? [side, side] : [width, height];
  if (steps.crop_mode === "center") {
    w = Math.max(side, Math.floor((side * width) / height));
    h = Math.max(side, Math.floor((side * height) / width));
  }
  const windows = (from, to) => {
    const half = (to - resolution) / 2; // cut off; of halves, Python's `round` takes the even
    const even = half % 1 ? 2 * Math.round(half / 2) : half;
    const first = steps.crop_rule === "transformers" ? Math.floor(half) : even;
    return Array.from({ length: resolution }, (_, i) => window(steps.interpolation, from, to, first + i));
  };
  const [across, down, row] = [windows(width, w), windows(height, h), 3 * resolution];
  let square = overWhite(rgba);
  // PIL 13 begins with what leaves out more; the other order is the same but for rounding.
  if (height - h > 2 * Math.max(0, width - w)) {
    square = resample(square, width, down, 4, 4 * width, 3, 3 * width);
    square = resample(square, resolution, across, 3 * width, 3, row, 3);
  } else {
    square = resample(square, height, across, 4 * width, 4, row, 3);
    square = resample(square, resolution, down, 3, row, 3, row);
  }
  const f = Math.fround; // each step in 32 bits, as torch computes it
  const [means, stds, scale] = [steps.mean.map(f), steps.std.map(f), f(steps.scale)];
  return fill(square.length, (i) => f(f(square[i] * scale) - means[i % 3]) / stds[i % 3]);
}

/** What is transparent, over white. */
function overWhite(rgba) {
  let done = rgba;
  for (let i = 0; i < rgba.length; i++) {
    const opacity = rgba[i | 3];
    if (opacity === 255) continue;
    if (done === rgba) done = rgba.slice();
    const sum = 255 * (255 - opacity) + rgba[i] * opacity + 128;
    done[i] = ((sum >> 8) + sum) >> 8; // divided by 255
  }
  return done;
}

/** Where pixel `x` looks, and with which weights, when `inSize` pixels become `outSize`. */
function window(interpolation, inSize, outSize, x) {
  if (x < 0 || x >= outSize) return { start: 0, weights: [] }; // beyond the photo, black
  const [reach, filter] = FILTERS[interpolation];
  const scale = inSize / outSize;
  const centre = (x + 0.5) * scale;
  if (!filter) {
    let nearest = scale / 2;
    for (let i = 0; i < x; i++) nearest += scale; // rounded at each step, as in PIL
    return { start: Math.floor(nearest), weights: [ONE] };
  }
  const wide = Math.max(scale, 1); // made smaller, a pixel is a mean of many
  const start = Math.max(0, Math.trunc(centre - reach * wide + 0.5));
  const end = Math.min(inSize, Math.trunc(centre + reach * wide + 0.5));
  const shares = [];
  for (let at = start; at < end; at++) {
    const away = (at - centre + 0.5) * (1 / wide);
    shares.push(filter(Math.abs(away), away));
  }
  const sum = shares.reduce((a, b) => a + b);
  return { start, weights: shares.map((share) => Math.trunc((share / sum) * ONE + Math.sign(share) / 2)) };
}

/** Resample lines of RGB; steps are from line to line and from pixel to pixel. */
function resample(input, lines, windows, inLine, inPixel, outLine, outPixel) {
  const output = new Uint8ClampedArray(lines * windows.length * 3);
  for (let line = 0; line < lines; line++)
    windows.forEach(({ start, weights }, x) => {
      for (let c = 0; c < 3; c++) {
        let at = line * inLine + start * inPixel + c;
        let sum = ONE / 2;
        for (let k = 0; k < weights.length; k++, at += inPixel) sum += weights[k] * input[at];
        output[line * outLine + x * outPixel + c] = Math.floor(sum / ONE); // clamped to 0 to 255
      }
    });
  return output;
}
