// What a page of the book does by itself: explorers start when they come near, what scrolls can be
// reached by keys, what a reader is to expect first is folded, and print shows everything.

(() => {
  const book = (globalThis.mobilenetBook ??= {});
  const loaded = new Map();

  // Results of a search are shown with an excerpt of each page, which a folder does not hand out.
  if (location.protocol === "file:" && typeof DOCUMENTATION_OPTIONS !== "undefined") {
    DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
  }

  const load = (address) => {
    if (!loaded.has(address)) {
      loaded.set(address, new Promise((done, failed) => {
        const script = Object.assign(document.createElement("script"), { src: address, async: true });
        script.onload = done;
        script.onerror = () => {
          loaded.delete(address);
          script.remove();
          failed(new Error(`${address.split("?")[0]} could not be loaded`));
        };
        document.head.append(script);
      }));
    }
    return loaded.get(address);
  };

  const json = (value) => {
    const script = Object.assign(document.createElement("script"), { type: "application/json" });
    script.textContent = JSON.stringify(value);
    return script;
  };

  /** Large data that a script has brought, by name: 15 bits a character, as embedded.py packs them. */
  function unpacked(address) {
    const [, key] = address.match(/([\w-]+)\.js/);
    return Object.fromEntries(Object.entries(book[key]).map(([name, { size, text }]) => {
      const bytes = new Uint8Array(size);
      for (let i = 0, at = 0, held = 0, bits = 0; at < size; i++) {
        held = (held << 15) | (text.charCodeAt(i) - 0x100);
        for (bits += 15; bits >= 8 && at < size; bytes[at++] = held >> bits) bits -= 8;
        held &= (1 << bits) - 1; // 7 bits at most
      }
      return [name, bytes];
    }));
  }

  const frame = () => new Promise(requestAnimationFrame);

  /** Two explorers of one kind on a page are two landmarks, and need two names. */
  function tellApart(el) {
    const section = el.querySelector("section[aria-label]");
    const others = [...document.querySelectorAll(".explorer-live > section[aria-label]")].filter((each) => each !== section);
    const name = section?.getAttribute("aria-label");
    if (others.some((each) => each.getAttribute("aria-label") === name)) {
      section.setAttribute("aria-label", `${name}, ${el.dataset.explorerId.split("-").pop()}`);
    }
  }

  async function start(place) {
    if (place.dataset.begun) return;
    place.dataset.begun = "true";
    const { name, key, bundle, state, assets, explorerId } = place.dataset;
    place.querySelector(".explorer-said")?.remove();
    const still = [...place.childNodes];
    try {
      if (place.dataset.wait) offer(place, "Loading …");
      await Promise.all([bundle, state, assets].filter(Boolean).map(load));
      const el = Object.assign(document.createElement("div"), { className: "explorer-live" });
      el.dataset.explorerId = explorerId;
      el.append(json(book[key]));
      if (assets) el.assets = unpacked(assets);
      place.replaceChildren(el); // at once: nothing is to jump
      book[name].mount(el);
      await frame();
      await frame();
      tellApart(el);
      place.dataset.alive = "true";
      if (place.dataset.plays) play(el.querySelector(place.dataset.plays));
    } catch (error) {
      delete place.dataset.begun;
      place.replaceChildren(...still);
      offer(place, `This figure could not start: ${error.message}. `, "Try again").setAttribute("role", "alert");
    }
  }

  /** Words below a still picture, and a button that starts the live one. */
  function offer(place, words, label) {
    const said = Object.assign(document.createElement("p"), { className: "explorer-said", textContent: words });
    if (label) {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: label });
      button.addEventListener("click", () => start(place));
      said.append(button);
    }
    place.append(said);
    return said;
  }

  /** Press a button at the first sign that somebody is there, unless they want no movement. */
  function play(button) {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    const signs = ["pointermove", "touchstart", "scroll", "keydown"], told = new AbortController();
    const begin = ({ target } = {}) => {
      told.abort();
      if (!button.closest(".explorer-live").contains(target ?? null)) button.click(); // else it is in use
    };
    for (const sign of signs) addEventListener(sign, begin, { signal: told.signal, passive: true });
    const late = setTimeout(begin, 6000);
    told.signal.addEventListener("abort", () => clearTimeout(late));
  }

  const near = "IntersectionObserver" in globalThis && new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      start(target);
    }
  }, { rootMargin: "300px 0px" });

  for (const place of document.querySelectorAll(".explorer[data-bundle]")) {
    const linked = location.hash.slice(1).split("/").some((part) => part.startsWith(`${place.dataset.explorerId}:`));
    if (linked) {
      start(place);
      place.scrollIntoView();
    } else if (place.dataset.wait) offer(place, "", `Start this figure (loads ${place.dataset.wait})`);
    else if (near) near.observe(place);
    else start(place);
  }

  // --- What readers are to expect before they see it: folded here, so that without scripts all is seen.

  /** The prose behind a result, which tells what came out, but for what leads over to what comes next. */
  function telling(cell) {
    const told = [], asks = (el) => /^\s*Predict:/.test(el.textContent);
    let next = cell.nextElementSibling;
    for (; next && !next.matches(".cell, section, h1, h2, h3, h4") && !asks(next); next = next.nextElementSibling) told.push(next);
    const leads = told.length > 1 && told.at(-1).matches("p") && next && !next.matches("section, h1, h2, h3, h4");
    return leads ? told.slice(0, -1) : told;
  }

  const folded = new Map();
  for (const cell of document.querySelectorAll(".cell[class*='tag_guess']")) {
    const output = cell.querySelector(".cell_output"), key = cell.className.match(/tag_guess-([\w-]+)/)?.[1];
    if (!output) continue;
    const details = Object.assign(document.createElement("details"), { className: "guess" });
    const what = output.querySelector(".book-figure") ? "figure" : "result";
    details.append(Object.assign(document.createElement("summary"), { textContent: `Show the ${what}` }), ...output.childNodes);
    output.append(details);
    details.append(...telling(cell));
    if (key) folded.set(key, [...(folded.get(key) ?? []), details]);
    cell.dataset.folded = "true";
  }
  const linkedTo = () => {
    let id = location.hash.slice(1);
    try {
      id = decodeURIComponent(id);
    } catch { // a link that was cut off
    }
    const target = id && (document.getElementById(id) ?? document.querySelector(`[data-explorer-id="${CSS.escape(id.split(":")[0])}"]`));
    const details = target && target.closest("details.guess:not([open])");
    if (!details) return;
    details.open = true;
    target.scrollIntoView();
  };
  linkedTo();
  addEventListener("hashchange", linkedTo);

  async function fillCards(places) {
    try {
      await load(places[0].dataset.bundle);
    } catch { // every result has its button all the same
    }
    for (const place of places) {
      try {
        const content = JSON.parse(place.dataset.card);
        book.card.mount(place, content, () => {
          for (const details of folded.get(content.key) ?? []) details.open = true;
        });
      } catch (error) {
        console.error(error);
        place.textContent = "What belongs here could not be loaded. Reload the page to try again.";
      }
    }
    wide();
  }
  const cards = [...document.querySelectorAll(".book-card")];
  if (cards.length) fillCards(cards);

  // What is wider than its place scrolls, and takes the focus then, so that arrow keys move it.
  const wide = () => {
    for (const each of document.querySelectorAll("article pre, article .table-wrapper, .figure-scroll, .formula")) {
      if (each.closest(".explorer-live")) continue;
      if (each.scrollWidth > each.clientWidth + 1) each.tabIndex = 0;
      else each.removeAttribute("tabindex");
    }
  };
  wide();
  addEventListener("resize", wide);
  for (const each of document.querySelectorAll("details")) each.addEventListener("toggle", wide);

  addEventListener("beforeprint", () => {
    for (const each of document.querySelectorAll("article details")) each.open = true;
  });
})();
