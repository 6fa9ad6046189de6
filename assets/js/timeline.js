// The list of messages: bubbles in order, times between them, typing dots, quick replies, scrolling.

import { Bubble, typingBubble } from "./bubbles.js";
import { element, fill, icon } from "./dom.js";
import { t, timeLabel, TIME_GAP } from "./i18n.js";

export class Timeline {
  /** `actions` are those of a bubble, and reply(text) for a quick reply. */
  constructor(actions) {
    this.actions = actions;
    this.reply = actions.reply;
    this.missed = 0; // messages that came while one was reading further up
    this.bubbles = new Map();
    this.list = element("div", { class: "ts-list", role: "log", "aria-live": "polite", "aria-label": t("messages") });
    this.zone = element("p", { class: "ts-zone", hidden: true });
    this.replies = element("div", { class: "ts-replies", role: "group", "aria-label": t("quick_replies") });
    this.node = element("section", { class: "ts-timeline", tabindex: "0", "aria-label": t("messages") }, this.zone, this.list, this.replies);
    this.down = element("button", { type: "button", class: "ts-down", hidden: true, on: { click: () => this.scrollToEnd() } });
    this.typing = typingBubble();
    // Bubbles grow when a transcript arrives, and the page shrinks under a phone's keyboard.
    new ResizeObserver(() => this.keepAtEnd()).observe(this.list);
    new ResizeObserver(() => this.keepAtEnd()).observe(this.node);
    this.atEnd = true;
    this.node.addEventListener("scroll", () => {
      this.atEnd = this.node.scrollHeight - this.node.scrollTop - this.node.clientHeight < 80;
      if (this.atEnd) this.miss(0);
    });
  }

  /** Say what time it is for the bot, where that is another than here. */
  showZone(clock) {
    this.zone.hidden = !clock;
    this.zone.textContent = clock ? t("bots_clock", { clock }) : "";
  }

  clear() {
    this.atEnd = true;
    this.miss(0);
    this.bubbles.clear();
    this.last = null;
    fill(this.list);
    fill(this.replies);
  }

  get(id) {
    return this.bubbles.get(id);
  }

  /** The messages shown, oldest first. */
  get messages() {
    return [...this.bubbles.values()].map(({ message }) => message);
  }

  /** True when a message shown fits `condition`. */
  some(condition) {
    return [...this.bubbles.values()].some(({ message }) => condition(message));
  }

  /** Show `message`, new or changed; what was said `here` is brought into sight. */
  put(message, here = true) {
    const known = this.bubbles.get(message.id);
    if (known) {
      known.update(message);
      return known;
    }
    const bubble = new Bubble(message, this.actions);
    this.bubbles.set(message.id, bubble);
    const date = new Date(message.created_at);
    if (!this.last || date - this.last > TIME_GAP) {
      const time = element("time", { class: "ts-time", datetime: message.created_at, text: timeLabel(date) });
      this.list.insertBefore(time, this.typing.parentNode ? this.typing : null);
    }
    this.last = date;
    this.list.insertBefore(bubble.node, this.typing.parentNode ? this.typing : null);
    if (this.filling) return bubble;
    // What the bot offers belongs to its last words; once something is said, the offer is over.
    this.showReplies(message.role === "bot" ? message.quick_replies : []);
    if ((message.role === "user" && here) || this.atEnd) this.scrollToEnd();
    else this.miss(this.missed + 1);
    return bubble;
  }

  /** Show many messages at once, and the end of them. */
  putAll(messages) {
    this.filling = true;
    for (const message of messages) this.put(message);
    this.filling = false;
    const last = messages.at(-1);
    this.showReplies(last?.role === "bot" ? last.quick_replies : []);
    this.scrollToEnd();
  }

  /** Say that `count` messages came further down. */
  miss(count) {
    this.missed = count;
    this.down.hidden = !count;
    fill(this.down, icon("down"), element("span", { text: t("new_messages", { count }) }));
  }

  /** Bring a message into sight and point at it. */
  reveal(id) {
    const node = this.bubbles.get(id)?.node;
    if (!node) return;
    this.atEnd = false;
    node.scrollIntoView({ block: "center" });
    node.classList.add("ts-pointed");
    setTimeout(() => node.classList.remove("ts-pointed"), 2_500);
  }

  /** The server has given a message that was shown under a local id its own id. */
  rename(from, to) {
    const bubble = this.bubbles.get(from);
    if (!bubble || from === to) return;
    this.bubbles.delete(from);
    this.bubbles.set(to, bubble);
  }

  remove(id) {
    this.bubbles.get(id)?.node.remove();
    this.bubbles.delete(id);
  }

  setTyping(typing) {
    if (typing === Boolean(this.typing.parentNode)) return;
    if (typing) this.list.append(this.typing);
    else this.typing.remove();
    this.keepAtEnd();
  }

  showReplies(replies) {
    fill(
      this.replies,
      ...replies.map(({ title, text }) =>
        element("button", { type: "button", class: "ts-chip", text: title, on: { click: () => this.reply(text) } }),
      ),
    );
    this.keepAtEnd();
  }

  scrollToEnd() {
    this.atEnd = true;
    this.miss(0);
    this.keepAtEnd();
  }

  keepAtEnd() {
    if (this.atEnd) this.node.scrollTop = this.node.scrollHeight;
  }
}
