// The server's hotword routes.

import { json, jsonBody, request } from "../api.js";

const LISTS = "api/hotwords/lists";
const path = (id) => `${LISTS}/${encodeURIComponent(id)}`;
const asked = (conversation) => (conversation ? `?conversation_id=${encodeURIComponent(conversation)}` : "");

export const getLists = (conversation) => json(LISTS + asked(conversation));
export const getList = (id, conversation) => json(path(id) + asked(conversation));
export const makeList = (name, text = "") => json(LISTS, jsonBody("POST", { name, text }));
export const renameList = (id, name) => json(path(id), jsonBody("PATCH", { name }));
export const deleteList = (id) => request(path(id), { method: "DELETE" });
export const writeText = (id, text, version) => json(path(id), jsonBody("PUT", { text, version }));
export const undo = (id) => json(`${path(id)}/undo`, { method: "POST" });
export const redo = (id) => json(`${path(id)}/redo`, { method: "POST" });
export const validate = (text) => json("api/hotwords/validate", jsonBody("POST", { text }));

/** `changes`: [{word, entry}], where no entry removes the word. */
export const changeWords = (id, changes, version) => json(path(id), jsonBody("PATCH", { changes, version }));

const choice = (conversation) => `api/conversations/${encodeURIComponent(conversation)}/hotwords`;
export const getChoice = async (conversation) => (await json(choice(conversation))).lists;
export const choose = (conversation, lists) => json(choice(conversation), jsonBody("PUT", { lists }));

export const getCandidates = () => json("api/hotwords/candidates");
export const dismiss = (id) => request(`api/hotwords/candidates/${encodeURIComponent(id)}`, { method: "DELETE" });
export const accept = (id, list, entry) =>
  json(`api/hotwords/candidates/${encodeURIComponent(id)}/accept`, jsonBody("POST", { list, entry }));

/** `source` is {blob, name} or {conversation, message}; `list` an id, null for what the conversation uses. */
export function tryOut(source, { list, conversation }) {
  const body = new FormData();
  if (source.blob) body.append("audio", source.blob, source.name);
  else body.append("message_id", source.message);
  if (conversation) body.append("conversation_id", conversation);
  if (list) body.append("list", list);
  return json("api/hotwords/try", { method: "POST", body });
}
