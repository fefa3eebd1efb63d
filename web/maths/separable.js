// The small layer that the separable explorer shows: its numbers, and who has computed what after
// so many multiplications. mobilenet_lib/explorers/separable.py makes the same numbers.

import { convolve, pointwise } from "./convolution.js";

const range = (n, make) => Array.from({ length: n }, (_, i) => make(i));

/** Input channel m: a bright spot at a place of its own on a dim pattern, 0 to 9. */
function inputChannel(m, channels, size) {
  const row = Math.floor(((2 * m + 1) * size) / (2 * channels));
  const column = Math.floor(((m % 2 ? 3 : 1) * size) / 4);
  return Float64Array.from({ length: size * size }, (_, p) => {
    const r = Math.floor(p / size), c = p % size;
    const away = Math.abs(r - row) + Math.abs(c - column);
    return Math.max(9 - Math.floor((18 * away) / size), (r + 2 * c + m) % 3);
  });
}

const kernel = (k, weight) => range(k, (i) => range(k, (j) => weight(i, j)));

/** Everything about a layer: input, the three kinds of weights, and all maps, as planes. */
export function layer({ kernelSize: k, inChannels: m, outChannels: n, size, stride, groups, multiplier }) {
  const input = range(m, (channel) => inputChannel(channel, m, size));
  const standard = range(n, (o) => range(m / groups, (c) =>
    kernel(k, (i, j) => (((i * (o + 2) + j * (c + 3) + 5 * c + 3 * o + i * j * (o + 1)) % 11) % 4) - 1)));
  const depthwise = range(m * multiplier, (o) => [kernel(k, (i, j) => (((3 * i + 2 * j + 4 * o + i * j * (o + 1)) % 11) % 4) - 1)]);
  const mixing = range(n, (o) => range(m * multiplier, (c) => [-1, 1, 2][((4 * c + 3 * o + c * o) % 7) % 3]));
  const grouped = convolve(input, size, standard, { stride, groups });
  const filtered = convolve(input, size, depthwise, { stride, groups: m });
  return {
    input, standard, depthwise, mixing, before: grouped.before, outSize: grouped.size,
    outputs: grouped.outputs, filtered: filtered.outputs, mixed: pointwise(filtered.outputs, mixing),
  };
}

/**
 * Where both are after `done` multiplications each. Place by place: the standard convolution makes
 * all N outputs of a place; the separable one filters all channels there, then mixes them N times.
 * `place` is the pixel that is worked on, `stage` in which maps, `channel` in which of them, and
 * `product` how many of its `products` are done, at least one unless nothing is.
 */
export function progress(done, { kernelSize: k, inChannels: m, outChannels: n, groups, multiplier }, places) {
  const maps = m * multiplier, window = (k * k * m) / groups;
  return {
    standard: at(done, places, [["output", n, window]]),
    separable: at(done, places, [["depthwise", maps, k * k], ["output", n, maps]]),
  };
}

function at(done, places, parts) {
  const each = parts.reduce((sum, [, channels, products]) => sum + channels * products, 0);
  const spent = Math.min(done, each * places), finished = Math.floor(spent / each);
  const last = Math.max(spent - 1, 0); // the multiplication that was done last
  const place = Math.floor(last / each);
  let rest = last % each;
  for (const [stage, channels, products] of parts) {
    if (rest < channels * products) {
      return { spent, each, finished, place, stage, products, channel: Math.floor(rest / products), product: spent ? (rest % products) + 1 : 0 };
    }
    rest -= channels * products;
  }
  return undefined;
}

/** Values of a stack that exist by then: of map `channel`, how many pixels from the first. */
export function pixelsDone({ finished, place, stage, channel, product, products, spent }, of, which) {
  if (!spent || place < finished) return finished;
  const past = stage === of ? channel > which || (channel === which && product === products) : stage === "output";
  return place + (past ? 1 : 0);
}
