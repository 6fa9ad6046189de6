// What recognises now, how it got better, and the way to another version.

import { element, fill } from "../dom.js";
import { t } from "../i18n.js";
import { modelUrl } from "./api.js";
import { curves } from "./curve.js";
import { count, megabytes, percent, perplexity, versionName, when } from "./figures.js";

export class VersionsView {
  /** `publish(number)` and `rollBack()` ask for another version, `train()` for the place to make one. */
  constructor({ publish, rollBack, train }) {
    this.events = { publish, rollBack, train };
    this.now = element("div", { class: "lm-now" });
    this.notes = element("div", { class: "lm-notes" });
    this.curves = element("div");
    this.list = element("ul", { class: "lm-versions" });
    this.node = element("section", { class: "lm-standing", "aria-label": t("language.versions") }, this.now, this.notes, this.curves, this.list);
  }

  show(standing) {
    const { versions, current, previous, follows } = standing;
    const find = (number) => versions.find((version) => version.number === number) ?? { number, name: "" };
    const back = previous === null || follows ? null : find(previous);
    fill(
      this.now,
      element("div", {}, element("span", { class: "lm-label", text: t("language.running") }), element("strong", { text: versionName(find(standing.running)) })),
      back && button(t("language.roll_back", { name: versionName(back) }), this.events.rollBack, "lm-roll-back"),
    );
    const notes = [
      standing.warning?.message,
      follows ? t("language.follows", { node: follows }) : null,
      standing.trainable || follows ? null : t("language.not_trainable"),
    ].filter(Boolean);
    fill(this.notes, ...notes.map((text) => element("p", { class: "lm-note", role: "alert", text })));
    const drawn = curves(versions);
    fill(this.curves, drawn ?? this.invitation(standing));
    fill(this.list, ...versions.map((version) => this.version(version, current, follows)));
  }

  invitation({ follows }) {
    const words = element("p", { class: "pn-empty", text: t("language.no_versions") });
    if (follows) return words;
    return element("div", { class: "lm-invitation" }, words, button(t("language.to_corpus"), this.events.train));
  }

  version(version, current, follows) {
    const { number, report } = version;
    const figure = (name, before, after) =>
      element("span", { class: "lm-figure-pair" }, element("i", { text: name }), ` ${before} → `, element("b", { text: after }));
    const used = number === current;
    return element(
      "li",
      { class: "lm-version", data: { number } },
      element("span", { class: "lm-version-name", text: versionName(version) }),
      used
        ? element("span", { class: "lm-chip lm-chip-published", text: t("language.in_use") })
        : follows
          ? null
          : button(t("language.publish"), () => this.events.publish(number), "pn-quiet", t("language.publish_this", { name: versionName(version) })),
      number
        ? element(
            "span",
            { class: "lm-version-facts" },
            report && figure(t("language.perplexity"), perplexity(report.perplexity?.before), perplexity(report.perplexity?.after)),
            report && figure(t("language.cer"), percent(report.cer?.before), percent(report.cer?.after)),
            report && element("span", { text: t("language.sentences", { count: count(report.kept) }) }),
            element("span", { text: when(version.published_at) }),
            element("a", { class: "pn-link", href: modelUrl(number), download: "", text: megabytes(version.bytes), title: t("language.download") }),
          )
        : element("span", { class: "lm-version-facts", text: t("language.own_hint") }),
    );
  }
}

function button(text, click, extra = "pn-quiet", label = null) {
  return element("button", { type: "button", class: `pn-button pn-small ${extra}`, "aria-label": label, text, on: { click } });
}
