// A picture from the reader: a file, a drop, the camera. Nothing of it leaves the page.

import { button } from "./controls.js";
import { element, KEYS } from "./dom.js";

/**
 * Buttons for an own picture. `take(blob, name)` gets a chosen or dropped file, `film(video)` each
 * frame of the camera; it may return a promise, and the next frame waits for it. `closed` is called
 * behind the last one. `say` tells what is in the way.
 *
 * The camera is on only while its picture is seen, and in one place of the page at a time.
 */
export function ownPictures({ root, take, film, say, closed = () => {} }) {
  const file = element("input", { type: "file", accept: "image/*", hidden: true, tabindex: -1, "aria-label": "Photo to upload" });
  const upload = button("Upload a photo", () => file.click(), { class: "mn-upload" });
  const camera = button("Use the camera", () => (stream ? stop() : open()), { class: "mn-camera" });
  const video = element("video", { playsinline: true, hidden: true, "aria-label": "camera" });
  video.muted = true;
  let stream = null, opening = 0; // how often the camera was opened or closed

  const name = (chosen) => { if (chosen) { stop(); take(chosen, chosen.name); } };
  file.addEventListener("change", () => {
    name(file.files[0]);
    file.value = ""; // so that the same file can be chosen again
  });
  root.addEventListener("dragover", (event) => event.preventDefault());
  root.addEventListener("drop", (event) => {
    event.preventDefault();
    name(event.dataTransfer.files[0]);
  });

  const release = (taken) => taken?.getTracks().forEach((track) => track.stop());
  function stop() {
    opening++;
    release(stream);
    stream = null;
    video.srcObject = null;
    camera.textContent = "Use the camera";
    camera.disabled = false;
  }
  /** Close the camera, if it is open, for a reason that is not the reader's click. */
  function lose(why) {
    if (stream) say(why);
    stop();
  }

  async function open() {
    if (!navigator.mediaDevices?.getUserMedia) {
      return say("The browser gives no camera to this page; it does so only on localhost, from a file, or over https.");
    }
    document.dispatchEvent(new CustomEvent("mn-camera", { detail: root }));
    camera.disabled = true;
    const mine = ++opening;
    try {
      const taken = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user" } });
      if (mine !== opening) return release(taken); // closed while the reader was asked
      stream = taken;
      for (const track of taken.getTracks()) track.onended = () => lose("The camera stopped filming.");
      video.srcObject = taken;
      await video.play();
      if (mine !== opening) return undefined;
      camera.disabled = false;
      camera.textContent = "Close the camera";
      say("");
      while (mine === opening) { // a frame, then the next: pictures never queue up
        if (video.videoWidth) await film(video);
        await new Promise((next) => requestAnimationFrame(next));
      }
      closed();
    } catch (error) {
      if (mine !== opening) return undefined;
      stop();
      say(error.name === "NotAllowedError"
        ? "The browser was not allowed to use the camera. Allow it for this page and try again."
        : `No camera can be used here (${error.name}). You can upload a photo.`);
    }
    return undefined;
  }

  const unseen = () => {
    if (document.hidden || (stream && !root.clientHeight)) lose("The camera was closed, since its picture was out of sight.");
  };
  const watch = new ResizeObserver(unseen); // another tab of Jupyter, a closed cell
  watch.observe(root);
  const taken = (event) => { if (event.detail !== root) lose("The camera was opened in another place."); };
  document.addEventListener("visibilitychange", unseen);
  addEventListener("pagehide", stop);
  document.addEventListener("mn-camera", taken);
  return {
    buttons: element("span", { class: "mn-own", ...KEYS }, upload, file, camera),
    get filming() { return stream !== null; },
    stop,
    close() {
      stop();
      watch.disconnect();
      document.removeEventListener("visibilitychange", unseen);
      removeEventListener("pagehide", stop);
      document.removeEventListener("mn-camera", taken);
    },
  };
}
