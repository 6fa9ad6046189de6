// Messages that never reached the server, kept with their audio over a reload (IndexedDB).

const STORE = "unsent";

function database() {
  return new Promise((done, failed) => {
    const opening = indexedDB.open("tingshuo", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { keyPath: "id" });
    opening.onsuccess = () => done(opening.result);
    opening.onerror = () => failed(opening.error);
  });
}

async function run(mode, work) {
  try {
    const opened = await database();
    return await new Promise((done, failed) => {
      const transaction = opened.transaction(STORE, mode);
      const request = work(transaction.objectStore(STORE));
      transaction.oncomplete = () => done(request.result);
      transaction.onerror = () => failed(transaction.error);
    });
  } catch (error) {
    // Private windows and foreign frames may have no database: the message then lives as long as the page.
    console.info("Tingshuo: unsent messages are not kept over a reload:", error?.message);
    return [];
  }
}

export const put = (conversation, { message, blob, name }) =>
  run("readwrite", (store) => store.put({ id: message.id, conversation, message, blob, name }));

export const remove = (id) => run("readwrite", (store) => store.delete(id));

/** The unsent messages of a conversation, oldest first, playable again. */
export async function list(conversation) {
  const entries = await run("readonly", (store) => store.getAll());
  return entries
    .filter((entry) => entry.conversation === conversation)
    .sort((a, b) => a.message.created_at.localeCompare(b.message.created_at))
    .map(({ message, blob, name }) => ({
      message: { ...message, audio_url: blob ? URL.createObjectURL(blob) : null },
      blob,
      name,
    }));
}
