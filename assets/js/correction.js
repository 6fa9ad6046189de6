// Putting a transcript right where it stands: the pencil beside it, or a long press on the voice bubble.

import { composing, element, icon } from "./dom.js";
import { t } from "./i18n.js";

const LONG_PRESS_MS = 500;

/** Whether the words of `message` are the recogniser's, and can be put right now. */
export function correctable(message) {
  return message.role === "user" && message.kind === "voice" && message.status === "done" && !message.id.startsWith("local-");
}

export function pencil(click) {
  const label = t("hotwords.correct");
  const button = element("button", { type: "button", class: "ts-pencil", "aria-label": label, title: label, on: { click } });
  button.append(icon("pencil"));
  return button;
}

/** Beside a text that a person put right. */
export function correctedMark({ heard }) {
  return element("span", { class: "ts-corrected", text: t("hotwords.corrected_mark"), title: t("hotwords.corrected_from", { heard }) });
}

/** A field with the transcript; `done(text)` gets what was made of it, null when nothing. */
export function correctionField(message, done) {
  const field = element("textarea", { rows: 1, "aria-label": t("hotwords.correct"), maxlength: 1000 });
  field.value = message.text;
  const finish = (text) => done(text && text !== message.text ? text : null);
  field.addEventListener("keydown", (event) => {
    if (composing(event)) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      finish(field.value.trim());
    } else if (event.key === "Escape") {
      event.stopPropagation();
      finish(null);
    }
  });
  const form = element(
    "form",
    {
      class: "ts-correction",
      on: {
        submit: (event) => {
          event.preventDefault();
          finish(field.value.trim());
        },
      },
    },
    field,
    element(
      "div",
      { class: "ts-correction-line" },
      element("span", { text: t("hotwords.correct_hint") }),
      element("button", { type: "button", text: t("cancel"), on: { click: () => finish(null) } }),
      element("button", { type: "submit", class: "ts-send-correction", text: t("hotwords.correct_send") }),
    ),
  );
  form.ready = () => {
    field.focus();
    field.setSelectionRange(field.value.length, field.value.length);
  };
  return form;
}

/** Call `act` when `node` is pressed for long with a finger; the click that follows is swallowed. */
export function onLongPress(node, act) {
  let timer = null;
  const stop = () => clearTimeout(timer);
  node.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "mouse") return;
    timer = setTimeout(() => {
      swallowClick();
      act();
    }, LONG_PRESS_MS);
  });
  for (const name of ["pointerup", "pointercancel", "pointerleave", "pointermove"]) {
    node.addEventListener(name, (event) => {
      if (name !== "pointermove" || Math.abs(event.movementX) + Math.abs(event.movementY) > 6) stop();
    });
  }
  node.addEventListener("contextmenu", (event) => timer && event.preventDefault());
}

/** Swallow the click of the press that is going on, on whatever has come to lie under the finger meanwhile. */
function swallowClick() {
  const swallow = (event) => {
    event.preventDefault();
    event.stopImmediatePropagation();
  };
  document.addEventListener("click", swallow, { capture: true, once: true });
  const end = () => setTimeout(() => document.removeEventListener("click", swallow, { capture: true }), 50);
  for (const name of ["pointerup", "pointercancel"]) document.addEventListener(name, end, { capture: true, once: true });
}
