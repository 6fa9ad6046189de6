// The bar at the bottom: voice or keyboard, the talk button or the text field, and what may be uploaded.

import { element, fill, icon } from "./dom.js";
import { t } from "./i18n.js";

function tool(name, label, click) {
  const button = element("button", { type: "button", class: "ts-tool", "aria-label": label, title: label, on: { click } });
  button.append(icon(name));
  return button;
}

export class Composer {
  /** `events`: text(string), file(File), modeChanged("voice" | "keyboard"). */
  constructor(events) {
    this.events = events;
    this.talk = element("button", { type: "button", class: "ts-talk", "aria-describedby": "ts-talk-hint" });
    this.talk.append(element("span", { text: t("hold_to_talk") }));
    this.hint = element("span", { id: "ts-talk-hint", class: "ts-hidden", text: t("hold_hint") });
    this.field = element("textarea", {
      class: "ts-field",
      rows: 1,
      enterkeyhint: "send",
      placeholder: t("type_here"),
      "aria-label": t("type_here"),
    });
    this.toggle = tool("keyboard", t("to_keyboard"), () => this.setMode(this.mode === "voice" ? "keyboard" : "voice", true));
    this.send = element("button", { type: "button", class: "ts-send", text: t("send"), on: { click: () => this.submit() } });
    this.picker = element("input", { type: "file", accept: "audio/*,video/webm,.amr,.m4a", class: "ts-hidden", tabindex: -1 });
    this.picker.setAttribute("aria-label", t("upload"));
    this.upload = tool("plus", t("upload"), () => this.picker.click());
    this.middle = element("div", { class: "ts-middle" }, this.talk, this.field);
    this.node = element(
      "footer",
      { class: "ts-composer" },
      this.toggle,
      this.middle,
      this.send,
      this.upload,
      this.picker,
      this.hint,
    );
    this.bind();
    this.setMode("voice");
  }

  bind() {
    this.picker.addEventListener("change", () => {
      for (const file of this.picker.files) this.events.file(file);
      this.picker.value = "";
    });
    this.field.addEventListener("input", () => this.grow());
    this.field.addEventListener("keydown", (event) => {
      // An input method's Enter picks a word (keyCode 229 is Safari's way to say so) and must not send.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
      event.preventDefault();
      this.submit();
    });
  }

  submit() {
    const text = this.field.value.trim();
    if (!text) return;
    this.field.value = "";
    this.grow();
    this.events.text(text);
    this.field.focus();
  }

  grow() {
    this.node.classList.toggle("ts-has-text", this.field.value.trim() !== "");
    this.field.style.height = "auto";
    this.field.style.height = `${Math.min(this.field.scrollHeight, 120)}px`;
  }

  setMode(mode, byUser = false) {
    this.mode = mode;
    const voice = mode === "voice";
    this.node.dataset.mode = mode;
    fill(this.toggle, icon(voice ? "keyboard" : "voice"));
    const label = t(voice ? "to_keyboard" : "to_voice");
    this.toggle.setAttribute("aria-label", label);
    this.toggle.title = label;
    this.talk.hidden = !voice;
    this.field.hidden = voice;
    this.grow();
    if (byUser) {
      (voice ? this.talk : this.field).focus();
      this.events.modeChanged(mode);
    }
  }
}

/** Let recordings be dropped anywhere on `node`. */
export function acceptDrops(node, onFile) {
  const veil = element("div", { class: "ts-drop", "aria-hidden": "true" }, icon("plus"), element("span", { text: t("drop_here") }));
  let depth = 0; // dragenter and dragleave fire for every child
  const show = (change) => {
    depth = Math.max(0, depth + change);
    veil.classList.toggle("ts-shown", depth > 0);
  };
  const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
  node.addEventListener("dragenter", (event) => holdsFiles(event) && show(1));
  node.addEventListener("dragleave", (event) => holdsFiles(event) && show(-1));
  node.addEventListener("dragover", (event) => holdsFiles(event) && event.preventDefault());
  node.addEventListener("drop", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    show(-depth);
    for (const file of event.dataTransfer.files) onFile(file);
  });
  node.append(veil);
}
