// Example recordings: a row in a chat in which nothing has been said yet, and a sheet at any time.

import { element, fill, icon } from "./dom.js";
import { t } from "./i18n.js";
import { secondsLabel } from "./bubbles.js";
import { openDialog } from "./over.js";
import { sheet } from "./sheet.js";

export class Examples {
  /** `send({title, url, seconds})` is called when one is pressed. */
  constructor(send) {
    this.send = send;
    this.row = element("div", { class: "ts-examples", role: "group", "aria-label": t("examples"), hidden: true });
    this.list = element("div", { class: "ts-example-list" });
    this.sheet = sheet(t("examples"), this.list);
    this.fitting = [];
    this.empty = false;
  }

  /** Offer those for the bot `domain`. */
  show({ examples = [] }, domain) {
    this.fitting = examples.filter((example) => example.domain === domain);
    fill(this.row, ...this.fitting.map((example) => this.button(example)));
    fill(this.list, ...this.fitting.map((example) => this.button(example)));
    this.showEmpty(this.empty);
  }

  /** Show the row when the chat is empty. */
  showEmpty(empty) {
    this.empty = empty;
    this.row.hidden = !empty || !this.fitting.length;
  }

  open() {
    openDialog(this.sheet);
  }

  button(example) {
    return element(
      "button",
      {
        type: "button",
        class: "ts-example",
        "aria-label": t("send_example", { title: example.title }),
        on: {
          click: () => {
            this.sheet.close();
            this.send(example);
          },
        },
      },
      element("span", { class: "ts-example-icon" }, icon("voice")),
      element("span", { class: "ts-example-title", text: example.title }),
      element("span", { class: "ts-example-seconds", text: example.seconds ? secondsLabel(example.seconds) : "" }),
    );
  }
}
