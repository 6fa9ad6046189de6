// Puts the chat together inside the element Gradio made for it.

import { Account } from "./account.js";
import * as api from "./api.js";
import { RecordCard } from "./card.js";
import { acceptRecordings, Composer } from "./composer.js";
import { Conversation } from "./conversation.js";
import { DomainSwitch } from "./domains.js";
import { element, icon } from "./dom.js";
import { ask, Banner, Toast } from "./feedback.js";
import { HotwordPanel } from "./hotwords/panel.js";
import { clockElsewhere, loadLanguage, preferredLanguage, t } from "./i18n.js";
import { LanguagePanel } from "./language/panel.js";
import { ModelWatch } from "./model.js";
import { Player } from "./player.js";
import { obstacle, permission } from "./recorder.js";
import { HandsFree } from "./hands-free.js";
import { Sidebar } from "./sidebar.js";
import { Talk } from "./talk.js";
import { Timeline } from "./timeline.js";
import { secondsOf, TranscriptView } from "./transcripts.js";

const DEFAULTS = { max_record_seconds: 60, max_bytes: 0, examples: [], model: null };

const LONGEST_MESSAGE = 60; // seconds; nobody answers more than that in a chat

class Chat {
  constructor(root) {
    this.root = root;
    this.toast = new Toast();
    this.banner = new Banner();
    this.card = new RecordCard();
    this.spoken = element("div", { class: "ts-hidden", role: "status" }); // for who does not see the card
    this.player = new Player({
      onChange: (id, playing) => this.timeline.get(id)?.setPlaying(playing),
      onError: () => this.toast.show(t("cannot_play"), "warning"),
    });
    this.timeline = new Timeline({
      play: (bubble) => this.play(bubble),
      retry: (bubble) => this.conversation.retry(bubble.message.id),
      correct: (bubble, text) => this.correct(bubble.message.id, text),
      reply: (text) => {
        this.conversation.sendText(text);
        this.composer.focus();
      },
    });
    this.composer = new Composer({
      text: (text) => this.conversation.sendText(text),
      file: (file) => this.take(file),
      modeChanged: () => this.timeline.scrollToEnd(),
    });
    this.transcripts = new TranscriptView({ toast: this.toast });
    this.sidebar = new Sidebar(
      (example) => this.sendExample(example),
      () => this.transcripts.choose(),
      () => this.language.open(),
    );
    this.domains = new DomainSwitch((domain) => this.renew(domain));
    this.account = new Account();
    this.sidebar.node.append(this.account.node);
    this.modelWatch = new ModelWatch({
      banner: this.banner,
      toast: this.toast,
      onChange: (model) => this.sidebar.showModel(model),
    });
    this.conversation = new Conversation(this.view());
    this.handsFree = new HandsFree({ conversation: this.conversation, events: this.handsFreeEvents() });
    this.composer.node.insertBefore(this.handsFree.button, this.composer.send);
    this.suggested = element("span", { class: "ts-words-count" });
    const chat = {
      conversation: () => this.conversation.id,
      messages: () => this.timeline.messages.filter(({ kind, status, id }) => kind === "voice" && status === "done" && !id.startsWith("local-")),
      toast: (text) => this.toast.show(text),
    };
    this.language = new LanguagePanel(chat);
    this.hotwords = new HotwordPanel({
      ...chat,
      language: () => this.language.open(),
      counted: (count) => {
        this.suggested.textContent = count || "";
      },
    });
  }

  view() {
    return {
      put: (message) => {
        this.timeline.put(message);
        this.showTyping();
      },
      get: (id) => this.timeline.get(id)?.message,
      rename: (from, to) => this.timeline.rename(from, to),
      remove: (id) => this.timeline.remove(id),
      open: (id) => this.composer.open(id),
      clear: () => {
        this.player.stop();
        this.timeline.clear();
      },
      online: (online) => (online ? this.banner.hide("connection") : this.banner.show("connection", t("reconnecting"))),
      busy: () => this.showTyping(),
      domain: (name) => {
        this.domains.show(name);
        this.timeline.showZone(clockElsewhere(this.domains.timezone));
        this.sidebar.show(this.config ?? DEFAULTS, name);
      },
    };
  }

  handsFreeEvents() {
    return {
      begin: () => this.player.stop(),
      speech: () => this.player.stop(), // who talks does not want to be talked to
      message: (update) => this.conversation.receive(update),
      kept: (blob, seconds, id) => this.conversation.sendAudio(blob, "recording.wav", { seconds, id }),
      ended: (reason) => reason && this.toast.show(t(reason), "warning"),
      refused: (reason) => this.explainMicrophone(reason),
    };
  }

  /** The bot is typing while a message of the user has been understood and not yet answered. */
  showTyping() {
    const answering = this.timeline.some(({ status }) => status === "answering");
    this.timeline.setTyping(answering);
    this.title.textContent = t(answering ? "typing" : "app_name");
  }

  build() {
    this.title = element("h1", { class: "ts-title", text: t("app_name") });
    const renew = element("button", {
      type: "button",
      class: "ts-tool ts-new",
      "aria-label": t("new_conversation"),
      title: t("new_conversation"),
      on: { click: () => this.renew() },
    });
    renew.append(icon("new"));
    const words = element("button", {
      type: "button",
      class: "ts-tool ts-words",
      "aria-label": t("hotwords.open"),
      title: t("hotwords.open"),
      on: { click: () => this.hotwords.open() },
    });
    words.append(icon("words"), this.suggested);
    const header = element("header", { class: "ts-header" }, this.domains.node, this.title, words, renew);
    const stage = element("div", { class: "ts-stage" }, this.banner.node, this.timeline.node);
    const app = element(
      "div",
      { class: "ts-app", lang: document.documentElement.lang },
      header,
      stage,
      this.handsFree.node,
      this.sidebar.node,
      this.composer.node,
      this.card.node,
      this.spoken,
      this.hotwords.node,
      this.language.node,
      this.toast.node,
      this.transcripts.node,
    );
    acceptRecordings(app, (file) => this.take(file));
    this.root.replaceChildren(app);
    this.app = app;
  }

  async start() {
    this.build();
    this.explainMicrophone(obstacle());
    permission((state) => this.explainMicrophone(state === "denied" ? "mic_denied" : null)).then((state) => {
      if (state === "denied" && !obstacle()) this.explainMicrophone("mic_denied");
    });
    const config = api.getConfig().catch(() => null);
    await this.conversation.open();
    this.config = { ...DEFAULTS, ...((await config) ?? (await api.getConfig().catch(() => ({})))) };
    this.conversation.limits = this.config;
    this.sidebar.show(this.config, this.conversation.domain);
    this.modelWatch.show(this.config.model);
    this.account.show().then(
      ({ scopes }) => this.offerLanguage(scopes.includes("admin")),
      (error) => console.warn("Tingshuo: no account:", error.message),
    );
    api.getDomains().then(
      ({ domains }) => {
        this.domains.offer(domains);
        this.timeline.showZone(clockElsewhere(this.domains.timezone));
      },
      (error) => console.warn("Tingshuo: no other bots:", error.message),
    );
    this.composer.limit = this.config.max_text_characters ?? Infinity;
    this.composer.grow();
    this.talk = new Talk({
      button: this.composer.talk,
      card: this.card,
      maxSeconds: this.config.max_record_seconds,
      listen: (draft) => this.conversation.listen({ draft }),
      events: {
        begin: () => {
          this.handsFree.stop();
          this.player.stop();
        },
        recorded: (blob, seconds, live) => {
          this.banner.hide("microphone");
          this.conversation.sendAudio(blob, "recording.wav", { seconds, live });
        },
        tooShort: () => this.toast.show(t("too_short"), "warning"),
        cancelled: () => this.toast.show(t("cancelled")),
        ready: () => {
          this.banner.hide("microphone");
          this.toast.show(t("mic_ready"), "mic");
        },
        refused: (reason) => this.explainMicrophone(reason),
        said: (text) => {
          this.spoken.textContent = text;
        },
      },
    });
    this.hotwords.refresh();
    this.root.dataset.ready = "true";
    this.transcripts.reopen();
  }

  /** What everybody's speech is recognised as is for those alone who look after the server. */
  offerLanguage(allowed) {
    this.sidebar.language.hidden = !allowed;
    this.hotwords.offerLanguage(allowed);
  }

  /** A recording that somebody chose: a message, or a transcript when it is too long to be one. */
  async take(file) {
    const tooLarge = this.config?.max_bytes && file.size > this.config.max_bytes;
    const seconds = tooLarge ? null : await secondsOf(file);
    if (tooLarge || seconds > LONGEST_MESSAGE) await this.transcripts.transcribe(file);
    else await this.conversation.sendAudio(file, file.name, { seconds });
  }

  /** Say why the microphone cannot be used; null when it can. */
  explainMicrophone(reason) {
    if (reason) this.banner.show("microphone", t(reason));
    else this.banner.hide("microphone");
  }

  play({ message }) {
    if (!message.audio_url) return;
    const url = message.audio_url.startsWith("blob:") ? message.audio_url : api.resolve(message.audio_url);
    this.player.toggle(message.id, url);
  }

  /** Take the user's words for a message; what they teach waits in the hotword panel. */
  async correct(id, text) {
    const last = this.timeline.messages.findLast(({ role }) => role === "user")?.id === id;
    try {
      await this.conversation.correct(id, text);
      if (!last) this.toast.show(t("hotwords.correct_stored"));
      await this.hotwords.refresh();
    } catch (error) {
      this.toast.show(error.message || t("connection_lost"), "warning");
    }
  }

  async sendExample(example) {
    try {
      const blob = await api.fetchBlob(example.url);
      await this.conversation.sendAudio(blob, example.url.split("/").pop(), { seconds: example.seconds ?? null });
    } catch (error) {
      console.warn("Tingshuo: example not sent:", error.message);
      this.toast.show(t("connection_lost"), "warning");
    }
  }

  /** Begin anew, with another bot when `domain` names one; asks first when something has been said. */
  async renew(domain = this.conversation.domain) {
    const said = this.timeline.some(({ role }) => role === "user");
    if (said && !(await ask(this.app, { title: t("new_conversation"), text: t("new_question"), yes: t("new_yes") }))) {
      return false;
    }
    try {
      await this.conversation.restart(domain);
      this.timeline.setTyping(false);
      return true;
    } catch (error) {
      console.warn("Tingshuo: no new conversation:", error.message);
      this.toast.show(t("connection_lost"), "warning");
      return false;
    }
  }
}

/** Build the chat inside `root`; resolves when it can be used. */
export async function mount(root) {
  const language = preferredLanguage();
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  await loadLanguage(language);
  document.title = t("page_title");
  const chat = new Chat(root);
  await chat.start();
}
