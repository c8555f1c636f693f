// Follow a list live. Without this script its page has a link to refresh it, and that is all that is missing.
// The link becomes a switch; rows come as server-sent events, drawn by the server, and go on top of the table.
"use strict";

(() => {
  const ROWS_MAX = 200;
  const link = document.querySelector("a[data-live]");
  const body = document.querySelector("table.activity tbody");
  if (!link || !body || !window.EventSource) {
    return;
  }
  const button = document.createElement("button");
  button.type = "button";
  button.className = link.className;
  button.setAttribute("aria-pressed", "false");
  button.textContent = "Follow live";
  link.replaceWith(button);

  const said = document.createElement("span");
  said.className = "live-said";
  said.setAttribute("role", "status");
  document.getElementById("activity-sum").append(said);

  let source = null;
  let came = 0;

  const say = (text) => {
    said.textContent = text;
  };

  const stop = (text) => {
    if (source) {
      source.close();
      source = null;
    }
    button.setAttribute("aria-pressed", "false");
    button.textContent = "Follow live";
    say(text);
  };

  const add = (event) => {
    const known = body.querySelector(`tr[data-place="${CSS.escape(event.lastEventId)}"]`);
    if (known) {
      return;
    }
    const holder = document.createElement("template");
    holder.innerHTML = event.data;
    const row = holder.content.querySelector("tr");
    if (!row) {
      return;
    }
    row.classList.add("fresh");
    body.prepend(row);
    came += 1;
    say(`Live: ${came} new since you followed`);
    while (body.rows.length > ROWS_MAX) {
      body.rows[body.rows.length - 1].remove();
    }
  };

  const start = () => {
    came = 0;
    source = new EventSource(link.dataset.live);
    source.onopen = () => say(came ? `Live: ${came} new since you followed` : "Live: waiting for the next request");
    source.onmessage = add;
    source.addEventListener("full", () => stop("Too many lists are followed at once; close one and try again."));
    source.addEventListener("over", () => stop("Your session is over; sign in again."));
    source.onerror = () => {
      // The server ends each stream in time, and the browser comes back by itself. Closed for good is something else.
      if (source && source.readyState === EventSource.CLOSED) {
        stop("The connection was closed; follow again, or load the page.");
      }
    };
    button.setAttribute("aria-pressed", "true");
    button.textContent = "Stop following";
  };

  button.addEventListener("click", () => (source ? stop("Stopped.") : start()));
})();
