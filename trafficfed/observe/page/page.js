// The live page: one state, told by the controller, shown in parts.

import { ask } from "./api.js";
import { setUpAsk } from "./ask.js";
import { badge, byId, el, show, table } from "./dom.js";
import { detail } from "./detail.js";
import { follow } from "./feed.js";
import { drawMap } from "./map.js";
import { controls, offerClusters, setUpEnding, setUpOrders } from "./orders.js";
import { found, ServiceList } from "./services.js";
import { timeline } from "./timeline.js";
import { plural, span } from "./words.js";

const CHAIN_MS = 1000;

const state = follow("/api/stream", () => {
  draw();
  if (state.connection === "live") learn();
});
let chosen = decodeURIComponent(location.hash.replace(/^#service=/, ""));
let drawn = "";
let chain = null;
let [learning, more] = [false, false];

const list = new ServiceList(byId("services"), (service) => choose(service));
list.chosen = chosen;

function choose(service) {
  chosen = service;
  history.replaceState(null, "", `#service=${encodeURIComponent(service)}`);
  draw();
  fetchChain();
  if (matchMedia("(max-width: 60rem)").matches) byId("detail-title").focus();
}

const now_s = () => Date.now() / 1000 + state.ahead_s;

function draw() {
  byId("connection").dataset.state = state.connection;
  show(byId("connection"), state.said);
  const status = state.status;
  if (!status) return;
  document.title = `${status.owner} \u2013 trafficfed`;
  show(byId("owner"), status.owner);
  show(byId("standing"), standing(status));
  show(byId("notices"), notices(status));
  show(byId("clusters"), clusters(status));
  drawServices();
  const service = state.services.get(chosen);
  drawPlaces(status, service);
  show(byId("events"), timeline(state.events, byId("only-selected").checked ? service : null));
  show(byId("controls"), controls(status.controls));
  const names = status.clusters.map((one) => one.name);
  offerClusters(byId("order").elements.cluster, names, "all");
  offerClusters(byId("order").elements.to, names, "next in line");
  if (service) drawDetail(service, status);
  else if (chosen) show(byId("detail"), el("p", { class: "quiet" }, `${chosen} is not there (any more).`));
}

function drawServices() {
  const all = [...state.services.values()].sort((one, other) => (one.service < other.service ? -1 : 1));
  const shown = found(all, byId("search").value, byId("only-troubled").checked);
  list.set(shown);
  show(byId("services-count"), shown.length === all.length ? plural(all.length, "service")
    : `${shown.length.toLocaleString()} of ${plural(all.length, "service")}`);
}

function drawDetail(service, status) {
  show(byId("detail-title"), service.service);
  byId("ask").elements.host.placeholder = service.hostnames[0] || "";
  show(byId("detail"), detail(service, status, now_s(), chain?.service === service.service ? chain : null));
}

// What the status does not tell of the chosen service.
async function fetchChain() {
  const wanted = chosen;
  if (!state.services.has(wanted)) return;
  const told = await ask("/api/chain", { service: wanted }).catch(() => null); // the connection's state says why
  if (wanted !== chosen || !told) return;
  chain = told;
  if (state.services.has(wanted)) drawDetail(state.services.get(wanted), state.status);
}

// It is asked for again whenever something happened: publication, for one, comes after the decision. Once a second at
// most, and at last for the last thing that happened.
async function learn() {
  more = true;
  if (learning) return;
  learning = true;
  while (more) {
    more = false;
    await fetchChain();
    await new Promise((done) => setTimeout(done, CHAIN_MS));
  }
  learning = false;
}

// The map is drawn anew only where something in it has changed: it is the largest part of the page.
function drawPlaces(status, service) {
  const one = service || (state.services.size === 1 ? [...state.services.values()][0] : null);
  const places = status.clusters.map((each) => [each.name, each.freshness, each.latitude, each.longitude]);
  const now = JSON.stringify([places, one && [one.service, one.hostnames, one.rules, one.targets.map((each) => [each.cluster, each.serving, each.drained])]]);
  if (now === drawn) return;
  drawn = now;
  show(byId("map-caption"), drawMap(byId("map"), status, one));
}

function standing(status) {
  const ready = status.ready ? "ready" : "not ready";
  const leads = status.leadership ? `; ${status.leadership.leads ? "leads" : `${status.leadership.standing}, leader ${status.leadership.leader || "unknown"}`}` : "";
  return `${ready}${leads}; generation ${status.generation}`;
}

function notices(status) {
  return [
    ...(status.configuration || []).map((text) => el("p", { class: "notice" }, `The configuration file is not taken over: ${text}`)),
    ...status.not_ready.map((text) => el("p", { class: "notice" }, `Not ready: ${text}`)),
    ...status.held.map((one) => el("p", { class: "notice" }, `Held until trafficfed confirm ${one.confirm_id}: ${one.message}`)),
    status.refusals.length ? el("details", { class: "notice" },
      el("summary", {}, `${plural(status.refusals.length, "thing")} that users wrote ${status.refusals.length === 1 ? "was" : "were"} not taken`),
      el("ul", {}, status.refusals.slice(0, 100).map((one) => el("li", {}, `${one.cluster} ${one.object}: ${one.reason}: ${one.message}`)))) : null,
  ];
}

function clusters(status) {
  const vantages = status.vantages.map((one) => `${one.name}${one.distrusted ? " (distrusted)" : one.connected ? "" : " (silent)"}`);
  return [
    table("Clusters", ["Cluster", "Region", "View", "For", "Endpoints", "Why"], status.clusters.map((one) => [
      one.name, one.region, badge(one.freshness, { Fresh: "good", Suspect: "bad" }[one.freshness] || "doubt"),
      span(one.age_s), String(one.endpoints), one.reason])),
    vantages.length ? el("p", { class: "quiet" }, `Vantages that report here: ${vantages.join(", ")}.`) : null,
  ];
}

function offerNames() {
  const names = [...state.services.values()].flatMap((one) => one.hostnames).slice(0, 200);
  show(byId("hostnames"), names.map((name) => el("option", { value: name })));
}

setUpAsk(byId("ask"));
setUpOrders(byId("order"));
setUpEnding(byId("controls"));
byId("ask").addEventListener("focusin", offerNames);
byId("order").addEventListener("focusin", offerNames);
byId("search").addEventListener("input", drawServices);
byId("only-troubled").addEventListener("change", drawServices);
byId("only-selected").addEventListener("change", draw);
