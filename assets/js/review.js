// What was said, as text that can be changed before it is sent: as text, or as the recording that it was.

import * as api from "./api.js";
import { composing, element } from "./dom.js";
import { t } from "./i18n.js";
import { openDialog } from "./over.js";
import { sheet } from "./sheet.js";

export class Review {
  /** `send`: text(string) and voice(recording), where a recording is {blob, seconds}. */
  constructor(send) {
    this.send = send;
    this.field = element("textarea", { class: "ts-review-field", rows: 4, "aria-label": t("review.text"), placeholder: t("recognizing") });
    this.field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || composing(event)) return;
      event.preventDefault();
      this.sendText();
    });
    this.field.addEventListener("input", () => {
      this.edited = true;
      this.draw();
    });
    this.note = element("p", { class: "ts-review-note", role: "status" });
    const action = (key, kind, click) => element("button", { type: "button", class: `pn-button ${kind}`, text: t(`review.${key}`), on: { click } });
    this.text = action("send_text", "", () => this.sendText());
    const tools = element("div", { class: "ts-review-tools" }, action("cancel", "pn-quiet", () => this.node.close()), action("send_voice", "pn-quiet", () => this.sendVoice()), this.text);
    this.node = sheet(t("review.title"), this.field, this.note, tools);
    this.node.classList.add("ts-review");
  }

  /** Show what is understood of `recording` so far, and then what all of it is. */
  async open(recording, draft) {
    this.recording = recording;
    this.edited = false;
    this.field.value = draft;
    this.note.textContent = t("recognizing");
    this.draw();
    openDialog(this.node);
    this.field.focus();
    try {
      const text = await api.transcribe(recording.blob);
      if (this.recording !== recording) return;
      if (!this.edited) this.field.value = text;
      this.note.textContent = text ? "" : t("nothing_heard");
    } catch (error) {
      if (this.recording === recording) this.note.textContent = error.message || t("connection_lost");
    }
    this.draw();
  }

  draw() {
    this.text.disabled = !this.field.value.trim();
  }

  sendText() {
    const text = this.field.value.trim();
    if (!text) return;
    this.node.close();
    this.send.text(text);
  }

  sendVoice() {
    this.node.close();
    this.send.voice(this.recording);
  }
}
