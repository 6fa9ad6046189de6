// What a language model is to learn from: sources with weights, and how it is trained and checked.

import { element, fill } from "../dom.js";
import { t } from "../i18n.js";
import { readText, toolButton } from "../panel.js";
import * as api from "./api.js";
import { count } from "./figures.js";
import { Source } from "./source.js";

const KEPT = "tingshuo.corpus"; // in the tab's own storage: nothing that was written is lost by a reload
const MOST_KEPT = 1_000_000; // characters
const LARGEST = 32 * 2 ** 20; // bytes of a file
const BINARY = /\u0000/;

export class CorpusForm {
  /** `begun(job)` gets the training that was submitted. */
  constructor({ begun, refused }) {
    this.events = { begun, refused };
    this.sources = [];
    this.facts = { domains: [], corrections: 0 };
    this.name = element("input", { type: "text", class: "pn-field lm-name", maxlength: 100, placeholder: t("language.name_hint"), "aria-label": t("language.name"), on: { input: () => this.keep() } });
    this.list = element("ul", { class: "lm-sources" });
    this.picker = this.filePicker(".txt,text/plain", t("language.upload"), (file) => this.addFile(file));
    this.archive = this.filePicker(".zip,application/zip", t("language.add_check_set"), (file) => this.addCheckSet(file));
    this.tools = element(
      "div",
      { class: "pn-tools lm-add" },
      toolButton("plus", t("language.kinds.text"), () => this.add({ kind: "text" })),
      toolButton("import", t("language.upload"), () => this.picker.click()),
      toolButton("plus", t("language.kinds.template"), () => this.add({ kind: "template" })),
      (this.domainButton = toolButton("plus", t("language.kinds.domain"), () => this.add({ kind: "domain" }))),
      (this.correctionsButton = toolButton("plus", t("language.kinds.corrections"), () => this.add({ kind: "corrections" }))),
      this.picker,
    );
    this.domainButton.hidden = this.correctionsButton.hidden = true; // until it is known what there is
    this.order = this.choice("order", [2, 3, 4, 5].map((order) => [order, t("language.order_of", { order })]), 3);
    this.base = this.choice("base", ["general", "current"].map((base) => [base, t(`language.bases.${base}`)]), "general");
    this.checkSet = this.choice("check_set", [["shipped", t("language.shipped")]], "shipped");
    this.error = element("p", { class: "pn-row-error", role: "alert" });
    this.button = element("button", { type: "submit", class: "pn-button", text: t("language.train") });
    this.node = element(
      "section",
      { class: "lm-corpus", "aria-label": t("language.corpus") },
      element("p", { class: "pn-lead", text: t("language.corpus_lead") }),
      element(
        "form",
        { on: { submit: (event) => this.submit(event) } },
        element("label", { class: "lm-row" }, element("span", { text: t("language.name") }), this.name),
        this.list,
        this.tools,
        element("details", { class: "lm-options" }, element("summary", { text: t("language.options") }), this.order.label, this.base.label, this.checkSet.label, this.checkSetTools()),
        this.error,
        element("div", { class: "lm-submit" }, this.button),
      ),
    );
    this.recall();
  }

  filePicker(accept, label, take) {
    const picker = element("input", { type: "file", accept, class: "ts-hidden", tabindex: -1, "aria-label": label });
    picker.addEventListener("change", () => {
      const [file] = picker.files;
      if (file) take(file);
      picker.value = "";
    });
    return picker;
  }

  choice(key, options, value) {
    const select = element("select", { class: "pn-select", "aria-label": t(`language.${key}`), on: { change: () => this.keep() } });
    fill(select, ...options.map(([each, text]) => element("option", { value: each, text })));
    select.value = value;
    const label = element("label", { class: "lm-row" }, element("span", { text: t(`language.${key}`), title: t(`language.${key}_hint`) }), select);
    return { select, label };
  }

  checkSetTools() {
    const add = element("button", { type: "button", class: "pn-link", text: t("language.add_check_set"), on: { click: () => this.archive.click() } });
    return element("p", { class: "pn-lead" }, `${t("language.check_set_lead")} `, add, this.archive);
  }

  /** Fetch what can be chosen. */
  async load() {
    const [sets, { domains }] = await Promise.all([api.getCheckSets(), api.getDomains()]);
    const corrections = sets.find(({ kind }) => kind === "corrections")?.clips ?? 0;
    this.facts = { domains, corrections };
    this.domainButton.hidden = !domains.length;
    this.correctionsButton.hidden = !corrections;
    const { select } = this.checkSet;
    const chosen = select.value;
    fill(select, ...sets.map((set) => element("option", { value: set.id, text: t("language.check_set_of", { name: this.setName(set), clips: count(set.clips) }) })));
    select.value = sets.some(({ id }) => id === chosen) ? chosen : "shipped";
    this.draw();
  }

  setName({ kind, name }) {
    return kind === "uploaded" ? name : t(kind === "shipped" ? "language.shipped" : "language.kinds.corrections");
  }

  add(data, focus = true) {
    const { kind } = data;
    const written = kind === "text" || kind === "template";
    const source = { name: t(`language.kinds.${kind}`), ...(written ? { text: "" } : {}), ...data };
    this.sources.push(this.source(source));
    this.draw();
    if (focus) this.sources.at(-1).field?.focus();
    this.keep();
  }

  source(data) {
    const made = new Source(data, {
      ...this.facts,
      changed: () => this.keep(),
      removed: () => {
        this.sources = this.sources.filter((one) => one !== made);
        this.draw();
        this.keep();
      },
    });
    return made;
  }

  draw() {
    fill(this.list, ...this.sources.map(({ node }) => node));
    this.correctionsButton.disabled = this.sources.some(({ data }) => data.kind === "corrections");
  }

  /** Take a text file as a source of its own. */
  async addFile(file) {
    if (file.size > LARGEST) return this.say(t("language.file_too_large"));
    const text = (await readText(file)).replace(/^\uFEFF/, "").replace(/\r\n?/g, "\n");
    if (BINARY.test(text)) return this.say(t("language.no_text", { name: file.name }));
    return this.add({ kind: "text", name: file.name.slice(0, 100), text }, false);
  }

  async addCheckSet(file) {
    try {
      const { id } = await api.addCheckSet(file, file.name.replace(/\.zip$/i, ""));
      await this.load();
      this.checkSet.select.value = id;
    } catch (error) {
      this.say(error.message || t("connection_lost"));
    }
  }

  say(text) {
    this.error.textContent = text;
  }

  request() {
    const sources = this.sources.filter((source) => !source.empty).map(({ data: { kind, name, text, weight, domain } }) => {
      if (kind === "corrections") return { kind, weight };
      return kind === "domain" ? { kind, domain, weight } : { kind, name, text, weight };
    });
    const value = ({ select }) => select.value;
    return { name: this.name.value.trim() || t("language.unnamed"), sources, order: Number(value(this.order)), base: value(this.base), check_set: value(this.checkSet) };
  }

  async submit(event) {
    event.preventDefault();
    const asked = this.request();
    if (!asked.sources.length) return this.say(t("language.nothing_given"));
    const written = JSON.stringify(asked);
    // Pressed again because no answer came, it is still the same training.
    if (this.sent?.written !== written) this.sent = { written, key: crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}` };
    this.button.disabled = true;
    this.say("");
    try {
      const job = await api.submit(asked, this.sent.key);
      this.sent = null;
      this.events.begun(job);
    } catch (error) {
      this.say(error.message || t("connection_lost"));
    } finally {
      this.button.disabled = false;
    }
  }

  keep() {
    this.say("");
    clearTimeout(this.keeping);
    this.keeping = setTimeout(() => {
      const written = JSON.stringify({ name: this.name.value, sources: this.sources.map(({ data }) => data) });
      if (written.length > MOST_KEPT) return;
      try {
        sessionStorage.setItem(KEPT, written);
      } catch (error) {
        console.info("Tingshuo: the corpus is not kept:", error.message);
      }
    }, 300);
  }

  recall() {
    let kept = null;
    try {
      kept = JSON.parse(sessionStorage.getItem(KEPT));
    } catch (error) {
      console.info("Tingshuo: no corpus was kept:", error.message);
    }
    this.name.value = kept?.name ?? "";
    this.kept = kept?.sources?.length ? kept.sources : [{ kind: "text", name: t("language.kinds.text"), text: "" }];
  }

  /** Show what was there before, once it is known what there is to choose. */
  open() {
    if (!this.kept) return;
    this.sources = this.kept.map((data) => this.source(data));
    this.kept = null;
    this.draw();
  }
}
