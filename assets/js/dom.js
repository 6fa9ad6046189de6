// Building DOM without ever parsing HTML: every string becomes a text node, so text from people,
// the bot or the recogniser can hold no markup.

import { ICONS } from "./icons.js";

const SVG = "http://www.w3.org/2000/svg";

/** Make an element; `properties` are attributes, but for class, on (listeners), data (dataset) and text. */
export function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    else if (name === "data") Object.assign(node.dataset, value);
    else if (name === "text") node.textContent = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** A drawing of strokes in a square of 24, in the colour of the text around it. */
function drawing(name, ...paths) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", name);
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  for (const shape of paths) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", shape);
    svg.append(path);
  }
  return svg;
}

/** One of icons.js. */
export function icon(name) {
  return drawing(`ts-icon ts-icon-${name}`, ICONS[name]);
}

/** The three arcs of a voice bubble; the css makes them light up one after another while it plays. */
export function voiceWave() {
  return drawing("ts-wave", "M7.2 10.2a2.6 2.6 0 0 1 0 3.6", "M10.6 7.2a6.8 6.8 0 0 1 0 9.6", "M14 4.2a11 11 0 0 1 0 15.6");
}

/** Whether a key belongs to an input method that is writing a word; keyCode 229 is Safari's way to say so. */
export function composing(event) {
  return event.isComposing || event.keyCode === 229;
}

/** Replace the children of `node`. */
export function fill(node, ...children) {
  node.replaceChildren(...children.filter((child) => child !== null && child !== undefined));
}
