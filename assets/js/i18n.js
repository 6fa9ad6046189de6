// The words of the page: Chinese first, English where the browser asks for it before Chinese.

import { kept } from "./kept.js";

let words = {};
let current = "zh";

/** "zh" or "en": the first of the two that the browser prefers; "zh" when it names neither. */
export function preferredLanguage(languages = navigator.languages ?? [navigator.language]) {
  const asked = [new URLSearchParams(location.search).get("lang"), kept("settings.language")].filter(Boolean);
  for (const tag of [...asked, ...languages]) {
    const language = String(tag).toLowerCase().split("-")[0];
    if (language === "zh" || language === "en") return language;
  }
  return "zh";
}

export async function loadLanguage(language) {
  const response = await fetch(new URL(`../locales/${language}.json`, import.meta.url));
  words = (await response.json()).ui;
  current = language;
}

export function language() {
  return current;
}

/** The text of `key` (dots lead into groups), with {names} replaced from `values`; the key itself when it is unknown. */
export function t(key, values = {}) {
  const found = key.split(".").reduce((group, name) => group?.[name], words);
  const text = typeof found === "string" ? found : key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/** What a clock in `timeZone` shows at `date`, when that is another time than here; null when it is the same. */
export function clockElsewhere(timeZone, date = new Date()) {
  const clock = (zone) => new Intl.DateTimeFormat("en-GB", { dateStyle: "short", timeStyle: "short", timeZone: zone }).format(date);
  if (!timeZone || clock(timeZone) === clock(undefined)) return null;
  const shape = { weekday: "long", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone, timeZoneName: "short" };
  return new Intl.DateTimeFormat(current === "zh" ? "zh-CN" : "en-GB", shape).format(date);
}

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/** Two messages further apart than this get a time between them, as in WeChat. */
export const TIME_GAP = 5 * MINUTE;

/** When the last message of a conversation came: 14:05, 昨天, 3月1日, 2024年3月1日. */
export function shortTime(date, now = new Date()) {
  const locale = current === "zh" ? "zh-CN" : "en-GB";
  const [day, today] = [date, now].map((each) => new Date(each.getFullYear(), each.getMonth(), each.getDate()).getTime());
  if (day >= today) return new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(date);
  if (Math.round((today - day) / DAY) === 1) return t("yesterday");
  const year = date.getFullYear() === now.getFullYear() ? {} : { year: "numeric" };
  return new Intl.DateTimeFormat(locale, { month: "short", day: "numeric", ...year }).format(date);
}

/** When a message was sent, as WeChat writes it: 14:05, 昨天 14:05, 星期三 14:05, 2024年3月1日 14:05. */
export function timeLabel(date, now = new Date()) {
  const locale = current === "zh" ? "zh-CN" : "en-GB";
  const clock = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(date);
  const midnight = (day) => new Date(day.getFullYear(), day.getMonth(), day.getDate()).getTime();
  const days = Math.round((midnight(now) - midnight(date)) / DAY);
  if (days <= 0) return clock;
  if (days === 1) return `${t("yesterday")} ${clock}`;
  const shape = days < 7 ? { weekday: "long" } : { year: "numeric", month: "long", day: "numeric" };
  return `${new Intl.DateTimeFormat(locale, shape).format(date)} ${clock}`;
}
