/** An agent's day with the types that openapi-typescript generates, and openapi-fetch. */
import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./staff";

type Ticket = components["schemas"]["Ticket"];
type ClockName = components["schemas"]["ClockName"];

/** The answer, unless the API answered with a problem. */
function taken<T>(found: { data?: T; error?: unknown }): T {
  if (found.data === undefined) throw new Error(JSON.stringify(found.error));
  return found.data;
}

export function clientOf(address: string, token: string): Client<paths> {
  return createClient<paths>({ baseUrl: address, headers: { Authorization: `Bearer ${token}` } });
}

/**
 * Take the most urgent ticket from the work list that the agent can answer and resolve, and
 * resolve it. A resolved ticket stands in the list, too, while its customer is to be called back.
 * Returns what was done.
 */
export async function day(api: Client<paths>): Promise<string[]> {
  const duty = taken(await api.PUT("/staff/presence", { body: { presence: "available" } }));
  const done = [`${duty.agent} is ${duty.presence}, with ${duty.load} of ${duty.capacity} tickets`];

  const work = taken(await api.GET("/staff/work", { params: { query: { limit: 25 } } }));
  const first = work.items.find((one) => one.can.includes("reply") && one.can.includes("resolve"));
  if (!first) return done;
  const params = { path: { number: first.number } };
  const file = taken(await api.GET("/staff/tickets/{number}", { params }));
  done.push(`${file.number} is ${file.state}; its timeline has ${file.timeline.length} events`);

  const stories = taken(await api.GET("/staff/tickets/{number}/clocks", { params }));
  const sentences: [ClockName, string][] = stories.clocks.map((one) => [one.clock, one.sentence]);
  done.push(...sentences.map(([clock, sentence]) => `${clock}: ${sentence}`));

  const text = "The same batch leaked before.";
  let ticket: Ticket = taken(
    await api.POST("/staff/tickets/{number}/notes", { params, body: { text } }),
  );
  ticket = taken(
    await api.POST("/staff/tickets/{number}/replies", {
      params,
      body: { version: ticket.version, text: "We are on it.", wait_for_customer: false },
    }),
  );
  ticket = taken(
    await api.POST("/staff/tickets/{number}/progress", {
      params,
      body: { version: ticket.version, text: "The workshop has it." },
    }),
  );
  const by = new Date(Date.now() + 86_400_000).toISOString();
  ticket = taken(
    await api.POST("/staff/tickets/{number}/promise", {
      params,
      body: { version: ticket.version, by, text: "You hear from me tomorrow." },
    }),
  );
  ticket = taken(
    await api.POST("/staff/tickets/{number}/hold", {
      params,
      body: { version: ticket.version, reason: "part", text: "A part is on its way." },
    }),
  );
  ticket = taken(
    await api.POST("/staff/tickets/{number}/release", {
      params,
      body: { version: ticket.version },
    }),
  );
  ticket = taken(
    await api.POST("/staff/tickets/{number}/resolution", {
      params,
      body: {
        version: ticket.version,
        text: "A new kettle is on its way.",
        outcome: "upheld",
        remedy: "replacement",
        root_cause: "seal",
      },
    }),
  );
  done.push(...ticket.promises.map((one) => `${one.clock} is ${one.state}`));
  const away = taken(await api.PUT("/staff/presence", { body: { presence: "away" } }));
  return [...done, `${away.agent} is ${away.presence}`];
}
