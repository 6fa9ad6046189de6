// Which model recognises, and that the embedded one stands in for another.

import * as api from "./api.js";
import { t } from "./i18n.js";

const DOWNLOADING_MS = 1_500;
const UNAVAILABLE_MS = 60_000;

/** Words for the model that runs, from what /api/model tells. */
export function modelLabel({ name, reason }) {
  return t(reason === "embedded" || reason === "downloading" || reason === "unavailable" ? "model_embedded" : "model_runs", { name });
}

export class ModelWatch {
  /** `note(text)` shows what is to be known of the model and is not urgent. */
  constructor({ note, toast, onChange }) {
    this.note = note;
    this.toast = toast;
    this.onChange = onChange;
  }

  /** Show `model`, and look again for as long as another is wanted. */
  show(model) {
    if (!model?.name) return;
    const changed = this.model && this.model.name !== model.name;
    this.model = model;
    this.onChange(model);
    if (model.reason === "downloading") this.note(this.progress(model));
    else if (model.reason === "unavailable") this.note(t("model_unavailable", { wanted: model.wanted, why: model.error?.message ?? "" }));
    else this.note(null);
    if (changed) this.toast.show(t("model_changed", { name: model.name }));
    clearTimeout(this.timer);
    if (model.reason === "downloading") this.timer = setTimeout(() => this.look(), DOWNLOADING_MS);
    if (model.reason === "unavailable") this.timer = setTimeout(() => this.look(), UNAVAILABLE_MS);
  }

  progress({ wanted, done, total }) {
    if (!total) return t("model_asked_for", { wanted });
    const megabytes = (bytes) => Math.round(bytes / 2 ** 20);
    return t("model_downloading", {
      wanted,
      percent: Math.floor((100 * done) / total),
      done: megabytes(done),
      total: megabytes(total),
    });
  }

  async look() {
    try {
      this.show(await api.getModel());
    } catch (error) {
      console.info("Tingshuo: the model is not known just now:", error.message);
      this.timer = setTimeout(() => this.look(), UNAVAILABLE_MS);
    }
  }
}
