// Operator controls: those in force, and new ones. Nothing is ordered that was not previewed and confirmed.

import { allow, ask, forget, order } from "./api.js";
import { byId, el, show, table } from "./dom.js";
import { moment, parts, plural } from "./words.js";

let may = false;

export function setUpOrders(form) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const fields = Object.fromEntries(new FormData(form));
    const wanted = { ...fields, service: fields.service.trim(), for_s: Number(fields.for_s) };
    if (wanted.share) wanted.share = Number(wanted.share);
    const { who, ...query } = wanted;
    propose("/api/control", wanted, query);
  });
  form.elements.kind.addEventListener("change", () => fit(form));
  fit(form);
  byId("access").addEventListener("click", () => (may ? lock() : byId("unlock").showModal()));
  byId("unlock-no").addEventListener("click", () => byId("unlock").close());
  byId("unlock-form").addEventListener("submit", unlock);
  byId("unlock").addEventListener("close", () => byId("unlock-form").reset());
  byId("confirm-no").addEventListener("click", () => byId("confirm").close());
  // A proxy in front may vouch for the user: then no token is asked for.
  allow("").then(set, () => set(false));
}

// Fields that only one kind of order has are there for that kind alone.
function fit(form) {
  for (const label of form.querySelectorAll("[data-of]")) {
    label.hidden = label.dataset.of !== form.elements.kind.value;
    label.querySelector("input, select").disabled = label.hidden;
  }
}

function set(allowed) {
  may = allowed;
  const button = byId("access");
  button.setAttribute("aria-pressed", String(may));
  show(button, may ? "Orders allowed" : "Read only: allow orders");
}

function lock() {
  forget();
  set(false);
}

async function unlock(event) {
  event.preventDefault();
  show(byId("unlock-said"));
  try {
    set(await allow(event.target.elements.token.value));
    if (may) byId("unlock").close();
    else show(byId("unlock-said"), "This is not the controller's token.");
  } catch (error) {
    show(byId("unlock-said"), error.message);
  }
}

// What would follow is shown; only the button there gives the order.
async function propose(path, wanted, query) {
  say("");
  try {
    const preview = await ask("/api/preview", query);
    show(byId("confirm-title"), `${preview.order}?`);
    byId("confirm-body").replaceChildren(...effect(preview), may ? "" : el("p", { class: "notice" },
      "This page may only read. Close this, and allow orders with the button at the top."));
    const yes = byId("confirm-yes");
    show(yes, `Yes, ${preview.order}`);
    yes.disabled = !may;
    yes.onclick = () => give(path, wanted);
    byId("confirm").showModal();
    byId("confirm-no").focus();
  } catch (error) {
    say(error.message, true);
  }
}

async function give(path, wanted) {
  byId("confirm-yes").disabled = true;
  try {
    say((await order(path, wanted)).message);
  } catch (error) {
    say(error.message, true);
  }
  byId("confirm").close();
}

function say(text, wrong = false) {
  byId("order-said").className = wrong ? "badge bad" : "";
  show(byId("order-said"), text);
}

function effect(preview) {
  const looked = preview.looked < preview.concerned ? ` The first ${preview.looked.toLocaleString()} were looked at.` : "";
  return [
    el("p", {}, `It is about ${plural(preview.concerned, "service")}.${looked} `, preview.differs
      ? `${plural(preview.differs, "answer")} would change:` : "No answer would change now."),
    preview.changes.length ? table("What would change", ["Service", "Clients", "Get now", "Would get", "From"],
      preview.changes.map((one) => [one.service, one.where, one.before.join(", ") || "nothing",
        one.after.join(", ") || "nothing", parts(one)])) : "",
    preview.differs > preview.changes.length ? el("p", {}, `and ${preview.differs - preview.changes.length} more.`) : "",
    ...preview.notes.map((note) => el("p", { class: "notice" }, note)),
  ];
}

// The controls in force, each with a button that ends it.
export function controls(found) {
  if (!found.length) return el("p", { class: "quiet" }, "None is in force.");
  const rows = found.map((one) => [one.share ? `${one.kind} ${one.share} % to ${one.to || "others"}` : one.kind, one.cluster || "all", one.service || "all", one.who, one.why,
    one.until_s ? moment(one.until_s) : "undone",
    el("button", { type: "button", "data-end": one.id, "data-kind": one.kind, "aria-label": `End the ${one.kind} of ${one.cluster || "all clusters"}` }, "End")]);
  return table("Controls in force", ["Kind", "Cluster", "Service", "By", "Why", "Until", ""], rows);
}

export function setUpEnding(box) {
  box.addEventListener("click", (event) => {
    const id = event.target.closest("button")?.dataset.end;
    if (id) propose("/api/undo", { id }, { id });
  });
}

// The clusters that can be chosen, changed only where they differ so that a choice under way stays.
export function offerClusters(select, names, none) {
  const now = [...select.options].map((option) => option.value).join("\n");
  if (now === ["", ...names].join("\n")) return;
  const chosen = select.value;
  select.replaceChildren(el("option", { value: "" }, none), ...names.map((name) => el("option", { value: name }, name)));
  select.value = names.includes(chosen) ? chosen : "";
}
