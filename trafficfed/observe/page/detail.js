// One service from its evidence to what is published: verdicts, the decision, and the records at each provider.

import { el, badge, table } from "./dom.js";
import { headline } from "./services.js";
import { clock, latency, mood, parts, span, verdict } from "./words.js";

export function detail(service, status, now_s, chain) {
  const [text, colour] = headline(service);
  return [
    el("p", { class: "lead" }, el("strong", {}, service.hostnames.join(", ")), " ", badge(text, colour)),
    el("dl", { class: "facts" },
      fact("steering", service.steering.join(", ")), fact("TTL", `${service.ttl} s`),
      fact("answers since", service.changed_s ? clock(service.changed_s) : "not decided yet"),
      fact("declared by", service.origin.join(", ")),
      service.frozen ? fact("frozen", service.frozen) : null),
    chain && chain.copies.length ? placed(chain) : null,
    el("h3", {}, "1. What is seen, and the verdict"),
    table("Targets of the service", ["Cluster", "Address", "Verdict", "Why", "Since", "Latency", "Weight", "Tier", "Ready"],
      service.targets.map((one) => [
        one.cluster, one.address, badge(verdict(one), mood(one)), el("span", { title: one.reason }, one.detail || one.reason),
        one.since_s ? span(now_s - one.since_s) : "", latency(one.rtt_s), String(one.weight), String(one.tier),
        one.ready === null ? "" : String(one.ready)])),
    chain ? seen(chain, now_s) : null,
    el("h3", {}, "2. What is decided"),
    table("Who gets what", ["Clients", "Get", "From", "Standing by", "Because"], service.rules.map((rule) => [
      rule.where, rule.answer.join(", ") || "nothing", parts(rule), rule.standby.join(", "), rule.reason])),
    el("h3", {}, "3. What is published"),
    chain ? published(chain, now_s) : null,
    providers(status, service),
  ];
}

const fact = (name, value) => (value ? el("div", {}, el("dt", {}, name), el("dd", {}, value)) : null);

// Only of what a policy puts there: others are where their teams put them.
function placed(chain) {
  return table("Placed by propagation", ["Cluster", "Copy", "Why not"], chain.copies.map((one) => [
    one.cluster, badge(one.state, one.state === "InPlace" ? "good" : "doubt"), one.message]));
}

function seen(chain, now_s) {
  if (!chain.observations.length) return null;
  return table("Observations", ["Vantage", "Target", "Last probe", "Seen", "In a row", "Says"],
    chain.observations.map((one) => [
      one.vantage, `${one.cluster} ${one.address}`, badge(one.passed ? "passed" : "failed", one.passed ? "good" : "bad"),
      `${span(now_s - one.at_s)} ago`, String(one.in_a_row), one.error]));
}

function published(chain, now_s) {
  return chain.records.length ? table("Records", ["Provider", "Record", "State", "Authorities answer"], chain.records.map((one) => [
    one.provider, one.record, badge(one.state, { published: "good", pending: "doubt" }[one.state] || "quiet"),
    one.verified ? badge(one.verified_at_s ? `${one.verified}, asked ${span(now_s - one.verified_at_s)} ago` : one.verified,
      { right: "good", wrong: "bad" }[one.verified] || "quiet") : ""])) : null;
}

function providers(status, service) {
  const mine = status.providers.filter((one) => service.hostnames.some((name) => `.${name}`.endsWith(`.${one.zone}`)));
  if (!mine.length) return el("p", { class: "quiet" }, "No zone takes these names.");
  return table("Zones", ["Provider", "Zone", "State", "Message"], mine.map((one) => [
    `${one.name} (${one.kind})`, one.zone,
    badge(one.state, { Ready: "good", Feeding: "good", Failing: "bad" }[one.state] || "quiet"), one.message]));
}
