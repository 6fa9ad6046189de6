// 试一试 of the language panel: a recording recognised with two versions.

import { element, fill } from "../dom.js";
import { t } from "../i18n.js";
import { RecordingTrial } from "../trial.js";
import * as api from "./api.js";
import { versionName } from "./figures.js";

export class LanguageTrial extends RecordingTrial {
  constructor({ messages, conversation, refused }) {
    const choice = (key) => element("select", { class: "pn-select", "aria-label": t(key), on: { change: () => this.run() } });
    const against = choice("language.before");
    const version = choice("language.after");
    const tryOut = (source) => api.tryOut(source, { against: against.value, version: version.value });
    const compare = ({ before, after, marks }) => ({
      titles: [this.titleOf(before.version), this.titleOf(after.version)],
      below: marks.length ? null : element("p", { class: "pn-same", text: t("language.no_change") }),
    });
    super(
      { name: t("language.try"), lead: t("language.try_lead"), messages, conversation, refused, tryOut, compare },
      element(
        "div",
        { class: "lm-pair" },
        element("label", { class: "pn-try-list" }, element("span", { text: t("language.before") }), against),
        element("label", { class: "pn-try-list" }, element("span", { text: t("language.after") }), version),
      ),
    );
    this.choices = { against, version };
  }

  titleOf(number) {
    return versionName(this.versions.find((version) => version.number === number) ?? { number, name: "" });
  }

  /** Offer the versions; what runs now is tried against the one that is shipped, unless somebody chose others. */
  open({ versions, current }) {
    const first = !this.versions;
    const chosen = { against: this.choices.against.value, version: this.choices.version.value };
    this.versions = versions;
    for (const [name, select] of Object.entries(this.choices)) {
      fill(select, ...versions.map((version) => element("option", { value: version.number, text: versionName(version) })));
      const fallback = name === "against" ? 0 : current;
      select.value = first || this.current !== current || ![...select.options].some(({ value }) => value === chosen[name]) ? fallback : chosen[name];
    }
    this.current = current;
    super.open();
  }
}
