// Light or dark, as the page around is: JupyterLab, VS Code, Colab, our own pages, the system.

const wants = () => matchMedia("(prefers-color-scheme: dark)");

export function isDark() {
  const { body, documentElement: html } = document;
  const said = html.dataset.theme ?? body.dataset.theme; // our pages, and Sphinx' themes
  if (said === "dark" || said === "light") return said === "dark";
  if (body.dataset.jpThemeLight) return body.dataset.jpThemeLight === "false"; // JupyterLab
  if (body.classList.contains("vscode-dark")) return true;
  if (body.classList.contains("vscode-light")) return false;
  if (html.getAttribute("theme")) return html.getAttribute("theme") === "dark"; // Colab
  return wants().matches;
}

/** Call `then` now and whenever the page's theme changes; returns a function that ends it. */
export function followTheme(then) {
  let last = null;
  const look = () => {
    if (isDark() !== last) then((last = isDark()));
  };
  const watch = new MutationObserver(look), system = wants();
  for (const each of [document.body, document.documentElement]) watch.observe(each, { attributes: true });
  system.addEventListener("change", look);
  look();
  return () => {
    watch.disconnect();
    system.removeEventListener("change", look);
  };
}

/** Whether the reader has asked for less movement. */
export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Whether the page is thrown on a wall (data-wall on it): read from far away, with room for less. */
export const onWall = () => "wall" in document.documentElement.dataset;

/** How large letters of a drawing are: on a wall as large as all others (kit.css), else as given. */
export const typeSize = (size) => (onWall() ? 15 : size);

/** Colours of the book for canvases, by name; the same as in kit.css. */
export function colours(root) {
  const style = getComputedStyle(root);
  return (name) => style.getPropertyValue(`--mn-${name}`).trim();
}
