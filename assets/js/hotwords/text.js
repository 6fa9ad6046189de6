// The text form of a list, as far as the page needs to know it; the server reads it for good.

import { t } from "../i18n.js";

const DEFAULT_WEIGHT = 20;

/** An entry as a line of the text form. */
export function entryLine({ word, weight, aliases, contexts }) {
  const head = weight === DEFAULT_WEIGHT ? word : `${word} ${weight}`;
  const left = [head, ...aliases].join(" | ");
  return contexts.length ? `${left} ~~~ ${contexts.join(" | ")}` : left;
}

/** Forms that a person wrote between commas or bars. */
export function splitForms(text) {
  return text
    .split(/[、,，;；|]/)
    .map((form) => form.trim())
    .filter(Boolean);
}

/** Why an entry is wrong, in the user's language. */
export function reasonText({ reason, message }) {
  const key = `hotwords.reasons.${reason}`;
  const text = t(key);
  return text === key ? message : text;
}
