// The console works without this file. With it: times in the viewer's zone, keys, a mark on changed fields, and an honest
// word when the live connection is gone.
"use strict";

const QUIET_FOR = 10000; // ms without news after which what is shown must not be trusted

function pad(n) { return String(n).padStart(2, "0"); }

function localTime(iso) {
  const t = new Date(iso);
  const clock = `${pad(t.getHours())}:${pad(t.getMinutes())}:${pad(t.getSeconds())}`;
  const today = new Date().toDateString() === t.toDateString();
  return today ? clock : `${t.getFullYear()}-${pad(t.getMonth() + 1)}-${pad(t.getDate())} ${clock}`;
}

function localise(root) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const text = localTime(element.dateTime);
    // Writing the same text again would wake the observer for ever.
    if (element.textContent !== text) element.textContent = text;
  }
}

function markChanges() {
  const fields = [...document.querySelectorAll(".field input[data-was]")];
  for (const field of fields) field.closest(".field").classList.toggle("changed", field.value.trim() !== field.dataset.was.trim());
  const count = document.querySelectorAll(".field.changed").length;
  const pending = document.getElementById("pending");
  if (pending) pending.textContent = count ? `${count} changed, not applied` : "";
  listPending(fields.filter((field) => field.closest(".field").classList.contains("changed")));
}

function listPending(fields) {
  const list = document.getElementById("pending-list");
  if (!list) return;
  list.hidden = fields.length === 0;
  list.querySelector("tbody").replaceChildren(...fields.map((field) => {
    const row = document.createElement("tr");
    for (const [tag, text] of [["th", field.name], ["td", field.dataset.was || "empty"], ["td", field.value.trim() || "empty"]]) {
      const cell = document.createElement(tag);
      cell.textContent = text;
      if (tag === "td") cell.className = "n";
      row.append(cell);
    }
    return row;
  }));
}

function watchLink() {
  let heard = Date.now();
  const link = document.getElementById("link");
  if (!link) return;
  document.addEventListener("htmx:sse:after:message", () => { heard = Date.now(); show(); });
  function show() {
    const lost = !document.hidden && Date.now() - heard > QUIET_FOR;
    document.body.classList.toggle("lost", lost);
    link.classList.toggle("lost", lost);
    const text = lost ? "No news: what you see may be old" : "Live";
    if (link.textContent !== text) link.textContent = text;
  }
  document.addEventListener("htmx:sse:error", (event) => {
    // The session has ended: nothing of the pool stays on an unattended screen.
    if (event.detail.status === 401) location.reload();
  });
  document.addEventListener("visibilitychange", () => { heard = Date.now(); });
  setInterval(show, 1000);
}

function listenToKeys() {
  let went = false;
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && event.shiftKey) {
      const stop = document.querySelector("form[action='/stop']");
      if (stop) stop.requestSubmit();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
    if (event.key === "?") {
      const keys = document.querySelector(".keys");
      if (keys) { keys.open = !keys.open; keys.scrollIntoView(); }
    } else if (went) {
      const page = document.querySelector(`.tabs a[data-key="${CSS.escape(event.key)}"]`);
      if (page) page.click();
    }
    went = event.key === "g";
  });
}

new MutationObserver(() => localise(document)).observe(document.body, { childList: true, subtree: true, characterData: true });
document.addEventListener("input", markChanges);
localise(document);
markChanges();
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}
watchLink();
listenToKeys();
const here = document.querySelector(".tabs a[aria-current]");
if (here) here.parentElement.scrollLeft = here.offsetLeft - 40;
