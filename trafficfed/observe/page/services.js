// The services as a list of which only what can be seen is there, however many there are: a listbox that is used with
// the arrow keys, Page up and down, Home, End and Enter, or the mouse.

import { el, badge } from "./dom.js";
import { clustersOf, isTroubled, latency } from "./words.js";

const ROW = 52; // pixels, as in page.css
const SPARE = 6; // rows above and below what can be seen

export class ServiceList {
  constructor(box, choose) {
    this.box = box;
    this.choose = choose;
    this.all = [];
    this.chosen = "";
    this.at = -1;
    this.space = el("div", { class: "space", role: "presentation" });
    box.replaceChildren(this.space);
    box.addEventListener("scroll", () => this.draw());
    box.addEventListener("keydown", (event) => this.key(event));
    box.addEventListener("click", (event) => this.click(event));
    new ResizeObserver(() => this.draw()).observe(box);
  }

  // `services` in order; what is chosen stays chosen where it is still there.
  set(services) {
    this.all = services;
    const current = this.current;
    this.at = this.all.findIndex((one) => one.service === current);
    this.space.style.height = `${this.all.length * ROW}px`;
    this.draw();
  }

  draw() {
    const height = this.box.clientHeight || 400;
    const first = Math.max(0, Math.floor(this.box.scrollTop / ROW) - SPARE);
    const last = Math.min(this.all.length, Math.ceil((this.box.scrollTop + height) / ROW) + SPARE);
    const rows = [];
    for (let at = first; at < last; at++) rows.push(this.row(this.all[at], at));
    this.space.replaceChildren(...rows);
    if (this.at >= first && this.at < last) this.box.setAttribute("aria-activedescendant", `service-${this.at}`);
    else this.box.removeAttribute("aria-activedescendant");
  }

  row(service, at) {
    const [text, mood] = headline(service);
    const row = el("div", {
      id: `service-${at}`, class: at === this.at ? "row current" : "row", role: "option", "data-at": at,
      "aria-selected": String(service.service === this.chosen), "aria-setsize": this.all.length, "aria-posinset": at + 1,
    },
    el("span", { class: "name" }, service.service, el("small", {}, service.hostnames.join(", "))),
    el("span", { class: "where" }, clustersOf(service).join(", ") || "nowhere"),
    el("span", { class: "latency" }, latency(fastest(service))),
    el("span", { class: "state" }, badge(text, mood)));
    row.style.top = `${at * ROW}px`;
    return row;
  }

  click(event) {
    const row = event.target.closest(".row");
    if (row) this.pick(Number(row.dataset.at));
  }

  key(event) {
    const page = Math.max(1, Math.floor(this.box.clientHeight / ROW) - 1);
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.key in moves && this.all.length) {
      this.move(Math.min(this.all.length - 1, Math.max(0, this.at + moves[event.key])));
    } else if ((event.key === "Enter" || event.key === " ") && this.at >= 0) this.pick(this.at);
    else return;
    event.preventDefault();
  }

  move(at) {
    this.at = at;
    this.current = this.all[at].service;
    const top = at * ROW;
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    else if (top + ROW > this.box.scrollTop + this.box.clientHeight) {
      this.box.scrollTop = top + ROW - this.box.clientHeight;
    }
    this.draw();
  }

  pick(at) {
    this.chosen = this.all[at].service;
    this.move(at);
    this.choose(this.chosen);
  }
}

// What a service's state is in a word, and its colour.
export function headline(service) {
  const out = service.targets.filter((one) => !one.serving).length;
  if (!service.serving) return ["nothing serves", "bad"];
  if (service.frozen) return ["frozen", "doubt"];
  if (out) return [`${out} of ${service.targets.length} out`, "doubt"];
  if (isTroubled(service)) return ["drained in part", "doubt"];
  return ["serving", "good"];
}

const fastest = (service) => service.targets.reduce(
  (best, one) => (one.rtt_s !== null && (best === null || one.rtt_s < best) ? one.rtt_s : best), null);

// Those that hold every word of a search in their name, hostnames or clusters.
export function found(services, search, onlyTroubled) {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return services.filter((service) => {
    if (onlyTroubled && !isTroubled(service)) return false;
    if (!words.length) return true;
    const text = [service.service, ...service.hostnames, ...service.targets.map((one) => one.cluster)].join(" ").toLowerCase();
    return words.every((word) => text.includes(word));
  });
}
