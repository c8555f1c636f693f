/* Single keys, and menus that close. Rules of this file: every page works without it; nothing here knows an address,
   it follows the links and sends the forms that the page has; keys do nothing while somebody types, and nothing at all
   when the list of keys is not on the page, which is how they are turned off. */
"use strict";

(() => {
  const keys = document.getElementById("keys");
  const MOVED = "farebox.moved";
  let pending = "";

  const isTyping = (target) =>
    target.closest("input:not([type=checkbox], [type=radio]), select, textarea, [contenteditable]") !== null;
  const going = (letter) => document.querySelector(`[data-go="${CSS.escape(letter)}"]`);
  const follow = (link) => { if (link) link.click(); return link !== null; };

  function search() {
    const box = document.querySelector("main [data-search]") || document.querySelector("[data-search]");
    const menu = box && box.closest("[popover]");
    if (menu && !box.checkVisibility()) menu.showPopover();
    if (box) { box.focus(); box.select(); }
    return box !== null;
  }

  function newRule() {
    const here = document.querySelector('main a[href$="/rules/new"]');
    if (here) return follow(here);
    const rules = going("r");
    if (rules && rules.pathname.endsWith("/rules")) location.assign(`${rules.pathname}/new`);
    return rules !== null;
  }

  function rows() {
    const all = document.querySelectorAll("main tbody tr, main ul.lately > li, main ul.todo > li, main ol.versions > li");
    return [...all].filter((row) => row.checkVisibility() && stop(row));
  }

  const stop = (row) => row.querySelector("a[href], button:not([disabled]), summary");

  function step(by) {
    const all = rows();
    const now = all.findIndex((row) => row.contains(document.activeElement));
    const next = all[now < 0 ? (by > 0 ? 0 : all.length - 1) : now + by];
    if (!next) return all.length > 0;
    stop(next).focus();
    next.scrollIntoView({ block: "nearest" });
    return true;
  }

  /* Alt and an arrow send the row's own "move" form; after the page is back the same rule has the focus. */
  function move(direction) {
    const row = document.activeElement && document.activeElement.closest("main tr");
    const wanted = row && row.querySelector(`form input[name=direction][value=${direction}]`);
    const button = wanted && wanted.form.querySelector("button:not([disabled])");
    if (!button) return false;
    const rule = wanted.form.querySelector("input[name=rule]");
    if (rule) sessionStorage.setItem(MOVED, rule.value);
    button.click();
    return true;
  }

  function focusMoved() {
    const name = sessionStorage.getItem(MOVED);
    sessionStorage.removeItem(MOVED);
    if (name === null) return;
    const field = [...document.querySelectorAll("main tr input[name=rule]")].find((one) => one.value === name);
    const row = field && field.closest("tr");
    if (row && stop(row)) stop(row).focus();
  }

  const single = {
    "/": search,
    "?": () => { keys.showModal(); return true; },
    "t": () => follow(going("t")),
    "n": newRule,
    "j": () => step(1),
    "k": () => step(-1),
    "g": () => { pending = "g"; setTimeout(() => { pending = ""; }, 1500); return true; },
  };

  function pressed(event) {
    if (event.defaultPrevented || event.isComposing || isTyping(event.target) || document.querySelector("dialog[open]")) return;
    if (event.altKey && !event.ctrlKey && !event.metaKey) {
      const direction = { ArrowUp: "up", ArrowDown: "down" }[event.key];
      if (direction && move(direction)) event.preventDefault();
      return;
    }
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const wasGoing = pending === "g";
    pending = "";
    const done = wasGoing ? follow(going(event.key)) : Object.hasOwn(single, event.key) && single[event.key]();
    if (done) event.preventDefault();
  }

  /* A disclosure that lies over the page closes when one clicks beside it or presses Escape. */
  function close(except) {
    for (const one of document.querySelectorAll("details.switcher[open], details.tools[open]")) {
      if (!except || !one.contains(except)) one.open = false;
    }
  }

  /* What is shown once is copied by a button, where the browser has a clipboard for us. */
  for (const place of navigator.clipboard ? document.querySelectorAll("[data-copy]") : []) {
    const text = document.getElementById(place.dataset.copy);
    const said = place.querySelector("[role=status]");
    place.hidden = false;
    place.querySelector("button").addEventListener("click", async () => {
      if (text.select) text.select();
      try { await navigator.clipboard.writeText(text.value ?? text.innerText); said.textContent = "Copied."; }
      catch { said.textContent = "The browser did not let us; select and copy by hand."; }
    });
  }

  document.addEventListener("click", (event) => close(event.target));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const open = document.activeElement && document.activeElement.closest("details.switcher[open], details.tools[open]");
    close(null);
    if (open) open.querySelector("summary").focus();
  });
  if (keys) document.addEventListener("keydown", pressed);
  if (keys) focusMoved();
})();
