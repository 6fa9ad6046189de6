// One list being looked at: its name, search, undo, import and export, and the two views of its words.

import { composing, element, icon } from "../dom.js";
import { t } from "../i18n.js";
import { readText } from "../panel.js";
import { WordTable } from "./table.js";
import { TextView } from "./text_view.js";

const LARGEST = 2 * 2 ** 20; // bytes of a file that is imported
const GLOBAL = "global";

export class ListEditor {
  /** `events`: removed() asks to delete the list, renamed(), toast(text). */
  constructor(draft, events) {
    this.draft = draft;
    this.events = events;
    this.table = new WordTable((word, entry) => this.changed(word, entry));
    this.text = new TextView({ write: (text) => draft.write(text), state: (state, detail) => this.state(state, detail) });
    this.name = element("input", { type: "text", class: "pn-field hw-name", maxlength: 40, "aria-label": t("hotwords.list_name"), on: { change: () => this.rename() } });
    this.name.addEventListener("keydown", (event) => event.key === "Enter" && !composing(event) && this.name.blur());
    this.count = element("span", { class: "hw-total" });
    this.status = element("span", { class: "hw-status", role: "status" });
    this.searchField = element("input", { type: "search", class: "pn-field hw-search", placeholder: t("hotwords.search"), "aria-label": t("hotwords.search"), on: { input: () => this.table.search(this.searchField.value) } });
    this.undoButton = this.tool("undo", "undo", () => this.undo());
    this.redoButton = this.tool("redo", "redo", () => this.redo());
    this.importButton = this.tool("import", "import", () => this.picker.click());
    this.exportButton = this.tool("export", "export", () => this.export());
    this.removeButton = this.tool("trash", "delete_list", () => events.removed());
    this.picker = element("input", { type: "file", accept: ".txt,.json,text/plain,application/json", class: "ts-hidden", tabindex: -1, "aria-label": t("hotwords.import") });
    this.picker.addEventListener("change", () => {
      const [file] = this.picker.files;
      if (file) this.importFile(file);
      this.picker.value = "";
    });
    this.views = this.switcher();
    this.note = element("p", { class: "pn-lead" });
    this.node = element(
      "section",
      { class: "hw-editor", "aria-label": t("hotwords.words") },
      element("div", { class: "hw-title-line" }, this.name, this.count, this.status),
      this.note,
      element(
        "div",
        { class: "hw-toolbar" },
        this.searchField,
        this.views,
        element("span", { class: "hw-tool-group" }, this.undoButton, this.redoButton, this.importButton, this.exportButton, this.removeButton),
        this.picker,
      ),
      this.table.node,
      this.text.node,
    );
    this.setView("table");
  }

  tool(shape, key, click) {
    const label = t(`hotwords.${key}`);
    const button = element("button", { type: "button", class: `pn-icon-button hw-tool-${shape}`, "aria-label": label, title: label, on: { click } });
    button.append(icon(shape));
    return button;
  }

  switcher() {
    const button = (view) =>
      element("button", { type: "button", class: "pn-view", "aria-pressed": "false", data: { view }, text: t(`hotwords.view_${view}`), on: { click: () => this.setView(view) } });
    return element("div", { class: "pn-views", role: "group", "aria-label": t("hotwords.view") }, button("table"), button("text"));
  }

  async setView(view) {
    if (this.view === "text" && view === "table") await this.text.settle();
    this.view = view;
    for (const button of this.views.children) button.setAttribute("aria-pressed", String(button.dataset.view === view));
    this.table.node.hidden = view !== "table";
    this.text.node.hidden = view !== "text";
    this.searchField.hidden = view !== "table";
    this.node.dataset.view = view;
  }

  show(list) {
    const named = list.id !== GLOBAL && !list.read_only;
    if (this.list?.id !== list.id) {
      this.searchField.value = "";
      this.table.query = "";
      this.text.dirty = false;
    }
    this.list = list;
    this.name.value = named ? list.name : t(list.id === GLOBAL ? "hotwords.global" : "hotwords.lexicon");
    this.name.readOnly = !named;
    this.count.textContent = t("hotwords.count", { count: list.words.length });
    this.note.textContent = t(list.read_only ? "hotwords.lexicon_lead" : list.id === GLOBAL ? "hotwords.global_lead" : "hotwords.named_lead");
    this.undoButton.disabled = !list.can_undo;
    this.redoButton.disabled = !list.can_redo;
    this.importButton.hidden = this.removeButton.hidden = this.undoButton.hidden = this.redoButton.hidden = list.read_only;
    this.removeButton.disabled = list.id === GLOBAL && !list.text;
    this.status.hidden = list.read_only;
    this.table.show(list);
    this.text.show(list);
  }

  /** "saved", "saving", "editing", "wrong" (with how many mistakes), "failed" (with an error). */
  state(state, detail) {
    this.status.dataset.state = state;
    if (state === "failed") {
      this.status.textContent = detail.message;
      this.events.toast(detail.message);
    } else {
      this.status.textContent = t(`hotwords.states.${state}`, { count: detail });
    }
  }

  async changed(word, entry) {
    if (word !== null) return this.draft.change(word, entry);
    const { text } = this.list;
    return this.draft.write(`${text}${text && !text.endsWith("\n") ? "\n" : ""}${entry}\n`);
  }

  async undo() {
    this.text.dirty = false; // what was written and not saved goes first
    if (this.list.can_undo) await this.draft.undo();
  }

  async redo() {
    if (this.list.can_redo) await this.draft.redo();
  }

  async rename() {
    const name = this.name.value.trim();
    if (!name || name === this.list.name) this.name.value = this.list.name;
    else if (await this.draft.rename(name)) this.events.renamed();
    else this.name.value = this.list.name;
  }

  /** Add the words of a file to the list; when something is wrong in it, the text is shown to be mended. */
  async importFile(file) {
    if (!this.list || this.list.read_only) return;
    if (file.size > LARGEST) {
      this.events.toast(t("hotwords.file_too_large"));
      return;
    }
    const text = (await readText(file)).replace(/^\uFEFF/, "");
    const before = this.list.words.length;
    const whole = this.list.text ? `${this.list.text}${asLines(text)}` : text;
    if (await this.draft.write(whole)) {
      this.events.toast(t("hotwords.imported", { count: this.list.words.length - before }));
      return;
    }
    await this.setView("text");
    this.text.put(whole);
  }

  export() {
    const blob = new Blob([this.list.text], { type: "text/plain;charset=utf-8" });
    const link = element("a", { href: URL.createObjectURL(blob), download: `${this.name.value}.txt` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  /** Put a word where one is added; the person looks at it first. */
  async propose(word) {
    await this.setView("table");
    this.table.addField.value = word;
    this.table.addField.focus();
  }

  focus() {
    if (this.view === "table") this.table.addField.focus();
    else this.text.field.focus();
  }

  async settle() {
    await this.text.settle();
  }
}

/** A file may hold JSON, which can only stand alone: as lines it can be put behind others. */
function asLines(text) {
  if (!/^\s*[{[]/.test(text)) return text;
  try {
    const value = JSON.parse(text);
    const pairs = Array.isArray(value) ? value.flatMap((one) => (typeof one === "string" ? [[one]] : Object.entries(one))) : Object.entries(value);
    return pairs.map((pair) => `${pair.join(" ")}\n`).join("");
  } catch {
    return text;
  }
}
