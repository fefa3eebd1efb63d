// The Python session behind a widget, where there is one.

/**
 * `gone()` says whether it has ended, `advice()` what the reader can then do, `send()` whether a
 * message could be handed to it; `changed` is called when it ends.
 *
 * Jupyter cuts widgets off from a session that is restarted, so that they send nothing more, but
 * not from one that is shut down or exchanged for another: then this does it.
 */
export function pythonSession({ model, el }, changed = () => {}) {
  const manager = model.widget_manager, place = manager?.context?.sessionContext;
  // As Jupyter marks a view that is cut off from the start, in a saved notebook or an exported page.
  let ended = el.closest(".jupyter-widgets-disconnected") !== null;
  const never = ended;
  const links = [
    [place?.statusChanged, (_, status) => {
      if (["autorestarting", "dead", "terminating"].includes(status)) manager.disconnect();
    }],
    [place?.kernelChanged, (_, { oldValue }) => { if (oldValue) manager.disconnect(); }],
  ];
  for (const [signal, then] of links) signal?.connect(then);
  function update() { // `this` is the view
    ended = !this?.model?.comm_live;
    changed();
  }
  model.on("comm_live_update", update);
  return {
    gone: () => ended,
    advice: () => never
      ? "This needs a Python session: in Jupyter, run this cell (Shift+Enter)."
      : "The Python session has ended: run this cell again (Shift+Enter).",
    send(...message) {
      try {
        if (!ended) model.send(...message);
      } catch { // Jupyter has not noticed
        ended = true;
        changed();
      }
      return !ended;
    },
    close() {
      model.off("comm_live_update", update);
      for (const [signal, then] of links) signal?.disconnect(then);
    },
  };
}
