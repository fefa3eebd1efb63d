// The 1x1 convolution of `mobilenet.js`, two pixels and four channels at a time, in WebAssembly
// without SIMD. The benchmark alone uses it, to tell what SIMD gains from what WebAssembly gains.

export function multiply(
  from: usize, to: usize, panels: usize, biases: usize,
  pixels: usize, depth: usize, channels: usize, low: f32, high: f32,
): void {
  const inStep = depth * 4, outStep = channels * 4;
  const last: usize = pixels > 2 ? pixels - 2 : 0;
  for (let n: usize = 0; n < channels; n += 4) {
    const bias = biases + 4 * n;
    for (let pixel: usize = 0; pixel < last + 2; pixel += 2) {
      const first = min(pixel, last);
      let a = from + first * inStep, b = a + inStep, w = panels + n * inStep;
      let a0 = load<f32>(bias), a1 = load<f32>(bias, 4), a2 = load<f32>(bias, 8), a3 = load<f32>(bias, 12);
      let b0 = a0, b1 = a1, b2 = a2, b3 = a3;
      for (const end = b; a < end; a += 4, b += 4, w += 16) {
        const w0 = load<f32>(w), w1 = load<f32>(w, 4), w2 = load<f32>(w, 8), w3 = load<f32>(w, 12);
        const x = load<f32>(a), y = load<f32>(b);
        a0 += x * w0; a1 += x * w1; a2 += x * w2; a3 += x * w3;
        b0 += y * w0; b1 += y * w1; b2 += y * w2; b3 += y * w3;
      }
      const t = to + first * outStep + 4 * n, u = t + outStep;
      put(t, a0, low, high); put(t + 4, a1, low, high); put(t + 8, a2, low, high); put(t + 12, a3, low, high);
      put(u, b0, low, high); put(u + 4, b1, low, high); put(u + 8, b2, low, high); put(u + 12, b3, low, high);
    }
  }
}

// @ts-ignore: a decorator of AssemblyScript's own
@inline
function put(at: usize, sum: f32, low: f32, high: f32): void {
  store<f32>(at, min(max(sum, low), high));
}
