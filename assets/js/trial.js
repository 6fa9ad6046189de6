// 试一试: one recording recognised in two ways, side by side.

import { element, fill, icon } from "./dom.js";
import { t } from "./i18n.js";
import { secondsLabel } from "./bubbles.js";
import { toolButton } from "./panel.js";
import { MicrophoneError, Recorder } from "./recorder.js";

const LONGEST = 60; // seconds of a recording made here
const MOST_MESSAGES = 20;

export class RecordingTrial {
  /**
   * `messages()` are the chat's voice messages, newest last; `refused(error)` hears of what went wrong;
   * `tryOut(source)` asks the server, where `source` is {blob, name} or {conversation, message};
   * `compare(tried)` gives {titles: [before, after], below}: what the two are called, and a node to stand below them.
   */
  constructor({ name, lead, messages, conversation, refused, tryOut, compare }, ...controls) {
    this.events = { messages, conversation, refused, tryOut, compare };
    this.recorder = new Recorder({ onLevel: (level) => this.record.style.setProperty("--level", level) });
    this.source = null;
    this.turn = 0;
    this.messages = element("div", { class: "pn-sources", role: "radiogroup", "aria-label": t("trial.message") });
    this.picker = element("input", { type: "file", accept: "audio/*,video/webm,.amr,.m4a", class: "ts-hidden", tabindex: -1, "aria-label": t("trial.upload") });
    this.picker.addEventListener("change", () => {
      const [file] = this.picker.files;
      if (file) this.take(file);
      this.picker.value = "";
    });
    this.upload = toolButton("plus", t("trial.upload"), () => this.picker.click());
    this.record = toolButton("mic", t("trial.record"), () => this.toggleRecording());
    this.chosen = element("p", { class: "pn-chosen", hidden: true });
    this.result = element("div", { class: "pn-result", "aria-live": "polite" });
    this.node = element(
      "section",
      { class: "pn-trial", "aria-label": name },
      element("p", { class: "pn-lead", text: lead }),
      ...controls,
      this.messages,
      element("div", { class: "pn-tools" }, this.upload, this.record, this.picker),
      this.chosen,
      this.result,
    );
  }

  open() {
    this.drawMessages();
    if (this.source) this.run();
  }

  close() {
    if (this.recording) this.recorder.cancel();
    this.recording = false;
    clearTimeout(this.limit);
    this.recorder.close();
    this.showRecording();
  }

  drawMessages() {
    const conversation = this.events.conversation();
    const found = this.events.messages().slice(-MOST_MESSAGES).reverse();
    fill(
      this.messages,
      ...found.map((message) =>
        element(
          "button",
          {
            type: "button",
            class: "pn-source",
            role: "radio",
            "aria-checked": String(this.source?.message === message.id),
            data: { id: message.id },
            on: { click: () => this.choose({ message: message.id, conversation }) },
          },
          icon("voice"),
          element("span", { class: "pn-source-text", text: message.text || t("nothing_heard") }),
          element("span", { class: "pn-source-seconds", text: message.seconds ? secondsLabel(message.seconds) : "" }),
        ),
      ),
    );
    if (!found.length) fill(this.messages, element("p", { class: "pn-empty", text: t("trial.no_messages") }));
  }

  /** Try a file. */
  take(file) {
    this.choose({ blob: file, name: file.name, label: file.name });
  }

  choose(source) {
    this.source = source;
    for (const button of this.messages.querySelectorAll(".pn-source")) {
      button.setAttribute("aria-checked", String(button.dataset.id === source.message));
    }
    this.chosen.textContent = source.label ?? "";
    this.chosen.hidden = !source.label;
    this.run();
  }

  async toggleRecording() {
    if (this.recording) {
      this.recording = false;
      clearTimeout(this.limit);
      this.showRecording();
      const { blob } = await this.recorder.stop();
      this.choose({ blob, name: "recording.wav", label: t("trial.recording") });
      return;
    }
    try {
      await this.recorder.open();
    } catch (error) {
      if (!(error instanceof MicrophoneError)) throw error;
      this.events.refused(new Error(t(error.reason)));
      return;
    }
    this.recorder.start();
    this.recording = true;
    this.limit = setTimeout(() => this.toggleRecording(), LONGEST * 1000);
    this.showRecording();
  }

  showRecording() {
    this.record.classList.toggle("pn-recording", Boolean(this.recording));
    this.record.setAttribute("aria-pressed", String(Boolean(this.recording)));
    this.record.lastChild.textContent = t(this.recording ? "trial.stop" : "trial.record");
  }

  async run() {
    if (!this.source) return;
    const turn = (this.turn += 1);
    fill(this.result, element("p", { class: "pn-waiting ts-shimmer", text: t("recognizing") }));
    try {
      const tried = await this.events.tryOut(this.source);
      if (turn === this.turn) this.show(tried);
    } catch (error) {
      if (turn === this.turn) fill(this.result, element("p", { class: "pn-row-error", role: "alert", text: error.message || t("connection_lost") }));
    }
  }

  show(tried) {
    const { before, after, marks } = tried;
    const { titles, below } = this.events.compare(tried);
    const sides = element(
      "div",
      { class: "pn-sides" },
      side(titles[0], before, marked(before.text, marks, "before", "before_end", "del"), "del"),
      side(titles[1], after, marked(after.text, marks, "after", "after_end", "ins"), "ins"),
    );
    fill(this.result, sides, below);
  }
}

function side(title, heard, pieces, tag) {
  return element(
    "figure",
    { class: `pn-side pn-side-${tag}` },
    element("figcaption", {}, element("span", { text: title }), element("span", { class: "pn-took", text: `${Math.round(heard.took_ms)} ms` })),
    element("p", { class: "pn-heard-text" }, ...pieces),
  );
}

/** The pieces of a text, what differs in <del> or <ins>. Offsets count code points, as the server does. */
function marked(text, marks, from, to, tag) {
  if (!text) return [t("nothing_heard")];
  const characters = [...text];
  const pieces = [];
  let done = 0;
  for (const mark of marks) {
    if (mark[to] <= mark[from]) continue;
    pieces.push(characters.slice(done, mark[from]).join(""), element(tag, { text: characters.slice(mark[from], mark[to]).join("") }));
    done = mark[to];
  }
  pieces.push(characters.slice(done).join(""));
  return pieces;
}
