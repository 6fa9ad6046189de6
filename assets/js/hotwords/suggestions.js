// Words that corrections suggest: to be taken over with one click, changed before, or dismissed.

import { element, fill, icon } from "../dom.js";
import { t } from "../i18n.js";
import * as api from "./api.js";
import { splitForms } from "./text.js";

export class Suggestions {
  /** `target()` is the id of the list that words go into; `accepted(list)` gets it afterwards. */
  constructor({ target, accepted, counted, refused }) {
    this.events = { target, accepted, counted, refused };
    this.cards = element("ul", { class: "hw-cards" });
    this.exports = element(
      "p",
      { class: "hw-export-corrections" },
      element("span", { class: "hw-corrected" }),
      ...["funasr", "nemo"].map((format) =>
        element("a", { class: "pn-link", href: `api/corrections/export?format=${format}`, download: "", text: t(`hotwords.export_${format}`) }),
      ),
    );
    this.empty = element("p", { class: "pn-empty", text: t("hotwords.no_suggestions") });
    this.node = element(
      "section",
      { class: "hw-suggestions", "aria-label": t("hotwords.suggestions") },
      element("p", { class: "pn-lead", text: t("hotwords.suggestions_lead") }),
      this.cards,
      this.empty,
      this.exports,
    );
  }

  async load() {
    const { candidates, corrections } = await api.getCandidates();
    this.show(candidates, corrections);
  }

  show(candidates, corrections = this.corrections) {
    this.candidates = candidates;
    this.corrections = corrections;
    fill(this.cards, ...candidates.map((candidate) => this.card(candidate)));
    this.empty.hidden = candidates.length > 0;
    this.exports.hidden = !corrections;
    this.exports.querySelector(".hw-corrected").textContent = t("hotwords.corrected", { count: corrections });
    this.events.counted(candidates.length);
  }

  card(candidate) {
    const label = (name) => `${t(`hotwords.${name}`)} · ${candidate.word}`;
    const word = element("input", { type: "text", class: "pn-field hw-card-word", value: candidate.word, maxlength: 20, "aria-label": label("word") });
    const alias = element("input", { type: "text", class: "pn-field hw-card-alias", value: candidate.alias_is_word ? "" : candidate.alias, maxlength: 80, placeholder: "—", "aria-label": label("aliases") });
    const take = element("button", { type: "submit", class: "pn-button pn-small", text: t("hotwords.accept") });
    const drop = element("button", {
      type: "button",
      class: "pn-icon-button",
      "aria-label": t("hotwords.dismiss", { word: candidate.word }),
      title: t("hotwords.dismiss", { word: candidate.word }),
      on: { click: () => this.settle(candidate, () => api.dismiss(candidate.id)) },
    });
    drop.append(icon("close"));
    const entry = () => ({ word: word.value.trim(), aliases: splitForms(alias.value) });
    const form = element(
      "form",
      {
        class: "hw-card",
        on: {
          submit: (event) => {
            event.preventDefault();
            this.settle(candidate, async () => {
              this.events.accepted(await api.accept(candidate.id, this.events.target(), entry()));
            });
          },
        },
      },
      element("span", { class: "hw-heard", text: candidate.alias ? t("hotwords.heard_as", { heard: candidate.alias }) : "" }),
      word,
      element("label", { class: "hw-alias-label" }, element("span", { text: t("hotwords.aliases") }), alias),
      take,
      drop,
      candidate.alias_is_word ? element("p", { class: "hw-note", text: t("hotwords.alias_is_word", { alias: candidate.alias }) }) : null,
    );
    return element("li", { data: { id: candidate.id } }, form);
  }

  async settle(candidate, request) {
    try {
      await request();
    } catch (error) {
      if (error.status !== 404) {
        this.events.refused(error);
        return;
      }
    }
    this.show(this.candidates.filter(({ id }) => id !== candidate.id));
  }
}
