// Questions and orders. The token is kept in this page's memory only: closing or reloading the page forgets it.

let token = "";

async function call(method, path, body) {
  const headers = {};
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: body && JSON.stringify(body), cache: "no-store" });
  } catch {
    throw new Error("the controller does not answer");
  }
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(said.error || `the controller answers ${answer.status}`);
  return said;
}

export const ask = (path, query) => call("GET", `${path}?${new URLSearchParams(query)}`);
export const order = (path, body) => call("POST", path, body);

// Whether orders are taken: with this token, or with none where a proxy in front of the controller vouches for the user.
export async function allow(given) {
  token = given.trim();
  const { orders } = await call("GET", "/api/access");
  if (!orders) token = "";
  return orders;
}

export function forget() {
  token = "";
}
