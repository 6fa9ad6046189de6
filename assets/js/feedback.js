// What the page says outside of the chat: toasts, a banner, a question.

import { element, fill, icon } from "./dom.js";
import { t } from "./i18n.js";

const TOAST_MS = 1_800;

/** A short dark note in the middle, as WeChat shows it; read out by screen readers. */
export class Toast {
  constructor() {
    this.node = element("div", { class: "ts-toast", role: "status", "aria-live": "assertive" });
  }

  show(text, iconName = null) {
    clearTimeout(this.timer);
    fill(this.node, iconName ? icon(iconName) : null, element("span", { text }));
    this.node.classList.add("ts-shown");
    this.timer = setTimeout(() => {
      this.node.classList.remove("ts-shown");
    }, TOAST_MS);
  }
}

/** A line under the title that stays while something is wrong. One text per `kind`; the newest kind is on top. */
export class Banner {
  constructor() {
    this.node = element("div", { class: "ts-banners", role: "alert" });
    this.lines = new Map();
  }

  /** `onClose` is told when a person closes the line. */
  show(kind, text, onClose = () => {}) {
    const close = element("button", {
      type: "button",
      class: "ts-banner-close",
      "aria-label": t("close"),
      on: {
        click: () => {
          this.hide(kind);
          onClose();
        },
      },
    });
    close.append(icon("close"));
    this.lines.set(
      kind,
      element("div", { class: "ts-banner", data: { kind } }, icon("warning"), element("span", { text }), close),
    );
    fill(this.node, ...this.lines.values());
  }

  hide(kind) {
    this.lines.delete(kind);
    fill(this.node, ...this.lines.values());
  }
}

/** Ask before something is done that cannot be undone; resolves to true or false. */
export function ask(parent, { title, text, yes }) {
  return new Promise((done) => {
    const dialog = element(
      "dialog",
      { class: "ts-dialog", "aria-labelledby": "ts-dialog-title" },
      element("h2", { id: "ts-dialog-title", text: title }),
      element("p", { text }),
      element(
        "form",
        { method: "dialog" },
        element("button", { value: "no", text: t("cancel") }),
        element("button", { value: "yes", class: "ts-primary", text: yes }),
      ),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      done(dialog.returnValue === "yes");
    });
    parent.append(dialog);
    dialog.showModal();
  });
}
