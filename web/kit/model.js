// A model for a page without Python: the same few calls that Jupyter's models answer, so that an
// explorer does not know where it is.

/** Data as Python put them into the page: {"$bytes": base64} stands for bytes. */
function revive(value) {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(revive);
  if (typeof value.$bytes === "string") {
    const text = atob(value.$bytes), bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    return new DataView(bytes.buffer);
  }
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, revive(each)]));
}

export class PageModel {
  #values;
  #listeners = new Map();

  /** Of the data, and the element of the page that they came in. */
  constructor(values, place = null) {
    this.#values = revive(values);
    this.place = place;
  }

  get(name) {
    return this.#values[name];
  }

  set(name, value) {
    if (JSON.stringify(this.#values[name]) === JSON.stringify(value)) return;
    this.#values[name] = value;
    this.emit(`change:${name}`);
    this.emit("change");
  }

  on(name, then) {
    if (!this.#listeners.has(name)) this.#listeners.set(name, new Set());
    this.#listeners.get(name).add(then);
  }

  off(name, then) {
    this.#listeners.get(name)?.delete(then);
  }

  emit(name) {
    for (const then of [...(this.#listeners.get(name) ?? [])]) then();
  }

  /** How many functions listen; 0 after every view has gone. */
  get listening() {
    return [...this.#listeners.values()].reduce((sum, each) => sum + each.size, 0);
  }

  save_changes() {} // there is nobody to tell
  send() {}
}
