// What a layer costs and how long it takes at least, held against mobilenet_lib.layer, cost and
// bench.roofline by a test. A mult-add is two operations.

export const NUMBER_BYTES = { fp32: 4, fp16: 2, bf16: 2, int8: 1 };

/** Weights, as the paper counts them: no bias, no batch normalization. */
export function weights({ kind, kernelSize, inChannels, outChannels }) {
  if (kind === "depthwise") return kernelSize ** 2 * inChannels;
  return kernelSize ** 2 * inChannels * outChannels;
}

/** Trainable numbers: the weights and BN's gamma and beta, or the classifier's bias. */
export const parameters = (layer) =>
  weights(layer) + (layer.kind === "fc" ? 1 : 2) * layer.outChannels;

/** Mult-adds for one image: Eq. 2, Eq. 4, or M · N for the fully connected layer. */
export const multAdds = (layer) => weights(layer) * layer.outSize ** 2;

/** How many numbers a layer reads and writes at least, by where they stand. */
export function numbers(layer, batch = 1) {
  return {
    inputs: batch * layer.inSize ** 2 * layer.inChannels,
    weights: weights(layer),
    outputs: batch * layer.outSize ** 2 * layer.outChannels,
  };
}

/** Bytes that a layer moves at least: input and weights read once, output written once. */
export function bytesMoved(layer, batch = 1, size = 4) {
  const { inputs, weights: own, outputs } = numbers(layer, batch);
  return size * (inputs + own + outputs);
}

/** Arithmetic intensity: operations for each byte. */
export const intensity = (layer, batch = 1, size = 4) =>
  (2 * batch * multAdds(layer)) / bytesMoved(layer, batch, size);

/** All that a network runs over a batch: its layers, and the average pool, which only adds. */
export function pieces(layers, batch = 1, precision = "fp32") {
  const size = NUMBER_BYTES[precision], head = layers.at(-1), last = layers.at(-2);
  const piece = (layer) => ({
    name: layer.name, kind: layer.kind, layer,
    multAdds: batch * multAdds(layer), bytes: bytesMoved(layer, batch, size),
  });
  const channels = batch * last.outChannels;
  const pool = { name: "pool", kind: "pool", multAdds: 0, bytes: size * channels * (last.outSize ** 2 + 1) };
  return [...layers.slice(0, -1).map(piece), pool, piece(head)];
}

/**
 * A piece under a roof of `peak` operations and `bandwidth` bytes a second: its intensity, the
 * fastest that it can be, its seconds at that speed, and which of the two limits it.
 */
export function underRoof({ multAdds: work, bytes }, peak, bandwidth) {
  const compute = (2 * work) / peak, memory = bytes / bandwidth, seconds = Math.max(compute, memory);
  return {
    intensity: (2 * work) / bytes, attained: (2 * work) / seconds,
    compute, memory, seconds, bound: compute > memory ? "compute" : "memory",
  };
}

/** The whole network: its layers' seconds one after the other, and the share that waits for memory. */
export function whole(all, peak, bandwidth) {
  const under = all.map((each) => underRoof(each, peak, bandwidth));
  const sum = (list, of) => list.reduce((total, each) => total + of(each), 0);
  const seconds = sum(under, (each) => each.seconds), work = sum(all, (each) => each.multAdds);
  return {
    multAdds: work, bytes: sum(all, (each) => each.bytes), seconds,
    intensity: (2 * work) / sum(all, (each) => each.bytes), attained: (2 * work) / seconds,
    waiting: sum(under.filter((each) => each.bound === "memory"), (each) => each.seconds) / seconds,
  };
}
