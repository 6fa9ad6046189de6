// The socket over which somebody is heard while they speak. What it brings and takes stands in app/api/routers/live.py.

import { ConnectionLost, conversationPath, resolve } from "./api.js";
import { language } from "./i18n.js";
import { toPcm } from "./wav.js";

const PATIENCE_MS = 10_000; // between two messages after the end: a server that takes longer is gone

/** One press of the talk button, or one stretch of hands-free talk. */
export class LiveSpeech {
  /**
   * Begin to be heard in conversation `id`, under the name `clientId`. `on` may have draft(text, stable), speech(),
   * message(update, until), quiet() and lost(); the last one once, when the server is gone before all is said.
   */
  constructor(id, clientId, { sampleRate, handsFree = false, on = {} }) {
    this.clientId = clientId;
    this.on = on;
    this.waiting = []; // sound from before the socket was open
    this.updates = []; // messages that nobody has taken yet
    this.state = "open"; // then done, lost or closed
    const begin = { type: "begin", sample_rate: sampleRate, client_id: clientId, hands_free: handsFree, language: language() };
    this.socket = new WebSocket(resolve(`${conversationPath(id)}/live`).replace(/^http/, "ws"));
    this.socket.onopen = () => {
      this.socket.send(JSON.stringify(begin));
      for (const data of this.waiting.splice(0)) this.socket.send(data);
    };
    this.socket.onmessage = ({ data }) => this.take(JSON.parse(data));
    this.socket.onclose = () => this.end("lost");
  }

  take(message) {
    if (message.type === "message") {
      this.updates.push(message.message);
      this.on.message?.(message.message, message.until);
      this.wake?.();
    } else if (message.type === "done") this.end("done");
    else if (message.type === "error") this.end("lost");
    else if (message.type === "partial") this.on.draft?.(message.text, message.stable);
    else this.on[message.type]?.();
  }

  /** Send samples (Float32Array). */
  push(samples) {
    this.send(toPcm(samples));
  }

  send(data) {
    if (this.socket.readyState === WebSocket.CONNECTING) this.waiting.push(data);
    else if (this.socket.readyState === WebSocket.OPEN) this.socket.send(data);
  }

  /** Say that all is said. */
  finish() {
    this.send(JSON.stringify({ type: "end" }));
  }

  /** Yield the messages as they come, until all is said; throws ConnectionLost when that is not heard of. */
  async *messages() {
    for (;;) {
      while (this.updates.length) yield this.updates.shift();
      if (this.state === "done") return;
      if (this.state !== "open") throw new ConnectionLost("the server is gone");
      const woken = new Promise((done) => {
        this.wake = done;
      });
      const patience = setTimeout(() => this.end("lost"), PATIENCE_MS);
      await woken;
      clearTimeout(patience);
    }
  }

  /** Leave; what was said is forgotten on the server. */
  cancel() {
    this.end("closed");
  }

  end(state) {
    if (this.state !== "open") return;
    this.state = state;
    this.waiting = [];
    this.socket.close();
    this.wake?.();
    if (state === "lost") this.on.lost?.();
  }
}
