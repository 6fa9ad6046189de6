// Which bot one talks to: a quiet choice in the header, there only when there is more than one.

import { element, fill } from "./dom.js";
import { t } from "./i18n.js";

export class DomainSwitch {
  /** `choose(name)` is called when another bot is chosen; it resolves to false when that came to nothing. */
  constructor(choose) {
    this.select = element("select", {
      class: "ts-domain",
      "aria-label": t("domain"),
      title: t("domain"),
      on: { change: () => this.changed(choose) },
    });
    this.node = element("div", { class: "ts-domains", hidden: true }, this.select);
    this.current = "";
  }

  /** The zone of the clock of the bot that is shown, once it is known. */
  get timezone() {
    return this.offered?.find(({ name }) => name === this.current)?.timezone;
  }

  offer(domains) {
    this.offered = domains;
    fill(this.select, ...domains.map(({ name, title }) => element("option", { value: name, text: title })));
    this.node.hidden = domains.length < 2;
    this.show(this.current);
  }

  /** Show the bot that the conversation is with. */
  show(name) {
    this.current = name;
    this.select.value = name;
  }

  async changed(choose) {
    if (!(await choose(this.select.value))) this.show(this.current);
  }
}
