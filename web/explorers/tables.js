// The table browser: every number that the paper prints, what counting gives, and the verdict.

import definition from "../../mobilenet_lib/explorers/definitions/tables.json";
import { button, controls } from "../kit/controls.js";
import { append, clamp, element, KEYS, tell, unique } from "../kit/dom.js";
import { onKeys } from "../kit/pointer.js";
import { explorer } from "../kit/shell.js";
import style from "./tables.css";

const FINDINGS = definition.fields.verdict.choices.slice(1), PAGE = 8;
const SIGNS = {
  equal: "=", truncated: "<", misprint: "✗", "other count": "≠", contradiction: "≠", wording: "≈", unexplained: "?",
  "not countable": "–",
};
const SAID = {
  equal: "The counted value rounds to the printed one.",
  truncated: "Cut off, not rounded.",
  misprint: "A slip in the print.",
  "other count": "Another way of counting gives the printed value.",
  contradiction: "Another place of the paper says something else.",
  wording: "The number is right, or a bound; the statement is not.",
  unexplained: "No reading found gives it.",
  "not countable": "It cannot be counted.",
};

/** All cells in the printed order, each with the text that a search looks through. */
export function cellsOf(tables, reasons) {
  return tables.flatMap(({ key, title, short, rows }) => rows.flatMap(({ label, headings, cells }, i) =>
    cells.map(([name, printed, counted, finding, other, reason], j) => {
      const cell = { key, short, row: i + 1, label, heading: headings[j], name, printed, counted, finding, other, why: reasons[reason] };
      const text = [title, label, cell.heading, printed, counted, finding, cell.why].join(" ").toLowerCase();
      return { ...cell, text, beside: cells.map((each, k) => ({ heading: headings[k], name: each[0], printed: each[1], counted: each[2], finding: each[3] })) };
    })));
}

/** Those that a table, a verdict and words leave. */
export function found(cells, { table, verdict, search }) {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return cells.filter((cell) => (table === "all" || cell.key === table) &&
    (verdict === "any" || cell.finding === verdict) && words.every((word) => cell.text.includes(word)));
}

/** What only a screen reader says: the list's head is not read again with each line. */
const heard = (text) => element("span", { class: "mnb-heard" }, text);
const titleOf = (cell) => `${cell.short}, ${cell.label || `row ${cell.row}`}`;
const printedOf = (cell) => cell.printed || "not printed";
const countedOf = (cell) => cell.counted || "–";

function draw(context) {
  const { model, state, set, root, body, say, hidden } = context;
  const id = unique("tables"), tables = model.get("tables"), all = cellsOf(tables, model.get("reasons"));
  const named = Object.fromEntries(all.map((cell) => [cell.name, cell]));
  const many = (cells, finding) => cells.filter((cell) => cell.finding === finding).length;
  const titles = { all: "all", ...Object.fromEntries(tables.map(({ key, short }) => [key, short])) };

  const bar = controls(context, ["table", "verdict"], {
    table: { words: (key) => titles[key] ?? key },
    verdict: { words: (each) => (each === "any" ? "any" : `${each} (${many(all, each)})`) },
  });
  const search = element("input", {
    ...KEYS, type: "search", id: `${id}-search`, "data-field": "search", maxlength: 80, autocomplete: "off", spellcheck: "false",
    oninput: () => set({ search: search.value }),
  });
  context.watch(["search"], () => { if (search.value !== model.get("search")) search.value = model.get("search"); });
  if (!hidden("search")) bar.append(element("label", { class: "mn-field", for: search.id }, "Search ", search));
  const clear = button("Show all", () => set({ table: "all", verdict: "any", search: "" }), { class: "mnb-clear" });
  bar.append(clear);

  const count = element("p", { class: "mnb-count", role: "status" });
  const list = element("div", {
    ...KEYS, class: "mnb-list", role: "listbox", tabindex: 0, "aria-label": "Printed numbers",
    ...(hidden("help") ? {} : { "aria-describedby": `${id}-help` }), "data-part": "list",
  });
  const head = element("div", { class: "mnb-row mnb-head", "aria-hidden": "true" },
    ["where", "what", "printed", "counted", "verdict"].map((word) => element("span", {}, word)));
  const none = element("p", { class: "mn-quiet mnb-none" }, "No number fits all three. Take a word away, or show all.");
  const detail = element("div", { ...KEYS, class: "mnb-detail", role: "group", "aria-label": "The chosen number", tabindex: 0, "data-part": "found" });
  append(body, bar, count,
    element("div", { class: "mnb-stage" }, element("div", { class: "mnb-left" }, head, list, none), detail),
    hidden("help") ? null : element("p", { id: `${id}-help`, class: "mn-help" },
      "Press on a number, or focus the list and press the arrow keys. The address keeps the number that you have chosen."));

  let shown = [], options = new Map(), filter = null;

  function redraw() {
    const now = state(), chosen = named[now.cell];
    const next = JSON.stringify([now.table, now.verdict, now.search]);
    if (next !== filter) refill(now);
    filter = next;
    head.style.paddingRight = `${list.offsetWidth - list.clientWidth + 10}px`; // a scroll bar may have its own room
    for (const [name, option] of options) option.setAttribute("aria-selected", String(name === now.cell));
    const option = options.get(now.cell);
    if (option) {
      list.setAttribute("aria-activedescendant", option.id);
      reveal(option);
    } else list.removeAttribute("aria-activedescendant");
    fill(chosen, now.cell);
    say(`${count.textContent} ${chosen ? wordsOf(chosen) : ""}`);
    Object.assign(root.dataset, { found: shown.length, cell: chosen?.name ?? "" });
  }

  const wordsOf = (cell) => `${titleOf(cell)}, ${cell.heading}: printed ${printedOf(cell)}, counted ${cell.counted || "nothing"}, ${cell.finding}. ${cell.why}`;

  function refill(now) {
    shown = found(all, now);
    options = new Map(shown.map((cell, i) => [cell.name, element("div", {
      class: "mnb-row", role: "option", id: `${id}-${i}`, "aria-selected": "false", "data-finding": cell.finding, "data-name": cell.name,
    }, element("span", { class: "mnb-where" }, cell.short), heard(", "),
    element("span", { class: "mnb-what" }, cell.label || `row ${cell.row}`, heard(", "), element("small", {}, cell.heading)),
    element("span", { class: "mnb-printed" }, heard(": printed "), cell.printed || "–"),
    element("span", { class: "mnb-counted" }, heard(", counted "), countedOf(cell)), heard(", "),
    element("span", { class: "mnb-verdict" }, `${SIGNS[cell.finding] ?? "?"} ${cell.finding}`))]));
    list.replaceChildren(...options.values());
    list.hidden = head.hidden = !shown.length;
    none.hidden = shown.length > 0;
    const parts = FINDINGS.filter((each) => many(shown, each)).map((each) => `${many(shown, each)} ${each}`);
    tell(count, shown.length ? `${shown.length} of ${all.length} numbers: ${parts.join(", ")}.` : `None of ${all.length} numbers.`);
    clear.disabled = shown.length === all.length;
  }

  /** Scroll the list, and never the page. */
  function reveal(option) {
    const top = option.offsetTop, bottom = top + option.offsetHeight;
    if (top < list.scrollTop) list.scrollTop = top;
    else if (bottom > list.scrollTop + list.clientHeight) list.scrollTop = bottom - list.clientHeight;
  }

  function fill(cell, name) {
    if (detail.dataset.name === name) return;
    detail.dataset.name = name;
    detail.scrollTop = 0;
    if (!cell) {
      detail.replaceChildren(element("p", { class: "mn-quiet" }, name ? `There is no number “${name}”.` : "Choose a number from the list."));
      return;
    }
    const line = (word, text, more = {}) => [element("dt", {}, word), element("dd", more, text)];
    const row = element("table", { class: "mnb-beside" }, element("caption", {}, "The whole row"),
      element("tr", {}, ["", "printed", "counted", ""].map((word) => (word ? element("th", { scope: "col" }, word) : element("td")))),
      cell.beside.map((each) => element("tr", each.name === cell.name ? { class: "mnb-this" } : {},
        element("th", { scope: "row" }, each.heading), element("td", {}, each.printed || "–"), element("td", {}, each.counted || "–"),
        element("td", { title: each.finding }, SIGNS[each.finding] ?? "?"))));
    detail.replaceChildren(
      element("h2", { class: "mnb-title" }, titleOf(cell)),
      element("dl", { class: "mnb-facts" }, line(["text", "elsewhere"].includes(cell.key) ? "unit" : "column", cell.heading), line("printed", printedOf(cell), { class: "mnb-big" }),
        line("counted", countedOf(cell), { class: "mnb-big" }), cell.other ? line("another count", cell.other, { class: "mnb-big" }) : []),
      element("p", { class: "mnb-found", "data-finding": cell.finding }, element("strong", {}, `${SIGNS[cell.finding] ?? "?"} ${cell.finding}. `), SAID[cell.finding] ?? ""),
      element("p", { class: "mnb-why" }, `${cell.why.replace(/^./, (first) => first.toUpperCase())}.`),
      ...(cell.beside.length > 1 ? [row] : []));
  }

  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) set({ cell: option.dataset.name });
  });
  const move = (step) => () => {
    if (!shown.length) return;
    const place = shown.findIndex((cell) => cell.name === state().cell);
    set({ cell: shown[place < 0 ? 0 : clamp(place + step, 0, shown.length - 1)].name });
  };
  onKeys(list, {
    ArrowDown: move(1), ArrowUp: move(-1), PageDown: move(PAGE), PageUp: move(-PAGE), Home: move(-Infinity), End: move(Infinity),
  });
  return { redraw };
}

export default explorer(definition, style, draw);
