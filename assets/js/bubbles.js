// One message as WeChat draws it: avatar, bubble, transcript, and what went wrong.

import { resolve } from "./api.js";
import { correctable, correctedMark, correctionField, onLongPress, pencil } from "./correction.js";
import { placeOf } from "./menu.js";
import { element, fill, icon, voiceWave } from "./dom.js";
import { language, t } from "./i18n.js";

const SHORTEST = 84; // px of a one-second voice bubble
const LONGEST = 250; // px of a 60-second one

/** Width of a voice bubble: it grows fast over the first ten seconds, slowly up to a minute. */
export function voiceWidth(seconds) {
  const capped = Math.min(60, Math.max(1, seconds || 1));
  const share = capped <= 10 ? (capped - 1) / 18 : 0.5 + (capped - 10) / 100;
  return Math.round(SHORTEST + share * (LONGEST - SHORTEST));
}

/** Seconds as people write them beside a voice bubble: 5″, 1′20″. */
export function secondsLabel(seconds) {
  const whole = Math.max(1, Math.round(seconds));
  return whole < 60 ? `${whole}″` : `${Math.floor(whole / 60)}′${whole % 60 ? `${whole % 60}″` : ""}`;
}

/** Draws one message and redraws it when its message changes. */
export class Bubble {
  /** `actions` holds play(bubble), retry(bubble), again(bubble), correct(bubble, text) and menu(bubble, place). */
  constructor(message, actions) {
    this.actions = actions;
    this.body = element("div", { class: "ts-body" });
    const avatar = element("div", { class: `ts-avatar ts-avatar-${message.role}`, "aria-hidden": "true" });
    this.node = element("article", { class: `ts-message ts-${message.role}` }, avatar, this.body);
    this.update(message);
  }

  update(message) {
    this.message = message;
    const failed = message.status === "failed";
    this.node.dataset.status = message.status;
    this.node.dataset.id = message.id;
    this.node.dataset.kind = message.kind;
    this.node.setAttribute("aria-label", t(message.role === "bot" ? "from_bot" : "from_user"));
    const focused = this.body.contains(document.activeElement);
    const wasEditing = document.activeElement?.closest(".ts-correction") !== null;
    const draw = { voice: this.voice, table: this.table, image: this.image }[message.kind] ?? this.text;
    this.main = draw.call(this, message);
    this.bindMenu();
    const line = element("div", { class: "ts-line" }, this.main, this.mark(message), this.more);
    fill(this.body, line, message.kind === "voice" ? this.heard(message) : null, failed ? this.failure(message) : null);
    this.setPlaying(this.playing);
    // The field of a correction is gone: where the focus goes from it is no place to point at.
    if (focused) this.body.querySelector("button")?.focus({ preventScroll: true, focusVisible: wasEditing ? false : undefined });
  }

  /** What can be done with the message: by a long press, the right button, or the button beside it. */
  bindMenu() {
    const open = (event) => this.actions.menu(this, placeOf(event, this.main));
    onLongPress(this.main, () => open(null));
    this.main.addEventListener("contextmenu", (event) => {
      if (event.target.closest("a") || !getSelection().isCollapsed) return; // the browser's own menu serves these
      event.preventDefault();
      open(event);
    });
    this.more = element("button", { type: "button", class: "ts-more", "aria-label": t("message_menu"), "aria-haspopup": "menu", on: { click: open } }, icon("more"));
  }

  text(message) {
    return element("div", { class: "ts-bubble ts-text", lang: languageOf(message.text) }, ...linked(message.text));
  }

  table({ table: { title, columns, rows } }) {
    const head = element("tr", {}, ...columns.map((text) => element("th", { scope: "col", text })));
    const lines = rows.map((row) => element("tr", {}, ...row.map((text) => element("td", { text }))));
    const grid = element(
      "table",
      {},
      element("caption", { text: title }),
      element("thead", {}, head),
      element("tbody", {}, ...lines),
    );
    return element("div", { class: "ts-bubble ts-table", tabindex: "0", role: "region", "aria-label": title }, grid);
  }

  image(message) {
    const picture = element("img", { src: resolve(message.image_url), alt: message.text, loading: "lazy" });
    return element("div", { class: "ts-bubble ts-image" }, picture);
  }

  voice(message) {
    const label = message.seconds ? t("play_seconds", { seconds: Math.max(1, Math.round(message.seconds)) }) : t("play");
    const bubble = element("button", {
      type: "button",
      class: "ts-bubble ts-voice",
      "aria-label": label,
      on: { click: () => this.actions.play(this) },
    });
    bubble.style.width = `${voiceWidth(message.seconds)}px`;
    bubble.append(element("span", { class: "ts-seconds", text: message.seconds ? secondsLabel(message.seconds) : "" }), voiceWave());
    return bubble;
  }

  /** Beside the bubble: a turning ring on its way, a red mark when it failed. */
  mark(message) {
    if (message.status === "sending") return element("span", { class: "ts-spinner", role: "img", "aria-label": t("sending") });
    if (message.status !== "failed") return null;
    return element("button", {
      type: "button",
      class: "ts-alert",
      "aria-label": t("message_menu"),
      text: "!",
      on: { click: (event) => this.actions.menu(this, placeOf(event, this.main)) },
    });
  }

  /** The transcript with its pencil, or the field in which it is put right. */
  heard(message) {
    const transcript = this.transcript(message);
    if (!correctable(message)) {
      this.editing = false;
      return transcript;
    }
    if (this.editing) {
      const field = correctionField(message, (text) => {
        this.edit(false);
        if (text) this.actions.correct(this, text);
      });
      queueMicrotask(() => field.ready());
      return field;
    }
    const mark = typeof message.heard === "string" ? correctedMark(message) : null;
    return element("div", { class: "ts-heard-line" }, transcript, mark, pencil(() => this.edit(true)));
  }

  edit(editing) {
    this.editing = editing;
    this.update(this.message);
  }

  transcript(message) {
    if (message.status === "sending" || message.status === "failed") return null;
    if (message.status === "recognizing" && !message.text) {
      const waiting = element("span", { class: "ts-shimmer", text: t("recognizing") });
      return element("div", { class: "ts-transcript ts-waiting" }, waiting);
    }
    const empty = !message.text;
    return element("div", {
      class: `ts-transcript${empty ? " ts-empty" : ""}`,
      text: message.text || t("nothing_heard"),
      lang: languageOf(message.text),
      "aria-label": t("transcript"),
      role: "note",
    });
  }

  failure(message) {
    // The same sound would be misunderstood again.
    const unheard = message.error?.code === "no_speech";
    return element(
      "div",
      { class: "ts-failure" },
      element("span", { class: "ts-reason", text: message.error?.message || t("failed") }),
      element(
        "button",
        { type: "button", class: "ts-retry", on: { click: () => (unheard ? this.actions.again(this) : this.actions.retry(this)) } },
        icon(unheard ? "mic" : "retry"),
        element("span", { text: t(unheard ? "say_again" : "retry") }),
      ),
    );
  }

  setPlaying(playing) {
    this.playing = Boolean(playing);
    this.main.classList.toggle("ts-playing", this.playing);
    if (this.message.kind === "voice") this.main.setAttribute("aria-pressed", String(this.playing));
  }
}

const LINK = /https?:\/\/[^\s<>"'“”‘’（）()，。；！？、]+/g;

/** The pieces of a text, addresses of the web as links. */
function linked(text) {
  const pieces = [];
  let done = 0;
  for (const { 0: address, index } of text.matchAll(LINK)) {
    pieces.push(text.slice(done, index), element("a", { href: address, target: "_blank", rel: "noopener noreferrer nofollow", text: address }));
    done = index + address.length;
  }
  return [...pieces, text.slice(done)];
}

/** The language of a text for who reads it aloud: Chinese, or that of the page. */
function languageOf(text) {
  return language() !== "zh" && /\p{Script=Han}/u.test(text) ? "zh-CN" : null;
}

/** The bot is thinking: three dots in a bubble. */
export function typingBubble() {
  const dots = element("div", { class: "ts-bubble ts-typing" }, element("i"), element("i"), element("i"));
  const body = element("div", { class: "ts-body" }, element("div", { class: "ts-line" }, dots));
  return element(
    "article",
    { class: "ts-message ts-bot ts-typing-message", "aria-label": t("typing") },
    element("div", { class: "ts-avatar ts-avatar-bot", "aria-hidden": "true" }),
    body,
  );
}
