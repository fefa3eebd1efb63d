// The person detector in the page, for the maps that one of its layers really gives.

import { MobileNet, preprocess, readNetwork } from "../../engine/mobilenet.js";
import { readPhoto } from "../../engine/photo.js";
import { bright, sheet, viridis } from "../../kit/canvas.js";

export const DETECTOR = { body: "separable", alpha: 0.25, resolution: 96 };

/**
 * Photos by name, and every layer's maps of one; both come when they are first asked for. The network
 * runs once for a photo, in some 20 ms: a worker would not be worth its bytes.
 */
export function detector(assets) {
  const pictures = new Map(), made = new Map();
  let engine = null;
  const once = (known, name, make) => {
    if (!known.has(name)) known.set(name, make().catch((error) => { known.delete(name); throw error; }));
    return known.get(name);
  };
  const photo = (name) => once(pictures, name, async () => readPhoto(new Blob([(await assets())[name]])));
  return {
    photo,
    names: async () => Object.keys(await assets()).filter((name) => name !== "network"),
    /** Maps by layer's name. */
    maps: (name) => once(made, name, async () => {
      const { network } = await assets(), { data, width, height } = await photo(name);
      engine ??= new MobileNet(readNetwork(network));
      return engine.featureMaps(preprocess(engine.network.preprocess, data, width, height));
    }),
  };
}

/** A layer's maps as they are shown: one of them, all of them, and which to begin with. */
export function pictures(maps) {
  const { size, channels, values } = maps, colour = viridis(0, bright(values));
  const one = (channel) => sheet(Float32Array.from({ length: size * size }, (_, p) => values[p * channels + channel]), size, colour);
  return { made: maps, one, best: liveliest(maps), ...mosaic(maps, colour) };
}

/** All maps of a layer in rows, a pixel of the page's ground between them. */
function mosaic({ size, channels, values }, colour) {
  const columns = Math.ceil(Math.sqrt(channels)), rows = Math.ceil(channels / columns), step = size + 1;
  const canvas = Object.assign(document.createElement("canvas"), { width: columns * step - 1, height: rows * step - 1 });
  const pen = canvas.getContext("2d"), image = pen.createImageData(canvas.width, canvas.height);
  for (let c = 0; c < channels; c++) {
    const left = (c % columns) * step, top = Math.floor(c / columns) * step;
    for (let p = 0; p < size * size; p++) {
      const at = 4 * ((top + Math.floor(p / size)) * canvas.width + left + (p % size));
      image.data.set([...colour(values[p * channels + c]), 255], at);
    }
  }
  pen.putImageData(image, 0, 0);
  return { canvas, columns, rows, step };
}

/** The map in which most happens: the first one to show. */
function liveliest({ size, channels, values }) {
  let best = 0, most = -1;
  for (let c = 0; c < channels; c++) {
    let sum = 0, squares = 0;
    for (let p = 0; p < size * size; p++) {
      const x = values[p * channels + c];
      sum += x;
      squares += x * x;
    }
    const spread = squares - sum ** 2 / size ** 2;
    if (spread > most) [best, most] = [c, spread];
  }
  return best;
}
