// The stream of the controller's status, put together. Whoever subscribes is called once a frame at most.

const MOST_EVENTS = 500;
const AGAIN_MS = 15000;

export function follow(path, changed) {
  const state = { status: null, services: new Map(), events: [], connection: "waiting", said: "connecting", ahead_s: 0 };
  let due = false;

  const tell = () => {
    if (due) return;
    due = true;
    // Not requestAnimationFrame: that stands still in a tab in the background, which must know what happened.
    setTimeout(() => { due = false; changed(state); }, 30);
  };
  const connection = (kind, said) => { state.connection = kind; state.said = said; tell(); };

  const take = ({ status, whole, gone }) => {
    if (whole) state.services.clear();
    for (const service of status.services) state.services.set(service.service, service);
    for (const key of gone) state.services.delete(key);
    state.events = joined(state.status?.owner === status.owner ? state.events : [], status.events);
    state.ahead_s = status.at_s - Date.now() / 1000;
    state.status = status;
    connection("live", "live");
  };

  // A browser comes back by itself after a connection was lost, but gives up where it is answered with an error.
  const connect = () => {
    const source = new EventSource(path);
    source.addEventListener("status", (message) => take(JSON.parse(message.data)));
    source.addEventListener("trouble", (message) => connection("trouble", JSON.parse(message.data).error));
    source.addEventListener("error", () => {
      const over = source.readyState === EventSource.CLOSED;
      connection("lost", over ? "the controller takes no more viewers now; what is shown may be old"
        : "connection lost; what is shown may be old");
      if (over) setTimeout(connect, AGAIN_MS);
    });
  };
  connect();
  return state;
}

// The newest events of a status are often those of the one before: each is kept once, the newest first.
export function joined(known, told) {
  const name = (event) => `${event.at_s} ${event.kind} ${event.text}`;
  const before = new Set(known.slice(0, 200).map(name));
  const fresh = told.filter((event) => !before.has(name(event))).reverse();
  return [...fresh, ...known].slice(0, MOST_EVENTS);
}
