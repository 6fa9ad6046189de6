// What opens under the bar at 「+」: everything the app can do beside talking.

import { element, icon } from "./dom.js";
import { t } from "./i18n.js";
import { over } from "./over.js";

export class Tray {
  /** `button` opens and closes it; each of `items` is {name, icon, text, act}. */
  constructor(button, items) {
    this.button = button;
    this.items = new Map(items.map((item) => [item.name, this.item(item)]));
    this.node = element("div", { class: "ts-tray", id: "ts-tray", role: "group", "aria-label": t("more"), hidden: true }, ...this.items.values());
    button.setAttribute("aria-expanded", "false");
    button.setAttribute("aria-controls", "ts-tray");
    button.addEventListener("click", () => (this.node.hidden ? this.open() : this.close()));
    this.node.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      this.close();
      button.focus();
    });
    document.addEventListener("pointerdown", ({ target }) => {
      if (!this.node.contains(target) && !button.contains(target)) this.close();
    });
  }

  item({ name, icon: shape, text, act }) {
    return element(
      "button",
      {
        type: "button",
        class: "ts-tray-item",
        data: { name },
        on: {
          click: () => {
            this.close();
            act();
          },
        },
      },
      element("span", { class: "ts-tray-icon" }, icon(shape)),
      element("span", { text }),
    );
  }

  /** Show or hide one of the items. */
  offer(name, offered) {
    this.items.get(name).hidden = !offered;
  }

  open() {
    this.node.hidden = false;
    this.button.setAttribute("aria-expanded", "true");
    this.closed = over(() => this.close());
  }

  close() {
    if (this.node.hidden) return;
    this.node.hidden = true;
    this.button.setAttribute("aria-expanded", "false");
    this.closed();
  }
}
