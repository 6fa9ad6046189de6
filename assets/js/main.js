// Puts the chat together inside the element Gradio made for it.

import { Account } from "./account.js";
import * as api from "./api.js";
import { RecordCard } from "./card.js";
import { acceptRecordings, Composer } from "./composer.js";
import { Conversation } from "./conversation.js";
import { DomainSwitch } from "./domains.js";
import { element, icon } from "./dom.js";
import { Examples } from "./examples.js";
import { Banner, Toast } from "./feedback.js";
import { HotwordPanel } from "./hotwords/panel.js";
import { clockElsewhere, language, loadLanguage, preferredLanguage, t } from "./i18n.js";
import { LanguagePanel } from "./language/panel.js";
import { messageMenu, save } from "./message_menu.js";
import { ModelWatch } from "./model.js";
import { Player } from "./player.js";
import { apply, onPreference } from "./preferences.js";
import { obstacle, permission } from "./recorder.js";
import { Review } from "./review.js";
import { HandsFree } from "./hands-free.js";
import { Settings } from "./settings.js";
import { Talk } from "./talk.js";
import { Threads } from "./threads.js";
import { Timeline } from "./timeline.js";
import { secondsOf, TranscriptView } from "./transcripts.js";
import { Tray } from "./tray.js";

const DEFAULTS = { max_record_seconds: 60, max_bytes: 0, examples: [], model: null };

const LONGEST_MESSAGE = 60; // seconds; nobody answers more than that in a chat
const REFUSED = /^(audio_|decode_timeout|sample_rate)/; // codes of files that can never become a message

class Chat {
  constructor(root) {
    this.root = root;
    this.toast = new Toast();
    this.banner = new Banner();
    this.card = new RecordCard((target) => this.talk?.choose(target));
    this.spoken = element("div", { class: "ts-hidden", role: "status" }); // for who does not see the card
    this.player = new Player({
      onChange: (id, playing) => this.timeline.get(id)?.setPlaying(playing),
      onError: () => this.toast.show(t("cannot_play"), "warning"),
    });
    this.timeline = new Timeline(this.bubbleActions());
    this.composer = new Composer({
      text: (text) => this.conversation.sendText(text),
      file: (file) => this.take(file),
      modeChanged: () => this.timeline.scrollToEnd(),
    });
    this.transcripts = new TranscriptView({ toast: this.toast });
    this.examples = new Examples((example) => this.sendExample(example));
    this.domains = new DomainSwitch((domain) => this.switchBot(domain));
    this.account = new Account();
    this.settings = new Settings({ account: this.account.node, toast: this.toast });
    this.modelWatch = new ModelWatch({
      note: (text) => this.settings.note(text),
      toast: this.toast,
      onChange: (model) => this.settings.showModel(model),
    });
    this.conversation = new Conversation(this.view());
    this.threads = new Threads({
      current: () => this.conversation.id,
      open: (id, message) => this.open(id, message),
      begin: () => this.begin(),
      toast: this.toast,
    });
    this.review = new Review({
      text: (text) => this.conversation.sendText(text),
      voice: ({ blob, seconds }) => this.attempt(() => this.conversation.sendAudio(blob, "recording.wav", { seconds })),
    });
    this.handsFree = new HandsFree({ conversation: this.conversation, events: this.handsFreeEvents() });
    this.composer.node.insertBefore(this.handsFree.button, this.composer.send);
    this.buildPanels();
    this.tray = new Tray(this.composer.plus, [
      { name: "upload", icon: "voice", text: t("upload"), act: () => this.composer.picker.click() },
      { name: "transcribe", icon: "file", text: t("transcripts.open"), act: () => this.transcripts.choose() },
      { name: "examples", icon: "speak", text: t("examples"), act: () => this.examples.open() },
      { name: "hotwords", icon: "words", text: t("hotwords.open"), act: () => this.hotwords.open() },
      { name: "language", icon: "curve", text: t("language.open"), act: () => this.language.open() },
      { name: "settings", icon: "settings", text: t("settings.title"), act: () => this.settings.open() },
    ]);
    this.tray.offer("language", false);
  }

  buildPanels() {
    this.suggested = element("span", { class: "ts-count" });
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

  bubbleActions() {
    const acts = {
      copy: (text) => this.copy(text),
      again: (message) => this.sayAgain(message),
      hotword: (word) => this.hotwords.open(null, word),
      remove: (message) => this.attempt(() => this.conversation.remove(message.id)),
      retry: (bubble) => this.conversation.retry(bubble.message.id),
      save,
    };
    return {
      play: (bubble) => this.play(bubble),
      retry: acts.retry,
      again: async (bubble) => {
        await this.attempt(() => this.conversation.remove(bubble.message.id));
        this.composer.setMode("voice", true);
        this.toast.show(t("hold_to_talk"), "mic");
      },
      correct: (bubble, text) => this.correct(bubble.message.id, text),
      menu: (bubble, place) => messageMenu(this.app, bubble, place, acts),
      reply: (text) => {
        this.conversation.sendText(text);
        this.composer.focus();
      },
    };
  }

  view() {
    return {
      put: (message, here) => {
        if (message.role === "user" && message.status === "failed" && REFUSED.test(message.error?.code)) return this.refuse(message);
        this.timeline.put(message, here);
        return this.showState();
      },
      all: (messages) => {
        this.timeline.putAll(messages);
        this.showState();
      },
      get: (id) => this.timeline.get(id)?.message,
      messages: () => this.timeline.messages,
      rename: (from, to) => this.timeline.rename(from, to),
      remove: (id) => {
        this.timeline.remove(id);
        this.showState();
      },
      open: (id) => {
        this.composer.open(id);
        this.threads.changed();
      },
      changed: () => this.threads.changed(),
      gone: () => this.begin(),
      clear: () => {
        this.player.stop();
        this.timeline.clear();
      },
      online: (online) => (online ? this.banner.hide("connection") : this.banner.show("connection", t("reconnecting"))),
      busy: () => this.showState(),
      domain: (name) => {
        this.domains.show(name);
        this.timeline.showZone(clockElsewhere(this.domains.timezone));
        this.examples.show(this.config ?? DEFAULTS, name);
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

  /** The bot is typing while a message has been understood and not yet answered; examples are for an empty chat. */
  showState() {
    const answering = this.timeline.some(({ status }) => status === "answering");
    this.timeline.setTyping(answering);
    this.title.textContent = t(answering ? "typing" : "app_name");
    this.examples.showEmpty(!this.timeline.some(({ role }) => role === "user"));
  }

  build() {
    this.title = element("h1", { class: "ts-title", text: t("app_name") });
    const tool = (name, label, click, ...more) =>
      element("button", { type: "button", class: `ts-tool ts-${name}`, "aria-label": label, title: label, on: { click } }, icon(name), ...more);
    const header = element(
      "header",
      { class: "ts-header" },
      this.threads.button,
      this.domains.node,
      this.title,
      tool("words", t("hotwords.open"), () => this.hotwords.open(), this.suggested),
      tool("new", t("new_conversation"), () => this.begin()),
    );
    const about = language() === "zh" ? null : element("p", { class: "ts-zone", text: t("speaks") });
    this.timeline.node.prepend(...[about].filter(Boolean));
    const stage = element("div", { class: "ts-stage" }, this.banner.node, this.timeline.node, this.timeline.down);
    const app = element(
      "div",
      { class: "ts-app", lang: document.documentElement.lang },
      header,
      stage,
      this.handsFree.node,
      this.examples.row,
      this.composer.node,
      this.tray.node,
      this.threads.node,
      this.card.node,
      this.spoken,
      this.hotwords.node,
      this.language.node,
      this.examples.sheet,
      this.settings.node,
      this.review.node,
      this.transcripts.node,
      this.toast.node,
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
    this.examples.show(this.config, this.conversation.domain);
    this.settings.showVersion(this.config.version);
    this.modelWatch.show(this.config.model);
    this.composer.limit = this.config.max_text_characters ?? Infinity;
    this.composer.grow();
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
    this.talk = new Talk({
      button: this.composer.talk,
      card: this.card,
      maxSeconds: this.config.max_record_seconds,
      listen: (draft) => this.conversation.listen({ draft }),
      events: this.talkEvents(),
    });
    this.showTalk();
    onPreference((name) => name === "talk" && this.showTalk());
    this.hotwords.refresh();
    this.root.dataset.ready = "true";
    this.transcripts.reopen();
  }

  talkEvents() {
    return {
      begin: () => {
        this.handsFree.stop();
        this.player.stop();
      },
      recorded: (blob, seconds, live) => {
        this.banner.hide("microphone");
        this.attempt(() => this.conversation.sendAudio(blob, "recording.wav", { seconds, live }));
      },
      review: (recording, draft) => {
        this.banner.hide("microphone");
        this.review.open(recording, draft);
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
    };
  }

  /** Name the talk button for how it works. */
  showTalk() {
    this.composer.nameTalk();
  }

  /** What everybody's speech is recognised as is for those alone who look after the server. */
  offerLanguage(allowed) {
    this.tray.offer("language", allowed);
    this.hotwords.offerLanguage(allowed);
  }

  /** Do something that the server may refuse, and say so when it does. */
  async attempt(work) {
    try {
      await work();
      return true;
    } catch (error) {
      console.warn("Tingshuo:", error.message);
      this.toast.show(error instanceof api.ApiError ? error.message : t("connection_lost"), "warning");
      return false;
    }
  }

  /** A file that can never be a message is told of, and is not left in the chat. */
  refuse(message) {
    this.toast.show(message.error.message, "warning");
    this.attempt(() => this.conversation.remove(message.id));
  }

  /** A recording that somebody chose: a message, or a transcript when it is too long to be one. */
  async take(file) {
    const tooLarge = this.config?.max_bytes && file.size > this.config.max_bytes;
    const seconds = tooLarge ? null : await secondsOf(file);
    if (tooLarge || seconds > LONGEST_MESSAGE) await this.transcripts.transcribe(file);
    else await this.attempt(() => this.conversation.sendAudio(file, file.name, { seconds }));
  }

  /** Say why the microphone cannot be used; null when it can. */
  explainMicrophone(reason) {
    if (reason) this.banner.show("microphone", t(reason));
    else this.banner.hide("microphone");
  }

  urlOf({ audio_url: url }) {
    return url.startsWith("blob:") ? url : api.resolve(url);
  }

  play({ message }) {
    if (message.audio_url) this.player.toggle(message.id, this.urlOf(message));
  }

  async copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      this.toast.show(t("message.copied"));
    } catch (error) {
      console.info("Tingshuo: not copied:", error.message);
      this.toast.show(t("message.not_copied"), "warning");
    }
  }

  /** Send a message once more, as a new one. */
  async sayAgain(message) {
    if (message.kind !== "voice") await this.conversation.sendText(message.text);
    else {
      await this.attempt(async () => {
        const blob = await api.fetchBlob(this.urlOf(message));
        await this.conversation.sendAudio(blob, "recording.wav", { seconds: message.seconds });
      });
    }
  }

  /** Take the user's words for a message; what they teach waits in the hotword panel. */
  async correct(id, text) {
    const last = this.timeline.messages.findLast(({ role }) => role === "user")?.id === id;
    await this.attempt(async () => {
      await this.conversation.correct(id, text);
      if (!last) this.toast.show(t("hotwords.correct_stored"));
      await this.hotwords.refresh();
    });
  }

  async sendExample(example) {
    await this.attempt(async () => {
      const blob = await api.fetchBlob(example.url);
      await this.conversation.sendAudio(blob, example.url.split("/").pop(), { seconds: example.seconds ?? null });
    });
  }

  /** Show another conversation, and a message in it. */
  async open(id, message) {
    this.handsFree.stop();
    if (id !== this.conversation.id && !(await this.attempt(() => this.conversation.switchTo(id)))) return;
    if (message) this.timeline.reveal(message);
  }

  /** Begin a new conversation, with another bot when `domain` names one. */
  begin(domain = this.conversation.domain) {
    this.handsFree.stop();
    this.threads.hide();
    return this.attempt(() => this.conversation.restart(domain));
  }

  /** Go on with the last conversation with a bot, or begin one. */
  async switchBot(domain) {
    let last = null;
    if (!(await this.attempt(async () => {
      [last] = (await api.listConversations({ domain, limit: 1 })).conversations;
    }))) return false;
    return last ? this.attempt(() => this.conversation.switchTo(last.id)) : this.begin(domain);
  }
}

/** Build the chat inside `root`; resolves when it can be used. */
export async function mount(root) {
  const wanted = preferredLanguage();
  document.documentElement.lang = wanted === "zh" ? "zh-CN" : "en";
  apply();
  await loadLanguage(wanted);
  document.title = t("page_title");
  const chat = new Chat(root);
  await chat.start();
}
