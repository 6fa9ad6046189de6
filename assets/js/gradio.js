// Runs inside gr.HTML (js_on_load), where `element` is the component's own element.
const root = element.querySelector(".ts-root");
import(new URL("{script}", document.baseURI).href).then(({ mount }) => mount(root));
