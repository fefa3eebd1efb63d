// A deck: the theme, explorers that start with their slide, and the way into and out of them by key.
(() => {
  const html = document.documentElement;
  const theme = () => html.dataset.theme;
  const frames = () => [...document.querySelectorAll("iframe[data-page]")];
  const send = (frame, message) => frame.contentWindow?.postMessage(message, "*"); // file:// has no origin

  if (new URLSearchParams(location.search).get("theme") === "dark") html.dataset.theme = "dark";

  function toggleTheme() {
    html.dataset.theme = theme() === "dark" ? "light" : "dark";
    for (const frame of frames()) send(frame, { theme: theme() });
  }

  /** An explorer runs from when its slide is first shown, and keeps what was set in it. */
  function start(slide) {
    if (Reveal.isPrintView()) return;
    for (const frame of slide?.querySelectorAll("iframe[data-page]:not([src])") ?? []) {
      const { page, state } = frame.dataset;
      frame.src = `${page}?theme=${theme()}#${state}`;
    }
  }

  function enterExplorer() {
    const frame = Reveal.getCurrentSlide()?.querySelector("iframe[src]");
    if (!frame) return;
    frame.focus();
    send(frame, { enter: true });
  }

  addEventListener("message", ({ data, source }) => {
    const frame = frames().find((each) => each.contentWindow === source);
    if (!frame || !data) return;
    if (data.leave || data.turn) {
      frame.blur();
      window.focus();
    }
    if (data.turn === "next") Reveal.next();
    if (data.turn === "prev") Reveal.prev();
    if (data.drawn) frame.dataset.drawn = "";
  });

  Reveal.on("ready", ({ currentSlide }) => start(currentSlide));
  Reveal.on("slidechanged", ({ currentSlide }) => start(currentSlide));
  Reveal.initialize({
    width: 1280, height: 720, margin: 0, minScale: 0.1, maxScale: 4,
    center: false, transition: "none", backgroundTransition: "none",
    hash: true, controls: false, progress: true, slideNumber: "c/t",
    pdfSeparateFragments: false, pdfMaxPagesPerSlide: 1, totalTime: 0,
    plugins: [RevealNotes],
  });
  Reveal.addKeyBinding?.({ keyCode: 84, key: "T", description: "Light or dark" }, toggleTheme);
  Reveal.addKeyBinding?.({ keyCode: 69, key: "E", description: "Into the explorer; Escape leads out" }, enterExplorer);
})();
