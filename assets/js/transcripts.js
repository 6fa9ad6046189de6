// The transcript of a file of any length: it appears while it is heard, each sentence plays from its place, and the
// whole can be taken away as text or subtitles.

import * as api from "./api.js";
import { element, fill, icon } from "./dom.js";
import { t } from "./i18n.js";
import { openDialog } from "./over.js";
import { acceptFiles } from "./panel.js";

const FORMATS = ["txt", "srt", "vtt", "json"];
const HASH = "#transcript=";
const RECONNECT_MS = 2_000;
const SENTENCE_ENDS = /[。！？；!?;]$/;

/** Minutes and seconds as players write them: 3:05, 1:02:03. */
export function clock(seconds) {
  const whole = Math.floor(seconds);
  const two = (number) => String(number).padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  return whole < 3600 ? `${minutes}:${two(whole % 60)}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}`;
}

/** The sentences of a segment, with their times: cut where a mark ends one. */
export function sentences({ words, start, end, text, channel }) {
  const found = [];
  let first = 0;
  words.forEach((word, i) => {
    if (!SENTENCE_ENDS.test(word.punctuation) && i < words.length - 1) return;
    found.push({ start: words[first].start, end: word.end, channel, text: joined(words.slice(first, i + 1)) });
    first = i + 1;
  });
  return found.length ? found : [{ start, end, text, channel }];
}

/** Words as the server joins them: Latin ones with a space between. */
function joined(words) {
  return words.reduce((text, { text: word, punctuation }) => {
    const space = /[a-z0-9]$/i.test(text) && /^[a-z0-9]/i.test(word) ? " " : "";
    return text + space + word + punctuation;
  }, "");
}

/** Seconds of a recording as far as this browser can tell; null when it cannot. */
export function secondsOf(blob) {
  return new Promise((done) => {
    const audio = new Audio();
    const url = URL.createObjectURL(blob);
    const end = (seconds) => {
      URL.revokeObjectURL(url);
      done(Number.isFinite(seconds) ? seconds : null);
    };
    audio.addEventListener("loadedmetadata", () => end(audio.duration), { once: true });
    audio.addEventListener("error", () => end(null), { once: true });
    audio.preload = "metadata";
    audio.src = url;
  });
}

function button(label, click, extra = "") {
  return element("button", { type: "button", class: `ts-file-button ${extra}`, text: label, on: { click } });
}

export class TranscriptView {
  constructor({ toast }) {
    this.toast = toast;
    this.name = element("h2", { class: "ts-file-name" });
    const close = element("button", { type: "button", class: "ts-tool", "aria-label": t("close"), on: { click: () => this.close() } });
    close.append(icon("close"));
    this.bar = element("progress", { class: "ts-file-progress", max: 1, "aria-label": t("transcripts.progress") });
    this.state = element("span", { class: "ts-file-state", role: "status" });
    this.actions = element("div", { class: "ts-file-actions" });
    this.list = element("ol", { class: "ts-sentences", tabindex: "0", "aria-label": t("transcripts.text") });
    this.audio = element("audio", { class: "ts-file-audio", controls: true, preload: "metadata" });
    this.audio.addEventListener("timeupdate", () => this.mark(this.audio.currentTime));
    this.start = this.buildStart();
    const status = element("div", { class: "ts-file-status" }, this.bar, this.state, this.actions);
    this.work = element("div", { class: "ts-file-work" }, status, this.list, this.audio);
    this.node = element(
      "dialog",
      { class: "ts-file", "aria-label": t("transcripts.title") },
      element("header", { class: "ts-file-head" }, this.name, close),
      this.start,
      this.work,
    );
    this.node.addEventListener("close", () => this.leave());
    acceptFiles(this.node, { wanted: () => true, take: (file) => this.transcribe(file) });
  }

  buildStart() {
    this.split = element("input", { type: "checkbox", id: "ts-file-split" });
    const picker = element("input", { type: "file", accept: "audio/*,video/*,.amr,.m4a", class: "ts-hidden ts-file-picker", tabindex: -1 });
    picker.setAttribute("aria-label", t("transcripts.choose"));
    picker.addEventListener("change", () => {
      if (picker.files[0]) this.transcribe(picker.files[0]);
      picker.value = "";
    });
    return element(
      "div",
      { class: "ts-file-start" },
      element("p", { text: t("transcripts.about") }),
      element("label", { for: "ts-file-split" }, this.split, element("span", { text: t("transcripts.split") })),
      button(t("transcripts.choose"), () => picker.click(), "ts-file-primary"),
      picker,
    );
  }

  /** Let a person choose a file. */
  choose() {
    this.reset(t("transcripts.title"));
    this.start.hidden = false;
    this.work.hidden = true;
    openDialog(this.node);
  }

  /** Hand in a file, and show what is heard in it. */
  async transcribe(file) {
    this.reset(file.name);
    openDialog(this.node);
    this.state.textContent = t("transcripts.uploading");
    this.bar.removeAttribute("value");
    const session = this.session;
    try {
      const job = await api.submitFile(file, file.name, { split: this.split.checked });
      if (session === this.session) await this.follow(job.id);
    } catch (error) {
      if (session === this.session) this.fail(error.message || t("connection_lost"));
    }
  }

  /** Show the transcript that the address names, after a reload. */
  async reopen() {
    if (!location.hash.startsWith(HASH)) return;
    const id = decodeURIComponent(location.hash.slice(HASH.length));
    history.replaceState(null, "", location.pathname + location.search); // Back leads to the chat
    this.reset("");
    openDialog(this.node);
    try {
      await this.follow(id);
    } catch (error) {
      this.close();
      this.toast.show(error.message, "warning");
    }
  }

  reset(name) {
    this.session = {};
    this.job = null;
    this.shown = [];
    this.next = 0;
    this.name.textContent = name;
    this.start.hidden = true;
    this.work.hidden = false;
    this.audio.removeAttribute("src");
    this.audio.hidden = true;
    this.bar.hidden = false;
    fill(this.list);
    fill(this.actions);
  }

  async follow(id) {
    const session = this.session;
    setTimeout(() => session === this.session && history.replaceState(history.state, "", `${HASH}${encodeURIComponent(id)}`)); // of the entry that openDialog makes
    while (session === this.session) {
      try {
        for await (const { event, data } of api.followJob(id, this.next - 1)) {
          if (session !== this.session) return;
          if (event === "segment") this.add(JSON.parse(data));
          if (event === "job") this.update(JSON.parse(data));
        }
        return;
      } catch (error) {
        if (!(error instanceof api.ConnectionLost)) throw error;
        this.state.textContent = t("reconnecting");
        await new Promise((done) => setTimeout(done, RECONNECT_MS));
      }
    }
  }

  add(segment) {
    this.next = segment.number + 1;
    const atEnd = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 60;
    for (const sentence of sentences(segment)) {
      const node = element(
        "button",
        { type: "button", class: "ts-sentence", on: { click: () => this.play(sentence) } },
        element("time", { text: clock(sentence.start) }),
        sentence.channel === null ? null : element("b", { text: t(sentence.channel ? "transcripts.right" : "transcripts.left") }),
        element("span", { text: sentence.text }),
      );
      this.shown.push({ ...sentence, node });
      this.list.append(element("li", {}, node));
    }
    if (atEnd && this.audio.paused) this.list.scrollTop = this.list.scrollHeight;
  }

  update(job) {
    this.job = job;
    this.name.textContent = job.name || t("transcripts.title");
    const playable = job.seconds !== null;
    if (playable && !this.audio.src) this.audio.src = api.resolve(job.audio_url);
    this.audio.hidden = !playable;
    const running = job.status === "queued" || job.status === "running";
    this.bar.hidden = !running;
    if (job.seconds) this.bar.value = job.heard / job.seconds;
    this.state.textContent = this.describe(job);
    this.state.classList.toggle("ts-file-failed", job.status === "failed");
    fill(this.actions, ...(running ? [button(t("cancel"), () => api.cancelJob(job.id))] : this.results(job)));
    if (job.status === "done" && !this.shown.length) fill(this.list, element("li", { class: "ts-file-empty", text: t("nothing_heard") }));
  }

  describe({ status, heard, seconds, error }) {
    if (status === "queued") return t("transcripts.queued");
    if (status === "running") return t("transcripts.running", { heard: clock(heard), seconds: clock(seconds) });
    if (status === "failed") return error?.message ?? t("failed");
    return t(`transcripts.${status}`, { heard: clock(heard), seconds: clock(seconds ?? 0) });
  }

  results(job) {
    const again = job.status === "done" ? null : button(t("retry"), () => this.retry(job.id));
    const links = FORMATS.map((format) =>
      element("a", {
        class: "ts-file-button",
        href: api.resultUrl(job.id, format, job.status !== "done"),
        download: `${job.name.replace(/\.[^.]*$/, "") || "transcript"}.${format}`,
        text: format,
        "aria-label": t("transcripts.download", { format }),
      }),
    );
    return [again, ...(this.shown.length ? links : []), button(t("transcripts.remove"), () => this.remove(job.id))];
  }

  async retry(id) {
    const name = this.job.name;
    this.reset(name);
    try {
      await api.retryJob(id);
      await this.follow(id);
    } catch (error) {
      this.fail(error.message);
    }
  }

  async remove(id) {
    try {
      await api.removeJob(id);
      this.close();
    } catch (error) {
      this.toast.show(error.message, "warning");
    }
  }

  fail(message) {
    this.bar.hidden = true;
    this.state.textContent = message;
    this.state.classList.add("ts-file-failed");
  }

  play({ start }) {
    this.audio.currentTime = start;
    this.mark(start);
    this.audio.play().catch((error) => console.info("Tingshuo: not played:", error.message));
  }

  /** Show which sentence is heard at `seconds`, and keep it in sight while it plays. */
  mark(seconds) {
    for (const { node, start, end } of this.shown) {
      const heard = seconds >= start - 0.01 && seconds < end;
      const begins = heard && !node.classList.contains("ts-heard");
      node.classList.toggle("ts-heard", heard);
      if (begins) node.scrollIntoView({ block: "nearest" });
    }
  }

  close() {
    this.node.close();
  }

  leave() {
    this.session = {};
    this.audio.pause();
    if (location.hash.startsWith(HASH)) history.replaceState(history.state, "", location.pathname + location.search);
  }
}
