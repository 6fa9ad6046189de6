// The page to log in on: sends name and password, then goes where the visitor wanted to.

import { preferredLanguage } from "./i18n.js";

const form = document.querySelector(".ts-login");
const problem = form.querySelector(".ts-login-error");
const button = form.querySelector("button");
const language = preferredLanguage();

document.documentElement.lang = language;
document.documentElement.classList.toggle("dark", matchMedia("(prefers-color-scheme: dark)").matches);

const texts = (await (await fetch(new URL(`../locales/${language}.json`, import.meta.url))).json()).login;
for (const node of form.querySelectorAll("[data-text]")) node.textContent = texts[node.dataset.text];
document.title = texts.title;
form.hidden = false;
form.elements.name.focus();

/** Where to go afterwards: only ever a page of this app, whatever the link that led here says. */
function target() {
  const root = new URL("../../", import.meta.url);
  const asked = new URLSearchParams(location.search).get("next") ?? "";
  try {
    const wanted = new URL(asked.replace(/^\/+/, ""), root);
    return wanted.origin === root.origin && wanted.pathname.startsWith(root.pathname) ? wanted.href : root.href;
  } catch {
    return root.href;
  }
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  problem.textContent = "";
  button.disabled = true;
  try {
    const response = await fetch(new URL("../../api/session", import.meta.url), {
      method: "POST",
      headers: { "Content-Type": "application/json", "Accept-Language": language },
      body: JSON.stringify({ name: form.elements.name.value, password: form.elements.password.value }),
    });
    if (response.ok) {
      location.replace(target());
      return;
    }
    const answer = await response.json().catch(() => ({}));
    problem.textContent = answer.error?.message ?? texts.lost;
  } catch {
    problem.textContent = texts.lost;
  }
  button.disabled = false;
  form.elements.password.select();
});
