/** Requests to the gateway, which the page's own address serves. */

import type { Case, CaseList, Feedback, FeedbackRequest, ModelCard, ModelList, PredictionRequest, Session } from "./contract.ts";
import { Failure, failureOf, unreachable } from "./problems.ts";

const KEY = "radflow-key";

/** The typed API key; it lives as long as the tab. */
export const key = {
  get: (): string | null => sessionStorage.getItem(KEY),
  set: (value: string): void => sessionStorage.setItem(KEY, value),
  clear: (): void => sessionStorage.removeItem(KEY),
};

export function authorization(): Record<string, string> {
  const value = key.get();
  return value ? { Authorization: `Bearer ${value}` } : {};
}

/** Called once for each second that a request waits to be tried again; 0 when it goes on. */
export type OnWait = (seconds: number, failure: Failure) => void;

const TRIES = 6;

async function once(path: string, options: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { ...options, headers: { ...authorization(), ...options.headers }, cache: "no-store" });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw unreachable();
  }
  if (response.ok) return response;
  throw failureOf(response.status, await response.text(), (name) => response.headers.get(name));
}

/** Asks, and where the gateway is busy or a part of it away asks again after as long as it said. */
export async function patiently<Result>(
  ask: () => Promise<Result>, onWait: OnWait, signal?: AbortSignal, tries = TRIES,
): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof Failure) || !error.passing || attempt >= tries) throw error;
      await wait(Math.min(60, error.retryAfter ?? 2 ** attempt), error, onWait, signal);
    }
  }
}

async function wait(seconds: number, failure: Failure, onWait: OnWait, signal?: AbortSignal): Promise<void> {
  for (let left = Math.max(1, Math.ceil(seconds)); left > 0; left--) {
    if (signal?.aborted) throw new DOMException("stopped", "AbortError");
    onWait(left, failure);
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  if (signal?.aborted) throw new DOMException("stopped", "AbortError");
  onWait(0, failure);
}

async function json<Body>(path: string, options: RequestInit = {}): Promise<Body> {
  return (await (await once(path, options)).json()) as Body;
}

function posting(body?: unknown, signal?: AbortSignal): RequestInit {
  const options: RequestInit = { method: "POST" };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers = { "Content-Type": "application/json" };
  }
  if (signal) options.signal = signal;
  return options;
}

/** How the gateway is asked to leave out all that a model said; it notes what it sent to whom. */
const WITHOUT = "predictions=false";

export const gateway = {
  session: () => json<Session>("/api/v1/session"),
  models: () => json<ModelList>("/api/v1/models"),
  card: (name: string) => json<ModelCard>(`/api/v1/models/${encodeURIComponent(name)}/card`),
  cases: (predictions: boolean, limit: number, cursor: string | null) =>
    json<CaseList>(`/api/v1/studies?order=${predictions ? "triage" : `newest&${WITHOUT}`}&limit=${limit}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`),
  case: (id: string, predictions: boolean) => json<Case>(`/api/v1/studies/${id}${predictions ? "" : `?${WITHOUT}`}`),
  remove: async (id: string): Promise<void> => void (await once(`/api/v1/studies/${id}`, { method: "DELETE" })),
  predict: async (id: string, request: PredictionRequest, signal?: AbortSignal): Promise<void> =>
    void (await once(`/api/v1/studies/${id}/predictions?${WITHOUT}`, posting(request, signal))),
  feedback: (id: string, request: FeedbackRequest) => json<Feedback>(`/api/v1/studies/${id}/feedback`, posting(request)),
  sample: (predictions: boolean) => json<Case>(`/api/v1/samples${predictions ? "" : `?${WITHOUT}`}`, posting()),
  bytes: async (path: string): Promise<ArrayBuffer> => (await once(path, {})).arrayBuffer(),
  blob: async (path: string): Promise<Blob> => (await once(path, {})).blob(),
};
