// Table 1 as data under a width and a resolution multiplier (Eq. 6 and 7), held against
// mobilenet_lib.architecture by a test. Sizes are in pixels, maps are square.

const STEM = 32;
const BLOCKS = [ // output channels and stride of the thirteen blocks at alpha 1
  [64, 1], [128, 2], [128, 1], [256, 2], [256, 1], [512, 2],
  [512, 1], [512, 1], [512, 1], [512, 1], [512, 1], [1024, 2], [1024, 1],
];
const SHALLOW = [...BLOCKS.slice(0, 6), ...BLOCKS.slice(11)]; // Table 5

/** Channels under the width multiplier: cut off ("paper"), at least 8 ("min8"), or by eights. */
export function scaleChannels(channels, alpha, rule = "paper") {
  const scaled = alpha * channels;
  if (rule === "paper") return Math.floor(scaled);
  if (rule === "min8") return Math.max(8, Math.floor(scaled));
  const rounded = Math.max(8, 8 * Math.floor(Math.floor(scaled + 4) / 8));
  return rounded < 0.9 * scaled ? rounded + 8 : rounded; // never lose more than a tenth
}

/** The layers with weights: name, kind, kernel, stride, channels and pixels before and after. */
export function mobilenetV1({
  alpha = 1, resolution = 224, classes = 1000, body = "separable", widthRule = "paper", rounding = "up",
} = {}) {
  const layers = [];
  let channels = 3, size = resolution;
  function layer(name, kind, kernelSize, stride, outChannels) {
    const down = rounding === "keras" && kind === "depthwise";
    const outSize = down ? Math.floor(size / stride) : Math.ceil(size / stride);
    layers.push({ name, kind, kernelSize, stride, inChannels: channels, outChannels, inSize: size, outSize });
    [channels, size] = [outChannels, outSize];
  }
  layer("conv_0", "standard", 3, 2, scaleChannels(STEM, alpha, widthRule));
  (body === "shallow" ? SHALLOW : BLOCKS).forEach(([width, stride], i) => {
    const out = scaleChannels(width, alpha, widthRule);
    if (body === "full") return layer(`conv_${i + 1}`, "standard", 3, stride, out);
    layer(`dw_${i + 1}`, "depthwise", 3, stride, channels);
    return layer(`pw_${i + 1}`, "pointwise", 1, 1, out);
  });
  size = 1; // the average pool leaves one pixel
  layer("fc", "fc", 1, 1, classes);
  return layers;
}

/** Zeros before and after a row: TensorFlow's SAME, or Keras' single one after. */
export function padding({ kernelSize, stride, inSize, outSize }) {
  const up = Math.ceil(inSize / stride);
  if (outSize < up) return [0, 1];
  const all = Math.max((up - 1) * stride + kernelSize - inSize, 0);
  return [Math.floor(all / 2), all - Math.floor(all / 2)];
}

/**
 * What one pixel of a layer's output sees of the image: the side of its square, how far that moves
 * between neighbours, and how far the first reaches past the image. The fully connected layer sees
 * all, through the average pool before it.
 */
export function receptiveField(layers, name) {
  const at = layers.findIndex((layer) => layer.name === name);
  let size = 1, stride = 1, before = 0;
  for (const layer of layers.slice(0, at + 1)) {
    if (layer.kind === "fc") continue;
    size += (layer.kernelSize - 1) * stride;
    before += padding(layer)[0] * stride;
    stride *= layer.stride;
  }
  if (layers[at].kind === "fc") size += (layers[at - 1].outSize - 1) * stride;
  return { size, stride, padding: before };
}
