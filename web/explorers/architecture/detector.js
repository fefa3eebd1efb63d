// The person detector in the page, for the maps that one of its layers really gives.

import { readPhoto } from "../../engine/photo.js";
import { Runner, Superseded } from "../../engine/runner.js";
import { sheet, viridis } from "../../kit/canvas.js";

export const DETECTOR = { body: "separable", alpha: 0.25, resolution: 96 };

/** Photos by name, and every layer's maps of one of them; both come when they are first asked for. */
export function detector(assets) {
  const runner = new Runner();
  let loaded = null, asked = null, pictures = new Map();
  const files = async () => (await assets()) ?? {};
  return {
    async names() {
      return Object.keys(await files()).filter((name) => name !== "network");
    },
    /** Pixels of a photo, as ImageData. */
    async photo(name) {
      if (!pictures.has(name)) pictures.set(name, readPhoto(new Blob([(await files())[name]])));
      return pictures.get(name);
    },
    /** Maps by layer's name, or null if another photo was asked for meanwhile. */
    async maps(name) {
      if (asked?.name === name) return asked.found;
      const found = this.run(name);
      asked = { name, found };
      found.catch(() => { asked = null; });
      return found;
    },
    async run(name) {
      const { network } = await files();
      if (!network) throw new Error("The person detector's weights are not in this page.");
      loaded ??= runner.load("net", network.slice().buffer);
      const { layers } = await loaded, pixels = await this.photo(name);
      try {
        const { maps } = await runner.predict("net", pixels, { maps: layers.map((each) => each.name), latest: "maps" });
        return maps;
      } catch (error) {
        if (error instanceof Superseded) return null;
        throw error;
      }
    },
    close: () => runner.close(),
  };
}

/** What all but one in 200 values are below: one bright pixel would darken all the maps. */
function bright(values) {
  const sorted = values.slice().sort();
  return sorted[Math.floor(0.995 * (sorted.length - 1))] || sorted.at(-1) || 1;
}

/** One map as a small picture, dark violet at 0 and yellow at the layer's brightest. */
export function picture({ size, channels, values }, channel) {
  const one = Float32Array.from({ length: size * size }, (_, p) => values[p * channels + channel]);
  return sheet(one, size, viridis(0, bright(values)));
}

/** All maps of a layer in rows, a pixel of the page's ground between them. */
export function mosaic({ size, channels, values }) {
  const columns = Math.ceil(Math.sqrt(channels)), rows = Math.ceil(channels / columns), step = size + 1;
  const canvas = Object.assign(document.createElement("canvas"), { width: columns * step - 1, height: rows * step - 1 });
  const pen = canvas.getContext("2d"), image = pen.createImageData(canvas.width, canvas.height);
  const colour = viridis(0, bright(values));
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
export function liveliest({ size, channels, values }) {
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
