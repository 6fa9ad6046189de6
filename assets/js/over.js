// What lies over the chat has an entry in the browser's history, so that Back closes it instead of leaving the page.

const shown = []; // what closes each of them, the newest last
let depth = 0; // entries of ours
let travelling = false; // while the browser goes back at our own asking

/** Tell that something lies over the chat that `close()` closes; returns what is to be called when it is closed. */
export function over(close) {
  shown.push(close);
  reconcile();
  return () => {
    const at = shown.indexOf(close);
    if (at < 0) return;
    shown.splice(at, 1);
    reconcile();
  };
}

/** Show a dialog over everything; `close()` closes it. */
export function openDialog(dialog, close = () => dialog.close()) {
  if (dialog.open) return;
  dialog.showModal();
  dialog.addEventListener("close", over(close), { once: true });
}

// Later, because one thing is often closed to open another, which can have its entry.
let timer = null;
function reconcile() {
  clearTimeout(timer);
  timer = setTimeout(() => {
    if (travelling || depth === shown.length) return;
    if (depth > shown.length) {
      travelling = true;
      history.go(shown.length - depth);
      return;
    }
    while (depth < shown.length) {
      depth += 1;
      history.pushState({ over: depth }, "");
    }
  });
}

window.addEventListener("popstate", ({ state }) => {
  travelling = false;
  depth = state?.over ?? 0;
  while (shown.length > depth) shown.pop()();
  reconcile();
});
