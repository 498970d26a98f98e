// Where the clusters are, and where the clients of each region are sent for one service.

import { svg } from "./dom.js";
import { CONTINENTS, NAMES, paths, x, y } from "./world.js";

const MOODS = { Fresh: "good", Stale: "doubt", Suspect: "bad" };

export function drawMap(map, status, service) {
  const places = positions(status.clusters);
  const routes = service ? routesOf(service, places, status.clusters) : [];
  map.replaceChildren(
    svg("g", { class: "land" }, paths.map((path) => svg("path", { d: path }))),
    svg("g", { class: "routes" }, routes.map(arc)),
    svg("g", { class: "clients" }, routes.map((one) => svg("rect", { x: one.from[0] - 4, y: one.from[1] - 4, width: 8, height: 8 },
      svg("title", {}, `clients: ${one.who}`)))),
    svg("g", { class: "clusters" }, status.clusters.filter((one) => places.has(one.name)).map((one) => dot(one, places, service))),
  );
  return caption(service, routes, status.clusters.filter((one) => !places.has(one.name)));
}

// Clusters that lie close together are set apart, so that each can be seen.
function positions(clusters) {
  const places = new Map();
  for (const one of clusters) {
    if (one.latitude === null || one.longitude === null) continue;
    let [left, top] = [x(one.longitude), y(one.latitude)];
    while ([...places.values()].some((other) => Math.hypot(other[0] - left, other[1] - top) < 20)) top += 20;
    places.set(one.name, [left, top]);
  }
  return places;
}

function routesOf(service, places, clusters) {
  const routes = [];
  for (const rule of service.rules) {
    const [kind, code] = rule.where.split(" ");
    const from = kind === "continent" ? CONTINENTS[code] : kind === "country" ? country(code, clusters) : null;
    if (!from) continue;
    const who = kind === "continent" ? NAMES[code] : code;
    for (const name of rule.clusters) {
      if (places.has(name)) routes.push({ who, to: name, from: [x(from[1]), y(from[0])], at: places.get(name) });
    }
  }
  return routes;
}

// A country's clients are drawn beside its own cluster: no other country has rules of its own.
function country(code, clusters) {
  const own = clusters.find((one) => one.country === code && one.latitude !== null);
  return own ? [own.latitude + 7, own.longitude - 5] : null;
}

function arc({ from, at }) {
  const [middle, lift] = [(from[0] + at[0]) / 2, Math.hypot(from[0] - at[0], from[1] - at[1]) / 5];
  return svg("path", { d: `M${from[0]} ${from[1]}Q${middle} ${(from[1] + at[1]) / 2 - lift} ${at[0]} ${at[1]}` });
}

function dot(cluster, places, service) {
  const [left, top] = places.get(cluster.name);
  const targets = service ? service.targets.filter((one) => one.cluster === cluster.name) : [];
  const mood = !targets.length ? MOODS[cluster.freshness] || "quiet"
    : targets.some((one) => one.serving && !one.drained) ? "good" : targets.some((one) => one.serving) ? "doubt" : "bad";
  return svg("g", { class: mood, transform: `translate(${left.toFixed(1)} ${top.toFixed(1)})` },
    svg("circle", { r: 7 }),
    mood === "bad" ? svg("path", { class: "cross", d: "M-4 -4L4 4M-4 4L4 -4" }) : null,
    svg("text", { x: 11, y: 4 }, cluster.name),
    svg("title", {}, `${cluster.name}: ${cluster.freshness}`));
}

function caption(service, routes, unplaced) {
  const sent = new Map();
  for (const one of routes) sent.set(one.who, [...(sent.get(one.who) || []), one.to]);
  const all = [...sent].map(([who, to]) => `${who} to ${to.join(" and ")}`).join(", ");
  const default_ = service?.rules[service.rules.length - 1]?.clusters.join(", ");
  const rest = unplaced.length ? ` Of unknown place: ${unplaced.map((one) => one.name).join(", ")}.` : "";
  if (!service) return `The clusters and how fresh the view of each is.${rest}`;
  const lead = `Where clients of ${service.hostnames[0] || service.service} are sent now: `;
  return `${lead}${all ? `${all}; all others` : "all"} to ${default_ || "nowhere"}.${rest}`;
}
