// Hold to talk: by mouse, finger, pen or the space bar; slide up (or Escape) to cancel, up and to
// the right to see the text first. Enter, or the click of a switch
// or a screen reader, begins a recording, and the next one sends it.

import { t } from "./i18n.js";
import { preference } from "./preferences.js";
import { showDraft } from "./hands-free.js";
import { MicrophoneError, Recorder } from "./recorder.js";

const SHORTEST = 0.5; // seconds
const ASKED_MS = 1_000; // a microphone that takes longer to open was asked for in a question to the person

const TOGGLED = "toggled"; // in the place of a pointer: begun and ended by a click each
const TEXT_FIELDS = "input, textarea, [contenteditable]:not([contenteditable=false])";
const CONTROLS = "button, a, summary, select, [role=button]";

/**
 * Lets `button` and the space bar record. `events` hears: recorded(blob, seconds, live), tooShort(), cancelled(),
 * review(recording, draft) when its text is to be seen before it is sent,
 * refused(reason), ready() when a microphone was granted after the button was let go, begin(), and said(text) for who
 * does not see the card. `listen(draft)` gives
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
    this.byPointer = true; // whether the focus is where the mouse or a finger put it
    this.bindPointer();
    this.bindKeyboard();
    window.addEventListener("pagehide", () => this.recorder.close());
    window.addEventListener("blur", () => this.hold?.pointer !== TOGGLED && this.release()); // the key or finger may be let go elsewhere
  }

  bindPointer() {
    const { button } = this;
    button.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || this.hold || preference("talk") === "tap") return;
      button.setPointerCapture(event.pointerId);
      this.press({ pointer: event.pointerId, startY: event.clientY });
    });
    button.addEventListener("pointermove", (event) => {
      if (this.hold?.pointer !== event.pointerId) return;
      this.card.aim(this.card.targetAt(event.clientX, event.clientY, this.hold.startY));
    });
    button.addEventListener("pointerup", (event) => {
      if (this.hold?.pointer === event.pointerId) this.release();
    });
    // The system took the finger away (a call, a permission question): keep what was said out of the chat.
    button.addEventListener("pointercancel", (event) => {
      if (this.hold?.pointer === event.pointerId) this.release("cancel");
    });
    button.addEventListener("contextmenu", (event) => event.preventDefault());
    button.addEventListener("click", (event) => {
      if (event.detail === 0 || preference("talk") === "tap") this.toggle(); // 0: of no pointer
    });
  }

  bindKeyboard() {
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.hold) this.release("cancel");
      if (event.code !== "Space" || !this.talksBySpace(event)) return;
      event.preventDefault();
      if (!event.repeat && !this.hold) this.press({ pointer: null, startY: 0 });
    });
    document.addEventListener("pointerdown", () => (this.byPointer = true), { capture: true });
    document.addEventListener(
      "keydown",
      ({ key }) => {
        if (key === "Tab" || key.startsWith("Arrow")) this.byPointer = false;
      },
      { capture: true },
    );
    document.addEventListener("keyup", (event) => {
      if (event.code !== "Space" || this.hold?.pointer !== null) return;
      event.preventDefault();
      this.release();
    });
  }

  toggle() {
    if (!this.hold) this.press({ pointer: TOGGLED, startY: 0 });
    else this.choose("send");
  }

  /** One of the card's buttons was pressed. */
  choose(target) {
    if (this.hold?.pointer === TOGGLED) this.release(target);
  }

  /** Space belongs to text fields, and to a control that was reached with the Tab key. */
  talksBySpace(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return false;
    if (document.querySelector("dialog[open]")) return false;
    const focused = document.activeElement;
    if (!focused || focused === document.body || focused === this.button) return true;
    if (focused.matches(TEXT_FIELDS)) return false;
    return this.byPointer || !focused.matches(CONTROLS);
  }

  async press(hold) {
    this.hold = hold;
    hold.pressed = performance.now();
    this.button.classList.add("ts-held");
    this.card.show({ begun: hold.pointer === null ? "space" : hold.pointer === TOGGLED ? "click" : "pointer" });
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
    this.events.said(t("recording"));
    this.timer = setInterval(() => this.tick(), 100);
  }

  tick() {
    const seconds = (performance.now() - this.hold.since) / 1000;
    this.card.setSeconds(seconds, this.maxSeconds - seconds);
    if (seconds >= this.maxSeconds) this.release("send");
  }

  end() {
    clearInterval(this.timer);
    this.hold = null;
    this.button.classList.remove("ts-held");
    this.card.hide();
  }

  /** End the recording: "send" it, "cancel" it, or show its "text" first. */
  async release(target = this.card.target) {
    const { hold } = this;
    if (!hold) return;
    const cancel = target === "cancel";
    const draft = this.card.partial.textContent;
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
      this.events.said(t("recorded"));
      this.stopping = this.recorder.stop();
      const { blob, seconds } = await this.stopping;
      this.live = null;
      if (target === "text" || preference("confirm") === "on") {
        hold.live.cancel();
        this.events.review({ blob, seconds }, draft);
      } else this.events.recorded(blob, seconds, hold.live);
    }
  }
}
