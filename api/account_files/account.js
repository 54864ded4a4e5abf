// The page of a link in a mail. Opening it changes nothing, for programs that look for evil links open it too; only the
// button does. The token stands behind the address's `#`: no server sees it until it is posted.
"use strict";

const form = document.querySelector("form");
const button = form.querySelector("button");
const outcome = document.getElementById("outcome");
const token = new URLSearchParams(location.hash.slice(1)).get("token");
history.replaceState(null, "", location.pathname); // nor does whoever looks over a shoulder or into the history

function say(sentence) {
  outcome.textContent = sentence;
}

async function post(body) {
  const answer = await fetch(form.dataset.post, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    credentials: "omit",
  });
  if (answer.ok) {
    form.hidden = true;
    say(form.dataset.done);
    return;
  }
  const problem = await answer.json().catch(() => ({}));
  say(problem.detail || "That did not work; try again in a moment.");
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const [password, again] = form.querySelectorAll("input");
  if (password && password.value !== again.value) {
    say("The two passwords are not the same.");
    return;
  }
  button.disabled = true;
  try {
    await post(password ? { token, password: password.value } : { token });
  } catch {
    say("The service desk does not answer; try again in a moment.");
  } finally {
    button.disabled = false;
  }
});

if (!token) {
  form.hidden = true;
  say("Open this page by the link in the mail.");
}
