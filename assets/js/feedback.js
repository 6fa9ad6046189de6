// What the page says outside of the chat: toasts, a banner, a question.

import { composing, element, fill, icon } from "./dom.js";
import { t } from "./i18n.js";
import { openDialog } from "./over.js";

const TOAST_MS = 1_800;
const OFFER_MS = 8_000;

/** A short dark note in the middle, as WeChat shows it; read out by screen readers. */
export class Toast {
  constructor() {
    this.node = element("div", { class: "ts-toast", role: "status", "aria-live": "assertive" });
  }

  show(text, iconName = null) {
    clearTimeout(this.timer);
    fill(this.node, iconName ? icon(iconName) : null, element("span", { text }));
    this.node.classList.add("ts-shown");
    this.node.classList.remove("ts-offering");
    this.timer = setTimeout(() => this.hide(), TOAST_MS);
  }

  /** Say what was done, with a button that does something about it for a while. */
  offer(text, label, act) {
    clearTimeout(this.timer);
    const click = () => {
      this.hide();
      act();
    };
    fill(this.node, element("span", { text }), element("button", { type: "button", class: "ts-offer", text: label, on: { click } }));
    this.node.classList.add("ts-shown", "ts-offering");
    this.timer = setTimeout(() => this.hide(), OFFER_MS);
  }

  hide() {
    this.node.classList.remove("ts-shown", "ts-offering");
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
    openDialog(dialog);
  });
}

/** Ask for a line of text; resolves to it, or to null. */
export function askText(parent, { title, label, value, longest, yes }) {
  return new Promise((done) => {
    const field = element("input", { type: "text", class: "pn-field ts-dialog-field", maxlength: longest, value, "aria-label": label });
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && composing(event)) event.preventDefault();
    });
    const dialog = element(
      "dialog",
      { class: "ts-dialog", "aria-labelledby": "ts-dialog-title" },
      element("h2", { id: "ts-dialog-title", text: title }),
      element(
        "form",
        { method: "dialog" },
        field,
        element("button", { type: "button", text: t("cancel"), on: { click: () => dialog.close("no") } }),
        element("button", { value: "yes", class: "ts-primary", text: yes }),
      ),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      done(dialog.returnValue === "yes" ? field.value.trim() : null);
    });
    parent.append(dialog);
    openDialog(dialog);
    field.select();
  });
}
