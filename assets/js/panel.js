// What the panels over the chat are made of: a dialog, the views at its side, and files that are dropped on it.

import { element, fill, icon } from "./dom.js";
import { t } from "./i18n.js";

/** A dialog with `nav` at the side of `main`; `close()` is called when a person wants to leave it. */
export function panelDialog(name, { title, lead, nav, main, close }) {
  const leave = element("button", { type: "button", class: "pn-icon-button pn-close", "aria-label": t("close"), title: t("close"), on: { click: close } });
  leave.append(icon("close"));
  const heading = element("h2", { id: `${name}-title`, text: title });
  const node = element(
    "dialog",
    { class: `pn-panel ${name}-panel`, "aria-labelledby": heading.id },
    element("header", { class: "pn-header" }, heading, element("p", { text: lead }), leave),
    element("div", { class: "pn-body" }, nav, main),
  );
  node.addEventListener("cancel", (event) => {
    event.preventDefault();
    close();
  });
  node.addEventListener("click", (event) => event.target === node && close());
  return node;
}

/** One view, or one list, at the side; `extra` stands behind its title. */
export function viewItem({ id, title, extra = null, selected, choose }) {
  return element(
    "div",
    { class: "pn-item", data: { selected: String(selected) } },
    element(
      "button",
      { type: "button", class: "pn-item-name", "aria-current": selected ? "true" : null, data: { nav: id }, on: { click: choose } },
      element("span", { class: "pn-item-title", text: title }),
      extra,
    ),
  );
}

/** Draw what is at the side anew; the focus stays where it was. */
export function drawNav(nav, ...children) {
  const focused = document.activeElement?.closest?.("[data-nav]")?.dataset.nav;
  fill(nav, ...children);
  if (focused) nav.querySelector(`[data-nav="${CSS.escape(focused)}"]`)?.focus();
  // On a phone they are a row that scrolls.
  nav.querySelector('[data-selected="true"]')?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

/** A quiet button with an icon and a text. */
export function toolButton(shape, text, click) {
  return element("button", { type: "button", class: "pn-button pn-quiet", on: { click } }, icon(shape), element("span", { text }));
}

/** Give files dropped on `node` to `take(file)`: they are no recordings for the chat. `wanted()` says where to show that. */
export function acceptFiles(node, { wanted, take }) {
  const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
  for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
    node.addEventListener(name, (event) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      event.stopPropagation();
      node.classList.toggle("pn-dropping", name === "dragover" && wanted());
      if (name !== "drop") return;
      const [file] = event.dataTransfer.files;
      if (file) take(file);
    });
  }
}

/** What stands in a text file: UTF-8, UTF-16, or the encoding that old Windows programs write. */
export async function readText(file) {
  const bytes = await file.arrayBuffer();
  const units = new Uint8Array(bytes);
  const zeros = [0, 0]; // at even and at odd places
  units.forEach((unit, place) => (zeros[place % 2] += unit ? 0 : 1));
  const [first, second] = units;
  if (first === 0xff && second === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  if (first === 0xfe && second === 0xff) return new TextDecoder("utf-16be").decode(bytes);
  if (zeros[0] + zeros[1]) return new TextDecoder(zeros[1] >= zeros[0] ? "utf-16le" : "utf-16be").decode(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("gb18030").decode(bytes);
  }
}
