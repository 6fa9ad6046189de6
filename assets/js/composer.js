// The bar at the bottom: voice or keyboard, the talk button or the text field, and what may be uploaded.

import { composing, element, fill, icon } from "./dom.js";
import { t } from "./i18n.js";
import { keep, kept } from "./kept.js";
import { preference } from "./preferences.js";

const MODE = "mode";

function tool(name, label, click) {
  const button = element("button", { type: "button", class: "ts-tool", "aria-label": label, title: label, on: { click } });
  button.append(icon(name));
  return button;
}

export class Composer {
  /** `events`: text(string), file(File), modeChanged("voice" | "keyboard"). */
  constructor(events) {
    this.events = events;
    this.limit = Infinity; // characters of one message
    this.conversation = ""; // whose draft stands in the field
    this.talk = element("button", { type: "button", class: "ts-talk", "aria-describedby": "ts-talk-hint" });
    this.talk.append(element("span", { text: t("hold_to_talk") }));
    this.hint = element("span", { id: "ts-talk-hint", class: "ts-hidden", text: t("hold_hint") });
    this.field = element("textarea", {
      class: "ts-field",
      rows: 1,
      enterkeyhint: "send",
      placeholder: t("type_here"),
      "aria-label": t("type_here"),
      "aria-describedby": "ts-over",
    });
    this.over = element("p", { id: "ts-over", class: "ts-over", role: "status" });
    this.toggle = tool("keyboard", t("to_keyboard"), () => this.setMode(this.mode === "voice" ? "keyboard" : "voice", true));
    this.send = element("button", { type: "button", class: "ts-send", text: t("send"), on: { click: () => this.submit() } });
    this.picker = element("input", { type: "file", multiple: true, accept: "audio/*,video/webm,.amr,.m4a", class: "ts-hidden", tabindex: -1 });
    this.picker.setAttribute("aria-label", t("upload"));
    this.plus = tool("plus", t("more"), () => {});
    this.middle = element("div", { class: "ts-middle" }, this.talk, this.field, this.over);
    this.node = element(
      "footer",
      { class: "ts-composer" },
      this.toggle,
      this.middle,
      this.send,
      this.plus,
      this.picker,
      this.hint,
    );
    this.bind();
    this.setMode(kept(MODE) ?? "voice");
  }

  bind() {
    this.picker.addEventListener("change", () => {
      for (const file of this.picker.files) this.events.file(file);
      this.picker.value = "";
    });
    this.field.addEventListener("input", () => {
      this.grow();
      keep(this.draftKey, this.field.value);
    });
    this.field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || composing(event)) return;
      event.preventDefault();
      this.submit();
    });
  }

  /** The talk button says how it is used. */
  nameTalk() {
    const tap = preference("talk") === "tap";
    this.talk.firstChild.textContent = t(tap ? "tap_to_talk" : "hold_to_talk");
    this.hint.textContent = t(tap ? "tap_hint" : "hold_hint");
  }

  submit() {
    const text = this.field.value.trim();
    if (!text || this.excess > 0) return;
    this.field.value = "";
    keep(this.draftKey, null);
    this.grow();
    this.events.text(text);
    this.field.focus();
  }

  get draftKey() {
    return `draft.${this.conversation}`;
  }

  /** Characters above the limit; counted as the server counts them. */
  get excess() {
    return [...this.field.value.trim()].length - this.limit;
  }

  /** Show what was begun in a conversation and not sent. */
  open(conversation) {
    this.conversation = conversation;
    this.field.value = kept(this.draftKey) ?? "";
    this.grow();
  }

  /** Go where one says the next thing; a phone's keyboard is not opened by that. */
  focus() {
    if (this.mode === "voice") this.talk.focus({ preventScroll: true });
    else if (!matchMedia("(pointer: coarse)").matches) this.field.focus({ preventScroll: true });
  }

  grow() {
    this.node.classList.toggle("ts-has-text", this.field.value.trim() !== "");
    this.field.style.height = "auto";
    this.field.style.height = `${Math.min(this.field.scrollHeight, 120)}px`;
    const over = this.excess > 0;
    this.over.textContent = over ? t("text_over", { count: this.excess, limit: this.limit }) : "";
    this.field.setAttribute("aria-invalid", String(over));
    this.send.disabled = over;
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
      keep(MODE, mode);
      (voice ? this.talk : this.field).focus();
      this.events.modeChanged(mode);
    }
  }
}

/** Let recordings be dropped anywhere on `node`, or pasted; a dialog that lies over it has files of its own. */
export function acceptRecordings(node, onFile) {
  const veil = element("div", { class: "ts-drop", "aria-hidden": "true" }, icon("plus"), element("span", { text: t("drop_here") }));
  let depth = 0; // dragenter and dragleave fire for every child
  const show = (change) => {
    depth = Math.max(0, depth + change);
    veil.classList.toggle("ts-shown", depth > 0);
  };
  const covered = (event) => event.target.closest?.("dialog") !== null;
  const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    for (const file of files) onFile(file);
  });
  node.addEventListener("dragenter", (event) => holdsFiles(event) && !covered(event) && show(1));
  node.addEventListener("dragleave", (event) => holdsFiles(event) && !covered(event) && show(-1));
  node.addEventListener("dragover", (event) => holdsFiles(event) && event.preventDefault());
  node.addEventListener("drop", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    show(-depth);
    if (covered(event)) return;
    for (const file of event.dataTransfer.files) onFile(file);
  });
  node.append(veil);
}
