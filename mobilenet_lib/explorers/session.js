// One line under the controls of a figure that Python draws: shown, and the controls switched off,
// while no Python session listens, since the figure would no longer follow them.

const within = (model) => [model, ...(model.get("children") ?? []).flatMap(within)];

function render({ model, el }) {
  const note = element("p", { class: "mns-note", role: "status" });
  el.append(note);

  async function show() {
    const gone = session.gone();
    note.textContent = gone ? session.advice() : "";
    for (const reference of model.get("controls")) {
      const found = await model.widget_manager?.get_model(reference.replace("IPY_MODEL_", ""));
      for (const control of found ? within(found) : []) {
        if (control.get("playing")) control.set("playing", !gone);
        if (control.get("disabled") !== undefined) control.set("disabled", gone);
      }
    }
  }
  const session = pythonSession({ model, el }, show);
  if (session.gone()) show();
  return session.close;
}

export default { render };
