// Convolution as the book writes it, held against mobilenet_lib.convolution by a test.

/** Pixels that a kernel of size k covers when its weights lie `dilation` apart. */
export const reach = (k, dilation = 1) => (k - 1) * dilation + 1;

/** Zeros before a row of n pixels: TensorFlow's SAME, or none. An odd zero goes after. */
export function zerosBefore(mode, n, k, stride, dilation = 1) {
  if (mode === "valid") return 0;
  const out = Math.ceil(n / stride);
  return Math.floor(Math.max((out - 1) * stride + reach(k, dilation) - n, 0) / 2);
}

/** Pixels along one side of the output; 0 where the kernel does not fit. */
export function outputSize(mode, n, k, stride, dilation = 1) {
  if (mode === "valid") return Math.max(0, Math.floor((n - reach(k, dilation)) / stride) + 1);
  return Math.ceil(n / stride);
}

/**
 * Equations 1 and 3: a convolution in groups. `planes` are the M input channels, n x n numbers row
 * by row; `kernels[o][m]` is output channel o's k x k slice for the m-th input channel of its
 * group. One group is the standard convolution, M groups the depthwise one. Returns the size of a
 * side, the zeros before a row, and the output channels as planes.
 */
export function convolve(planes, n, kernels, { stride = 1, padding = "same", dilation = 1, groups = 1 } = {}) {
  const k = kernels[0][0].length;
  const before = zerosBefore(padding, n, k, stride, dilation);
  const size = outputSize(padding, n, k, stride, dilation);
  const inGroup = planes.length / groups, outGroup = kernels.length / groups;
  const outputs = kernels.map((slices, o) => {
    const first = Math.floor(o / outGroup) * inGroup, values = new Float64Array(size * size);
    slices.forEach((kernel, m) => add(values, planes[first + m], kernel));
    return values;
  });
  return { size, before, outputs };

  function add(values, plane, kernel) {
    for (let row = 0; row < size; row++) {
      for (let column = 0; column < size; column++) {
        let sum = 0;
        for (let i = 0; i < k; i++) {
          const y = row * stride + i * dilation - before;
          if (y < 0 || y >= n) continue; // a padded zero adds nothing
          for (let j = 0; j < k; j++) {
            const x = column * stride + j * dilation - before;
            if (x >= 0 && x < n) sum += kernel[i][j] * plane[y * n + x];
          }
        }
        values[row * size + column] += sum;
      }
    }
  }
}

/** A 1x1 convolution: `weights[o][m]` mixes the input channels of each pixel. */
export function pointwise(planes, weights) {
  return weights.map((row) => {
    const values = new Float64Array(planes[0].length);
    row.forEach((weight, m) => planes[m].forEach((x, p) => { values[p] += weight * x; }));
    return values;
  });
}
