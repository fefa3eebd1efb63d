// Large data that are no part of the state: weights, photos. In a page they lie in it; as a widget
// they are asked of Python once, so that a saved notebook does not carry them.

/** A function that gives a promise of {name: Uint8Array}. */
export function assetsOf({ model }, session) {
  let asked = null;
  return () => {
    asked ??= ask();
    asked.catch(() => { asked = null; }); // a session that is started again may be asked again
    return asked;
  };

  function ask() {
    const { assets, dataset } = model.place ?? {};
    if (assets) return Promise.resolve(assets); // the page has read them already
    if (dataset?.assets) return inPage(dataset.assets);
    if (!session) return Promise.resolve({}); // a page of an explorer that has none
    return new Promise((resolve, reject) => {
      const heard = (content, buffers) => {
        if (content?.kind !== "assets") return;
        model.off("msg:custom", heard);
        clearTimeout(late);
        if (content.error) return reject(new Error(content.error));
        resolve(Object.fromEntries(content.names.map((name, i) => [name, bytes(buffers[i])])));
      };
      const refuse = () => {
        model.off("msg:custom", heard);
        reject(new Error(session.advice()));
      };
      const late = setTimeout(refuse, 30_000); // Python is busy, or gone without a word
      model.on("msg:custom", heard);
      if (!session.send({ kind: "assets" })) {
        clearTimeout(late);
        refuse();
      }
    });
  }
}

/**
 * A function that runs `step`, or, while one still runs, another behind it: so that what is loaded
 * and shown follows a state that changes in between. What fails goes to `failed`.
 */
export function inTurn(step, failed) {
  let running = false, again = false;
  return async () => {
    again = true;
    if (running) return;
    running = true;
    while (again) {
      again = false;
      try {
        await step();
      } catch (error) {
        failed(error);
      }
    }
    running = false;
  };
}

/** They come last in the page, which may not have been read to its end yet. */
async function inPage(id) {
  if (document.readyState === "loading") {
    await new Promise((read) => { document.addEventListener("DOMContentLoaded", read, { once: true }); });
  }
  return decoded(JSON.parse(document.getElementById(id).textContent));
}

/** Base64 to bytes, by the browser's own decoder, off this thread. */
async function decoded(texts) {
  const parts = Object.entries(texts).map(async ([name, text]) => {
    const answer = await fetch(`data:application/octet-stream;base64,${text}`);
    return [name, new Uint8Array(await answer.arrayBuffer())];
  });
  return Object.fromEntries(await Promise.all(parts));
}

const bytes = (view) => new Uint8Array(view.buffer ?? view, view.byteOffset ?? 0, view.byteLength);
