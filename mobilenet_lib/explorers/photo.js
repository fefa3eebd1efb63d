// Pick a photo: one of the book's, a file, or a picture from the camera.
// It is made smaller here and sent to the Python session; it goes nowhere else, and it is no part
// of the widget's state, so that saving the notebook does not save it.

const LONGEST = 640; // pixels; the networks of this book look at 96 to 224
const SENT = "Sent. If no answer comes, Python is busy, or its session has ended: then run this cell again "
  + "(Shift+Enter).";
const HIDDEN = "The camera was closed, since its picture was out of sight.";

/** Width and height with the longer side at most `longest`, proportions kept. */
export function shrunk(width, height, longest) {
  const factor = Math.min(1, longest / Math.max(width, height));
  return [width, height].map((side) => Math.max(1, Math.round(side * factor)));
}

function render({ model, el }) {
  const select = element("select", { class: "mnp-select", "aria-label": "photo of the book" });
  const upload = element("button", { type: "button" }, "Upload a photo");
  const file = element("input", { type: "file", accept: "image/*", hidden: "", tabindex: "-1" });
  const camera = element("button", { type: "button" }, "Use the camera");
  const video = element("video", { class: "mnp-video", playsinline: "", "aria-label": "camera" });
  const shoot = element("button", { type: "button" }, "Take the picture");
  const close = element("button", { type: "button" }, "Close the camera");
  const buttons = element("div", { class: "mnp-buttons" }, shoot, close);
  const stage = element("div", { class: "mnp-stage", hidden: "" }, video, buttons);
  const status = element("div", { class: "mnp-status", role: "status" });
  const root = element(
    "div", { class: "mnp-picker" },
    element("div", { class: "mnp-controls" }, select, upload, file, camera), stage, status,
  );
  video.muted = true;
  el.append(root);
  let stream = null, opening = 0; // how often the camera was opened or closed
  const session = pythonSession({ model, el }, () => { if (session.gone()) lose(session.advice()); });

  // -- the book's photos

  function options() {
    const own = element("option", { value: "", disabled: "" }, "(your own)");
    const names = model.get("names").map((name) => element("option", { value: name }, name));
    select.replaceChildren(own, ...names);
    select.value = model.get("choice");
  }
  select.addEventListener("change", () => {
    if (session.gone()) { // the figure would not follow
      chosen();
      return say(session.advice());
    }
    model.set("choice", select.value);
    model.save_changes();
  });
  // JupyterLab would take letters and arrows for its own shortcuts.
  root.setAttribute("data-lm-suppress-shortcuts", "true");

  // -- the reader's own

  const say = (text) => { status.textContent = text; };

  function send(source, width, height, name) {
    const [w, h] = shrunk(width, height, LONGEST);
    const canvas = element("canvas", { width: w, height: h });
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff"; // below what is transparent
    context.fillRect(0, 0, w, h);
    context.imageSmoothingQuality = "high";
    context.drawImage(source, 0, 0, w, h);
    const pixels = context.getImageData(0, 0, w, h).data;
    const message = { kind: "photo", name, width: w, height: h };
    say(session.send(message, undefined, [pixels.buffer]) ? SENT : session.advice());
  }

  async function read(chosen) {
    if (!chosen) return;
    const image = await createImageBitmap(chosen, { imageOrientation: "from-image" }).catch(() => null);
    if (!image) {
      say(`${chosen.name} cannot be read as a picture here. Save it as JPEG or PNG and try again.`);
      return;
    }
    send(image, image.width, image.height, chosen.name);
    image.close();
  }
  upload.addEventListener("click", () => file.click());
  file.addEventListener("change", async () => {
    await read(file.files[0]);
    file.value = ""; // so that the same file can be chosen again
  });
  root.addEventListener("dragover", (event) => event.preventDefault());
  root.addEventListener("drop", (event) => {
    event.preventDefault();
    read(event.dataTransfer.files[0]);
  });

  // -- the camera: on only while its picture is seen, and in one view of the page at a time

  const release = (film) => film?.getTracks().forEach((track) => track.stop());

  function stop() {
    opening++;
    release(stream);
    stream = null;
    video.srcObject = null;
    stage.hidden = true;
    camera.disabled = false;
  }

  /** Close the camera, if it is open, for a reason that is not the reader's click. */
  function lose(why) {
    if (stream) say(why);
    stop();
  }

  const unseen = () => { if (document.hidden || (stream && !stage.clientHeight)) lose(HIDDEN); };
  const watch = new ResizeObserver(unseen); // another tab of Jupyter, a closed cell
  watch.observe(stage);
  const taken = (event) => { if (event.detail !== root) lose("The camera was opened in another place."); };
  document.addEventListener("visibilitychange", unseen);
  window.addEventListener("pagehide", stop);
  document.addEventListener("mnp-camera", taken);

  camera.addEventListener("click", async () => {
    if (!navigator.mediaDevices?.getUserMedia) {
      say("The browser gives no camera to this page; it does so only on localhost or over https.");
      return;
    }
    document.dispatchEvent(new CustomEvent("mnp-camera", { detail: root }));
    camera.disabled = true;
    const mine = ++opening;
    try {
      const film = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user" } });
      if (mine !== opening) return release(film); // closed while the reader was asked
      stream = film;
      for (const track of film.getTracks()) track.onended = () => lose("The camera stopped filming.");
      video.srcObject = film;
      stage.hidden = false;
      await video.play();
      if (mine !== opening) return;
      shoot.focus();
      say(session.gone() ? session.advice() : "");
    } catch (error) {
      if (mine !== opening) return;
      stop();
      say(
        error.name === "NotAllowedError"
          ? "The browser was not allowed to use the camera. Allow it for this page and try again."
          : `No camera can be used here (${error.name}). You can upload a photo.`,
      );
    }
  });
  shoot.addEventListener("click", () => {
    if (!video.videoWidth) return say("The camera has no picture yet; try again in a moment.");
    try {
      send(video, video.videoWidth, video.videoHeight, "camera");
    } finally {
      stop();
      camera.focus();
    }
  });
  close.addEventListener("click", () => { stop(); camera.focus(); });

  // -- the model

  const chosen = () => { select.value = model.get("choice"); };
  const told = () => say(model.get("said"));
  const links = { "change:names": options, "change:choice": chosen, "change:said": told };
  for (const [name, then] of Object.entries(links)) model.on(name, then);
  options();
  told();
  return () => {
    stop();
    session.close();
    watch.disconnect();
    document.removeEventListener("visibilitychange", unseen);
    window.removeEventListener("pagehide", stop);
    document.removeEventListener("mnp-camera", taken);
    for (const [name, then] of Object.entries(links)) model.off(name, then);
  };
}

export default { render };
