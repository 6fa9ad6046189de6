// What can be done with one message.

import { correctable } from "./correction.js";
import { element } from "./dom.js";
import { t } from "./i18n.js";
import { showMenu } from "./menu.js";

const LONGEST_WORD = 20; // characters of a hotword

/**
 * Show the menu of a `bubble` at `place`. `acts`: copy(text), again(message), hotword(word), remove(message),
 * retry(bubble), save(name, text).
 */
export function messageMenu(parent, bubble, place, acts) {
  const { message } = bubble;
  const { kind, text, status, table } = message;
  const mine = message.role === "user";
  const chosen = chosenIn(bubble.node) || text.replace(/[。！？，、；：.!?,;:\s]+$/u, "");
  showMenu(parent, place, [
    text && { icon: "copy", text: t("message.copy"), act: () => acts.copy(kind === "table" ? rowsOf(table, "\t") : text) },
    table && { icon: "export", text: t("message.save_table"), act: () => acts.save(`${table.title}.csv`, `\uFEFF${rowsOf(table, ",")}`) },
    kind === "voice" && text && document.documentElement.dataset.text === "off" && { icon: "text", text: t("transcript"), act: () => bubble.node.classList.toggle("ts-shown-text") },
    correctable(message) && { icon: "pencil", text: t("hotwords.correct"), act: () => bubble.edit(true) },
    mine && status === "failed" && { icon: "retry", text: t("retry"), act: () => acts.retry(bubble) },
    mine && status === "done" && { icon: "send", text: t("message.again"), act: () => acts.again(message) },
    chosen && [...chosen].length <= LONGEST_WORD && kind !== "table" && { icon: "words", text: t("message.hotword", { word: chosen }), act: () => acts.hotword(chosen) },
    !["sending", "recognizing", "answering"].includes(status) && { icon: "trash", text: t("message.remove"), act: () => acts.remove(message) },
  ]);
}

/** The words of a message that are marked. */
function chosenIn(node) {
  const selection = getSelection();
  return !selection.isCollapsed && node.contains(selection.anchorNode) ? selection.toString().trim() : "";
}

/** A table as lines of text; a cell that a spreadsheet would take for a formula is kept from being one. */
function rowsOf({ columns, rows }, between) {
  const cell = (text) => {
    const safe = /^[=+\-@\t]/.test(text) ? `'${text}` : text;
    return between === "," && /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return [columns, ...rows].map((row) => row.map(cell).join(between)).join("\r\n");
}

/** Let the browser save a text as a file. */
export function save(name, text) {
  const link = element("a", { href: URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
