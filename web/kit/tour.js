// A guided tour: each step opens the explorer at a state, asks, and waits for the reader's
// prediction before it shows what happens.

import { button } from "./controls.js";
import { element } from "./dom.js";

/**
 * A step of a definition's `tour`: `say`, and if it asks, `ask`, `answers`, `right` (a place) and
 * `because`. `state` is set when it opens, `then` when it was answered; `cover` names parts of the
 * figure (data-part) that stay covered until then, `point` one that is framed.
 */
export function tour(context, panel, decode) {
  const { definition, model, root, set, watch } = context;
  const steps = definition.tour;
  const marks = (name) => [...root.querySelectorAll(`[data-part="${name}"], [data-field="${name}"]`)];
  let step = null;

  function apply(line) {
    if (!line) return;
    const { values } = decode(definition, line);
    set({ ...values, hide: model.get("hide"), tour: model.get("tour") });
  }
  function unmark() {
    for (const each of root.querySelectorAll(".mn-covered, .mn-pointed")) {
      each.classList.remove("mn-covered", "mn-pointed");
    }
  }
  function go(number) {
    set({ tour: number > steps.length ? 0 : number });
  }

  function open(number) {
    step = steps[number - 1];
    apply(step.state);
    unmark();
    for (const name of step.cover ?? []) marks(name).forEach((each) => each.classList.add("mn-covered"));
    if (step.point) marks(step.point).forEach((each) => each.classList.add("mn-pointed"));
    const because = element("p", { class: "mn-because", role: "status" });
    const next = button(number < steps.length ? "Next" : "Done", () => go(number + 1), { class: "mn-next" });
    next.disabled = Boolean(step.ask);
    const answers = (step.answers ?? []).map((text, place) =>
      button(text, () => answer(place), { class: "mn-answer", "aria-pressed": "false" }));
    function answer(place) {
      answers.forEach((each, i) => {
        each.setAttribute("aria-pressed", String(i === place));
        each.classList.toggle("mn-right", i === step.right);
      });
      because.textContent = `${place === step.right ? "Yes." : `No: ${step.answers[step.right]}.`} ${step.because}`;
      next.disabled = false;
      unmark();
      apply(step.then);
    }
    panel.replaceChildren(
      element("p", { class: "mn-step" }, `Tour, ${number} of ${steps.length}`),
      element("p", {}, step.say),
      ...(step.ask ? [element("p", { class: "mn-ask" }, step.ask), element("div", { class: "mn-answers", role: "group", "aria-label": step.ask }, ...answers)] : []),
      because,
      element("div", { class: "mn-tour-foot" },
        button("Back", () => go(number - 1), { ...(number === 1 && { disabled: true }) }), next,
        button("End the tour", () => set({ tour: 0 }))),
    );
    panel.hidden = false;
  }

  watch(["tour"], () => {
    const number = model.get("tour");
    if (number >= 1 && number <= steps.length) return open(number);
    unmark();
    panel.hidden = true;
    panel.replaceChildren();
    return undefined;
  });
  return unmark;
}
