// What a page of the book does by itself: explorers start when they come near, what scrolls can be
// reached by keys, and print shows everything.

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

  const json = (value, id) => {
    const script = Object.assign(document.createElement("script"), { type: "application/json" });
    script.textContent = JSON.stringify(value);
    if (id) script.id = id;
    return script;
  };

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
    const said = place.querySelector(".explorer-said");
    try {
      if (said) said.textContent = "Loading …";
      await Promise.all([bundle, state, assets].filter(Boolean).map(load));
      const el = Object.assign(document.createElement("div"), { className: "explorer-live" });
      el.dataset.explorerId = explorerId;
      el.append(json(book[key]));
      if (assets) {
        el.dataset.assets = `assets-${name}`;
        if (!document.getElementById(el.dataset.assets)) {
          document.body.append(json(book[el.dataset.assets], el.dataset.assets));
        }
      }
      place.append(el);
      book[name].mount(el);
      await frame();
      await frame();
      tellApart(el);
      for (const each of [...place.children]) if (each !== el) each.remove();
      place.dataset.alive = "true";
      if (place.dataset.plays && !matchMedia("(prefers-reduced-motion: reduce)").matches) {
        el.querySelector(place.dataset.plays)?.click();
      }
    } catch (error) {
      delete place.dataset.begun;
      const told = said ?? place.appendChild(Object.assign(document.createElement("p"), { className: "explorer-said" }));
      told.setAttribute("role", "alert");
      told.textContent = `This figure could not start: ${error.message}.`;
    }
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
    } else if (place.dataset.wait) {
      const said = Object.assign(document.createElement("p"), { className: "explorer-said" });
      const button = Object.assign(document.createElement("button"), {
        type: "button", textContent: `Start this figure (loads ${place.dataset.wait})`,
      });
      button.addEventListener("click", () => start(place));
      said.append(button);
      place.append(said);
    } else if (near) near.observe(place);
    else start(place);
  }

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
