// The trainings: a line for each, and below the one that is looked at, how it goes and what came of it.

import { element, fill } from "../dom.js";
import { t } from "../i18n.js";
import * as api from "./api.js";
import { when } from "./figures.js";
import { reportOf } from "./report.js";

const STEPS = ["prepare", "train", "check", "publish"];
const AGAIN_MS = 2_000;

export const unfinished = ({ status }) => status === "queued" || status === "running";

export class JobsView {
  /** `ended(job)` hears of a training that came to its end, `changed()` that the list is another. */
  constructor({ ended, changed, refused, sure }) {
    this.events = { ended, changed, refused, sure };
    this.jobs = [];
    this.open = null;
    this.shown = new Map(); // id → the parts of its line
    this.list = element("ul", { class: "lm-jobs" });
    this.empty = element("p", { class: "pn-empty", text: t("language.no_jobs") });
    this.node = element("section", { class: "lm-trainings", "aria-label": t("language.jobs") }, element("p", { class: "pn-lead", text: t("language.jobs_lead") }), this.list, this.empty);
  }

  async load() {
    this.take(await api.getJobs());
    this.watch();
  }

  /** Take a list from the server, which leaves out the logs. */
  take(jobs) {
    const ended = jobs.filter((job) => !unfinished(job) && this.find(job.id) && unfinished(this.find(job.id)));
    this.jobs = jobs.map((job) => ({ ...job, log: this.find(job.id)?.log ?? "" }));
    this.draw();
    for (const job of ended) this.events.ended(job);
  }

  /** Put a training that has just begun on top, and show how it goes. */
  begun(job) {
    this.jobs = [job, ...this.jobs.filter(({ id }) => id !== job.id)];
    this.look(job.id);
  }

  /** Look at one training, or at none. */
  async look(id) {
    this.open = id;
    this.draw();
    this.watch();
    const job = this.find(id);
    if (!job || unfinished(job) || job.log) return;
    try {
      this.update(await api.getJob(id)); // with its log
    } catch (error) {
      this.events.refused(error);
    }
  }

  /** Follow what is looked at, and ask for the others now and then: a browser has few connections to one server. */
  watch() {
    this.rest();
    const watching = new AbortController();
    this.watching = watching;
    const job = this.find(this.open);
    if (job && unfinished(job)) this.follow(job.id, watching.signal);
    this.askAgain(watching.signal);
  }

  /** Stop watching; `load` begins again. */
  rest() {
    this.watching?.abort();
  }

  async follow(id, signal) {
    while (!signal.aborted) {
      try {
        for await (const job of api.followTraining(id, signal)) if (!signal.aborted) this.update(job);
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (error.status === 404) return this.forget(id);
        await pause(); // the server is away for a moment
      }
    }
  }

  async askAgain(signal) {
    const others = () => this.jobs.some((job) => unfinished(job) && job.id !== this.open);
    while (others()) {
      await pause();
      if (signal.aborted) return;
      const jobs = await api.getJobs().catch(() => null);
      if (jobs && !signal.aborted) this.take(jobs);
    }
  }

  find(id) {
    return this.jobs.find((job) => job.id === id);
  }

  update(job) {
    const known = this.find(job.id);
    if (!known) return;
    const ended = unfinished(known) && !unfinished(job);
    Object.assign(known, job);
    this.fillLine(known);
    this.events.changed();
    if (ended) this.events.ended(known);
  }

  forget(id) {
    this.jobs = this.jobs.filter((job) => job.id !== id);
    this.draw();
  }

  draw() {
    this.shown = new Map();
    fill(this.list, ...this.jobs.map((job) => this.line(job)));
    this.empty.hidden = this.jobs.length > 0;
    this.events.changed();
  }

  line(job) {
    const head = element("button", { type: "button", class: "lm-job-head", on: { click: () => this.look(this.open === job.id ? null : job.id) } });
    const bar = element("progress", { class: "lm-progress", max: 1, "aria-label": t("language.progress") });
    const body = element("div", { class: "lm-job-body" });
    this.shown.set(job.id, { head, bar, body });
    const line = element("li", { class: "lm-job", data: { id: job.id, status: job.status } }, head, bar, body);
    this.fillLine(job, line);
    return line;
  }

  fillLine(job, line = this.list.querySelector(`[data-id="${CSS.escape(job.id)}"]`)) {
    const { head, bar, body } = this.shown.get(job.id);
    const open = this.open === job.id;
    const running = unfinished(job);
    line.dataset.status = job.status;
    head.setAttribute("aria-expanded", String(open));
    fill(
      head,
      element("span", { class: "lm-job-name", text: job.name }),
      element("span", { class: `lm-chip lm-chip-${job.status}`, text: this.state(job) }),
      element("time", { text: when(job.created_at) }),
    );
    bar.hidden = !running;
    bar.value = job.progress;
    body.hidden = !open;
    if (open) this.fillBody(job, body);
  }

  state({ status, step, version, progress }) {
    if (status === "running") return t("language.running_step", { step: t(`language.steps.${step}`), percent: Math.round(100 * progress) });
    if (status === "published" && version) return t("language.became", { number: version });
    return t(`language.statuses.${status}`);
  }

  fillBody(job, body) {
    const focused = body.contains(document.activeElement) ? document.activeElement.dataset.part : null;
    const log = body.querySelector("pre");
    const scrolled = log?.scrollTop ?? 0;
    const atEnd = !log || log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
    const folded = log ? !log.parentElement.open : job.status !== "failed";
    const next = element("pre", { class: "lm-log", tabindex: "0", data: { part: "log" }, text: job.log || t("language.no_log") });
    fill(
      body,
      steps(job),
      job.error ? element("p", { class: "lm-note", role: "alert", text: job.error.message }) : null,
      ...reportOf(job),
      element("details", { open: !folded }, element("summary", { data: { part: "summary" }, text: t("language.log") }), next),
      element("div", { class: "lm-job-tools" }, this.tool(job)),
    );
    if (atEnd) next.scrollTop = next.scrollHeight;
    else next.scrollTop = scrolled;
    if (focused) body.querySelector(`[data-part="${focused}"]`)?.focus();
  }

  tool(job) {
    if (unfinished(job)) return small(t("language.cancel"), () => this.act(() => api.cancel(job.id), job.id));
    return small(t("language.delete"), async () => {
      const sure = await this.events.sure({ title: t("language.delete"), text: t("language.delete_question", { name: job.name }), yes: t("language.delete") });
      if (sure) this.act(() => api.remove(job.id).then(() => null), job.id);
    });
  }

  async act(request, id) {
    try {
      const job = await request();
      if (job) this.update(job);
      else this.forget(id);
    } catch (error) {
      if (error.status === 404) this.forget(id);
      else this.events.refused(error);
    }
  }
}

const pause = () => new Promise((done) => setTimeout(done, AGAIN_MS));

/** The steps of a training, and which of them are done. */
function steps({ status, step }) {
  const at = STEPS.indexOf(step);
  const stands = (i) => {
    if (status === "published" || i < at) return "done";
    if (i > at || status === "queued") return "waiting";
    return status === "running" ? "running" : "ended";
  };
  return element("ol", { class: "lm-steps" }, ...STEPS.map((name, i) => element("li", { data: { state: stands(i) }, text: t(`language.steps.${name}`) })));
}

function small(text, click) {
  return element("button", { type: "button", class: "pn-button pn-small pn-quiet", data: { part: "tool" }, text, on: { click } });
}
