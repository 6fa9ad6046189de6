// The language panel: what recognises now, what models learn from, their trainings, and 试一试.

import { element } from "../dom.js";
import { ask } from "../feedback.js";
import { t } from "../i18n.js";
import { openDialog } from "../over.js";
import { acceptFiles, drawNav, panelDialog, viewItem } from "../panel.js";
import * as api from "./api.js";
import { CorpusForm } from "./corpus.js";
import { versionName } from "./figures.js";
import { JobsView, unfinished } from "./jobs.js";
import { LanguageTrial } from "./trial.js";
import { VersionsView } from "./versions.js";

const AGAIN_MS = 500;
const VIEWS = ["versions", "corpus", "jobs", "try"];

export class LanguagePanel {
  /** `chat`: conversation() is its id, messages() its voice messages, toast(text). */
  constructor(chat) {
    this.chat = chat;
    this.current = "versions";
    this.standing = null;
    const refused = (error) => chat.toast(error.message || t("connection_lost"));
    this.refused = refused;
    this.views = {
      versions: new VersionsView({
        publish: (number) => this.change(() => api.publish(number)),
        rollBack: () => this.change(() => api.rollBack()),
        train: () => this.select("corpus"),
      }),
      corpus: new CorpusForm({
        refused,
        begun: (job) => {
          this.views.jobs.begun(job);
          this.select("jobs");
        },
      }),
      jobs: new JobsView({
        refused,
        ended: (job) => this.ended(job),
        changed: () => this.node && this.drawViews(),
        sure: (question) => ask(this.node, question),
      }),
      try: new LanguageTrial({ messages: chat.messages, conversation: chat.conversation, refused }),
    };
    this.nav = element("nav", { class: "pn-nav", "aria-label": t("language.title") });
    const main = element("div", { class: "pn-main" }, ...Object.values(this.views).map(({ node }) => node));
    this.node = panelDialog("lm", { title: t("language.title"), lead: t("language.lead"), nav: this.nav, main, close: () => this.close() });
    acceptFiles(this.node, {
      wanted: () => this.current === "corpus" || this.current === "try",
      take: (file) => this.take(file),
    });
  }

  async open() {
    openDialog(this.node, () => this.close());
    this.show();
    try {
      await Promise.all([this.loadStanding(), this.views.jobs.load(), this.views.corpus.load()]);
      this.views.corpus.open();
      await this.settle();
    } catch (error) {
      this.refused(error);
    }
  }

  close() {
    this.views.try.close();
    this.views.jobs.rest();
    this.node.close();
  }

  async loadStanding() {
    this.put(await api.getVersions());
  }

  /** What was published a moment ago recognises only once the server has opened it. */
  async settle() {
    while (this.node.open && this.standing.running !== this.standing.current && !this.standing.warning) {
      await new Promise((done) => setTimeout(done, AGAIN_MS));
      await this.loadStanding();
    }
  }

  put(standing) {
    this.standing = standing;
    this.views.versions.show(standing);
    if (this.current === "try") this.views.try.open(standing);
  }

  select(view) {
    if (this.current === "try" && view !== "try") this.views.try.close();
    this.current = view;
    this.show();
  }

  show() {
    this.drawViews();
    for (const name of VIEWS) this.views[name].node.hidden = name !== this.current;
    if (this.current === "try" && this.standing) this.views.try.open(this.standing);
  }

  drawViews() {
    const running = this.views.jobs.jobs.filter(unfinished).length;
    const badge = running ? element("span", { class: "pn-badge lm-running", text: running }) : null;
    drawNav(this.nav, ...VIEWS.map((id) => viewItem({ id, title: t(`language.views.${id}`), extra: id === "jobs" ? badge : null, selected: id === this.current, choose: () => this.select(id) })));
  }

  /** Ask for another version. */
  async change(request) {
    try {
      this.put(await request());
      const now = this.standing.versions.find(({ number }) => number === this.standing.current);
      this.chat.toast(t("language.switched", { name: versionName(now) }));
    } catch (error) {
      this.refused(error);
      await this.loadStanding().catch(this.refused); // somebody else may have changed it
    }
  }

  async ended(job) {
    try {
      await this.loadStanding();
      await this.settle();
      if (job.status === "published") this.chat.toast(t("language.published", { name: versionName({ number: job.version, name: job.name }) }));
    } catch (error) {
      this.refused(error);
    }
  }

  take(file) {
    if (this.current === "try") return this.views.try.take(file);
    if (this.current !== "corpus") this.select("corpus");
    return this.views.corpus.addFile(file);
  }
}
