// What is drawn, from Table 1 or from what Python measured of another network: a row for each layer.

import { fixed, general } from "../../kit/format.js";
import { mobilenetV1, receptiveField } from "../../maths/architecture.js";
import { bytesMoved, multAdds, parameters } from "../../maths/layer_cost.js";

export const QUANTITIES = ["mult-adds", "parameters", "bytes", "milliseconds"];
export const KINDS = {
  standard: "standard", depthwise: "depthwise", pointwise: "pointwise 1×1", fc: "fully connected", other: "all others",
};

/** A MobileNet's rows; `times` by layer's name, or null where none were measured for this one. */
export function ofMobileNet(body, alpha, resolution, times) {
  const layers = mobilenetV1({ body, alpha, resolution });
  return layers.map((layer) => ({
    key: layer.name, name: layer.name, kind: layer.kind, layer,
    height: layer.outSize, channels: layer.outChannels,
    words: `${layer.outSize}×${layer.outSize}×${layer.outChannels}`,
    field: receptiveField(layers, layer.name),
    values: {
      "mult-adds": multAdds(layer), parameters: parameters(layer), bytes: bytesMoved(layer),
      milliseconds: times?.[layer.name] ?? null,
    },
  }));
}

/** Rows as `describe_network` gives them. */
export function ofNetwork(described, times) {
  return described.map((row) => {
    const [height, channels] = sides(row);
    const key = (row.call > 1 ? `${row.name} (call ${row.call})` : row.name).slice(-80); // as in Python
    return {
      ...row, key, height, channels, layer: null, words: shapes(row.out_shapes),
      values: {
        "mult-adds": row.mult_adds, parameters: row.parameters, bytes: row.bytes,
        milliseconds: times?.[key] ?? null,
      },
    };
  });
}

export const shapes = (list) => list.map((shape) => shape.join("×") || "one number").join(", ") || "nothing";

/** Pixels along a side, or steps of a sequence, and channels or features of what a layer gives. */
function sides({ type, out_shapes: [shape] }) {
  if (!shape) return [0, 0];
  const [, ...rest] = shape;
  if (rest.length >= 3) return [rest.at(-2), rest[0]];
  if (rest.length === 2) return type.endsWith("1d") ? [rest[1], rest[0]] : rest;
  return [1, rest[0] ?? 1];
}

/** A share in percent, in two digits, or three for all of it. */
export const percent = (share) => `${share >= 0.0995 ? fixed(100 * share) : general(100 * share, 2)} %`;

export function totals(rows) {
  const sum = (name) => rows.reduce((all, { values }) => all + values[name], 0);
  const timed = rows.some(({ values }) => values.milliseconds !== null);
  return Object.fromEntries(QUANTITIES.map((name) =>
    [name, name === "milliseconds" && !timed ? null : sum(name)]));
}

/** The row of this name; of another body, the one of the same block; else the last, or another network's first. */
export function choose(rows, name) {
  const exact = rows.findIndex((row) => row.key === name);
  if (exact >= 0) return exact;
  if (!rows[0].layer) return 0;
  const [kind, block] = name.split("_");
  const same = rows.findIndex((row) => row.name === `conv_${block}`);
  const back = kind === "conv" ? rows.findIndex((row) => row.name === `pw_${block}`) : -1;
  return back >= 0 ? back : same >= 0 ? same : rows.length - 1;
}
