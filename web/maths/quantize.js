// Weights in few bits, held against NumPy and torch to the last bit by a test. Arithmetic is in
// float32, in torch's order: mobilenet_lib/explorers/rounding.py says the same in Python.

const f = Math.fround;

/** The nearest whole number; halves go to the even one. */
export function halfEven(x) {
  const near = Math.round(x);
  return near - x === 0.5 && near % 2 !== 0 ? near - 1 : near;
}

/**
 * Round `weights` (Float32Array, `width` numbers a channel) to levels of 2 to 8 bits. `per` is
 * "tensor" (one step for all) or "channel" (one each). Without a zero point there are as many levels
 * below 0 as above; with one, they reach from the lowest weight to the highest.
 *
 * Returns levels, the values that they stand for, steps and zeros (one a channel) and both ends.
 */
export function roundWeights(weights, width, bits, per, zeroPoint) {
  const channels = width ? weights.length / width : 0;
  const [first, last] = zeroPoint ? [0, 2 ** bits - 1] : [1 - 2 ** (bits - 1), 2 ** (bits - 1) - 1];
  const levels = new Int16Array(weights.length), values = new Float32Array(weights.length);
  const steps = new Float32Array(channels), zeros = new Int16Array(channels);
  const whole = per === "tensor" ? ends(weights, 0, weights.length) : null;
  for (let c = 0; c < channels; c++) {
    const from = c * width, to = from + width;
    const [low, high] = whole ?? ends(weights, from, to);
    let step = f((zeroPoint ? f(high - low) : Math.max(-low, high)) / last);
    if (!(step > 0)) step = 1; // nothing there but 0
    const zero = zeroPoint ? halfEven(f(-low / step)) : 0, inverse = f(1 / step);
    steps[c] = step;
    zeros[c] = zero;
    for (let i = from; i < to; i++) {
      const level = Math.min(Math.max(halfEven(f(weights[i] * inverse)) + zero, first), last);
      levels[i] = level;
      values[i] = (level - zero) * step;
    }
  }
  return { levels, values, steps, zeros, ends: [first, last] };
}

/** The lowest and the highest of some weights, and 0. */
function ends(weights, from, to) {
  let low = 0, high = 0;
  for (let i = from; i < to; i++) {
    if (weights[i] < low) low = weights[i];
    if (weights[i] > high) high = weights[i];
  }
  return [low, high];
}

/** How far the rounded weights are off: root mean square, and decibels of signal to noise. */
export function errors(weights, values) {
  let signal = 0, noise = 0;
  for (let i = 0; i < weights.length; i++) {
    signal += weights[i] ** 2;
    noise += (values[i] - weights[i]) ** 2;
  }
  return { rms: Math.sqrt(noise / (weights.length || 1)), decibels: 10 * Math.log10(signal / noise) };
}
