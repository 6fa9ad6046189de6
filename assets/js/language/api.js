// The server's routes for language models.

import { follow, json, jsonBody, request, resolve } from "../api.js";

const ROOT = "api/lm";
const jobPath = (id) => `${ROOT}/jobs/${encodeURIComponent(id)}`;

export { getDomains } from "../api.js";

export const getVersions = () => json(`${ROOT}/versions`);
export const publish = (number) => json(`${ROOT}/versions/${number}/publish`, { method: "POST" });
export const rollBack = () => json(`${ROOT}/rollback`, { method: "POST" });
export const modelUrl = (number) => resolve(`${ROOT}/versions/${number}/model`);

export const getJobs = async () => (await json(`${ROOT}/jobs`)).jobs;
export const cancel = (id) => json(`${jobPath(id)}/cancel`, { method: "POST" });
export const remove = (id) => request(jobPath(id), { method: "DELETE" });

/** Begin a training; sent again under the same `key`, it begins nothing twice. */
export const submit = (training, key) => json(`${ROOT}/jobs`, jsonBody("POST", training, { "Idempotency-Key": key }));

export const getJob = (id) => json(jobPath(id));

/** Yield a job, now and whenever it changes, until it has ended or `signal` is aborted. */
export async function* followTraining(id, signal) {
  for await (const { event, data } of follow(`${jobPath(id)}/events`, { signal })) {
    if (event === "job") yield JSON.parse(data);
  }
}

export const getCheckSets = async () => (await json(`${ROOT}/check-sets`)).check_sets;

/** Keep a zip of recordings, with the list of their texts, to check models with. */
export function addCheckSet(archive, name) {
  const body = new FormData();
  body.append("name", name);
  body.append("archive", archive, archive.name);
  return json(`${ROOT}/check-sets`, { method: "POST", body });
}

/** `source` is {blob, name} or {conversation, message}; `against` and `version` are numbers of versions. */
export function tryOut(source, { against, version }) {
  const body = new FormData();
  if (source.blob) body.append("audio", source.blob, source.name);
  else {
    body.append("message_id", source.message);
    body.append("conversation_id", source.conversation);
  }
  body.append("against", against);
  body.append("version", version);
  return json(`${ROOT}/try`, { method: "POST", body });
}
