// A layer in words: its row of Table 1, and each cost with its equation filled in.

import { comma, fixed, general, short } from "../../kit/format.js";
import { weights } from "../../maths/layer_cost.js";
import { percent, shapes } from "./rows.js";

export const WHAT = {
  standard: "standard 3×3 convolution", depthwise: "depthwise 3×3 convolution",
  pointwise: "pointwise 1×1 convolution", fc: "fully connected",
};
const EQUATION = { standard: "Eq. 2", depthwise: "Eq. 4", pointwise: "Eq. 5", fc: "" };

/** Equal numbers in the order in which a product is written. */
const product = (...factors) => factors.filter((each) => each !== null).join(" · ");
const square = (x) => (x === 1 ? null : `${x}²`);

/** [what, words, a result that is set apart, what is said behind it] of a MobileNet's layer. */
export function facts(row, all) {
  const { layer, values } = row, { kind, kernelSize: k, stride, inChannels: m, outChannels: n, inSize, outSize } = layer;
  const depthwise = kind === "depthwise", fc = kind === "fc", dk = k > 1 ? "D_K²" : null;
  const letters = product(dk, "M", depthwise ? null : "N");
  const numbers = product(square(k), m, depthwise ? null : n);
  const share = (name) => `${percent(values[name] / all[name])} of all`;
  const maps = (size, channels) => `${size}×${size}×${channels}`;
  const filter = fc ? `${m}×${n}` : `${k}×${k}×${m}${depthwise ? " dw" : `×${n}`}`;
  const type = fc ? "FC" : depthwise ? "Conv dw" : "Conv";
  const w = weights(layer), read = inSize ** 2 * m, written = outSize ** 2 * n;
  return [
    ["Table 1", `${type} / s${stride} · ${filter} · ${maps(inSize, m)} → ${maps(outSize, n)}`],
    ["mult-adds", `${fc ? letters : product(letters, "D_F²")} = ${product(numbers, fc ? null : square(outSize))}`,
      comma(values["mult-adds"]), [share("mult-adds"), EQUATION[kind]].filter(Boolean).join("; ")],
    ["parameters", `${letters} + ${fc ? "N biases" : `2${depthwise ? "M" : "N"} for BN`} = ${numbers} + ${fc ? n : `2 · ${n}`}`,
      comma(values.parameters), share("parameters")],
    ["bytes", `4 · (input + weights + output) = 4 · (${comma(read)} + ${comma(w)} + ${comma(written)})`,
      comma(values.bytes), `${share("bytes")}; ${fixed((2 * values["mult-adds"]) / values.bytes, 1)} operations per byte`],
  ];
}

/** Eq. 5 beside Eq. 2: a depthwise layer and the pointwise one behind it, against one standard layer. */
export function pair(rows, at) {
  const { kind } = rows[at].layer;
  if (kind !== "depthwise" && kind !== "pointwise") return "";
  const first = kind === "depthwise" ? at : at - 1, [dw, pw] = [rows[first], rows[first + 1]];
  const both = dw.values["mult-adds"] + pw.values["mult-adds"];
  const { kernelSize: k, inChannels: m } = dw.layer, { outChannels: n, outSize } = pw.layer;
  const standard = k ** 2 * m * n * outSize ** 2;
  return `${dw.name} and ${pw.name} together (Eq. 5): ${short(both)} mult-adds. One standard layer in their place ` +
    `(Eq. 2): ${short(standard)}, ${general(standard / both, 2)} times as many.`;
}

/** The same of any network's layer. */
export function measured(row, all) {
  const { values, call } = row;
  const share = (name) => (all[name] ? `${percent(values[name] / all[name])} of all` : "");
  const none = row.uncounted.length ? `torch has no count for ${row.uncounted.slice(0, 4).join(", ")}` : "nothing here multiplies";
  const lines = [["type", `${row.type}(${row.detail})`]];
  if (call === 0) lines.push(["never ran", "The network has this layer, and did not call it for this example."]);
  else {
    lines.push(
      ["shapes", `${shapes(row.in_shapes)} → ${shapes(row.out_shapes)}`],
      ["mult-adds", "", comma(values["mult-adds"]), values["mult-adds"] ? share("mult-adds") : none]);
  }
  const again = call > 1 && "what the layer has was counted at its first call";
  lines.push(["parameters", "", comma(values.parameters), again || share("parameters")]);
  if (call > 0) lines.push(["bytes", "", comma(values.bytes), `${share("bytes")}; ${fixed((2 * values["mult-adds"]) / (values.bytes || 1), 1)} operations per byte`]);
  return lines;
}
