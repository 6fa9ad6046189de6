// The card over the page while the talk button is held: level meter, seconds, where to slide to cancel.

import { element, fill, icon } from "./dom.js";
import { t } from "./i18n.js";

const BARS = 27;
// The bars answer the same sound differently, or the meter would be a plain block.
const SHARES = Array.from({ length: BARS }, (_, i) => 0.62 + 0.38 * Math.abs(Math.sin(i * 2.4)));
const HINTS = { pointer: "release_to_send", space: "release_space_to_send", click: "click_to_send" };
const COUNTDOWN = 10; // seconds before the end at which the card begins to count down

export class RecordCard {
  constructor() {
    this.bars = Array.from({ length: BARS }, () => element("i"));
    this.meter = element("div", { class: "ts-meter", "aria-hidden": "true" }, ...this.bars);
    this.clock = element("div", { class: "ts-clock" });
    this.partial = element("p", { class: "ts-partial" }); // what is understood while one speaks
    this.bubble = element("div", { class: "ts-card-bubble" }, this.partial, this.meter, this.clock);
    this.hint = element("div", { class: "ts-card-hint" });
    this.target = element("div", { class: "ts-card-cancel" }, icon("close"));
    const arc = element("div", { class: "ts-card-arc" }, icon("mic"));
    const foot = element("div", { class: "ts-card-foot" }, this.target, this.hint, arc);
    this.node = element("div", { class: "ts-card", "aria-hidden": "true" }, this.bubble, foot);
    this.levels = new Array(BARS).fill(0);
  }

  /** `begun`: by the "pointer", the "space" bar, or a "click". */
  show({ begun }) {
    this.begun = begun;
    this.levels.fill(0);
    fill(this.partial);
    this.draw();
    this.setCancelling(false);
    this.setReady(false);
    this.node.classList.remove("ts-ending");
    this.node.classList.add("ts-shown");
  }

  hide() {
    this.node.classList.remove("ts-shown");
  }

  /** False until the microphone runs: words said before are not heard, so the card says to wait. */
  setReady(ready) {
    this.node.classList.toggle("ts-preparing", !ready);
    if (!ready) this.clock.textContent = t("mic_preparing");
    else this.setSeconds(0, Infinity);
  }

  setCancelling(cancelling) {
    this.cancelling = cancelling;
    this.node.classList.toggle("ts-cancelling", cancelling);
    if (cancelling) this.hint.textContent = t("release_to_cancel");
    else this.hint.textContent = t(HINTS[this.begun]);
  }

  setSeconds(seconds, left) {
    const ending = left <= COUNTDOWN;
    this.node.classList.toggle("ts-ending", ending);
    this.clock.textContent = ending ? t("seconds_left", { seconds: Math.ceil(left) }) : `${Math.floor(seconds)}″`;
  }

  setLevel(level) {
    this.levels.push(level);
    this.levels.shift();
    this.draw();
  }

  /** The newest sound is in the middle and runs out to both sides. */
  draw() {
    const middle = (BARS - 1) / 2;
    this.bars.forEach((bar, i) => {
      const age = Math.abs(i - middle);
      const level = this.levels[BARS - 1 - age] * SHARES[i] * (1 - age / BARS);
      bar.style.transform = `scaleY(${0.12 + 0.88 * level})`;
    });
  }

  /** True where `y` (of the pointer) is above the arc: letting go there throws the recording away. */
  isCancelZone(y, start) {
    return y < Math.min(start - 70, this.node.getBoundingClientRect().bottom - 150);
  }
}
