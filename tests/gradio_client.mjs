// Calls the app with Gradio's JavaScript client. Arguments: the client's module, the address of the app, a recording.
import { readFile } from "node:fs/promises";

const [module, url, recording] = process.argv.slice(2);
const { Client, handle_file } = await import(module);
const client = await Client.connect(url);
const call = async (name, values) => (await client.predict(name, values)).data[0];
const heard = await call("/transcribe", { audio: new Blob([await readFile(recording)]) });
const first = await call("/chat", { text: "我要挂号" });
const second = await call("/chat", { text: "消化内科", conversation: first.conversation });
const endpoints = Object.keys((await client.view_api()).named_endpoints);
let refused = "";
try {
  await call("/transcribe", { audio: handle_file("http://127.0.0.1:1/a.wav") });
} catch (error) {
  refused = error.message;
}
console.log(JSON.stringify({ text: heard.text, replies: second.replies.map((one) => one.text), endpoints, refused }));
process.exit(0);
