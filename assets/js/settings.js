// The settings: what a person can choose, what is kept of them, and what runs.

import * as api from "./api.js";
import { element, fill } from "./dom.js";
import { ask } from "./feedback.js";
import { language, t } from "./i18n.js";
import { modelLabel } from "./model.js";
import { openDialog } from "./over.js";
import { prefer, preference } from "./preferences.js";
import { MicrophoneError, Recorder } from "./recorder.js";
import { sheet } from "./sheet.js";

const SIZES = ["90", "100", "115", "130"];

export class Settings {
  /** `account` is who is logged in; `toast` says what went wrong. */
  constructor({ account, toast }) {
    this.toast = toast;
    this.notice = element("p", { class: "st-notice", role: "status", hidden: true });
    this.model = element("p", { class: "ts-model" });
    this.version = element("p", { class: "st-version" });
    this.level = element("meter", { class: "st-level", min: 0, max: 1, value: 0, "aria-label": t("settings.level") });
    this.recorder = new Recorder({ onLevel: (level) => (this.level.value = level) });
    this.microphones = element("select", { class: "pn-select", on: { change: () => this.chooseMicrophone() } });
    this.node = sheet(
      t("settings.title"),
      group(
        t("settings.look"),
        choice("theme", ["system", "light", "dark"]),
        choice("size", SIZES),
        row(t("settings.language"), select(["zh", "en"].map((value) => [value, t(`settings.languages.${value}`)]), language(), (value) => this.speak(value))),
      ),
      group(t("settings.messages"), toggle("text"), toggle("confirm"), choice("talk", ["hold", "tap"])),
      group(t("settings.microphone"), row(t("settings.device"), this.microphones), row(t("settings.level"), this.level, button(t("settings.try"), () => this.listen()))),
      group(
        t("settings.data"),
        row(t("settings.export_hint"), element("a", { class: "pn-button pn-quiet", href: api.resolve("api/me/export"), download: "", text: t("settings.export") })),
        row(t("settings.forget_hint"), button(t("settings.forget"), () => this.forget(), "st-danger")),
      ),
      group(t("settings.about"), this.model, this.notice, this.version, account),
    );
    this.node.addEventListener("close", () => this.rest());
  }

  open() {
    openDialog(this.node);
    this.listMicrophones();
  }

  showModel(model) {
    this.model.textContent = modelLabel(model);
  }

  showVersion(version) {
    this.version.textContent = version ? t("settings.version", { version }) : "";
  }

  /** Say something about the model that is not urgent; null takes it away. */
  note(text) {
    this.notice.hidden = !text;
    this.notice.textContent = text ?? "";
  }

  speak(wanted) {
    prefer("language", wanted);
    location.reload();
  }

  async listMicrophones() {
    const found = (await navigator.mediaDevices?.enumerateDevices?.().catch(() => [])) ?? [];
    const named = found.filter(({ kind, deviceId, label }) => kind === "audioinput" && deviceId && label);
    fill(this.microphones, element("option", { value: "", text: t("settings.default_device") }), ...named.map(({ deviceId, label }) => element("option", { value: deviceId, text: label })));
    this.microphones.value = preference("microphone");
    if (this.microphones.selectedIndex < 0) this.microphones.value = "";
  }

  chooseMicrophone() {
    prefer("microphone", this.microphones.value);
    this.rest();
  }

  /** Show how loud it is for as long as the sheet is open. */
  async listen() {
    try {
      await this.recorder.open();
      this.recorder.start({ keep: false });
      await this.listMicrophones(); // their names are known only now
    } catch (error) {
      if (!(error instanceof MicrophoneError)) throw error;
      this.toast.show(t(error.reason), "warning");
    }
  }

  rest() {
    this.recorder.cancel();
    this.recorder.close();
    this.level.value = 0;
  }

  async forget() {
    if (!(await ask(this.node, { title: t("settings.forget"), text: t("settings.forget_question"), yes: t("settings.forget_yes") }))) return;
    try {
      await api.forgetMe();
      location.reload();
    } catch (error) {
      this.toast.show(error.message || t("connection_lost"), "warning");
    }
  }
}

function group(title, ...rows) {
  return element("section", { class: "st-group" }, element("h3", { text: title }), ...rows);
}

function row(label, ...controls) {
  const text = element("span", { class: "st-label", text: label });
  const [first] = controls;
  if (first.matches("select, meter, input")) first.setAttribute("aria-label", label);
  return element("div", { class: "st-row" }, text, ...controls);
}

function button(text, click, extra = "") {
  return element("button", { type: "button", class: `pn-button pn-quiet ${extra}`, text, on: { click } });
}

function select(options, value, change) {
  const node = element("select", { class: "pn-select", on: { change: () => change(node.value) } }, ...options.map(([each, text]) => element("option", { value: each, text })));
  node.value = value;
  return node;
}

function choice(name, values) {
  const options = values.map((value) => [value, t(`settings.${name}s.${value}`)]);
  return row(t(`settings.${name}`), select(options, preference(name), (value) => prefer(name, value)));
}

function toggle(name) {
  const node = element("button", {
    type: "button",
    class: "hw-switch",
    role: "switch",
    "aria-checked": String(preference(name) === "on"),
    "aria-label": t(`settings.${name}`),
    on: {
      click: () => {
        prefer(name, preference(name) === "on" ? "off" : "on");
        node.setAttribute("aria-checked", String(preference(name) === "on"));
      },
    },
  });
  return row(t(`settings.${name}`), node);
}
