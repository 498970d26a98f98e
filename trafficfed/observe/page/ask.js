// "Ask as a client": what a client gets, and why, line by line.

import { ask } from "./api.js";
import { byId, el } from "./dom.js";

export function setUpAsk(form) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const { host, client } = form.elements;
    const out = byId("asked");
    try {
      out.replaceChildren(...told(await ask("/api/explain", { host: host.value.trim(), client: client.value.trim() })));
    } catch (error) {
      out.replaceChildren(el("p", { class: "badge bad" }, error.message));
    }
  });
}

function told(found) {
  const one = found.pick ? ` (${found.pick} of these an answer)` : "";
  return [
    el("p", {}, el("strong", {}, found.answer.join(", ") || "nothing"), `${one}, TTL ${found.ttl} s, as client of kind `,
      el("strong", {}, found.where)),
    el("ol", {}, found.lines.map((line) => el("li", {}, line))),
  ];
}
