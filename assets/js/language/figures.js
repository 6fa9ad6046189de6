// Figures as people read them; what is not known is a dash.

import { language, t } from "../i18n.js";

const locale = () => (language() === "zh" ? "zh-CN" : "en-GB");
const number = (value, digits = 0) => new Intl.NumberFormat(locale(), { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
const or = (value, write) => (value === null || value === undefined ? "–" : write(value));

export const count = (value) => or(value, number);
export const perplexity = (value) => or(value, (known) => number(known, known < 100 ? 1 : 0));
export const percent = (value) => or(value, (known) => `${number(100 * known, 1)} %`);
export const seconds = (value) => or(value, (known) => `${number(known, known < 10 ? 1 : 0)} s`);
export const megabytes = (value) => or(value, (known) => `${number(known / 2 ** 20, 1)} MB`);
export const when = (time) => or(time, (known) => new Intl.DateTimeFormat(locale(), { dateStyle: "medium", timeStyle: "short" }).format(new Date(known)));

/** What a version is called. */
export function versionName({ number: which, name }) {
  return which ? t("language.version", { number: which, name }) : t("language.own");
}
