import type { Failure } from "./api/problems.ts";
import { advice } from "./api/problems.ts";
import { sentence } from "./words/lists.ts";

/** A failure in words, what to do about it, and the number to find it by. */
export function FailureNote({ failure, again, close, then = advice(failure) }: { failure: Failure; again?: () => void; close?: () => void; then?: string }) {
  return (
    <div class="failure" role="alert">
      <p><span aria-hidden="true" class="sign">!</span> <strong>{sentence(failure.message)}</strong></p>
      {failure.files.length > 0 && <ul>{failure.files.map((words) => <li key={words}>{words}</li>)}</ul>}
      {then && <p>{then}</p>}
      {failure.requestId && <p class="small">Number of the request: <code>{failure.requestId}</code></p>}
      <p class="row">
        {again && <button type="button" onClick={again}>Try again</button>}
        {close && <button type="button" class="quiet" onClick={close}>Close</button>}
      </p>
    </div>
  );
}
