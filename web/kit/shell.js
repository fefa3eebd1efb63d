// What stands around every explorer: its frame, its state in the model and in the page's address,
// what is read out, the theme, links to copy, the tour.

import css from "./kit.css";
import { button } from "./controls.js";
import { element, tell, unique } from "./dom.js";
import { PageModel } from "./model.js";
import { onFrame } from "./motion.js";
import { pythonSession } from "./session.js";
import { asPython, decode, defaults, encode, fits, same } from "./state.js";
import { colours, followTheme } from "./theme.js";
import { tour } from "./tour.js";

/** Fields that every explorer has: what a link hides, and the step of the tour that it starts. */
const SHARED = {
  hide: { kind: "names", default: [] },
  tour: { kind: "integer", min: 0, max: 99, default: 0 },
};

/**
 * An explorer: its definition (definitions/NAME.json, which Python reads too), its own CSS, and
 * `draw(context)`, which fills `context.body` and returns `{ redraw, close, start, given, tour }`, all
 * of which may be left out: the last three are values that a fresh start has besides the definition's,
 * arguments that come first in Python, and false where the tour is of something else.
 *
 * As a widget, `render` is called by Jupyter. In a page, an element with data-explorer=NAME and its
 * data as JSON inside is filled by itself.
 */
export function explorer(raw, style, draw) {
  const definition = { ...raw, fields: { ...raw.fields, ...SHARED } };
  const render = ({ model, el }) => show(definition, css + style, draw, model, el, null);
  const mount = (el) => {
    const data = JSON.parse(el.querySelector("script[type='application/json']")?.textContent ?? "{}");
    const model = new PageModel({ ...defaults(definition), ...data }, el);
    const place = address(el.dataset.explorerId ?? definition.name);
    const close = show(definition, css + style, draw, model, el, place);
    el.explorer = { model, definition, close, encode: (values) => encode(definition, values), decode: (line) => decode(definition, line) };
    return el.explorer;
  };
  if (typeof document !== "undefined") {
    for (const el of document.querySelectorAll(`[data-explorer="${definition.name}"]`)) {
      if (!el.explorer) mount(el);
    }
  }
  return { render, mount, definition };
}

/** This explorer's part of the page's address: `#NAME:state`, several with / between them. */
function address(name) {
  const parts = () => location.hash.slice(1).split("/").filter((part) => part.includes(":"));
  const own = () => parts().find((part) => part.startsWith(`${name}:`));
  return {
    read: () => own()?.slice(name.length + 1) ?? null,
    link(state) {
      const others = parts().filter((part) => !part.startsWith(`${name}:`));
      return `#${[...others, `${name}:${state}`].join("/")}`;
    },
    write(state) {
      const hash = this.link(state);
      if (hash === location.hash) return;
      try {
        history.replaceState(history.state, "", hash);
      } catch { // refused in a frame, or asked too often: the next change asks again
      }
    },
  };
}

function show(definition, css, draw, model, el, place) {
  const names = Object.keys(definition.fields), leave = [];
  const body = element("div", { class: "mn-body" });
  const message = element("p", { class: "mn-message", role: "alert", hidden: true });
  const said = element("p", { class: "mn-said", role: "status" });
  const foot = element("div", { class: "mn-foot" });
  const tourPlace = element("div", { class: "mn-tour", hidden: true, tabindex: -1, role: "group", "aria-label": "Tour" });
  const root = element(
    "section",
    { class: `mn-explorer mn-${definition.name}`, "aria-label": definition.title, id: unique(definition.name) },
    element("style", {}, css), tourPlace, message, body, said, foot,
  );

  const state = () => Object.fromEntries(names.map((name) => [name, model.get(name)]));
  const set = (changes) => {
    for (const [name, value] of Object.entries(changes)) {
      const field = definition.fields[name];
      if (field && !fits(field, value)) throw new RangeError(`${name} cannot be ${JSON.stringify(value)}`);
      model.set(name, value);
    }
    model.save_changes();
  };
  const listen = (events, then) => {
    for (const event of events) model.on(event, then);
    leave.push(() => events.forEach((event) => model.off(event, then)));
  };
  /** Call `then` now, and after a change of one of these fields or data. */
  const watch = (fields, then) => {
    listen(fields.map((name) => `change:${name}`), guarded(then));
    then();
  };
  const warn = (text) => {
    message.hidden = !text;
    tell(message, text);
  };
  /** What fails is said in the page, and once more on the console. */
  const guarded = (run) => (...given) => {
    try {
      return run(...given);
    } catch (error) {
      warn(`This figure met an error: ${error.message}. “Start again” may help.`);
      reportError(error);
      return undefined;
    }
  };
  const hidden = (name) => model.get("hide").includes(name);

  /** In Jupyter, which then cuts the widget off properly when its session ends. */
  const session = place ? null : pythonSession({ model, el }, () => context.redraw?.());
  if (session) leave.push(() => session.close());

  let view = null;
  const context = {
    definition, model, el, root, body, session, state, set, watch, hidden, warn,
    colour: colours(root),
    /** Read out, and kept as the figure's description. */
    say: (text) => tell(said, text),
    /** Call when the explorer goes away. */
    later: (then) => leave.push(then),
    /** What a fresh start sets besides the definition's values. */
    fresh: () => view?.start?.() ?? {},
  };
  followThemes();
  el.append(root);
  const taken = place?.read();
  if (taken) take(taken);
  view = guarded(draw)(context);
  const redraw = onFrame(guarded(() => {
    if (!root.isConnected) return;
    view?.redraw?.();
    root.dataset.drawn = Number(root.dataset.drawn ?? 0) + 1;
  }));
  context.redraw = redraw;
  for (const part of body.querySelectorAll("[data-part]")) part.hidden ||= hidden(part.dataset.part);
  if (view?.redraw) {
    listen(names.map((name) => `change:${name}`), redraw);
    const size = new ResizeObserver(redraw);
    size.observe(body);
    // What a key does depends on what stands there, which may be of the state before: the waiting
    // drawing comes first. Not with a pointer, whose press would lose the element that it is on.
    root.addEventListener("keydown", redraw.flush, true);
    leave.push(() => size.disconnect(), () => root.removeEventListener("keydown", redraw.flush, true), redraw.cancel);
    redraw();
  }
  const toured = definition.tour?.length && view?.tour !== false ? tour(context, tourPlace, decode) : null;
  if (toured) leave.push(toured.close);
  fillFoot();
  if (place) followAddress();

  function followThemes() {
    leave.push(followTheme((dark) => {
      root.dataset.mnTheme = dark ? "dark" : "light";
      context.redraw?.();
    }));
  }

  /** Take on a state from the address; what cannot be read is said and is as at the start. */
  function take(line) {
    const { values, problems } = decode(definition, line);
    set(values);
    warn(problems.length
      ? `Not everything in this link could be read: ${problems.join("; ")}. That part stays as it was at the start.`
      : "");
  }

  function followAddress() {
    let waiting = 0;
    const write = () => {
      waiting = 0;
      place.write(encode(definition, state()));
    };
    const soon = () => { waiting ||= setTimeout(write, 250); }; // browsers limit how often
    listen(names.map((name) => `change:${name}`), soon);
    const read = () => {
      const line = place.read();
      if (line !== null && line !== encode(definition, state())) take(line);
    };
    addEventListener("hashchange", read);
    leave.push(() => { clearTimeout(waiting); removeEventListener("hashchange", read); });
  }

  function fillFoot() {
    if (hidden("foot")) return;
    const tells = element("span", { class: "mn-copied", role: "status" });
    const shown = element("input", { class: "mn-copy", readonly: true, hidden: true, "aria-label": "To copy" });
    const copy = async (what, text) => {
      try {
        await navigator.clipboard.writeText(text);
        tell(tells, `${what} copied.`);
        shown.hidden = true;
      } catch { // refused, or no secure page
        tell(tells, "The clipboard is not available here; copy this:");
        Object.assign(shown, { hidden: false, value: text });
        shown.select();
      }
    };
    if (place) {
      foot.append(button("Copy link", () => {
        const line = encode(definition, state());
        place.write(line);
        copy("The link", location.href.split("#")[0] + place.link(line));
      }, { class: "mn-copy-link" }));
    }
    foot.append(
      button("Copy as Python", () => copy("Python code", asPython(definition, state(), view?.given)), { class: "mn-copy-python" }),
      button(definition.again ?? "Start again", () => {
        warn("");
        set({ ...defaults(definition), ...context.fresh(), hide: model.get("hide") });
      }, { class: "mn-again" }),
    );
    if (toured) {
      foot.append(button("Tour", toured.start, { class: "mn-start-tour" }));
    }
    foot.append(tells, shown);
    if (!place) return;
    const more = element("details", {
      class: "mn-lecture", ontoggle: () => { if (more.children.length === 1) more.append(...lecture(copy)); },
    }, element("summary", {}, "Link for a lecture"));
    foot.append(more);
  }

  /** A link to exactly one question: without some of the controls, or with the tour open. */
  function lecture(copy) {
    const box = (name, words) =>
      element("label", { class: "mn-field" }, element("input", { type: "checkbox", value: name }), words);
    const parts = [...new Set([...body.querySelectorAll("[data-field]")].map((each) => each.dataset.field))];
    const leaveOut = element("p", { role: "group", "aria-label": "Leave out" }, "Leave out: ",
      parts.map((name) => box(name, definition.fields[name].label ?? name)), box("help", "help"), box("foot", "these buttons"));
    const step = element("select", { "aria-label": "Tour" },
      ["without the tour", ...(toured ? definition.tour : []).map((_, i) => `with step ${i + 1} of the tour`)].map((words) => element("option", {}, words)));
    const make = button("Copy this link", () => {
      const hide = [...leaveOut.querySelectorAll("input")].filter((each) => each.checked).map((each) => each.value);
      const line = encode(definition, { ...state(), hide, tour: step.selectedIndex });
      copy("The link", location.href.split("#")[0] + place.link(line));
    }, { class: "mn-copy-lecture" });
    return [leaveOut, element("p", {}, step, " ", make)];
  }

  return () => {
    for (const each of leave.splice(0)) each();
    view?.close?.();
    root.remove();
  };
}

export { same };
