// The hotword panel: the lists at the side, one of them as table or text, suggestions, and 试一试.

import { element, icon } from "../dom.js";
import { ask } from "../feedback.js";
import { t } from "../i18n.js";
import { openDialog } from "../over.js";
import { acceptFiles, drawNav, panelDialog, viewItem } from "../panel.js";
import * as api from "./api.js";
import { Draft } from "./draft.js";
import { ListEditor } from "./list_editor.js";
import { Suggestions } from "./suggestions.js";
import { Trial } from "./trial.js";

const GLOBAL = "global";
const LEXICON = "lexicon";
const TRY = "#try";
const SUGGESTIONS = "#suggestions";
const LANGUAGE = "#language";

export class HotwordPanel {
  /** `chat`: conversation() is its id, messages() its voice messages, toast(text), counted(suggestions), language(). */
  constructor(chat) {
    this.chat = chat;
    this.lists = [];
    this.chosen = [];
    this.current = GLOBAL;
    this.newListForm = this.newList(); // made once: a name that is being typed outlives a redrawing
    this.draft = new Draft({
      shown: (list) => {
        this.editor.show(list);
        this.counted(list);
      },
      state: (state, error) => this.editor.state(state, error),
    });
    this.editor = new ListEditor(this.draft, {
      removed: () => this.removeList(),
      renamed: () => this.load(),
      toast: (text) => chat.toast(text),
    });
    const refused = (error) => chat.toast(error.message);
    this.trial = new Trial({ messages: chat.messages, conversation: chat.conversation, refused });
    this.suggestions = new Suggestions({
      target: () => (this.isOwn(this.current) ? this.current : this.last ?? GLOBAL),
      accepted: (list) => {
        chat.toast(t("hotwords.accepted"));
        if (this.draft.list?.id === list.id) this.draft.put(list);
        else this.load();
      },
      counted: (count) => {
        this.waiting = count;
        this.drawLists();
        chat.counted(count);
      },
      refused,
    });
    this.build();
  }

  build() {
    this.nav = element("nav", { class: "pn-nav", "aria-label": t("hotwords.lists") });
    this.main = element("div", { class: "pn-main" }, this.editor.node, this.suggestions.node, this.trial.node);
    this.node = panelDialog("hw", { title: t("hotwords.title"), lead: t("hotwords.lead"), nav: this.nav, main: this.main, close: () => this.close() });
    this.node.addEventListener("keydown", (event) => this.shortcut(event));
    acceptFiles(this.node, {
      wanted: () => !this.editor.node.hidden,
      take: (file) => (this.current === TRY ? this.trial.take(file) : this.editor.importFile(file)),
    });
  }

  /** Open at a `view`, or with a `word` that is to be added. */
  async open(view = null, word = null) {
    openDialog(this.node, () => this.close());
    if (view) this.current = view;
    if (word && !this.isOwn(this.current)) this.current = GLOBAL;
    this.show();
    try {
      await this.load();
      await this.suggestions.load();
      if (word) await this.editor.propose(word);
    } catch (error) {
      this.chat.toast(error.message);
    }
  }

  async close() {
    await this.editor.settle();
    this.trial.close();
    this.node.close();
  }

  /** Whether there is a way from here to the language models, which do for a field's sentences what this does for words. */
  offerLanguage(offered) {
    this.languageOffered = offered;
    this.drawLists();
  }

  async leaveForLanguage() {
    await this.close();
    this.chat.language();
  }

  /** Fetch how many suggestions wait, without opening the panel. */
  async refresh() {
    await this.suggestions.load().catch((error) => console.warn("Tingshuo: no suggestions:", error.message));
  }

  async load() {
    const conversation = this.chat.conversation();
    const [{ lists }, chosen] = await Promise.all([api.getLists(conversation), api.getChoice(conversation)]);
    this.lists = lists.map((list) => ({ ...list, title: this.titleOf(list) }));
    this.chosen = chosen;
    if (!this.current.startsWith("#")) await this.select(this.isThere(this.current) ? this.current : GLOBAL);
    else this.show();
  }

  titleOf({ id, name }) {
    if (id === GLOBAL) return t("hotwords.global");
    return id === LEXICON ? t("hotwords.lexicon") : name;
  }

  isThere(id) {
    return this.lists.some((list) => list.id === id);
  }

  isOwn(id) {
    return id !== LEXICON && !id.startsWith("#");
  }

  async select(id) {
    await this.editor.settle();
    if (this.current === TRY && id !== TRY) this.trial.close();
    this.current = id;
    if (this.isOwn(id)) this.last = id;
    this.show();
    if (id.startsWith("#")) return;
    try {
      await this.draft.open(id, this.chat.conversation());
    } catch (error) {
      this.chat.toast(error.message);
    }
  }

  show() {
    this.drawLists();
    this.editor.node.hidden = this.current.startsWith("#");
    this.suggestions.node.hidden = this.current !== SUGGESTIONS;
    this.trial.node.hidden = this.current !== TRY;
    if (this.current === TRY) this.trial.open(this.lists, this.last ?? GLOBAL);
  }

  drawLists() {
    drawNav(
      this.nav,
      element("h3", { text: t("hotwords.lists") }),
      ...this.lists.map((list) => this.listItem(list)),
      this.newListForm,
      element("h3", { text: t("hotwords.more_views") }),
      this.item(SUGGESTIONS, t("hotwords.suggestions"), this.waiting ? element("span", { class: "pn-badge", text: this.waiting }) : null),
      this.item(TRY, t("hotwords.try")),
      this.languageOffered ? viewItem({ id: LANGUAGE, title: t("language.open"), selected: false, choose: () => this.leaveForLanguage() }) : null,
    );
  }

  item(id, title, extra) {
    return viewItem({ id, title, extra, selected: this.current === id, choose: () => this.select(id) });
  }

  listItem(list) {
    const item = this.item(list.id, list.title, element("span", { class: "pn-count", text: list.words }));
    if (list.id === GLOBAL) {
      item.append(element("span", { class: "hw-always", text: t("hotwords.always") }));
      return item;
    }
    const used = this.chosen.includes(list.id);
    item.append(
      element("button", {
        type: "button",
        class: "hw-switch",
        role: "switch",
        "aria-checked": String(used),
        "aria-label": t("hotwords.use_here", { name: list.title }),
        title: t("hotwords.use_here", { name: list.title }),
        data: { nav: `use ${list.id}` },
        on: { click: () => this.use(list.id, !used) },
      }),
    );
    return item;
  }

  async use(id, wanted) {
    const lists = wanted ? [...this.chosen, id] : this.chosen.filter((one) => one !== id);
    try {
      this.chosen = (await api.choose(this.chat.conversation(), lists)).lists;
    } catch (error) {
      this.chat.toast(error.message);
    }
    this.drawLists();
  }

  newList() {
    const field = element("input", { type: "text", class: "pn-field", maxlength: 40, placeholder: t("hotwords.new_name"), "aria-label": t("hotwords.new_name"), data: { nav: "new" } });
    const button = element("button", { type: "submit", class: "pn-icon-button", "aria-label": t("hotwords.new_list"), title: t("hotwords.new_list") });
    button.append(icon("plus"));
    const submit = async (event) => {
      event.preventDefault();
      if (!field.value.trim()) return field.focus();
      try {
        const made = await api.makeList(field.value);
        field.value = "";
        this.current = made.id;
        // A list that was just made is for what is being talked about.
        this.chosen = (await api.choose(this.chat.conversation(), [...this.chosen, made.id])).lists;
        await this.load();
        this.editor.focus();
      } catch (error) {
        this.chat.toast(error.message);
      }
    };
    return element("form", { class: "hw-new", on: { submit } }, field, button);
  }

  async removeList() {
    const { id, name } = this.draft.list;
    const text = t(id === GLOBAL ? "hotwords.empty_question" : "hotwords.delete_question", { name });
    const yes = t(id === GLOBAL ? "hotwords.empty_yes" : "hotwords.delete_yes");
    if (!(await ask(this.node, { title: yes, text, yes }))) return;
    try {
      await api.deleteList(id);
      this.current = GLOBAL;
      await this.load();
    } catch (error) {
      this.chat.toast(error.message);
    }
  }

  counted({ id, words }) {
    const known = this.lists.find((list) => list.id === id);
    if (!known || known.words === words.length) return;
    known.words = words.length;
    this.drawLists();
  }

  shortcut(event) {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || this.editor.node.hidden) return;
    const inField = event.target.matches("input[type=text], textarea");
    const key = event.key.toLowerCase();
    if (key === "f") {
      event.preventDefault();
      this.editor.searchField.focus();
    } else if (key === "z" && !inField) {
      event.preventDefault();
      if (event.shiftKey) this.editor.redo();
      else this.editor.undo();
    }
  }
}
