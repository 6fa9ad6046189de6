// The server's REST and event-stream API. URLs are relative to this file, so the page works behind a
// root path and inside another site's frame.

import { language } from "./i18n.js";
import { events } from "./sse.js";

const ROOT = new URL("../../", import.meta.url);

/** The server answered, and said no: `code` and `message` are its own. */
export class ApiError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** No answer, or the answer broke off: the network or the server is gone. */
export class ConnectionLost extends Error {}

/** A link the server gave, made absolute. A leading slash would leave the root path, so it is dropped. */
export function resolve(path) {
  return new URL(String(path).replace(/^\/+/, ""), ROOT).href;
}

/** Leave for the page to log in on, and come back here afterwards. */
export function toLogin() {
  const here = location.href.startsWith(ROOT.href) ? location.href.slice(ROOT.href.length) : "";
  location.assign(resolve(`login?next=${encodeURIComponent(here)}`));
}

export async function request(path, options = {}) {
  let response;
  try {
    response = await fetch(resolve(path), {
      ...options,
      headers: { "Accept-Language": language(), ...options.headers },
    });
  } catch (error) {
    throw new ConnectionLost(error.message);
  }
  if (response.ok || response.status === 304) return response;
  const body = await response.json().catch(() => ({}));
  if (response.status === 401 && body.error?.code === "login_required") toLogin();
  // A proxy in front answers 502 to 504 while the server itself is down.
  if (!body.error && response.status >= 502 && response.status <= 504) throw new ConnectionLost(response.statusText);
  throw new ApiError(response.status, body.error?.code ?? "unknown", body.error?.message ?? response.statusText);
}

export async function json(path, options) {
  const response = await request(path, options);
  try {
    return await response.json();
  } catch (error) {
    throw new ConnectionLost(error.message);
  }
}

/** Options of a request that sends `body` as JSON. */
export const jsonBody = (method, body, headers = {}) => ({
  method,
  headers: { "Content-Type": "application/json", ...headers },
  body: JSON.stringify(body),
});

async function* messages(path, options) {
  const response = await request(path, { method: "POST", ...options });
  try {
    for await (const { event, data } of events(response)) {
      if (event === "done") return;
      if (event === "message") yield JSON.parse(data);
    }
  } catch (error) {
    throw new ConnectionLost(error.message);
  }
  throw new ConnectionLost("the stream ended before it was done");
}

export const conversationPath = (id) => `api/conversations/${encodeURIComponent(id)}`;

export const getSession = () => json("api/session");
export const logOut = () => request("api/session", { method: "DELETE" });
export const getConfig = () => json("api/config");
export const getModel = () => json("api/model");
export const getDomains = () => json("api/domains");

/** Begin a conversation with the bot `domain`; "" takes the default. */
export function createConversation(domain = "") {
  return json(`api/conversations${domain ? `?domain=${encodeURIComponent(domain)}` : ""}`, { method: "POST" });
}

/** What `path` answers and its ETag, or null while it is what `etag` names. */
async function changed(path, etag) {
  const headers = etag ? { "If-None-Match": etag } : {};
  const response = await request(path, { cache: "no-store", headers });
  if (response.status === 304) return null;
  return { etag: response.headers.get("ETag"), ...(await response.json()) };
}

/** The messages of a conversation if they are others than those of `etag`, otherwise null. */
export const watchMessages = (id, etag) => changed(`${conversationPath(id)}/messages`, etag);

/** The conversations, those that hold the words `q` or are with the bot `domain`; null when nothing has changed. */
export function listConversations({ q = "", domain = "", limit = 100 } = {}, etag = null) {
  const query = Object.entries({ q, domain, limit }).filter(([, value]) => value).map((pair) => pair.map(encodeURIComponent).join("="));
  return changed(`api/conversations?${query.join("&")}`, etag);
}

export const changeConversation = (id, change) => request(conversationPath(id), jsonBody("PATCH", change));
export const deleteConversation = (id) => request(conversationPath(id), { method: "DELETE" });
export const exportUrl = (id, format) => resolve(`${conversationPath(id)}/export?format=${format}`);
export const deleteMessage = (id, message) => request(`${conversationPath(id)}/messages/${encodeURIComponent(message)}`, { method: "DELETE" });
export const forgetMe = () => request("api/me", { method: "DELETE" });

/** The text of a recording that is in no conversation. */
export async function transcribe(blob) {
  const body = new FormData();
  body.append("file", blob, "recording.wav");
  body.append("model", "whisper-1"); // a name that stands for whatever runs
  return (await json("v1/audio/transcriptions", { method: "POST", body })).text;
}

export const getMessages = (id) => json(`${conversationPath(id)}/messages`);

/** Sent again under the same `key`, it is not said twice. */
export function sendText(id, text, key) {
  const headers = { "Content-Type": "application/json", "Idempotency-Key": key };
  return messages(`${conversationPath(id)}/messages`, { headers, body: JSON.stringify({ text }) });
}

export function sendAudio(id, blob, name, key) {
  const body = new FormData();
  body.append("audio", blob, name);
  return messages(`${conversationPath(id)}/messages`, { headers: { "Idempotency-Key": key }, body });
}

/** Put the user's words in the place of what was recognised. */
export function correctMessage(id, messageId, text) {
  const headers = { "Content-Type": "application/json" };
  const path = `${conversationPath(id)}/messages/${encodeURIComponent(messageId)}/correction`;
  return messages(path, { headers, body: JSON.stringify({ text }) });
}

export function retryMessage(id, messageId) {
  return messages(`${conversationPath(id)}/messages/${encodeURIComponent(messageId)}/retry`);
}

const jobPath = (id) => `api/transcribe/${encodeURIComponent(id)}`;

/** Hand in a file for transcription; `split` keeps the two channels of a call apart. */
export function submitFile(blob, name, { split }) {
  const body = new FormData();
  body.append("channels", split ? "split" : "mix");
  body.append("file", blob, name);
  return json("api/transcribe", { method: "POST", body });
}

/** Yield the events of a stream until the server says that it is done; `options` are those of fetch. */
export async function* follow(path, options) {
  const response = await request(path, options);
  try {
    for await (const event of events(response)) {
      if (event.event === "done") return;
      yield event;
    }
  } catch (error) {
    throw new ConnectionLost(error.message);
  }
  throw new ConnectionLost("the stream ended before it was done");
}

/** Yield the events of a transcription, behind the segment `after`, until it has ended. */
export const followJob = (id, after) => follow(`${jobPath(id)}/events?after=${after}`);

export const cancelJob = (id) => json(`${jobPath(id)}/cancel`, { method: "POST" });
export const retryJob = (id) => json(`${jobPath(id)}/retry`, { method: "POST" });
export const removeJob = (id) => request(jobPath(id), { method: "DELETE" });
export const resultUrl = (id, format, partial) => resolve(`${jobPath(id)}/result?format=${format}&partial=${partial}`);

export async function fetchBlob(url) {
  return (await request(url)).blob();
}
