// A short menu at the place that was pressed.

import { element, icon } from "./dom.js";
import { openDialog } from "./over.js";

const EDGE = 8; // px kept free at the sides of the window

/** Show `items` ({icon, text, act} or null) at (x, y); the focus goes back to where it was. */
export function showMenu(parent, { x, y }, items) {
  const buttons = items.filter(Boolean).map(({ icon: shape, text, act }) =>
    element(
      "button",
      {
        type: "button",
        role: "menuitem",
        class: "ts-menu-item",
        on: {
          click: () => {
            dialog.close();
            act();
          },
        },
      },
      icon(shape),
      element("span", { text }),
    ),
  );
  const dialog = element("dialog", { class: "ts-menu" }, element("div", { role: "menu" }, ...buttons));
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = buttons.indexOf(document.activeElement);
    buttons[(at + step + buttons.length) % buttons.length].focus();
  });
  parent.append(dialog);
  openDialog(dialog);
  const { width, height } = dialog.getBoundingClientRect();
  dialog.style.left = `${Math.max(EDGE, Math.min(x, innerWidth - width - EDGE))}px`;
  dialog.style.top = `${Math.max(EDGE, y + height + EDGE > innerHeight ? y - height : y)}px`;
}

/** Where a menu of `node` belongs: at the pointer, or below the node when a key asked for it. */
export function placeOf(event, node) {
  if (event?.clientX || event?.clientY) return { x: event.clientX, y: event.clientY };
  const { left, bottom } = node.getBoundingClientRect();
  return { x: left, y: bottom };
}
