// A sheet: a dialog with a title, at the bottom of a phone and in the middle of a larger screen.

import { element, icon } from "./dom.js";
import { t } from "./i18n.js";

let count = 0;

export function sheet(title, ...content) {
  const id = `ts-sheet-${(count += 1)}`;
  const close = element("button", { type: "button", class: "ts-tool", "aria-label": t("close"), title: t("close"), on: { click: () => node.close() } }, icon("close"));
  const node = element(
    "dialog",
    { class: "ts-sheet", "aria-labelledby": id },
    element("header", { class: "ts-sheet-head" }, element("h2", { id, text: title }), close),
    element("div", { class: "ts-sheet-body" }, ...content),
  );
  node.addEventListener("click", (event) => event.target === node && node.close());
  return node;
}
