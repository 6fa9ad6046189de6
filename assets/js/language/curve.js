// Perplexity and CER over the versions, as two small drawings: before each version in grey, with it in green.

import { element } from "../dom.js";
import { t } from "../i18n.js";
import { percent, perplexity } from "./figures.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 320;
const HEIGHT = 150;
const LEFT = 46;
const RIGHT = 14;
const TOP = 12;
const BOTTOM = 24;

/** `versions` as the server lists them, the newest first; null when there is nothing to draw. */
export function curves(versions) {
  const known = versions.filter(({ report }) => report).reverse();
  const drawn = [
    curve("perplexity", t("language.perplexity"), t("language.perplexity_hint"), known, perplexity),
    curve("cer", t("language.cer"), t("language.cer_hint"), known, percent),
  ].filter(Boolean);
  return drawn.length ? element("div", { class: "lm-curves" }, ...drawn) : null;
}

function curve(kind, title, hint, versions, write) {
  const points = versions
    .filter(({ report }) => typeof report[kind]?.after === "number")
    .map(({ number, current, report }) => ({ number, current, before: report[kind].before, after: report[kind].after }));
  if (!points.length) return null;
  const top = Math.max(...points.flatMap(({ before, after }) => [before ?? 0, after])) || 1;
  const x = (i) => (points.length === 1 ? (LEFT + WIDTH - RIGHT) / 2 : LEFT + (i * (WIDTH - LEFT - RIGHT)) / (points.length - 1));
  const y = (value) => HEIGHT - BOTTOM - (value / top) * (HEIGHT - TOP - BOTTOM);
  const svg = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "lm-curve", role: "img", "aria-label": spoken(title, points, write) });
  for (const value of [0, top / 2, top]) {
    svg.append(
      shape("line", { class: "lm-grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value) }),
      shape("text", { class: "lm-tick", x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, write(value)),
    );
  }
  const before = points.map((point, i) => ({ ...point, x: x(i), y: point.before })).filter((point) => typeof point.y === "number");
  svg.append(line("lm-before", before.map((point) => [point.x, y(point.y)])), line("lm-after", points.map((point, i) => [x(i), y(point.after)])));
  for (const point of before) svg.append(shape("circle", { class: "lm-before-point", cx: point.x, cy: y(point.y), r: 2.5 }));
  const every = Math.ceil(points.length / 8); // labels that have room
  points.forEach((point, i) => {
    const dot = shape("circle", { class: point.current ? "lm-point lm-current-point" : "lm-point", cx: x(i), cy: y(point.after), r: point.current ? 5 : 3.5 });
    dot.append(shape("title", {}, told(point, write)));
    svg.append(dot);
    if ((points.length - 1 - i) % every === 0) svg.append(shape("text", { class: "lm-tick", x: x(i), y: HEIGHT - 6, "text-anchor": "middle" }, point.number));
  });
  return element("figure", { class: "lm-figure", title: hint }, element("figcaption", {}, element("b", { text: title }), element("span", { text: hint })), svg);
}

function shape(tag, attributes, text) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

function line(name, points) {
  return shape("polyline", { class: name, points: points.map((point) => point.join(",")).join(" ") });
}

function told({ number, before, after }, write) {
  return t("language.point", { number, before: write(before), after: write(after) });
}

function spoken(title, points, write) {
  return `${title}: ${points.map((point) => told(point, write)).join("; ")}`;
}
