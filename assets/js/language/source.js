// One source of a corpus: sentences, templates, what a bot expects to hear, or what was put right.

import { element, fill, icon } from "../dom.js";
import { t } from "../i18n.js";
import { count } from "./figures.js";

const MOST_SHOWN = 200_000; // characters that a text field takes without becoming slow
const PREVIEW = 600;
const HEAVIEST = 100;

export class Source {
  /** `data` is {kind, name, text, weight, domain}, as the server takes it; `changed()` and `removed()` hear of it. */
  constructor(data, { domains, corrections, changed, removed }) {
    this.data = { weight: 1, ...data };
    this.events = { changed, removed };
    const weight = element("input", { type: "number", class: "pn-field lm-weight", min: 1, max: HEAVIEST, step: 1, value: this.data.weight, "aria-label": t("language.weight"), title: t("language.weight_hint"), on: { input: () => this.change({ weight: clamped(weight.valueAsNumber) }), change: () => { weight.value = this.data.weight; } } });
    const drop = element("button", { type: "button", class: "pn-icon-button", "aria-label": t("language.remove_source"), title: t("language.remove_source"), on: { click: removed } });
    drop.append(icon("trash"));
    this.total = element("span", { class: "lm-total" });
    this.node = element(
      "li",
      { class: "lm-source", data: { kind: this.data.kind } },
      element(
        "div",
        { class: "lm-source-head" },
        this.title(domains),
        this.total,
        element("label", { class: "lm-weight-label" }, element("span", { text: t("language.weight") }), weight),
        drop,
      ),
      this.content(corrections),
    );
    this.measure();
  }

  title(domains) {
    const { kind, name, domain } = this.data;
    if (kind === "corrections") return element("strong", { class: "lm-source-name", text: t("language.kinds.corrections") });
    if (kind === "domain") {
      const choice = element("select", { class: "pn-select lm-source-name", "aria-label": t("language.domain"), on: { change: () => this.change({ domain: choice.value }) } });
      fill(choice, ...domains.map((one) => element("option", { value: one.name, text: t("language.domain_says", { title: one.title }) })));
      if (domain) choice.value = domain;
      this.data.domain = choice.value;
      return choice;
    }
    const field = element("input", { type: "text", class: "pn-field lm-source-name", maxlength: 100, value: name, "aria-label": t("language.source_name"), on: { change: () => this.change({ name: field.value.trim() || t(`language.kinds.${kind}`) }) } });
    return field;
  }

  content(corrections) {
    const { kind, text } = this.data;
    if (kind === "corrections") return element("p", { class: "pn-lead", text: t("language.corrections_lead", { count: count(corrections) }) });
    if (kind === "domain") return element("p", { class: "pn-lead", text: t("language.domain_lead") });
    if (text.length > MOST_SHOWN) return element("pre", { class: "lm-preview", text: `${text.slice(0, PREVIEW)}\n…` });
    const field = element("textarea", {
      class: "lm-text",
      rows: 6,
      spellcheck: "false",
      "aria-label": t(`language.kinds.${kind}`),
      placeholder: t(`language.${kind}_hint`),
      on: { input: () => this.change({ text: field.value }) },
    });
    field.value = text;
    this.field = field;
    return field;
  }

  change(values) {
    Object.assign(this.data, values);
    this.measure();
    this.events.changed();
  }

  measure() {
    if (this.data.text === undefined) return;
    const lines = this.data.text.split("\n").filter((line) => line.trim()).length;
    this.total.textContent = t("language.lines", { count: count(lines) });
  }

  /** Whether there is anything in it. */
  get empty() {
    return this.data.text !== undefined && !this.data.text.trim();
  }
}

function clamped(weight) {
  return Math.min(HEAVIEST, Math.max(1, Math.round(weight) || 1));
}
