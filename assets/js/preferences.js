// What a person chose for this browser: colours, size of the text, what is shown, how the talk button works.

import { keep, kept } from "./kept.js";

const DEFAULTS = { theme: "system", size: "100", text: "on", confirm: "off", talk: "hold", microphone: "", language: "" };
const dark = matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set();

export const preference = (name) => kept(`settings.${name}`) ?? DEFAULTS[name];

export function prefer(name, value) {
  keep(`settings.${name}`, value === DEFAULTS[name] ? null : value);
  apply();
  for (const hear of listeners) hear(name);
}

/** `hear(name)` is called when a preference was changed. */
export const onPreference = (hear) => listeners.add(hear);

/** Make the page look as it is preferred. */
export function apply() {
  // Gradio's pages are asked for in a colour by their address.
  const theme = new URLSearchParams(location.search).get("__theme") ?? preference("theme");
  document.body.classList.toggle("dark", theme === "dark" || (theme === "system" && dark.matches));
  document.documentElement.dataset.text = preference("text");
  document.documentElement.style.setProperty("--ts-zoom", String(Number(preference("size")) / 100));
}

dark.addEventListener("change", apply);
