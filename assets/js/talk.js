// Hold to talk: by mouse, finger, pen or the space bar; slide up (or Escape) to cancel.

import { showDraft } from "./hands-free.js";
import { MicrophoneError, Recorder } from "./recorder.js";

const SHORTEST = 0.5; // seconds
const ASKED_MS = 1_000; // a microphone that takes longer to open was asked for in a question to the person

const TEXT_FIELDS = "input, textarea, select, [contenteditable]:not([contenteditable=false])";

/**
 * Lets `button` and the space bar record. `events` hears: recorded(blob, seconds, live), tooShort(), cancelled(),
 * refused(reason), ready() when a microphone was granted after the button was let go, begin(). `listen(draft)` gives
 * the LiveSpeech that is to hear it meanwhile, and calls draft(text, stable) with what it understands.
 */
export class Talk {
  constructor({ button, card, maxSeconds, listen, events }) {
    this.button = button;
    this.card = card;
    this.maxSeconds = maxSeconds;
    this.events = events;
    this.listen = listen;
    this.live = null; // where the sound goes that is recorded now
    this.recorder = new Recorder({ onLevel: (level) => card.setLevel(level), onChunk: (chunk) => this.live?.push(chunk) });
    this.hold = null; // the press now going on: {pointer, startY, since, recording}
    this.bindPointer();
    this.bindKeyboard();
    window.addEventListener("pagehide", () => this.recorder.close());
    window.addEventListener("blur", () => this.release()); // the key or finger may be let go elsewhere
  }

  bindPointer() {
    const { button } = this;
    button.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || this.hold) return;
      button.setPointerCapture(event.pointerId);
      this.press({ pointer: event.pointerId, startY: event.clientY });
    });
    button.addEventListener("pointermove", (event) => {
      if (this.hold?.pointer !== event.pointerId) return;
      this.card.setCancelling(this.card.isCancelZone(event.clientY, this.hold.startY));
    });
    button.addEventListener("pointerup", (event) => {
      if (this.hold?.pointer === event.pointerId) this.release();
    });
    // The system took the finger away (a call, a permission question): keep what was said out of the chat.
    button.addEventListener("pointercancel", (event) => {
      if (this.hold?.pointer === event.pointerId) this.release({ cancel: true });
    });
    button.addEventListener("contextmenu", (event) => event.preventDefault());
  }

  bindKeyboard() {
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.hold) this.release({ cancel: true });
      if (event.code !== "Space" || !this.talksBySpace(event)) return;
      event.preventDefault();
      if (!event.repeat && !this.hold) this.press({ pointer: null, startY: 0 });
    });
    document.addEventListener("keyup", (event) => {
      if (event.code !== "Space" || this.hold?.pointer !== null) return;
      event.preventDefault();
      this.release();
    });
  }

  /** Space belongs to text fields, and to a button that was reached with the Tab key. */
  talksBySpace(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return false;
    if (document.querySelector("dialog[open]")) return false;
    const focused = document.activeElement;
    if (!focused || focused === document.body || focused === this.button) return true;
    if (focused.matches(TEXT_FIELDS)) return false;
    return !(focused.matches("button, a, summary, [role=button]") && focused.matches(":focus-visible"));
  }

  async press(hold) {
    this.hold = hold;
    hold.pressed = performance.now();
    this.button.classList.add("ts-held");
    this.card.show({ byKeyboard: hold.pointer === null });
    this.events.begin();
    hold.live = this.listen((text, stable) => {
      if (this.hold === hold) showDraft(this.card.partial, text, stable);
    });
    try {
      await this.stopping; // the last syllable of the message before
      await this.recorder.open();
    } catch (error) {
      hold.live.cancel();
      if (this.hold === hold) this.end();
      if (!(error instanceof MicrophoneError)) throw error;
      this.events.refused(error.reason);
      return;
    }
    if (this.hold !== hold) {
      hold.live.cancel();
      // Let go while the browser was still asking.
      if (!this.hold) this.recorder.cancel();
      if (!hold.cancelled && performance.now() - hold.pressed > ASKED_MS) this.events.ready();
      return;
    }
    this.live = hold.live;
    this.recorder.start();
    hold.since = performance.now();
    this.card.setReady(true);
    this.timer = setInterval(() => this.tick(), 100);
  }

  tick() {
    const seconds = (performance.now() - this.hold.since) / 1000;
    this.card.setSeconds(seconds, this.maxSeconds - seconds);
    if (seconds >= this.maxSeconds) this.release({ cancel: false });
  }

  end() {
    clearInterval(this.timer);
    this.hold = null;
    this.button.classList.remove("ts-held");
    this.card.hide();
  }

  async release({ cancel = this.card.cancelling } = {}) {
    const { hold } = this;
    if (!hold) return;
    hold.cancelled = cancel;
    this.end();
    if (hold.since === undefined) {
      // press() is still waiting for the microphone.
      if (cancel) this.events.cancelled();
      else if (performance.now() - hold.pressed < SHORTEST * 1000) this.events.tooShort();
      return;
    }
    if (cancel) {
      hold.live.cancel();
      this.recorder.cancel();
      this.events.cancelled();
    } else if (performance.now() - hold.since < SHORTEST * 1000) {
      hold.live.cancel();
      this.recorder.cancel();
      this.events.tooShort();
    } else {
      this.stopping = this.recorder.stop();
      const { blob, seconds } = await this.stopping;
      this.live = null;
      this.events.recorded(blob, seconds, hold.live);
    }
  }
}
