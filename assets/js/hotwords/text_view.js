// A list as text, with line numbers, checked while it is written and saved when nothing is wrong.

import { element, fill } from "../dom.js";
import { t } from "../i18n.js";
import * as api from "./api.js";
import { reasonText } from "./text.js";

const VALIDATE_MS = 350;
const MOST_SHOWN = 30; // problems

export class TextView {
  /** `write(text)` saves; resolves to true when it was taken. `state("wrong", count)` tells of an unsaved text. */
  constructor({ write, state }) {
    this.write = write;
    this.state = state;
    this.numbers = element("div", { class: "hw-gutter", "aria-hidden": "true" });
    this.field = element("textarea", {
      class: "hw-text",
      wrap: "off",
      spellcheck: "false",
      "aria-label": t("hotwords.text_label"),
      "aria-describedby": "hw-problems",
      placeholder: t("hotwords.text_hint"),
      on: {
        input: () => this.edited(),
        scroll: () => {
          this.numbers.scrollTop = this.field.scrollTop;
        },
      },
    });
    this.problems = element("ul", { class: "hw-problems", id: "hw-problems", "aria-live": "polite" });
    const sheet = element("div", { class: "hw-sheet" }, this.numbers, this.field);
    this.node = element("div", { class: "hw-text-view" }, sheet, this.problems);
    this.faults = [];
    this.checks = 0;
  }

  show(list) {
    const unsaved = this.id === list.id && this.dirty;
    this.field.readOnly = list.read_only;
    if (unsaved) return; // what is being written is newer than what was saved
    this.id = list.id;
    this.dirty = false;
    if (this.field.value !== list.text) this.field.value = list.text;
    this.showProblems(list.problems);
  }

  /** Put `text` in as if it had been written. */
  put(text) {
    this.field.value = text;
    this.edited();
  }

  edited() {
    this.dirty = true;
    this.number();
    this.state("editing");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.check(), VALIDATE_MS);
  }

  async check() {
    clearTimeout(this.timer);
    const text = this.field.value;
    const turn = (this.checks += 1);
    let found;
    try {
      found = await api.validate(text);
    } catch (error) {
      this.state("failed", error);
      return;
    }
    if (turn !== this.checks || this.field.value !== text) return; // written on meanwhile
    this.showProblems(found.problems);
    const wrong = found.problems.filter(({ warning }) => !warning).length;
    if (wrong) {
      this.state("wrong", wrong);
      return;
    }
    const taken = await this.write(text);
    if (taken && this.field.value === text) this.dirty = false;
  }

  /** Save what waits for its check; nothing is lost when the view is left. */
  async settle() {
    if (this.dirty) await this.check();
  }

  number() {
    const lines = this.field.value.split("\n").length;
    const at = new Map(this.faults.map((fault) => [fault.line, fault]));
    fill(
      this.numbers,
      ...Array.from({ length: lines }, (_, i) => {
        const fault = at.get(i + 1);
        const kind = fault ? (fault.warning ? " hw-warned" : " hw-faulty") : "";
        return element("span", { class: `hw-line-number${kind}`, text: i + 1 });
      }),
    );
    this.numbers.scrollTop = this.field.scrollTop;
  }

  showProblems(problems) {
    // Of a line the mistakes are shown before what is only to be known.
    this.faults = [...problems].sort((a, b) => Number(b.warning) - Number(a.warning));
    const first = [...problems].sort((a, b) => Number(a.warning) - Number(b.warning)).slice(0, MOST_SHOWN);
    fill(this.problems, ...first.map((fault) => this.problem(fault)));
    this.problems.hidden = !first.length;
    this.number();
  }

  problem(fault) {
    const place = t("hotwords.place", { line: fault.line, column: fault.column });
    const button = element(
      "button",
      { type: "button", class: "hw-problem", on: { click: () => this.goTo(fault) } },
      element("span", { class: "hw-place", text: place }),
      element("span", { text: reasonText(fault) }),
    );
    return element("li", { class: fault.warning ? "hw-warned" : "hw-faulty" }, button);
  }

  goTo({ line, column }) {
    const lines = this.field.value.split("\n");
    const start = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0) + column - 1;
    this.field.focus();
    this.field.setSelectionRange(start, Math.min(start + 1, this.field.value.length));
    this.field.scrollTop = Math.max(0, (line - 4) * 24);
  }
}
