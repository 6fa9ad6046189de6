// The conversations one has had: a column beside the chat, or a page of its own on a phone.

import * as api from "./api.js";
import { onLongPress } from "./correction.js";
import { element, fill, icon } from "./dom.js";
import { askText } from "./feedback.js";
import { shortTime, t } from "./i18n.js";
import { placeOf, showMenu } from "./menu.js";
import { over } from "./over.js";

const SEARCH_MS = 250;
const SOON_MS = 400;
const AGAIN_MS = 10_000;
const EXPORTS = ["zip", "md", "json"];

export class Threads {
  /** `chat`: current() is the id of the conversation shown, open(id, messageId), begin(), toast. */
  constructor(chat) {
    this.chat = chat;
    this.known = { etag: null, conversations: [] };
    const close = element("button", { type: "button", class: "ts-tool ts-threads-close", "aria-label": t("back"), on: { click: () => this.hide() } }, icon("back"));
    this.field = element("input", { type: "search", class: "ts-search", maxlength: 100, placeholder: t("threads.search"), "aria-label": t("threads.search"), on: { input: () => this.search() } });
    this.list = element("ul", { class: "ts-threads" });
    this.empty = element("p", { class: "ts-threads-empty", role: "status" });
    const brand = element("div", { class: "ts-brand" }, element("span", { class: "ts-logo", "aria-hidden": "true" }), element("strong", { text: t("app_name") }), element("span", { text: t("tagline") }));
    this.node = element(
      "aside",
      { class: "ts-side", id: "ts-side", "aria-label": t("threads.title") },
      element("header", { class: "ts-side-head" }, close, brand),
      element("div", { class: "ts-search-line" }, icon("search"), this.field),
      this.list,
      this.empty,
    );
    this.node.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.closed && !event.target.closest("dialog")) this.hide();
    });
    this.unread = element("span", { class: "ts-count" });
    this.button = element(
      "button",
      { type: "button", class: "ts-tool ts-back", "aria-label": t("threads.title"), title: t("threads.title"), "aria-expanded": "false", "aria-controls": "ts-side", on: { click: () => this.show() } },
      icon("back"),
      this.unread,
    );
    setInterval(() => this.refresh(), AGAIN_MS);
  }

  /** Whether the list can be seen. */
  get visible() {
    return !document.hidden && this.node.checkVisibility();
  }

  /** Open the list on a phone. */
  show() {
    this.node.classList.add("ts-open");
    this.button.setAttribute("aria-expanded", "true");
    this.closed = over(() => this.hide());
    this.load();
    this.node.querySelector("[aria-current]")?.focus({ preventScroll: true });
  }

  hide() {
    if (!this.closed) return;
    this.node.classList.remove("ts-open");
    this.button.setAttribute("aria-expanded", "false");
    this.closed();
    this.closed = null;
    this.button.focus({ preventScroll: true });
  }

  /** Something was said, or another conversation is shown. */
  changed() {
    this.draw();
    clearTimeout(this.soon);
    this.soon = setTimeout(() => this.load(), SOON_MS);
  }

  refresh() {
    if (this.visible && !this.field.value.trim()) this.load();
  }

  search() {
    clearTimeout(this.soon);
    this.soon = setTimeout(() => this.load(), SEARCH_MS);
  }

  async load() {
    const query = this.field.value.trim();
    try {
      const found = await api.listConversations({ q: query }, query === this.query ? this.known.etag : null);
      if (!found || query !== this.field.value.trim()) return;
      this.query = query;
      this.known = found;
      this.draw();
    } catch (error) {
      console.info("Tingshuo: the conversations are not known just now:", error.message);
    }
  }

  draw() {
    const current = this.chat.current();
    const { conversations } = this.known;
    const fresh = !this.query && !conversations.some(({ id }) => id === current);
    const focused = this.list.contains(document.activeElement) ? document.activeElement.closest(".ts-thread")?.dataset.id : null;
    fill(this.list, fresh && current ? this.fresh(current) : null, ...conversations.map((one) => this.row(one, one.id === current)));
    this.empty.textContent = this.query && !conversations.length ? t("threads.none_found") : "";
    const unread = conversations.reduce((sum, one) => sum + (one.id === current ? 0 : one.unread), 0);
    this.unread.textContent = this.query ? this.unread.textContent : unread || "";
    if (focused) this.list.querySelector(`[data-id="${CSS.escape(focused)}"] button`)?.focus({ preventScroll: true });
  }

  /** The conversation that has just begun; it is in nobody's list until something is said in it. */
  fresh(id) {
    return element("li", { class: "ts-thread", data: { id } }, this.opener({ id }, true, element("span", { class: "ts-thread-title", text: t("new_conversation") })));
  }

  opener({ id }, current, ...content) {
    return element(
      "button",
      { type: "button", class: "ts-thread-open", "aria-current": current ? "true" : null, on: { click: () => this.open(id) } },
      element("span", { class: "ts-avatar ts-avatar-bot", "aria-hidden": "true" }),
      ...content,
    );
  }

  row(one, current) {
    const { id, title, last, unread, pinned, hits } = one;
    const line = hits.length ? null : element("span", { class: "ts-thread-line", text: lineOf(last) });
    const opener = this.opener(
      one,
      current,
      element("span", { class: "ts-thread-title", text: title || t("threads.voice") }),
      element("time", { datetime: last.created_at, text: shortTime(new Date(last.created_at)) }),
      line,
      unread && !current ? element("span", { class: "ts-count", text: unread, "aria-label": t("threads.unread", { count: unread }) }) : null,
    );
    const more = element("button", { type: "button", class: "ts-thread-more", "aria-label": t("threads.more", { title }), "aria-haspopup": "menu" }, icon("more"));
    const menu = (event) => this.menu(one, placeOf(event, more));
    more.addEventListener("click", menu);
    const found = hits.map((hit) => element("button", { type: "button", class: "ts-hit", on: { click: () => this.open(id, hit.message_id) } }, ...marked(hit)));
    const node = element("li", { class: "ts-thread", data: { id, pinned: String(pinned) } }, opener, more, ...found);
    onLongPress(opener, () => menu(null));
    opener.addEventListener("contextmenu", (event) => {
      event.preventDefault();
      menu(event);
    });
    return node;
  }

  open(id, message = null) {
    this.hide();
    this.chat.open(id, message);
  }

  menu(one, place) {
    showMenu(this.node, place, [
      { icon: "pin", text: t(one.pinned ? "threads.unpin" : "threads.pin"), act: () => this.change(one.id, { pinned: !one.pinned }) },
      { icon: "pencil", text: t("threads.rename"), act: () => this.rename(one) },
      ...EXPORTS.map((format) => ({ icon: "export", text: t(`threads.export_${format}`), act: () => this.export(one.id, format) })),
      { icon: "trash", text: t("threads.delete"), act: () => this.remove(one) },
    ]);
  }

  async change(id, changed) {
    try {
      await api.changeConversation(id, changed);
      await this.load();
    } catch (error) {
      this.chat.toast.show(error.message || t("connection_lost"), "warning");
    }
  }

  async rename({ id, title }) {
    const wanted = await askText(this.node, { title: t("threads.rename"), value: title, label: t("threads.name"), longest: 60, yes: t("threads.save") });
    if (wanted !== null) await this.change(id, { title: wanted });
  }

  export(id, format) {
    element("a", { href: api.exportUrl(id, format), download: "" }).click();
  }

  /** Delete at once, and offer to have it back. */
  async remove({ id, title }) {
    try {
      await api.deleteConversation(id);
    } catch (error) {
      this.chat.toast.show(error.message || t("connection_lost"), "warning");
      return;
    }
    await this.load();
    const wasShown = id === this.chat.current();
    if (wasShown) {
      const [next] = this.known.conversations;
      await (next ? this.chat.open(next.id, null) : this.chat.begin());
    }
    this.chat.toast.offer(t("threads.deleted", { title }), t("threads.undo"), async () => {
      await this.change(id, { deleted: false });
      if (wasShown) this.chat.open(id, null);
    });
  }
}

/** A message as one line of the list. */
function lineOf({ kind, text }) {
  if (kind === "voice") return `${t("threads.voice")} ${text}`;
  return kind === "image" ? `${t("threads.image")} ${text}` : text;
}

/** The pieces of a hit, what was searched for in <mark>. Offsets count code points, as the server does. */
function marked({ text, marks }) {
  const characters = [...text];
  const pieces = [];
  let done = 0;
  for (const [start, end] of marks) {
    pieces.push(characters.slice(done, start).join(""), element("mark", { text: characters.slice(start, end).join("") }));
    done = end;
  }
  return [...pieces, characters.slice(done).join("")];
}
