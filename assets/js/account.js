// Who is logged in, and the way out; nothing is shown where nobody has to log in.

import { getSession, logOut, toLogin } from "./api.js";
import { element } from "./dom.js";
import { t } from "./i18n.js";

export class Account {
  constructor() {
    this.node = element("p", { class: "ts-account", hidden: true });
  }

  /** Show who is logged in; resolves to the session. */
  async show() {
    const session = await getSession();
    if (!session.can_log_out) return session;
    const leave = element("button", {
      type: "button",
      class: "ts-link",
      text: t("log_out"),
      on: { click: () => logOut().then(toLogin) },
    });
    this.node.replaceChildren(element("span", { text: session.person }), " · ", leave);
    this.node.hidden = false;
    return session;
  }
}
