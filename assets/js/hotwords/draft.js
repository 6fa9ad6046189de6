// One list while it is being worked on: what the server has, what is on its way there, and what is wrong.

import * as api from "./api.js";

/**
 * Changes go to the server one after another, each on top of the version that the one before left. `shown` is
 * called with the list whenever it is another, `state` with "saved", "saving", "wrong" or "failed" and an error.
 */
export class Draft {
  constructor({ shown, state }) {
    this.shown = shown;
    this.state = state;
    this.list = null;
    this.queue = Promise.resolve();
    this.waiting = 0;
  }

  async open(id, conversation) {
    this.conversation = conversation;
    await this.queue;
    this.put(await api.getList(id, conversation));
    this.state("saved");
  }

  put(list) {
    this.list = list;
    this.shown(list);
  }

  change(word, entry) {
    return this.send((id, version) => api.changeWords(id, [{ word, entry }], version));
  }

  write(text) {
    return this.send((id, version) => api.writeText(id, text, version));
  }

  rename(name) {
    return this.send((id) => api.renameList(id, name));
  }

  undo() {
    return this.send((id) => api.undo(id));
  }

  redo() {
    return this.send((id) => api.redo(id));
  }

  /** Resolves to true when the change was taken. */
  send(request) {
    const { id } = this.list;
    this.waiting += 1;
    this.state("saving");
    const done = this.queue.then(async () => {
      try {
        const list = await request(id, this.list.version);
        if (this.list.id === id) this.put(list);
        this.waiting -= 1;
        if (!this.waiting) this.state("saved");
        return true;
      } catch (error) {
        this.waiting -= 1;
        await this.refused(id, error);
        return false;
      }
    });
    this.queue = done;
    return done;
  }

  async refused(id, error) {
    this.state("failed", error);
    // Somebody else changed the list, or it is gone: what is shown must be what there is.
    if (error.status === 409 && this.list.id === id) {
      const list = await api.getList(id, this.conversation).catch(() => null);
      if (list && this.list.id === id) this.put(list);
    }
  }
}
