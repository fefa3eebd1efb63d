// Pick a photo: one of the book's, a file, or a picture from the camera.
// It is made smaller here and sent to the Python session; it goes nowhere else, and it is no part
// of the widget's state, so that saving the notebook does not save it.

const LONGEST = 640; // pixels; the networks of this book look at 96 to 224

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

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
  let stream = null;

  // -- the book's photos

  function options() {
    const own = element("option", { value: "", disabled: "" }, "(your own)");
    const names = model.get("names").map((name) => element("option", { value: name }, name));
    select.replaceChildren(own, ...names);
    select.value = model.get("choice");
  }
  select.addEventListener("change", () => {
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
    model.send({ kind: "photo", name, width: w, height: h }, undefined, [pixels.buffer]);
  }

  async function read(chosen) {
    if (!chosen) return;
    try {
      const image = await createImageBitmap(chosen, { imageOrientation: "from-image" });
      send(image, image.width, image.height, chosen.name);
      image.close();
    } catch {
      say(`${chosen.name} cannot be read as a picture here. Save it as JPEG or PNG and try again.`);
    }
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

  // -- the camera

  function stop() {
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
    video.srcObject = null;
    stage.hidden = true;
    camera.disabled = false;
  }

  camera.addEventListener("click", async () => {
    if (!navigator.mediaDevices?.getUserMedia) {
      say("The browser gives no camera to this page; it does so only on localhost or over https.");
      return;
    }
    camera.disabled = true;
    try {
      const opened = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user" } });
      if (!root.isConnected) { // the cell was closed while the reader was asked
        opened.getTracks().forEach((track) => track.stop());
        return;
      }
      stream = opened;
      video.srcObject = stream;
      stage.hidden = false;
      await video.play();
      shoot.focus();
      say("");
    } catch (error) {
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
    send(video, video.videoWidth, video.videoHeight, "camera");
    stop();
    camera.focus();
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
    for (const [name, then] of Object.entries(links)) model.off(name, then);
  };
}

export default { render };
