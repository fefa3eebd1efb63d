/**
 * What a worker does for a page, as calls with plain data; without workers the page does it itself.
 *
 * A request is {id, call, args}; the answer {id, result}, or {id, error: {name, message}}: never
 * silence.
 */

import { preprocess, probabilities, readNetwork } from "./mobilenet.js";
import { choose } from "./simd.js";

/** A function from request to answer, with networks of its own. */
export function makeService() {
  const engines = new Map(); // by the names that the caller gives them

  const engineOf = (name) => {
    if (!engines.has(name)) throw new RangeError(`no network called ${name} was loaded`);
    return engines.get(name);
  };

  const calls = {
    /** Read a network, and say what it is and which engine runs it. */
    load({ name, data, engine, resolution }) {
      const { layers, ...told } = readNetwork(data);
      const chosen = choose({ layers, ...told }, { engine, resolution });
      engines.set(name, chosen.engine);
      return {
        ...told,
        engine: chosen.engine.engine,
        refused: chosen.refused && chosen.refused.message,
        layers: chosen.engine.layers.map(({ name, kind, kernel_size, stride, ...layer }) => ({
          name, kind, kernel_size, stride,
          in_channels: layer.in_channels, out_channels: layer.out_channels,
          in_size: layer.in_size, out_size: layer.out_size,
        })),
      };
    },

    unload({ name }) {
      engines.delete(name);
    },

    run({ name, input }) {
      return engineOf(name).run(input);
    },

    featureMaps({ name, input, names }) {
      return engineOf(name).featureMaps(input, names);
    },

    /** From a photo's pixels to probabilities, in the network's order of classes. */
    predict({ name, rgba, width, height, maps = [] }) {
      const engine = engineOf(name);
      const { network } = engine;
      const begun = performance.now();
      const input = preprocess(network.preprocess, rgba, width, height, engine.layers[0].in_size);
      const prepared = performance.now();
      const logits = engine.run(input);
      const done = performance.now();
      return {
        input,
        logits,
        probabilities: network.head === "features" ? null : probabilities(network, logits),
        milliseconds: { preprocess: prepared - begun, run: done - prepared },
        maps: maps.length ? engine.featureMaps(input, maps) : {},
      };
    },
  };

  return ({ id, call, args }) => {
    try {
      if (!Object.hasOwn(calls, call)) throw new RangeError(`there is no call ${call}`);
      return { id, result: calls[call](args) };
    } catch (error) {
      return { id, error: { name: error.name, message: error.message } };
    }
  };
}
