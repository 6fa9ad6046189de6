// 试一试 of the hotword panel: a recording without a list and with it.

import { element, fill } from "../dom.js";
import { t } from "../i18n.js";
import { RecordingTrial } from "../trial.js";
import * as api from "./api.js";

export class Trial extends RecordingTrial {
  /** `messages()` are the chat's voice messages, newest last; `refused(error)` hears of what went wrong. */
  constructor({ messages, conversation, refused }) {
    const list = element("select", { class: "pn-select", "aria-label": t("hotwords.try_list"), on: { change: () => this.run() } });
    const tryOut = (source) => api.tryOut(source, { list: list.value || null, conversation: conversation() });
    super(
      { name: t("hotwords.try"), lead: t("hotwords.try_lead"), messages, conversation, refused, tryOut, compare },
      element("label", { class: "pn-try-list" }, element("span", { text: t("hotwords.try_with") }), list),
    );
    this.list = list;
  }

  /** `lists` as the panel has them; `current` is the one that was looked at. */
  open(lists, current) {
    const options = lists.filter(({ id }) => id !== "lexicon").map(({ id, title }) => element("option", { value: id, text: title }));
    fill(this.list, element("option", { value: "", text: t("hotwords.try_all") }), ...options);
    this.list.value = lists.some(({ id }) => id === current && id !== "lexicon") ? current : "";
    super.open();
  }
}

function compare({ marks, words }) {
  const titles = [t("hotwords.without"), t("hotwords.with", { count: words })];
  const changes = marks.filter(({ word }) => word);
  if (!changes.length) return { titles, below: element("p", { class: "pn-same", text: t(words ? "hotwords.no_change" : "hotwords.no_words") }) };
  const below = element(
    "ul",
    { class: "hw-changes" },
    ...changes.map((mark) =>
      element(
        "li",
        {},
        element("b", { text: mark.word }),
        element("span", { class: `hw-tier hw-tier-${mark.tier}`, text: t(`hotwords.tiers.${mark.tier}`), title: t(`hotwords.tiers.${mark.tier}_hint`) }),
      ),
    ),
  );
  return { titles, below };
}
