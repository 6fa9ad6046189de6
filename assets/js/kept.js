// What this browser keeps for the page. Storage may be forbidden in another site's frame: then it lasts as long as the page.

const PREFIX = "tingshuo.";
const memory = new Map();

/** Keep a text under `key`; null or "" removes it. */
export function keep(key, text) {
  memory.set(key, text);
  try {
    if (text) localStorage.setItem(PREFIX + key, text);
    else localStorage.removeItem(PREFIX + key);
  } catch {
    console.info("Tingshuo: this browser keeps no storage here; a reload forgets what was chosen");
  }
}

/** The text kept under `key`, or null. */
export function kept(key) {
  try {
    return localStorage.getItem(PREFIX + key);
  } catch {
    return memory.get(key) ?? null;
  }
}
