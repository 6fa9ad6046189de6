// 试一试: one recording without the list and with it, side by side.

import { element, fill, icon } from "../dom.js";
import { t } from "../i18n.js";
import { secondsLabel } from "../bubbles.js";
import { MicrophoneError, Recorder } from "../recorder.js";
import * as api from "./api.js";

const LONGEST = 60; // seconds of a recording made here

export class Trial {
  /** `messages()` are the chat's voice messages, newest last; `refused(error)` hears of what went wrong. */
  constructor({ messages, conversation, refused }) {
    this.events = { messages, conversation, refused };
    this.recorder = new Recorder({ onLevel: (level) => this.record.style.setProperty("--level", level) });
    this.source = null;
    this.turn = 0;
    this.list = element("select", { class: "hw-select", "aria-label": t("hotwords.try_list"), on: { change: () => this.run() } });
    this.messages = element("div", { class: "hw-sources", role: "radiogroup", "aria-label": t("hotwords.try_message") });
    this.picker = element("input", { type: "file", accept: "audio/*,video/webm,.amr,.m4a", class: "ts-hidden", tabindex: -1, "aria-label": t("hotwords.try_upload") });
    this.picker.addEventListener("change", () => {
      const [file] = this.picker.files;
      if (file) this.choose({ blob: file, name: file.name, label: file.name });
      this.picker.value = "";
    });
    this.upload = this.tool("plus", "try_upload", () => this.picker.click());
    this.record = this.tool("mic", "try_record", () => this.toggleRecording());
    this.result = element("div", { class: "hw-result", "aria-live": "polite" });
    this.node = element(
      "section",
      { class: "hw-trial", "aria-label": t("hotwords.try") },
      element("p", { class: "hw-lead", text: t("hotwords.try_lead") }),
      element("label", { class: "hw-try-list" }, element("span", { text: t("hotwords.try_with") }), this.list),
      this.messages,
      element("div", { class: "hw-tools" }, this.upload, this.record, this.picker),
      this.result,
    );
  }

  tool(name, key, click) {
    return element("button", { type: "button", class: "hw-button hw-quiet", on: { click } }, icon(name), element("span", { text: t(`hotwords.${key}`) }));
  }

  /** `lists` as the panel has them; `current` is the one that was looked at. */
  open(lists, current) {
    const options = lists.filter(({ id }) => id !== "lexicon").map(({ id, title }) => element("option", { value: id, text: title }));
    fill(this.list, element("option", { value: "", text: t("hotwords.try_all") }), ...options);
    this.list.value = lists.some(({ id }) => id === current && id !== "lexicon") ? current : "";
    this.drawMessages();
    if (this.source) this.run();
  }

  close() {
    if (this.recording) this.recorder.cancel();
    this.recording = false;
    this.recorder.close();
    this.showRecording();
  }

  drawMessages() {
    const conversation = this.events.conversation();
    const found = this.events.messages().slice(-20).reverse();
    fill(
      this.messages,
      ...found.map((message) => {
        const source = { message: message.id, conversation, label: message.text };
        return element(
          "button",
          {
            type: "button",
            class: "hw-source",
            role: "radio",
            "aria-checked": String(this.source?.message === message.id),
            data: { id: message.id },
            on: { click: () => this.choose(source) },
          },
          icon("voice"),
          element("span", { class: "hw-source-text", text: message.text || t("nothing_heard") }),
          element("span", { class: "hw-source-seconds", text: message.seconds ? secondsLabel(message.seconds) : "" }),
        );
      }),
    );
    if (!found.length) fill(this.messages, element("p", { class: "hw-empty", text: t("hotwords.try_no_messages") }));
  }

  choose(source) {
    this.source = source;
    for (const button of this.messages.querySelectorAll(".hw-source")) {
      button.setAttribute("aria-checked", String(button.dataset.id === source.message));
    }
    this.run();
  }

  async toggleRecording() {
    if (this.recording) {
      this.recording = false;
      clearTimeout(this.limit);
      this.showRecording();
      const { blob } = await this.recorder.stop();
      this.choose({ blob, name: "recording.wav", label: t("hotwords.try_recording") });
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
    this.record.classList.toggle("hw-recording", Boolean(this.recording));
    this.record.setAttribute("aria-pressed", String(Boolean(this.recording)));
    this.record.lastChild.textContent = t(this.recording ? "hotwords.try_stop" : "hotwords.try_record");
  }

  async run() {
    if (!this.source) return;
    const turn = (this.turn += 1);
    fill(this.result, element("p", { class: "hw-waiting ts-shimmer", text: t("recognizing") }));
    try {
      const conversation = this.events.conversation();
      const tried = await api.tryOut(this.source, { list: this.list.value || null, conversation });
      if (turn === this.turn) this.show(tried);
    } catch (error) {
      if (turn === this.turn) fill(this.result, element("p", { class: "hw-row-error", role: "alert", text: error.message }));
    }
  }

  show({ before, after, marks, words }) {
    const side = (title, heard, from, to, tag) =>
      element(
        "figure",
        { class: `hw-side hw-side-${tag}` },
        element("figcaption", {}, element("span", { text: title }), element("span", { class: "hw-took", text: `${Math.round(heard.took_ms)} ms` })),
        element("p", { class: "hw-heard-text" }, ...marked(heard.text || t("nothing_heard"), marks, from, to, tag)),
      );
    const changes = marks.filter(({ word }) => word);
    const made = element(
      "ul",
      { class: "hw-changes" },
      ...changes.map((mark) =>
        element(
          "li",
          {},
          element("b", { text: mark.word }),
          element("span", { class: `hw-tier hw-tier-${mark.tier}`, text: t(`hotwords.tiers.${mark.tier}`), title: t(`hotwords.tiers.${mark.tier}_hint`) }),
        ),
      ),
    );
    fill(
      this.result,
      element(
        "div",
        { class: "hw-sides" },
        side(t("hotwords.without"), before, "before", "before_end", "del"),
        side(t("hotwords.with", { count: words }), after, "after", "after_end", "ins"),
      ),
      changes.length ? made : element("p", { class: "hw-same", text: t(words ? "hotwords.no_change" : "hotwords.no_words") }),
    );
  }
}

/** The pieces of a text, what differs in <del> or <ins>. Offsets count code points, as the server does. */
function marked(text, marks, from, to, tag) {
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
