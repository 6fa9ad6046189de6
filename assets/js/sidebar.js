// Example recordings, and how to talk. A column beside the chat on a wide screen, a row above the bar on a phone.

import { element, fill, icon } from "./dom.js";
import { t } from "./i18n.js";
import { secondsLabel } from "./bubbles.js";
import { modelLabel } from "./model.js";

export class Sidebar {
  /** `onExample({title, url, seconds})` is called when one is pressed, `onFile()` and `onLanguage()` open their views. */
  constructor(onExample, onFile, onLanguage) {
    this.onExample = onExample;
    this.file = element("button", { type: "button", class: "ts-transcribe", on: { click: onFile } });
    this.file.append(icon("words"), element("span", { text: t("transcripts.open") }));
    this.language = element("button", { type: "button", class: "ts-transcribe ts-language", hidden: true, on: { click: onLanguage } });
    this.language.append(icon("curve"), element("span", { text: t("language.open") }));
    this.examples = element("div", { class: "ts-examples", role: "group", "aria-label": t("examples") });
    this.model = element("p", { class: "ts-model" });
    const tips = element(
      "ul",
      { class: "ts-tips" },
      ...["tip_hold", "tip_cancel", "tip_drop"].map((key) => element("li", { text: t(key) })),
    );
    this.node = element(
      "aside",
      { class: "ts-side", "aria-label": t("examples") },
      element("div", { class: "ts-brand" }, element("span", { class: "ts-logo" }), element("strong", { text: t("app_name") }), element("span", { text: t("tagline") })),
      element("h2", { text: t("examples") }),
      this.examples,
      this.file,
      this.language,
      element("h2", { class: "ts-tips-title", text: t("how_to") }),
      tips,
      this.model,
    );
  }

  /** Show the model and the examples for the bot `domain`. */
  show({ examples = [] }, domain) {
    const fitting = examples.filter((example) => example.domain === domain);
    fill(this.examples, ...fitting.map((example) => this.example(example)));
    this.node.classList.toggle("ts-no-examples", fitting.length === 0);
  }

  showModel(model) {
    this.model.textContent = modelLabel(model);
  }

  example(example) {
    const button = element("button", {
      type: "button",
      class: "ts-example",
      "aria-label": t("send_example", { title: example.title }),
      on: { click: () => this.onExample(example) },
    });
    button.append(
      element("span", { class: "ts-example-icon" }, icon("voice")),
      element("span", { class: "ts-example-title", text: example.title }),
      element("span", { class: "ts-example-seconds", text: example.seconds ? secondsLabel(example.seconds) : "" }),
    );
    return button;
  }
}
