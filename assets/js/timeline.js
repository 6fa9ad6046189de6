// The list of messages: bubbles in order, times between them, typing dots, quick replies, scrolling.

import { Bubble, typingBubble } from "./bubbles.js";
import { element, fill } from "./dom.js";
import { t, timeLabel, TIME_GAP } from "./i18n.js";

export class Timeline {
  constructor({ play, retry, correct, reply }) {
    this.actions = { play, retry, correct };
    this.reply = reply;
    this.bubbles = new Map();
    this.list = element("div", { class: "ts-list", role: "log", "aria-live": "polite", "aria-label": t("messages") });
    this.zone = element("p", { class: "ts-zone", hidden: true });
    this.replies = element("div", { class: "ts-replies", role: "group", "aria-label": t("quick_replies") });
    this.node = element("section", { class: "ts-timeline", tabindex: "0", "aria-label": t("messages") }, this.zone, this.list, this.replies);
    this.typing = typingBubble();
    // Bubbles grow when a transcript arrives, and the page shrinks under a phone's keyboard.
    new ResizeObserver(() => this.keepAtEnd()).observe(this.list);
    new ResizeObserver(() => this.keepAtEnd()).observe(this.node);
    this.atEnd = true;
    this.node.addEventListener("scroll", () => {
      this.atEnd = this.node.scrollHeight - this.node.scrollTop - this.node.clientHeight < 80;
    });
  }

  /** Say what time it is for the bot, where that is another than here. */
  showZone(clock) {
    this.zone.hidden = !clock;
    this.zone.textContent = clock ? t("bots_clock", { clock }) : "";
  }

  clear() {
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

  /** Show `message`, new or changed. */
  put(message) {
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
    // What the bot offers belongs to its last words; once something is said, the offer is over.
    this.showReplies(message.role === "bot" ? message.quick_replies : []);
    return bubble;
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
    this.scrollToEnd();
  }

  showReplies(replies) {
    fill(
      this.replies,
      ...replies.map(({ title, text }) =>
        element("button", { type: "button", class: "ts-chip", text: title, on: { click: () => this.reply(text) } }),
      ),
    );
    this.scrollToEnd();
  }

  scrollToEnd() {
    this.atEnd = true;
    this.keepAtEnd();
  }

  keepAtEnd() {
    if (this.atEnd) this.node.scrollTop = this.node.scrollHeight;
  }
}
