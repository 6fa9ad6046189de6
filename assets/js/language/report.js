// What a training found out: its figures, what the check says of them, and the lines that could not be used.

import { element } from "../dom.js";
import { t } from "../i18n.js";
import { count, percent, perplexity, seconds } from "./figures.js";

const FEWEST_HELD_OUT = 20; // sentences; a perplexity of fewer says nothing

/** The nodes that show the report of a training; none before there is one. */
export function reportOf({ report, status }) {
  if (!report) return [];
  return [figures(report), status === "refused" ? refusal(report) : null, problems(report)].filter(Boolean);
}

function figures({ kept, sentences, held_out: heldOut, ngrams, share, clips, seconds: took, ...report }) {
  const pair = (figure, write) => (figure ? `${write(figure.before)} → ${write(figure.after)}` : "–");
  const rows = [
    ["perplexity", pair(report.perplexity, perplexity), heldOut >= FEWEST_HELD_OUT ? better(report.perplexity) : ""],
    ["cer", pair(report.cer, percent), better(report.cer)],
    ["kept", sentences === kept ? count(kept) : t("language.of", { part: count(kept), whole: count(sentences) })],
    ["held_out", count(heldOut)],
    ["clips", count(clips)],
    ["ngrams", count(ngrams)],
    ["share", percent(share)],
    ["took", seconds(took)],
  ];
  return element(
    "dl",
    { class: "lm-figures" },
    ...rows.map(([key, text, state]) =>
      element("div", { data: { figure: key, state: state ?? "" }, title: t(`language.figures.${key}_hint`) }, element("dt", { text: t(`language.figures.${key}`) }), element("dd", { text })),
    ),
  );
}

function better(figure) {
  if (typeof figure?.before !== "number" || typeof figure.after !== "number" || figure.before === figure.after) return "";
  return figure.after < figure.before ? "better" : "worse";
}

/** Why the check refused the model, and what can be done about it. */
function refusal({ reasons = [], tolerance }) {
  const known = reasons.map((reason) => t(`language.refusals.${reason}`, { cer: percent(tolerance?.cer), perplexity: tolerance?.perplexity ?? 1 }));
  return known.length ? element("ul", { class: "lm-reasons" }, ...known.map((text) => element("li", { text }))) : null;
}

function problems({ problems: lines = [], problem_reasons: reasons = {} }) {
  const all = Object.values(reasons).reduce((sum, each) => sum + each, 0);
  if (!all) return null;
  return element(
    "details",
    { class: "lm-problems", open: true },
    element("summary", { text: t("language.problems", { count: count(all) }) }),
    element("ul", { class: "lm-problem-kinds" }, ...Object.entries(reasons).map(([reason, times]) => element("li", { text: `${said(reason)} × ${count(times)}` }))),
    element(
      "table",
      {},
      ...lines.map(({ source, line, reason, text }) =>
        element(
          "tr",
          {},
          element("td", { class: "lm-place", text: `${source} · ${t("language.line", { line })}` }),
          element("td", { class: "lm-why", text: said(reason) }),
          element("td", { class: "lm-line", text }),
        ),
      ),
    ),
    lines.length < all ? element("p", { class: "pn-lead", text: t("language.more_problems", { count: count(all - lines.length) }) }) : null,
  );
}

function said(reason) {
  const key = `language.reasons.${reason}`;
  const text = t(key);
  return text === key ? reason : text;
}
