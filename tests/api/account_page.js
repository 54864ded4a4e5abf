// Runs the script of a link's page in a page that is made of the few things it touches, presses the button, and says on
// standard output what happened. Input: {hash, passwords, answer}; no answer: the server is away.
"use strict";

const fs = require("node:fs");
const vm = require("node:vm");

const [script, given] = [fs.readFileSync(process.argv[2], "utf8"), JSON.parse(process.argv[3])];
const told = { posts: [], address: null };
const button = { disabled: false };
const outcome = { textContent: "" };
const inputs = given.passwords.map((value) => ({ value }));
const form = {
  hidden: false,
  dataset: { post: "../api/auth/here", done: "Done." },
  querySelector: () => button,
  querySelectorAll: () => inputs,
  addEventListener: (_, pressed) => {
    form.pressed = pressed;
  },
};
const page = {
  document: { querySelector: () => form, getElementById: () => outcome },
  location: { hash: given.hash, pathname: "/account/here" },
  history: { replaceState: (state, title, address) => (told.address = address) },
  URLSearchParams,
  fetch: async (address, request) => {
    told.posts.push({ address, ...request, disabled: button.disabled });
    if (!given.answer) throw new TypeError("away");
    return { ok: given.answer.ok, json: async () => JSON.parse(given.answer.body) };
  },
};

(async () => {
  vm.runInNewContext(script, page);
  told.opened = { posts: told.posts.length, hidden: form.hidden };
  let prevented = false;
  if (!form.hidden) await form.pressed({ preventDefault: () => (prevented = true) });
  console.log(JSON.stringify({ ...told, prevented, said: outcome.textContent, hidden: form.hidden, disabled: button.disabled }));
})();
