// Hands-free: the microphone stays open, each utterance is sent when its speaker pauses, and the bot's answers come
// while it goes on listening. What the server has not confirmed is kept here, and sent as a recording if it is lost.

import { element, fill, icon } from "./dom.js";
import { t } from "./i18n.js";
import { LiveSpeech } from "./live.js";
import { MicrophoneError, Recorder, SAMPLE_RATE } from "./recorder.js";
import { encodeWav, join } from "./wav.js";

const KEPT_SILENT = 2; // seconds kept while nobody speaks: a word's beginning is noticed after it was said
const KEPT = 60; // seconds of an utterance that are kept at most

/** Show a draft in `node`: what is stable as it is, what may still change in a lighter colour. */
export function showDraft(node, text, stable) {
  fill(
    node,
    element("span", { class: "ts-stable", text: text.slice(0, stable) }),
    element("span", { class: "ts-unstable", text: text.slice(stable) }),
  );
  node.scrollTop = node.scrollHeight;
}

export class HandsFree {
  /**
   * `events` hears: begin(), speech(), message(update), kept(blob, seconds, clientId) for what the server never
   * confirmed, ended(reason) with a key of the page's texts or null, refused(reason). `conversation` gives id and newId().
   */
  constructor({ conversation, events }) {
    this.conversation = conversation;
    this.events = events;
    this.recorder = new Recorder({ onChunk: (chunk) => this.hear(chunk), onLevel: (level) => this.setLevel(level) });
    this.button = element("button", {
      type: "button",
      class: "ts-tool ts-hands-free",
      "aria-pressed": "false",
      "aria-label": t("hands_free"),
      title: t("hands_free"),
      on: { click: () => (this.session ? this.stop() : this.start()) },
    });
    this.button.append(icon("hands-free"));
    this.draft = element("p", { class: "ts-listening-draft" });
    this.dot = element("i", { class: "ts-listening-dot", "aria-hidden": "true" });
    this.node = element(
      "div",
      { class: "ts-listening", role: "status", hidden: true },
      this.dot,
      this.draft,
      element("button", { type: "button", class: "ts-listening-stop", text: t("hands_free_stop"), on: { click: () => this.stop() } }),
    );
    window.addEventListener("pagehide", () => this.stop());
  }

  get active() {
    return Boolean(this.session);
  }

  async start() {
    if (this.starting) return;
    this.starting = true;
    this.events.begin();
    try {
      await this.recorder.open();
    } catch (error) {
      if (!(error instanceof MicrophoneError)) throw error;
      this.events.refused(error.reason);
      return;
    } finally {
      this.starting = false;
    }
    const session = { kept: [], position: 0, speaking: false, number: 0, seen: new Set() };
    this.session = session;
    session.live = new LiveSpeech(this.conversation.id, this.conversation.newId(), {
      sampleRate: SAMPLE_RATE,
      handsFree: true,
      on: {
        speech: () => {
          session.speaking = true;
          this.events.speech();
        },
        draft: (text, stable) => showDraft(this.draft, text, stable),
        message: (update, until) => this.confirmed(session, update, until),
        quiet: () => this.stop("hands_free_quiet"),
        lost: () => this.lost(session),
      },
    });
    this.show(true);
    this.recorder.start({ keep: false });
  }

  hear(chunk) {
    const { session } = this;
    if (!session) return;
    session.live.push(chunk);
    session.kept.push({ from: session.position, chunk });
    session.position += chunk.length;
    forget(session, session.position - (session.speaking ? KEPT : KEPT_SILENT) * SAMPLE_RATE);
  }

  /** The server has an utterance that reaches up to `until` seconds. */
  confirmed(session, update, until) {
    this.events.message(update);
    if (update.role !== "user" || session.seen.has(update.id)) return;
    session.seen.add(update.id);
    session.number += 1;
    session.speaking = false;
    forget(session, until * SAMPLE_RATE);
    this.invite();
  }

  /** What was being said when the server went is sent the ordinary way, under the name it would have had. */
  lost(session) {
    if (session.speaking) {
      const samples = join(session.kept.map(({ chunk }) => chunk));
      const name = `${session.live.clientId}-${session.number}`;
      this.events.kept(encodeWav(samples, SAMPLE_RATE), samples.length / SAMPLE_RATE, name);
    }
    if (this.session === session) this.end("hands_free_lost");
  }

  /** Stop listening; what was said last is still sent. */
  stop(reason = null) {
    if (!this.session) return;
    this.session.live.finish();
    this.end(reason);
  }

  end(reason) {
    this.session = null;
    this.recorder.cancel();
    this.recorder.close();
    this.show(false);
    this.events.ended(reason);
  }

  show(active) {
    this.button.setAttribute("aria-pressed", String(active));
    this.node.hidden = !active;
    this.invite();
  }

  invite() {
    fill(this.draft, element("span", { class: "ts-unstable", text: t("hands_free_listening") }));
  }

  setLevel(level) {
    this.dot.style.transform = `scale(${0.7 + 0.6 * level})`;
  }
}

function forget(session, before) {
  while (session.kept.length && session.kept[0].from + session.kept[0].chunk.length <= before) session.kept.shift();
}
