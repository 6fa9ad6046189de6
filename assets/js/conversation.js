// The state of one conversation: what was said, what is on its way, what failed. Nothing a person said is
// lost: a message the server never had stays here, with its audio, until a retry reaches it.

import * as api from "./api.js";
import { t } from "./i18n.js";
import { keep, kept } from "./kept.js";
import { LiveSpeech } from "./live.js";
import { SAMPLE_RATE } from "./recorder.js";
import * as outbox from "./outbox.js";

const KEY = "conversation";
const LOST = "connection"; // why a message failed that the server never had
const WATCH_MS = 3_000;
const READ_MS = 800;
const RECONNECT_MS = [1_000, 2_000, 3_000, 5_000];

const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const localId = () => `local-${Date.now()}-${Math.random().toString(36).slice(2, 8)}`;

/** What `live` has heard already; if the server is gone, or had no place, the whole recording. */
async function* heardOr(live, upload) {
  live.finish();
  try {
    yield* live.messages();
  } catch (error) {
    if (!(error instanceof api.ConnectionLost)) throw error;
    yield* upload();
  }
}

export class Conversation {
  /**
   * `view` shows: open(id), put(message), rename(from, to), remove(id), clear(), online(bool), busy(bool), domain(name),
   * changed() for the list of conversations, gone() when this one was deleted elsewhere; get(id), messages().
   */
  constructor(view, limits = {}) {
    this.view = view;
    this.limits = limits;
    this.id = null;
    this.domain = "";
    this.pending = 0;
    this.streaming = new Set();
    this.local = new Map(); // local id -> {message, blob, name}
    this.turns = 0; // how often something was begun or ended here
    this.etag = null; // of the messages that the server told of last
    this.tabs = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("tingshuo");
    if (this.tabs) this.tabs.onmessage = ({ data }) => data === this.id && this.look();
    setInterval(() => document.hidden || this.look(), WATCH_MS);
    document.addEventListener("visibilitychange", () => document.hidden || this.look());
  }

  /** See what others, or this person elsewhere, have said in this conversation meanwhile. */
  async look() {
    const { id, turns } = this;
    if (!id || this.pending || this.looking) return;
    this.looking = true;
    try {
      const found = await api.watchMessages(id, this.etag);
      if (!found || id !== this.id || turns !== this.turns) return;
      this.etag = found.etag;
      this.take(found.messages);
    } catch (error) {
      if (error.status === 404 && id === this.id) this.view.gone();
    } finally {
      this.looking = false;
    }
  }

  /** Show what has changed in the messages that the server tells of, and take away those that are gone. */
  take(messages) {
    const there = new Set(messages.map((message) => message.id));
    for (const { id } of this.view.messages()) if (!there.has(id) && !this.local.has(id) && !id.startsWith("local-")) this.view.remove(id);
    for (const message of messages) {
      const known = this.view.get(message.id);
      if (known && JSON.stringify(known) === JSON.stringify(message)) continue;
      this.view.put(message, false);
      if (message.role === "bot") this.read();
    }
  }

  /** What is shown has been read, here and on this person's other devices. */
  read() {
    clearTimeout(this.reading);
    const { id } = this;
    this.reading = setTimeout(() => {
      if (document.hidden || id !== this.id) return;
      api.changeConversation(id, { read: true }).catch((error) => console.info("Tingshuo: not marked as read:", error.message));
    }, READ_MS);
  }

  /** Show another conversation; throws what the server says when there is none. */
  async switchTo(id) {
    const { domain, messages } = await api.getMessages(id);
    await this.enter(id, domain, messages);
  }

  async enter(id, domain, messages) {
    this.id = id;
    this.domain = domain;
    this.etag = null;
    this.turns += 1;
    keep(KEY, id);
    this.local.clear();
    this.view.clear();
    this.view.domain(domain);
    this.view.open(id);
    this.show(messages);
    this.read();
    for (const entry of await outbox.list(id)) {
      if (this.id !== id) return;
      this.local.set(entry.message.id, entry);
      this.view.put(entry.message);
    }
    this.resend();
  }

  /** Take a message out of the chat, and off the server when it has it. */
  async remove(id) {
    if (!this.local.has(id) && !id.startsWith("local-")) await api.deleteMessage(this.id, id);
    this.local.delete(id);
    outbox.remove(id);
    this.view.remove(id);
    this.tell();
  }

  /** Other tabs look at once. */
  tell() {
    this.tabs?.postMessage(this.id);
    this.view.changed();
  }

  /** Bring the last conversation back, or start one; waits for a server that is away. */
  async open() {
    for (let attempt = 0; ; attempt += 1) {
      try {
        await this.load();
        this.view.online(true);
        return;
      } catch (error) {
        if (error instanceof api.ApiError && error.status < 500) throw error;
        this.view.online(false);
        await wait(RECONNECT_MS[Math.min(attempt, RECONNECT_MS.length - 1)]);
      }
    }
  }

  async load() {
    const known = kept(KEY);
    if (known) {
      try {
        await this.switchTo(known);
        return;
      } catch (error) {
        if (error.status !== 404) throw error;
      }
    }
    const last = await this.elsewhere();
    if (last) await this.switchTo(last);
    else await this.restart();
  }

  /** The last conversation of a person who is known by a login or a key and has used another device before. */
  async elsewhere() {
    const { mode } = await api.getSession();
    if (mode === "local") return null;
    const { conversations } = await api.listConversations({ limit: 1 });
    return conversations[0]?.id ?? null;
  }

  /** Leave this conversation for a new one, with the same bot unless another `domain` is named. */
  async restart(domain = this.domain) {
    const { id, domain: begun, messages } = await this.begin(domain);
    await this.enter(id, begun, messages);
  }

  /** A bot that is no longer there gives way to the default. */
  async begin(domain) {
    try {
      return await api.createConversation(domain);
    } catch (error) {
      if (!domain || error.status !== 404) throw error;
      return api.createConversation();
    }
  }

  show(messages) {
    this.view.all(messages);
    const unfinished = messages.some(({ status }) => status === "recognizing" || status === "answering");
    if (unfinished) this.follow();
  }

  async sendText(text) {
    await this.send(this.draft({ kind: "text", text }), null, null);
  }

  /** A name for the next message: sent again under it after a broken connection, it is said once. */
  newId() {
    return localId();
  }

  /** Begin to be heard; see LiveSpeech. */
  listen(on) {
    return new LiveSpeech(this.id, this.newId(), { sampleRate: SAMPLE_RATE, on });
  }

  /** Send a recording or an uploaded file; `live` is what heard it while it was spoken. */
  async sendAudio(blob, name, { seconds = null, live = null, id = live?.clientId ?? this.newId() } = {}) {
    const message = this.draft({ id, kind: "voice", text: "", seconds, audio_url: URL.createObjectURL(blob) });
    if (this.limits.max_bytes && blob.size > this.limits.max_bytes) {
      const limit = Math.floor(this.limits.max_bytes / 2 ** 20);
      throw new api.ApiError(413, "audio_too_large", t("file_too_large", { limit }));
    }
    await this.send(message, blob, name, live);
  }

  draft(fields) {
    return {
      id: localId(),
      role: "user",
      status: "sending",
      seconds: null,
      error: null,
      quick_replies: [],
      audio_url: null,
      created_at: new Date().toISOString(),
      ...fields,
    };
  }

  async send(message, blob, name, live = null) {
    this.local.set(message.id, { message, blob, name });
    this.view.put({ ...message, status: "sending", error: null });
    const upload = () => (blob ? api.sendAudio(this.id, blob, name, message.id) : api.sendText(this.id, message.text, message.id));
    await this.run(message, () => (live ? heardOr(live, upload) : upload()));
  }

  /** Send what the server never had, now that it is there again, in the order in which it was said. */
  async resend() {
    if (this.resending) return;
    this.resending = true;
    for (const { message, blob, name } of [...this.local.values()]) {
      if (message.status === "failed" && message.error?.code === LOST) await this.send(message, blob, name);
    }
    this.resending = false;
  }

  /** Send again what failed: the server's copy where it has one, ours where it has none. */
  async retry(id) {
    const entry = this.local.get(id);
    if (entry) {
      if (this.limits.max_bytes && entry.blob?.size > this.limits.max_bytes) return;
      await this.send(entry.message, entry.blob, entry.name);
      return;
    }
    const message = this.view.get(id);
    this.view.put({ ...message, status: "sending", error: null });
    await this.run(message, () => api.retryMessage(this.id, id));
  }

  /** Put the user's words in the place of what was recognised; resolves to whether it was taken. */
  async correct(id, text) {
    const message = this.view.get(id);
    const conversation = this.id;
    this.busy(1);
    this.streaming.add(id);
    try {
      for await (const update of api.correctMessage(conversation, id, text)) {
        if (this.id !== conversation) return true;
        if (update.status === "withdrawn") this.view.remove(update.id);
        else this.view.put(update);
      }
      return true;
    } catch (error) {
      if (this.id !== conversation) return true;
      this.view.put(message);
      this.follow(); // what the server took before the connection broke is shown
      throw error;
    } finally {
      this.streaming.delete(id);
      this.busy(-1);
    }
  }

  /** Follow the stream that `begin` opens and show what it brings for `message`. */
  async run(message, begin) {
    const conversation = this.id;
    let current = message;
    this.streaming.add(message.id);
    this.busy(1);
    try {
      for await (const update of begin()) {
        if (this.id !== conversation) return;
        if (update.role === "user") current = this.adopt(current, update);
        this.view.put(update);
        this.tell();
      }
      this.view.online(true);
      this.read();
    } catch (error) {
      if (this.id !== conversation) return;
      await this.broken(current, error);
    } finally {
      this.busy(-1);
      this.streaming.delete(message.id);
    }
  }

  /** Show a message that came without having been sent from here. */
  receive(update) {
    this.turns += 1;
    this.view.online(true);
    this.view.put(update);
    this.tell();
    this.read();
  }

  /** The server has the message now: it keeps its copy, ours goes. */
  adopt(current, update) {
    if (current.id === update.id) return update;
    this.view.rename(current.id, update.id);
    this.local.delete(current.id);
    outbox.remove(current.id);
    return update;
  }

  async broken(message, error) {
    const lost = error instanceof api.ConnectionLost;
    if (lost) this.view.online(false);
    if (error.status === 404 && this.local.has(message.id)) {
      // The server has forgotten the conversation: begin another and say it there.
      const entry = this.local.get(message.id);
      await this.restart();
      this.local.set(message.id, entry);
      this.fail(message, new Error(t("conversation_gone")));
      return;
    }
    if (error.status === 409) {
      // It has not failed on the server: only its answer was lost on the way.
      this.follow();
      return;
    }
    this.fail(message, lost ? Object.assign(new Error(t("connection_lost")), { code: LOST }) : error);
    if (lost) this.follow();
  }

  fail(message, error) {
    const failed = { ...message, status: "failed", error: { code: error.code ?? "unknown", message: error.message } };
    const entry = this.local.get(message.id);
    if (entry) {
      entry.message = failed;
      outbox.put(this.id, entry);
    }
    this.view.put(failed);
  }

  /** Ask until the server is there and has finished what it was working on. */
  async follow() {
    if (this.following) return;
    this.following = true;
    const conversation = this.id;
    for (let attempt = 0; this.id === conversation; attempt += 1) {
      await wait(RECONNECT_MS[Math.min(attempt, RECONNECT_MS.length - 1)]);
      if (this.id !== conversation) break;
      try {
        const { messages } = await api.getMessages(conversation);
        this.view.online(true);
        this.resend();
        for (const message of messages) if (!this.streaming.has(message.id)) this.view.put(message);
        if (!messages.some(({ status }) => status === "recognizing" || status === "answering")) break;
      } catch (error) {
        if (!(error instanceof api.ConnectionLost)) break;
        this.view.online(false);
      }
    }
    this.following = false;
  }

  busy(change) {
    this.pending += change;
    this.turns += 1;
    this.view.busy(this.pending > 0);
  }
}
