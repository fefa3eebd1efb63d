/**
 * The worker: answers each request, and hands over the arrays of the answer rather than copy them.
 * `build.js` makes one function of this and all that it imports, `inside.js`.
 */

import { makeService } from "./service.js";

export { makeService } from "./service.js";
export { preprocess, probabilities, readNetwork } from "./mobilenet.js";

function buffersOf(value, found = new Set()) {
  if (ArrayBuffer.isView(value)) found.add(value.buffer);
  else if (value && typeof value === "object")
    for (const part of Object.values(value)) buffersOf(part, found);
  return found;
}

/** What a worker begins with. */
export function listen() {
  const answer = makeService();
  self.onmessage = ({ data }) => {
    const told = answer(data);
    self.postMessage(told, [...buffersOf(told)]);
  };
  self.postMessage({ ready: true });
}
