// What a reader has set, as one short line: "v1&kernel=blur&stride=2". It names what differs from
// the start only. Python writes and reads the same line (mobilenet_lib/explorers/state.py).

import { shortest } from "./format.js";

const quote = (text) =>
  encodeURIComponent(text).replaceAll("%20", "+").replaceAll("%2C", ",");
const unquote = (text) => decodeURIComponent(text.replaceAll("+", " "));

/** Every kind of field: how a value is written, how it is read, and what it may be. */
const KINDS = {
  integer: {
    write: String,
    read: (text) => (/^-?\d{1,15}$/.test(text) ? Number(text) : undefined),
    fits: (field, x) => Number.isInteger(x) && x >= field.min && x <= field.max,
    wants: (field) => `a whole number from ${field.min} to ${field.max}`,
  },
  number: {
    write: shortest,
    read: (text) => decimal(text),
    fits: (field, x) => Number.isFinite(x) && x >= field.min && x <= field.max,
    wants: (field) => `a number from ${shortest(field.min)} to ${shortest(field.max)}`,
  },
  choice: {
    write: (x) => quote(typeof x === "number" ? shortest(x) : x),
    read: (text, field) => field.choices.find((each) => String(each) === unquote(text)),
    fits: (field, x) => field.choices.includes(x),
    wants: (field) => `one of ${field.choices.join(", ")}`,
  },
  flag: {
    write: (x) => (x ? "1" : "0"),
    read: (text) => ({ 1: true, 0: false })[text],
    fits: (_, x) => typeof x === "boolean",
    wants: () => "1 or 0",
  },
  name: { // of something that only the data know, such as a layer
    write: quote,
    read: unquote,
    fits: (_, x) => typeof x === "string" && x.length <= 80,
    wants: () => "a name of at most 80 letters",
  },
  names: {
    write: (all) => all.map((each) => quote(each).replaceAll(",", "%2C")).join(","),
    read(text, { choices }) {
      const all = text.split(",").filter(Boolean).map(unquote);
      const known = choices && all.every((each) => choices.includes(each));
      return known ? choices.filter((each) => all.includes(each)) : all; // in one order, without doubles
    },
    fits: ({ choices }, x) => Array.isArray(x) &&
      x.every((each) => (choices ? choices.includes(each) : typeof each === "string")),
    wants: ({ choices }) => choices ? `some of ${choices.join(", ")}` : "names with commas between them",
  },
  strokes: { // of a drawing: points of two digits in base 36, column and row; strokes part at a full stop
    write: (text) => text,
    read: (text) => text,
    fits: (_, x) => typeof x === "string" && x.length <= 1500 && /^(([0-9a-z]{2})+\.?)*$/.test(x),
    wants: () => "pairs of digits and small letters, at most 1,500",
  },
  square: { // rows of a square of numbers, or the name of a preset
    write: (rows, field) => quote(
      Object.keys(field.presets).find((name) => same(field.presets[name], rows)) ??
        rows.flat().map(shortest).join(","),
    ),
    read(text, field) {
      const plain = unquote(text);
      if (Object.hasOwn(field.presets, plain)) return field.presets[plain];
      const all = plain.split(",").map(decimal), side = Math.sqrt(all.length);
      if (all.includes(undefined) || !field.sides.includes(side)) return undefined;
      return Array.from({ length: side }, (_, i) => all.slice(i * side, (i + 1) * side));
    },
    fits: (field, rows) => Array.isArray(rows) && field.sides.includes(rows.length) &&
      rows.every((row) => row.length === rows.length &&
        row.every((x) => Number.isFinite(x) && Math.abs(x) <= field.max)),
    wants: (field) => `${field.sides.map((n) => `${n}x${n}`).join(" or ")} finite numbers of at most ` +
      `${field.max}, or a name: ${Object.keys(field.presets).join(", ")}`,
  },
};

function decimal(text) {
  const found = /^-?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) ? Number(text) : NaN;
  return Number.isFinite(found) ? found : undefined;
}

export const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/** Whether a value may stand in a field; null where the field may be empty. */
export function fits(field, value) {
  return value === null ? field.optional === true : KINDS[field.kind].fits(field, value);
}

/** The values at the start. */
export const defaults = ({ fields }) =>
  Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.default]));

/** The line for some values. */
export function encode({ version, fields }, values) {
  const parts = Object.entries(fields)
    .filter(([name, field]) => !same(values[name], field.default))
    .map(([name, field]) => {
      const value = values[name];
      return `${name}=${value === null ? "none" : KINDS[field.kind].write(value, field)}`;
    });
  return [`v${version}`, ...parts].join("&");
}

/** Values and, in words, what of the line could not be read and is as at the start. */
export function decode(definition, line) {
  const values = defaults(definition), problems = [];
  const [head, ...parts] = String(line).trim().split("&");
  const version = /^v(\d{1,6})$/.exec(head);
  if (!version) {
    return { values, problems: [`a state begins with v${definition.version}, this one with “${head.slice(0, 20)}”`] };
  }
  if (Number(version[1]) > definition.version) {
    problems.push(`the state is of version ${version[1]} and this explorer knows ${definition.version}`);
    return { values, problems };
  }
  for (const part of parts) {
    const cut = part.indexOf("="), name = cut < 0 ? part : part.slice(0, cut);
    const field = Object.hasOwn(definition.fields, name) ? definition.fields[name] : undefined;
    if (!field) {
      problems.push(`there is no “${name.slice(0, 30)}”`);
      continue;
    }
    const value = read(field, part.slice(cut + 1));
    if (value !== undefined && fits(field, value)) values[name] = value;
    else problems.push(`${name} is ${KINDS[field.kind].wants(field)}, not “${part.slice(cut + 1, cut + 41)}”`);
  }
  return { values, problems };
}

function read(field, text) {
  if (field.optional && text === "none") return null;
  try {
    return KINDS[field.kind].read(text, field);
  } catch { // a % that starts no character
    return undefined;
  }
}

/** A value as Python code. */
export function python(value) {
  if (value === null) return "None";
  if (value === true || value === false) return value ? "True" : "False";
  if (typeof value === "string") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(python).join(", ")}]`;
  return shortest(value);
}

/** The call that makes an explorer with these values in Python; `given` are arguments before them. */
export function asPython(definition, values, given = []) {
  const set = Object.entries(definition.fields)
    .filter(([name, field]) => !same(values[name], field.default))
    .map(([name, field]) => {
      const preset = field.presets && Object.keys(field.presets)
        .find((each) => same(field.presets[each], values[name]));
      return `${name}=${python(preset ?? values[name])}`;
    });
  const name = definition.class;
  return `from mobilenet_lib.explorers import ${name}\n\n${name}(${[...given, ...set].join(", ")})`;
}
