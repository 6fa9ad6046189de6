// The card over the page while one records: level meter, seconds, where to slide to cancel or to see the text first. Of a
// recording that a click began, these are buttons.

import { element, fill, icon } from "./dom.js";
import { t } from "./i18n.js";

const BARS = 27;
// The bars answer the same sound differently, or the meter would be a plain block.
const SHARES = Array.from({ length: BARS }, (_, i) => 0.62 + 0.38 * Math.abs(Math.sin(i * 2.4)));
const HINTS = { pointer: "release_to_send", space: "release_space_to_send", click: "click_to_send" };
const COUNTDOWN = 10; // seconds before the end at which the card begins to count down

export class RecordCard {
  /** `choose(target)` is called when "send", "cancel" or "text" is pressed. */
  constructor(choose) {
    this.bars = Array.from({ length: BARS }, () => element("i"));
    this.meter = element("div", { class: "ts-meter", "aria-hidden": "true" }, ...this.bars);
    this.clock = element("div", { class: "ts-clock" });
    this.partial = element("p", { class: "ts-partial" }); // what is understood while one speaks
    this.bubble = element("div", { class: "ts-card-bubble" }, this.partial, this.meter, this.clock);
    this.hint = element("div", { class: "ts-card-hint" });
    const target = (name, label, ...content) => element("button", { type: "button", class: `ts-card-${name}`, "aria-label": label, on: { click: () => choose(name) } }, ...content);
    const cancel = target("cancel", t("cancel"), icon("close"));
    const text = target("text", t("review.title"), element("span", { "aria-hidden": "true", lang: "zh-CN", text: "文" }));
    const arc = target("send", t("send"), icon("mic"));
    const foot = element("div", { class: "ts-card-foot" }, element("div", { class: "ts-card-targets" }, cancel, text), this.hint, arc);
    this.node = element("div", { class: "ts-card", inert: true }, this.bubble, foot);
    this.levels = new Array(BARS).fill(0);
  }

  /** `begun`: by the "pointer", the "space" bar, or a "click". */
  show({ begun }) {
    this.begun = begun;
    this.levels.fill(0);
    fill(this.partial);
    this.draw();
    this.aim("send");
    this.setReady(false);
    this.node.inert = begun !== "click";
    this.node.classList.toggle("ts-toggled", begun === "click");
    this.node.classList.remove("ts-ending");
    this.node.classList.add("ts-shown");
  }

  hide() {
    this.node.inert = true;
    this.node.classList.remove("ts-shown");
  }

  /** False until the microphone runs: words said before are not heard, so the card says to wait. */
  setReady(ready) {
    this.node.classList.toggle("ts-preparing", !ready);
    if (!ready) this.clock.textContent = t("mic_preparing");
    else this.setSeconds(0, Infinity);
  }

  /** What letting go does now: "send", "cancel" or "text". */
  aim(target) {
    this.target = target;
    this.node.classList.toggle("ts-cancelling", target === "cancel");
    this.node.classList.toggle("ts-reading", target === "text");
    this.hint.textContent = t(target === "send" ? HINTS[this.begun] : `release_to_${target}`);
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

  /** What letting go at (x, y) does, when the press began at height `start`: above the arc it is not sent. */
  targetAt(x, y, start) {
    const { left, width, bottom } = this.node.getBoundingClientRect();
    if (y >= Math.min(start - 70, bottom - 150)) return "send";
    return x > left + width * 0.6 ? "text" : "cancel";
  }
}
