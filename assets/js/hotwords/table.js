// A list as a table: a word a row, with its weight, its misheard forms, and the contexts in which it stays away.

import { composing, element, fill, icon } from "../dom.js";
import { t } from "../i18n.js";
import * as api from "./api.js";
import { entryLine, reasonText, splitForms } from "./text.js";

const PAGE = 80; // rows drawn at a time: a list may have 5,000 words
const VALIDATE_MS = 250;
const WEIGHT_MS = 300;

export class WordTable {
  /** `changed(word, entry)` is called for each change; resolves to false when it was refused. */
  constructor(changed) {
    this.changed = changed;
    this.query = "";
    this.entries = [];
    this.limit = PAGE;
    this.body = element("div", { class: "hw-rows", role: "rowgroup" });
    this.head = element(
      "div",
      { class: "hw-row hw-head", role: "row" },
      ...["word", "weight", "aliases", "contexts"].map((key) =>
        element("span", { role: "columnheader", text: t(`hotwords.${key}`), title: t(`hotwords.${key}_hint`) }),
      ),
      element("span", { role: "columnheader", class: "ts-hidden", text: t("hotwords.remove") }),
    );
    this.more = element("button", {
      type: "button",
      class: "hw-more",
      on: { click: () => this.showMore() },
    });
    this.empty = element("p", { class: "pn-empty" });
    this.addRow = this.buildAdd();
    this.grid = element("div", { class: "hw-table", role: "table", "aria-label": t("hotwords.words") }, this.head, this.body);
    this.node = element("div", { class: "hw-table-view" }, this.addRow, this.grid, this.empty, this.more);
    new IntersectionObserver((seen) => seen.some(({ isIntersecting }) => isIntersecting) && this.showMore()).observe(this.more);
  }

  buildAdd() {
    this.addField = element("input", {
      class: "pn-field hw-add-field",
      type: "text",
      placeholder: t("hotwords.add_hint"),
      "aria-label": t("hotwords.add_hint"),
      maxlength: 400,
      autocomplete: "off",
      on: { input: () => this.check() },
    });
    this.addError = element("p", { class: "pn-row-error", role: "alert" });
    const button = element("button", { type: "submit", class: "pn-button", text: t("hotwords.add") });
    return element(
      "form",
      {
        class: "hw-add",
        on: {
          submit: (event) => {
            event.preventDefault();
            this.add();
          },
        },
      },
      element("div", { class: "hw-add-line" }, this.addField, button),
      this.addError,
    );
  }

  show(list) {
    this.entries = list.words;
    this.readOnly = list.read_only;
    this.addRow.hidden = list.read_only;
    this.draw();
  }

  search(query) {
    this.query = query.trim().toLowerCase();
    this.limit = PAGE;
    this.draw();
  }

  showMore() {
    if (this.more.hidden) return;
    this.limit += PAGE;
    this.draw();
  }

  found() {
    if (!this.query) return this.entries;
    const holds = (text) => text.toLowerCase().includes(this.query);
    return this.entries.filter(({ word, aliases, contexts }) => [word, ...aliases, ...contexts].some(holds));
  }

  draw() {
    const found = this.found();
    const focus = this.focused();
    const known = new Map([...this.body.children].map((row) => [row.dataset.key, row]));
    // A row that has not changed is kept, and with it what is being written there.
    const rows = found.slice(0, this.limit).map((entry) => {
      const key = `${entryLine(entry)}${this.readOnly ? " ro" : ""}`;
      return known.get(key) ?? this.row(entry, key);
    });
    fill(this.body, ...rows);
    this.grid.hidden = !rows.length;
    this.more.hidden = found.length <= this.limit;
    this.more.textContent = t("hotwords.more", { count: found.length - this.limit });
    this.empty.hidden = rows.length > 0;
    this.empty.textContent = t(this.entries.length ? "hotwords.none_found" : this.readOnly ? "hotwords.nothing_known" : "hotwords.empty");
    this.restore(focus);
  }

  focused() {
    const row = document.activeElement?.closest?.(".hw-row");
    if (!row || !this.body.contains(row)) return null;
    return { word: row.dataset.word, field: document.activeElement.dataset.field };
  }

  restore(focus) {
    if (!focus || this.body.contains(document.activeElement)) return;
    const row = [...this.body.children].find(({ dataset }) => dataset.word === focus.word);
    row?.querySelector(`[data-field="${focus.field}"]`)?.focus();
  }

  row(entry, key) {
    const error = element("p", { class: "pn-row-error", role: "alert" });
    const field = (name, value, label) =>
      element("input", {
        type: "text",
        class: `pn-field hw-${name}`,
        value,
        "aria-label": `${label} · ${entry.word}`,
        placeholder: name === "word" ? undefined : "—",
        readonly: this.readOnly,
        autocomplete: "off",
        data: { field: name },
      });
    const word = field("word", entry.word, t("hotwords.word"));
    const aliases = field("aliases", entry.aliases.join("、"), t("hotwords.aliases"));
    const contexts = field("contexts", entry.contexts.join("、"), t("hotwords.contexts"));
    const weight = this.weight(entry);
    const remove = element("button", {
      type: "button",
      class: "pn-icon-button hw-remove",
      "aria-label": t("hotwords.remove_word", { word: entry.word }),
      title: t("hotwords.remove"),
      hidden: this.readOnly,
      data: { field: "remove" },
      on: { click: () => this.changed(entry.word, null) },
    });
    remove.append(icon("close"));
    const cells = [
      element("span", { role: "cell", class: "hw-cell-word" }, word),
      element("span", { role: "cell", class: "hw-cell-weight" }, ...weight.parts),
      element("span", { role: "cell", class: "hw-cell-aliases", data: { label: t("hotwords.aliases") } }, aliases),
      element("span", { role: "cell", class: "hw-cell-contexts", data: { label: t("hotwords.contexts") } }, contexts),
      element("span", { role: "cell", class: "hw-cell-remove" }, remove),
    ];
    const row = element("div", { class: "hw-row", role: "row", data: { key, word: entry.word } }, ...cells, error);
    const read = () => ({
      word: word.value.trim(),
      weight: weight.value(),
      aliases: splitForms(aliases.value),
      contexts: splitForms(contexts.value),
    });
    this.bind(row, entry, read, error, [word, aliases, contexts], weight);
    return row;
  }

  weight(entry) {
    const slider = element("input", {
      type: "range",
      class: "hw-slider",
      min: 1,
      max: 100,
      value: entry.weight,
      "aria-label": `${t("hotwords.weight")} · ${entry.word}`,
      disabled: this.readOnly,
      data: { field: "weight" },
    });
    const number = element("output", { class: "hw-number", text: entry.weight });
    const paint = () => {
      number.textContent = slider.value;
      slider.style.setProperty("--share", `${((slider.value - 1) / 99) * 100}%`);
    };
    slider.addEventListener("input", paint);
    paint();
    return { parts: [slider, number], slider, value: () => Number(slider.value) };
  }

  /** Check a row while it is written in, and save it when its field is left. */
  bind(row, entry, read, error, fields, weight) {
    let timer = null;
    const save = async () => {
      clearTimeout(timer);
      const next = read();
      if (entryLine(next) === entryLine(entry)) return;
      if (!next.word) {
        await this.changed(entry.word, null);
        return;
      }
      const wrong = await problem(next);
      error.textContent = wrong ?? "";
      row.classList.toggle("hw-wrong", Boolean(wrong));
      if (!wrong) await this.changed(entry.word, next);
    };
    for (const field of fields) {
      field.addEventListener("input", () => {
        clearTimeout(timer);
        timer = setTimeout(async () => {
          const wrong = await problem(read());
          error.textContent = wrong ?? "";
          row.classList.toggle("hw-wrong", Boolean(wrong));
        }, VALIDATE_MS);
      });
      field.addEventListener("change", save);
      field.addEventListener("keydown", (event) => {
        if (composing(event)) return;
        if (event.key === "Enter") field.blur();
        if (event.key === "Escape") {
          event.stopPropagation();
          event.preventDefault();
          field.value = field.defaultValue;
          field.blur();
        }
      });
    }
    weight.slider.addEventListener("change", () => {
      clearTimeout(timer);
      timer = setTimeout(save, WEIGHT_MS); // arrow keys change it step by step
    });
  }

  check() {
    clearTimeout(this.checking);
    this.checking = setTimeout(async () => {
      const text = this.addField.value.trim();
      const found = text ? await api.validate(text).catch(() => null) : null;
      const wrong = found?.problems.find(({ warning }) => !warning);
      this.addError.textContent = wrong ? reasonText(wrong) : "";
    }, VALIDATE_MS);
  }

  /** Add what was written: a word, `词 权重 | 别名`, or several words. */
  async add() {
    const text = this.addField.value.trim();
    if (!text) return;
    const found = await api.validate(text).catch(() => null);
    const wrong = found?.problems.find(({ warning }) => !warning);
    this.addError.textContent = wrong ? reasonText(wrong) : "";
    if (wrong) return;
    if (await this.changed(null, text)) this.addField.value = "";
    this.addField.focus();
  }
}

/** What is wrong with an entry, in the user's language; null when nothing is. */
async function problem(entry) {
  if (!entry.word) return null;
  const found = await api.validate(entryLine(entry)).catch(() => null);
  const wrong = found?.problems.find(({ warning }) => !warning);
  if (wrong) return reasonText(wrong);
  return found && found.words !== 1 ? t("hotwords.one_word") : null;
}
