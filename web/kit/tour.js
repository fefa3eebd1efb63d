// A guided tour: each step opens the explorer at a state, asks, and waits for the reader's
// prediction before it shows what happens.

import { button } from "./controls.js";
import { element } from "./dom.js";
import { defaults, encode } from "./state.js";

/**
 * A step of a definition's `tour`: `say`, and if it asks, `ask`, `answers`, `right` (a place) and
 * `because`. `state` is set when it opens, `then` when it was answered; `cover` names parts of the
 * figure (data-part) that stay covered until then, `point` one that is framed.
 */
export function tour(context, panel, decode) {
  const { definition, model, root, set, watch, state } = context;
  const steps = definition.tour;
  const said = root.querySelector(".mn-said"); // tells what is covered, too
  const marks = (name) => [...root.querySelectorAll(`[data-part="${name}"], [data-field="${name}"]`)];
  let step = null;
  let before = null; // what the reader had set before the tour
  let hands = false; // that go on in it; a link or Python opens it and moves neither page nor focus

  function apply(line, more) {
    if (!line) return;
    const { values } = decode(definition, line);
    set({ ...values, ...more, hide: model.get("hide"), tour: model.get("tour") });
  }
  function unmark() {
    for (const each of root.querySelectorAll(".mn-covered, .mn-pointed")) {
      each.classList.remove("mn-covered", "mn-pointed");
    }
  }
  function go(number) {
    hands = true;
    set({ tour: number > steps.length ? 0 : number });
    hands = false;
  }

  function open(number) {
    step = steps[number - 1];
    apply(step.state, context.fresh());
    unmark();
    for (const name of step.cover ?? []) [...marks(name), said].forEach((each) => each.classList.add("mn-covered"));
    if (step.point) marks(step.point).forEach((each) => each.classList.add("mn-pointed"));
    const because = element("p", { class: "mn-because", role: "status" });
    const next = button(number < steps.length ? "Next" : "Done", () => go(number + 1), { class: "mn-next" });
    next.disabled = Boolean(step.ask);
    const first = element("span", { class: "mn-quiet" }, "Answer first.");
    first.hidden = !step.ask;
    const answers = (step.answers ?? []).map((text, place) =>
      button(text, () => answer(place), { class: "mn-answer", "aria-pressed": "false" }));
    function answer(place) {
      answers.forEach((each, i) => {
        each.setAttribute("aria-pressed", String(i === place));
        each.classList.toggle("mn-right", i === step.right);
      });
      because.textContent = `${place === step.right ? "Yes." : `No: ${step.answers[step.right]}.`} ${step.because}`;
      next.disabled = false;
      first.hidden = true;
      unmark();
      apply(step.then ?? step.state); // what is told is of it, whatever was moved meanwhile
    }
    panel.replaceChildren(
      element("p", { class: "mn-step" }, `Tour, ${number} of ${steps.length}`),
      element("p", {}, step.say),
      ...(step.ask ? [element("p", { class: "mn-ask" }, step.ask), element("div", { class: "mn-answers", role: "group", "aria-label": step.ask }, ...answers)] : []),
      because,
      element("div", { class: "mn-tour-foot" },
        button("Back", () => go(number - 1), { ...(number === 1 && { disabled: true }) }), next, first,
        button("End the tour", () => go(0))),
    );
    panel.hidden = false;
  }

  const isFresh = (now) => encode(definition, now) ===
    encode(definition, { ...defaults(definition), ...context.fresh(), hide: now.hide });
  watch(["tour"], () => {
    const number = model.get("tour"), now = { ...state(), tour: 0 };
    if (number >= 1 && number <= steps.length) {
      if (!step && hands && !isFresh(now)) before = now;
      open(number);
      if (!hands) return;
      panel.focus({ preventScroll: true });
      panel.scrollIntoView({ block: "nearest" });
    } else if (step) {
      if (before) set(before);
      [step, before] = [null, null];
      unmark();
      panel.hidden = true;
      panel.replaceChildren();
      if (hands) root.querySelector(".mn-start-tour")?.focus();
    }
  });
  return { close: unmark, start: () => go(1) };
}
