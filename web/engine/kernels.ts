// The two loops that take nearly all of a MobileNet's time, four numbers at a time: AssemblyScript,
// which `build.js` compiles to WebAssembly with SIMD. Names and order are those of `mobilenet.js`;
// addresses are in bytes, and a number has four.

/**
 * The 1x1 convolution: (pixels, depth) times (depth, channels). Four pixels and eight channels at a
 * time: eight vectors of sums stay in registers, two vectors of weights serve four pixels, and each
 * number of the input, copied into all four lanes, serves eight channels.
 */
export function multiply(
  from: usize, to: usize, panels: usize, biases: usize,
  pixels: usize, depth: usize, channels: usize, low: f32, high: f32,
): void {
  const inStep = depth * 4, outStep = channels * 4;
  const last: usize = pixels > 4 ? pixels - 4 : 0; // the last block begins earlier, rather than be smaller
  const least = f32x4.splat(low), most = f32x4.splat(high);
  for (let n: usize = 0; n < channels; n += 8) {
    const bias0 = v128.load(biases + 4 * n), bias1 = v128.load(biases + 4 * n, 16);
    for (let pixel: usize = 0; pixel < last + 4; pixel += 4) {
      const first = min(pixel, last);
      let a = from + first * inStep, b = a + inStep, c = b + inStep, d = c + inStep;
      let w = panels + n * inStep;
      let a0 = bias0, b0 = bias0, c0 = bias0, d0 = bias0;
      let a1 = bias1, b1 = bias1, c1 = bias1, d1 = bias1;
      for (const end = b; a < end; a += 4, b += 4, c += 4, d += 4, w += 32) {
        const w0 = v128.load(w), w1 = v128.load(w, 16);
        let x = v128.load32_splat(a);
        a0 = f32x4.add(a0, f32x4.mul(x, w0));
        a1 = f32x4.add(a1, f32x4.mul(x, w1));
        x = v128.load32_splat(b);
        b0 = f32x4.add(b0, f32x4.mul(x, w0));
        b1 = f32x4.add(b1, f32x4.mul(x, w1));
        x = v128.load32_splat(c);
        c0 = f32x4.add(c0, f32x4.mul(x, w0));
        c1 = f32x4.add(c1, f32x4.mul(x, w1));
        x = v128.load32_splat(d);
        d0 = f32x4.add(d0, f32x4.mul(x, w0));
        d1 = f32x4.add(d1, f32x4.mul(x, w1));
      }
      const t = to + first * outStep + 4 * n;
      store(t, a0, a1, least, most);
      store(t + outStep, b0, b1, least, most);
      store(t + 2 * outStep, c0, c1, least, most);
      store(t + 3 * outStep, d0, d1, least, most);
    }
  }
}

// @ts-ignore: a decorator of AssemblyScript's own
@inline
function store(at: usize, first: v128, second: v128, least: v128, most: v128): void {
  v128.store(at, f32x4.min(f32x4.max(first, least), most));
  v128.store(at, f32x4.min(f32x4.max(second, least), most), 16);
}

/** The 3x3 depthwise convolution of a padded map: four channels at a time, each with its own nine weights. */
export function depthwise(
  from: usize, to: usize, weights: usize, biases: usize,
  size: usize, paddedSize: usize, stride: usize, channels: usize, low: f32, high: f32,
): void {
  const C = channels * 4, row = paddedSize * C;
  const least = f32x4.splat(low), most = f32x4.splat(high);
  for (let y: usize = 0; y < size; y++) {
    for (let c: usize = 0; c < C; c += 16) {
      const w = weights + c;
      const w0 = v128.load(w), w1 = v128.load(w + C), w2 = v128.load(w + 2 * C);
      const w3 = v128.load(w + 3 * C), w4 = v128.load(w + 4 * C), w5 = v128.load(w + 5 * C);
      const w6 = v128.load(w + 6 * C), w7 = v128.load(w + 7 * C), w8 = v128.load(w + 8 * C);
      const bias = v128.load(biases + c);
      let p = from + y * stride * row + c, t = to + y * size * C + c;
      for (let x: usize = 0; x < size; x++, p += stride * C, t += C) {
        const q = p + row, r = q + row;
        let sum = f32x4.add(bias, f32x4.mul(v128.load(p), w0));
        sum = f32x4.add(sum, f32x4.mul(v128.load(p + C), w1));
        sum = f32x4.add(sum, f32x4.mul(v128.load(p + 2 * C), w2));
        sum = f32x4.add(sum, f32x4.mul(v128.load(q), w3));
        sum = f32x4.add(sum, f32x4.mul(v128.load(q + C), w4));
        sum = f32x4.add(sum, f32x4.mul(v128.load(q + 2 * C), w5));
        sum = f32x4.add(sum, f32x4.mul(v128.load(r), w6));
        sum = f32x4.add(sum, f32x4.mul(v128.load(r + C), w7));
        sum = f32x4.add(sum, f32x4.mul(v128.load(r + 2 * C), w8));
        v128.store(t, f32x4.min(f32x4.max(sum, least), most));
      }
    }
  }
}
