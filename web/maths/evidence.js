// What an answer rests on, held against mobilenet_lib.explain by a test.

const CELLS = 12; // places along one side, as in `explain.occlusion`

/** Python's round: halves go to the even number. */
const round = (x) => {
  const down = Math.floor(x), rest = x - down;
  return rest < 0.5 ? down : rest > 0.5 ? down + 1 : down + (down % 2 === 0 ? 0 : 1);
};

/** Upper left corners, [top, left], of the squares that cover an input of `size` pixels a side. */
export function places(size, window) {
  const cells = Math.min(CELLS, size);
  const corner = (i) => round(((i + 0.5) * size) / cells - window / 2);
  return Array.from({ length: cells * cells }, (_, i) => [corner(Math.floor(i / cells)), corner(i % cells)]);
}

/** A copy of the input (size, size, 3) in which a square has the input's mean colour. */
export function covered(input, size, [top, left], window) {
  const copy = input.slice(), mean = [0, 0, 0];
  for (let i = 0; i < input.length; i++) mean[i % 3] += input[i];
  for (let y = Math.max(top, 0); y < Math.min(top + window, size); y++) {
    for (let x = Math.max(left, 0); x < Math.min(left + window, size); x++) {
      for (let c = 0; c < 3; c++) copy[3 * (y * size + x) + c] = mean[c] / (size * size);
    }
  }
  return copy;
}

/**
 * What each place of the last map adds to a class's logit, less what it adds to the mean of the
 * others' where the classes exclude each other: averaging and weighting may change places.
 */
export function activation({ size, channels, values }, fc, head, label) {
  const classes = fc.out_channels, of = (k, p) => {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += values[p * channels + c] * fc.weights[c * classes + k];
    return sum;
  };
  const found = new Float32Array(size * size);
  for (let p = 0; p < found.length; p++) {
    found[p] = of(label, p);
    if (head !== "softmax" || classes < 2) continue;
    let others = 0;
    for (let k = 0; k < classes; k++) if (k !== label) others += of(k, p);
    found[p] -= others / (classes - 1);
  }
  return { cells: size, values: found };
}
