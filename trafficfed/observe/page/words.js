// How moments, spans and verdicts read.

export function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m${String(s % 60).padStart(2, "0")}s`;
  if (s < 86400) return `${Math.floor(s / 3600)}h${String(Math.floor((s % 3600) / 60)).padStart(2, "0")}m`;
  return `${Math.floor(s / 86400)}d${Math.floor((s % 86400) / 3600)}h`;
}

export const clock = (at_s) => new Date(at_s * 1000).toLocaleTimeString([], { hour12: false });
export const moment = (at_s) => new Date(at_s * 1000).toLocaleString([], { hour12: false });

export function latency(rtt_s) {
  if (rtt_s === null || rtt_s === undefined) return "";
  if (rtt_s < 0.001) return `${Math.round(rtt_s * 1e6)} \u00b5s`;
  return rtt_s < 0.1 ? `${(rtt_s * 1e3).toFixed(1)} ms` : `${Math.round(rtt_s * 1e3)} ms`;
}

// A target's verdict and what steering makes of it.
export function mood(target) {
  if (target.drained) return "doubt";
  if (target.state === "Unknown") return target.serving ? "doubt" : "quiet";
  return target.serving ? "good" : "bad";
}

export function verdict(target) {
  const latch = target.serving && target.state === "NotServing" ? ", kept in"
    : !target.serving && target.state === "Serving" ? ", held out" : "";
  return `${target.state}${latch}${target.drained ? ", drained" : ""}`;
}

export const isTroubled = (service) => !service.serving || service.targets.some((one) => !one.serving || one.drained);

// The clusters that clients of unknown place get now.
export function clustersOf(service) {
  const rule = service.rules[service.rules.length - 1];
  return rule ? rule.clusters : [];
}

// The clusters of an answer, each with its part where one of several is picked.
export function parts({ clusters, shares }) {
  const several = shares && Object.keys(shares).length > 1;
  return clusters.map((name) => (several ? `${name} ${Math.round(100 * shares[name])} %` : name)).join(", ");
}

export const plural = (count, one, many = `${one}s`) => `${count.toLocaleString()} ${count === 1 ? one : many}`;
