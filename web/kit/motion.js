// Drawing when something has changed, and things that move by themselves.

import { calm } from "./theme.js";

/**
 * A function that asks for `draw` with the next frame, once, however often it is called; its `flush`
 * draws at once where a drawing is waiting, its `cancel` forgets that one.
 */
export function onFrame(draw) {
  let queued = 0;
  const run = () => { queued = 0; draw(); };
  const ask = () => { queued ||= requestAnimationFrame(run); };
  ask.cancel = () => { cancelAnimationFrame(queued); queued = 0; };
  ask.flush = () => {
    if (!queued) return;
    cancelAnimationFrame(queued);
    run();
  };
  return ask;
}

/**
 * Something that plays: `tick(seconds since the last frame)` is called with each frame until it
 * returns false. Where the reader wants less movement, `finish()` is called at once instead.
 */
export function player(tick, { finish = () => {}, changed = () => {} } = {}) {
  let frame = 0, last = null;
  const stop = () => {
    if (!frame) return;
    cancelAnimationFrame(frame);
    frame = 0;
    changed(false);
  };
  const step = (now) => {
    frame = requestAnimationFrame(step); // first, so that tick may stop it
    const seconds = last === null ? 0 : Math.min((now - last) / 1000, 0.1); // a hidden tab slept
    last = now;
    if (tick(seconds) === false) stop();
  };
  return {
    get playing() { return frame !== 0; },
    stop,
    start() {
      if (calm()) return finish();
      stop();
      last = null;
      frame = requestAnimationFrame(step);
      changed(true);
    },
    toggle() { frame ? this.stop() : this.start(); },
  };
}
