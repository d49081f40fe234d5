"use strict";
// Follows the page: asks for it again and again, and takes over the blocks that changed. The page itself is the data.
(() => {
  const EVERY_MS = 2000;
  const main = document.getElementById("content");
  const status = document.getElementById("status");
  const following = document.getElementById("following");
  const blocksOf = (root) => [...root.querySelectorAll("[data-block]")];
  const named = (root) => new Map(blocksOf(root).map((block) => [block.dataset.block, block.outerHTML]));
  let known = named(document); // as served: drawing changes the blocks that are in the page
  let tag = null;

  function replace(block, text) {
    const parsed = new DOMParser().parseFromString(text, "text/html").body.firstElementChild;
    const chart = block.querySelector(".chart");
    const fresh = parsed.querySelector("figure");
    if (chart && fresh) { // plotly takes over the data, and keeps zoom and selection
      block.querySelector("h4").textContent = fresh.querySelector("h4").textContent;
      block.querySelector("script").textContent = fresh.querySelector("script").textContent;
      const caption = block.querySelector("figcaption");
      if (caption) caption.textContent = (fresh.querySelector("figcaption") || caption).textContent;
      if (chart.data) window.dasHpo.draw(block.querySelector("figure"));
      return;
    }
    const focused = block.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    const open = [...block.querySelectorAll("details[open]")].map((one) => one.id);
    block.innerHTML = parsed.innerHTML;
    open.forEach((id) => { if (document.getElementById(id)) document.getElementById(id).open = true; });
    if (focused) [...block.querySelectorAll("a")].find((one) => one.getAttribute("href") === focused)?.focus();
  }

  function take(text) {
    const next = new DOMParser().parseFromString(text, "text/html");
    const fresh = named(next);
    if ([...fresh.keys()].join() !== [...known.keys()].join()) {
      document.getElementById("sections").replaceChildren(...next.getElementById("sections").childNodes);
      window.dasHpo.watch(document);
    } else {
      for (const block of blocksOf(document)) {
        const name = block.dataset.block;
        if (known.get(name) !== fresh.get(name)) replace(block, fresh.get(name));
      }
    }
    known = fresh;
  }

  async function follow() {
    if (following.checked && !document.hidden) {
      try {
        const answer = await fetch(location.href, { cache: "no-store", headers: tag ? { "If-None-Match": tag } : {} });
        if (answer.ok) {
          tag = answer.headers.get("ETag");
          take(await answer.text());
        }
        const bad = !answer.ok && answer.status !== 304;
        status.textContent = bad ? `The page answered ${answer.status}; what is shown may be old.` : "";
      } catch {
        status.textContent = "das-hpo dashboard does not answer; what is shown is old. Trying again.";
      }
    }
    setTimeout(follow, EVERY_MS);
  }

  // A selection of points leads to the evaluations in it, by an address that can be kept and shared.
  document.addEventListener("das-select", (event) => {
    const { range, shown } = event.detail;
    if (!main.dataset.evaluations) return;
    const asked = new URLSearchParams({
      "one-shot-from": range.x[0].toPrecision(8), "one-shot-to": range.x[1].toPrecision(8),
      "architecture-from": range.y[0].toPrecision(8), "architecture-to": range.y[1].toPrecision(8),
    });
    const link = document.createElement("a");
    link.href = `${main.dataset.evaluations}?${asked}`;
    link.textContent = "Show all evaluations in this range";
    shown.append(link);
  });
  document.addEventListener("das-open", (event) => {
    if (main.dataset.one) location.href = main.dataset.one + event.detail;
  });
  window.dasHpo.watch(document);
  setTimeout(follow, EVERY_MS);
})();
