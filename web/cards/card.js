// Cards on which readers say what they expect, and answer what a chapter asks at its end. One bundle
// for the widgets of JupyterLab (mobilenet_lib/checks/asking.py) and for the pages of the site.

import css from "./card.css";
import { element, KEYS, tell, unique } from "../kit/dom.js";
import { followTheme } from "../kit/theme.js";
import { browserStore, content, now, parsed } from "./ledger.js";
import { comparison, numberOf, spoken } from "./words.js";

const button = (text, onclick, more = {}) => element("button", { ...KEYS, type: "button", onclick, ...more }, text);
const FRESH = { wrong: 0, solved: null, tried: [] };

/** Put a card into `el`; `model` has what it asks (`card`) and the reader's records (`kept`). */
export function render({ model, el }, { reveal = () => {}, then = "Now run the next cell." } = {}) {
  const card = model.get("card");
  // One quiz is a landmark of the page; dozens of predictions are not.
  const root = element(card.kind === "quiz" ? "section" : "div", { class: `mnc mnc-${card.kind}`, "aria-label": card.kind === "quiz" && card.title });
  const trouble = element("p", { class: "mnc-quiet", hidden: true });
  const body = element("div");
  root.append(element("style", {}, css), body, trouble);
  const leave = [followTheme((dark) => { root.dataset.theme = dark ? "dark" : "light"; })];
  const keep = (key, record) => {
    model.set("kept", { ...model.get("kept"), [key]: record });
    model.save_changes();
  };
  const faces = { expect, quiz };
  const refresh = faces[card.kind]({ card, body, kept: (key) => model.get("kept")[key], keep, reveal, then });
  const look = () => {
    tell(trouble, model.get("trouble") ?? "");
    trouble.hidden = !trouble.textContent;
    refresh();
  };
  model.on("change:kept", look);
  model.on("change:trouble", look);
  leave.push(() => { model.off("change:kept", look); model.off("change:trouble", look); });
  look();
  el.append(root);
  return () => {
    for (const each of leave) each();
    root.remove();
  };
}

// --- A prediction --------------------------------------------------------------------------------

function expect({ card, body, kept, keep, reveal, then }) {
  const { key, ask, unit, choices } = card, id = unique("expect");
  const typed = element("input", { ...KEYS, type: "text", id, inputmode: "decimal", autocomplete: "off", spellcheck: "false", maxlength: 40 });
  const chips = choices.map((text) => element("input", { ...KEYS, type: "radio", name: id, value: text }));
  const wrong = element("p", { class: "mnc-warn", role: "alert", hidden: true });
  const go = element("button", { ...KEYS, type: "submit", class: "mnc-main" }, "I expect this");
  const form = element("form", { novalidate: true }, choices.length
    ? element("fieldset", {}, element("legend", {}, ask), element("div", { class: "mnc-row" },
      chips.map((chip, i) => element("label", { class: "mnc-chip" }, chip, choices[i])), go))
    : [element("label", { class: "mnc-ask", for: id }, ask), element("div", { class: "mnc-row" }, typed, unit ? element("span", {}, unit) : null, go)],
  wrong);
  const told = element("p", { role: "status" });
  const again = button("Change", () => show(true));
  const done = element("div", {}, element("p", { class: "mnc-name" }, ask), element("div", { class: "mnc-row" }, told, again));
  body.append(form, done);
  typed.addEventListener("keydown", (event) => { // JupyterLab lets no Enter submit a form
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    event.stopPropagation();
    form.requestSubmit();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const said = choices.length ? chips.find((chip) => chip.checked)?.value ?? null : numberOf(typed.value)?.toString() ?? null;
    wrong.hidden = said !== null;
    if (said === null) {
      tell(wrong, choices.length ? "Choose one of them first; a guess will do." : "Type a number, such as 12 or 0.5; a guess will do.");
      return;
    }
    keep(key, { ...FRESH, ...kept(key), said, at: now(3, kept(key)?.at) });
    show(false);
    reveal();
    again.focus({ preventScroll: true });
  });
  function show(asking) {
    form.hidden = !asking;
    done.hidden = asking;
    if (asking) (chips.find((chip) => chip.checked) ?? chips[0] ?? typed).focus({ preventScroll: true });
  }
  form.hidden = false;
  done.hidden = true;
  let before;
  return () => {
    const said = kept(key)?.said;
    if (said === undefined || said === before) return;
    before = said;
    typed.value = said;
    for (const chip of chips) chip.checked = chip.value === said;
    tell(told, `You expect: ${spoken(said, card)}. ${then}`);
    form.hidden = true;
    done.hidden = false;
    reveal();
  };
}

// --- Closing questions ---------------------------------------------------------------------------

function quiz({ card, body, kept, keep }) {
  const score = element("p", { class: "mnc-quiet", role: "status" });
  const shows = card.questions.map(({ key, ask, choices }, number) => {
    const buttons = choices.map(({ text }, i) => button(text, () => answer(i)));
    const because = choices.map(({ right }) => element("p", { class: "mnc-because", "aria-live": "polite", "data-found": right ? "right" : "wrong" }));
    body.append(element("fieldset", { "data-question": key }, element("legend", {}, `${number + 1}. ${ask}`),
      element("ul", { class: "mnc-choices", role: "list" }, buttons.map((each, i) => element("li", {}, each, because[i])))));
    function open(i) { // what is put in is read out
      if (!because[i].textContent) because[i].append(element("strong", {}, choices[i].right ? "✔ Right. " : "✘ No. "), choices[i].because);
      buttons[i].dataset.found = choices[i].right ? "right" : "wrong";
      buttons[i].setAttribute("aria-expanded", "true");
    }
    function answer(i) {
      const old = { ...FRESH, ...kept(key) }, { right } = choices[i];
      open(i);
      if (right && !old.solved) keep(key, { ...old, solved: now(0) });
      else if (!right && !old.solved && !old.tried.includes(String(i))) keep(key, { ...old, wrong: old.wrong + 1, tried: [...old.tried, String(i)] });
    }
    return () => {
      const record = kept(key);
      for (const i of record?.tried ?? []) if (choices[i] && !choices[i].right) open(Number(i));
      if (record?.solved) open(choices.findIndex(({ right }) => right));
    };
  });
  body.append(score);
  return () => {
    for (const show of shows) show();
    const records = card.questions.map(({ key }) => kept(key)).filter((each) => each?.solved);
    const first = records.filter(({ wrong }) => wrong === 0).length;
    tell(score, records.length ? `${records.length} of ${card.questions.length} solved, ${first} at the first try.` : "Choose an answer; each says why it is right or wrong.");
  };
}

// --- On a page -----------------------------------------------------------------------------------

/** What was expected in a chapter, beside what came out. */
function outcomes(card, body, store) {
  const said = card.predictions.filter(({ key }) => store.records[key]?.said !== undefined);
  if (!said.length) {
    body.replaceChildren(element("p", {}, "You have not made any predictions in this chapter yet. Once you make one, it appears here beside the result."));
    return;
  }
  body.replaceChildren(element("dl", {}, said.flatMap((each) => {
    const found = comparison(each, store.records[each.key].said, card.outcomes[each.key]);
    const it = each.measured ? "it was" : "it is";
    const verdict = found.verdict && found.verdict !== "another" ? `: ${found.verdict}` : "";
    return [element("dt", {}, each.ask), element("dd", {},
      `You expected ${found.expected}` + (found.verdict === "right" ? ": right." : found.found ? `; ${it} ${found.found}${verdict}.` : "."))];
  })), said.length < card.predictions.length
    ? element("p", { class: "mnc-quiet" }, `${said.length} of ${card.predictions.length} predictions made.`) : "");
}

/** How far the reader is, in all chapters; to take along and to bring back. */
function progress(card, body, store) {
  const count = (keys, done) => keys.filter((key) => done(store.records[key])).length;
  const cell = (keys, done) => (keys.length ? `${count(keys, done)} of ${keys.length}` : "–");
  const rows = card.chapters.map(({ number, title, address, predictions, questions, exercises }) => {
    const any = [...predictions, ...questions, ...exercises].some((key) => store.records[key]);
    return element("tr", { class: any ? "" : "mnc-none" },
      element("th", { scope: "row" }, element("a", { href: address }, `${number} ${title}`)),
      element("td", {}, cell(predictions, (each) => each?.said !== undefined)),
      element("td", {}, cell(questions, (each) => each?.solved)), element("td", {}, cell(exercises, (each) => each?.solved)));
  });
  const table = element("table", {}, element("tr", {}, ["Chapter", "Predictions", "Questions", "Exercises"].map((word) => element("th", { scope: "col" }, word))), rows);
  body.querySelector(".mnc-wide").replaceChildren(table);
}

function progressFrame(card, body, store) {
  const told = element("p", { role: "status", class: "mnc-quiet" });
  const file = element("input", { type: "file", accept: ".json,application/json", hidden: true, "aria-label": "Progress file" });
  file.addEventListener("change", async () => {
    const [chosen] = file.files;
    if (!chosen) return;
    try {
      store.add(parsed(await chosen.text()));
      tell(told, store.refused ? "Added until you close this page, because this browser stores nothing for it." : "Added to the progress kept here.");
    } catch {
      tell(told, `${chosen.name} is not a progress file from this book.`);
    }
    file.value = "";
  });
  const save = () => {
    const text = `${JSON.stringify(content(store.read()), null, 2)}\n`;
    const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    element("a", { href: address, download: "progress.json" }).click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
    tell(told, "Saved as progress.json. In JupyterLab: import_progress(\"progress.json\").");
  };
  const forget = () => {
    if (confirm("Forget all predictions and answers that this browser has kept?")) {
      store.forget();
      tell(told, "Nothing is kept any more.");
    }
  };
  body.append(element("div", { class: "mnc-wide table-wrapper" }),
    element("p", { class: "mnc-quiet" }, "Kept in this browser only. Save it to a file to take it to another browser or to JupyterLab; add a file to bring back the exercises that you solved there."),
    element("div", { class: "mnc-row" }, button("Save to a file", save), button("Add from a file", () => file.click()), button("Forget", forget), file), told);
}

/** A model for a page: the same calls, kept in the browser's storage. */
function pageModel(card, store) {
  return {
    get: (name) => ({ card, kept: store.records, trouble: store.refused ? "This browser stores nothing for this page, so your answers are remembered until you leave." : "" })[name],
    set(_, kept) {
      const changed = Object.entries(kept).filter(([key, each]) => each !== store.records[key]);
      store.add(Object.fromEntries(changed));
    },
    save_changes() {},
    on(name, then) { if (name === "change:kept") store.follow(then); },
    off() {},
  };
}

let shared = null;

/** Put a card into a place of a page; `reveal` is called as soon as a prediction is there. */
export function mount(el, card, reveal) {
  if (!shared) {
    shared = browserStore();
    shared.read();
    addEventListener("storage", shared.heard);
  }
  const store = shared;
  el.replaceChildren();
  if (card.kind === "expect" || card.kind === "quiz") {
    render({ model: pageModel(card, store), el }, { reveal, then: "See the result below." });
    return;
  }
  const root = element("section", { class: `mnc mnc-${card.kind}`, "aria-label": card.title }), body = element("div");
  root.append(element("style", {}, css), body);
  followTheme((dark) => { root.dataset.theme = dark ? "dark" : "light"; });
  const draw = () => (card.kind === "progress" ? progress : outcomes)(card, body, store);
  if (card.kind === "progress") progressFrame(card, body, store);
  store.follow(draw);
  draw();
  el.append(root);
}

export default { render: (context) => render(context), mount };
