// Controls of a field of the state: each shows the state's value and sets it, in both directions.

import { element, KEYS, tell, unique } from "./dom.js";
import { shortest } from "./format.js";

/**
 * Controls by field: what a field is decides what it looks like. Options by name of a field:
 * `words` (value -> what is shown and read out), `spoken` (what a slider says instead), `label`,
 * `look: "select"` for a choice that would else be a slider; `places` (state -> numbers) for a
 * slider over some of the numbers that a field may be, `after`, fields on which these depend, and
 * `value` (state -> number) where another number than the field's is in use.
 */
export function controls({ definition, state, set, watch, hidden }, names, options = {}) {
  const bar = element("div", { class: "mn-controls" });
  for (const name of names) {
    if (hidden(name)) continue;
    const field = definition.fields[name], option = options[name] ?? {};
    if (field.kind === "names") bar.append(...checkBoxes({ definition, state, set, watch }, name, option.words));
    else if (option.places) bar.append(overPlaces(field, name, option, state, set, watch));
    else bar.append(build(field, name, option, () => state()[name], (value) => set({ [name]: value }), watch));
  }
  return bar;
}

function build(field, name, option, get, put, watch) {
  const id = unique(name), label = option.label ?? field.label ?? name;
  const words = option.words ?? ((value) => (typeof value === "number" ? shortest(value) : String(value)));
  if (field.kind === "flag") {
    const box = element("input", {
      ...KEYS, type: "checkbox", id, "data-field": name, onchange: () => put(box.checked),
    });
    watch([name], () => { box.checked = get(); });
    return element("label", { class: "mn-field", for: id }, box, ` ${label}`);
  }
  const numeric = field.kind === "integer" || field.kind === "number" ||
    (field.kind === "choice" && field.choices.every((each) => typeof each === "number"));
  if (field.kind === "choice" && (!numeric || option.look === "select")) {
    const select = element("select", {
      ...KEYS, id, "data-field": name, onchange: () => put(field.choices[select.selectedIndex]),
    }, field.choices.map((each) => element("option", { value: String(each) }, words(each))));
    watch([name], () => { select.selectedIndex = field.choices.indexOf(get()); });
    return element("label", { class: "mn-field", for: id }, `${label} `, select);
  }
  // A slider: over the choices by their place, or over the numbers themselves.
  const places = field.kind === "choice" ? field.choices : null;
  const range = element("input", {
    ...KEYS, type: "range", id, "data-field": name,
    min: places ? 0 : field.min, max: places ? places.length - 1 : field.max,
    step: places || field.kind === "integer" ? 1 : field.step ?? "any",
    oninput: () => put(places ? places[Number(range.value)] : Number(range.value)),
  });
  const output = element("output", { for: id });
  watch([name], () => {
    range.value = places ? places.indexOf(get()) : get();
    tell(output, words(get()));
    range.setAttribute("aria-valuetext", (option.spoken ?? words)(get()));
  });
  return element("div", { class: "mn-field mn-slider" }, element("label", { for: id }, label), range, output);
}

/** A slider over numbers in order; the field's own value is always one of them. */
function overPlaces(field, name, option, state, set, watch) {
  const id = unique(name), words = option.words ?? shortest;
  let places;
  const range = element("input", {
    ...KEYS, type: "range", id, "data-field": name, min: 0, step: 1,
    oninput: () => set({ [name]: places[Number(range.value)] }),
  });
  const output = element("output", { for: id });
  watch([name, ...(option.after ?? [])], () => {
    const value = option.value ? option.value(state()) : state()[name];
    places = [...new Set([...option.places(state()), value])].sort((a, b) => a - b);
    range.max = places.length - 1;
    range.disabled = places.length < 2;
    range.value = places.indexOf(value);
    tell(output, words(value));
    range.setAttribute("aria-valuetext", words(value));
  });
  return element("div", { class: "mn-field mn-slider" },
    element("label", { for: id }, option.label ?? field.label ?? name), range, output);
}

/** Check boxes for a field of names, in labels: a box for each choice, with `words` of it behind. */
export function checkBoxes({ definition, state, set, watch }, name, words = String) {
  const { choices } = definition.fields[name];
  const boxes = choices.map((each) => element("input", {
    ...KEYS, type: "checkbox", value: each, "data-field": name,
    onchange: () => set({ [name]: choices.filter((_, i) => boxes[i].checked) }),
  }));
  watch([name], () => {
    for (const box of boxes) box.checked = state()[name].includes(box.value);
  });
  return boxes.map((box) => element("label", { class: "mn-field" }, box, " ", words(box.value)));
}

/** A button; its text may be changed by `tell`. */
export const button = (text, onclick, more = {}) =>
  element("button", { ...KEYS, type: "button", onclick, ...more }, text);
