// What happened, newest first.

import { el } from "./dom.js";
import { clock, moment } from "./words.js";

const SHOWN = 200;

export function timeline(events, service) {
  const wanted = service ? events.filter((event) => isOf(event, service)) : events;
  return wanted.slice(0, SHOWN).map((event) => el("li", { class: event.level },
    el("time", { datetime: new Date(event.at_s * 1000).toISOString(), title: moment(event.at_s) }, clock(event.at_s)),
    " ", el("span", { class: "kind" }, event.kind), " ", el("span", {}, event.text)));
}

function isOf(event, service) {
  return event.service === service.service || service.hostnames.includes(event.name)
    || (!event.service && !event.name && event.text.includes(service.service));
}
