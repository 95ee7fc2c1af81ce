import type { Part } from "./Page.tsx";
import { latest } from "./words/reading.ts";

/** What stands over everything: a model that nobody approved, or that does not answer. */
export function Banners({ app, state }: Part) {
  const model = app.model;
  const shown = state.study ? latest(state.study)?.model : null;
  const version = shown ?? model?.version ?? null;
  return (
    <section class="banners" aria-label="Notices">
      {version && !version.approved && (
        <p class="banner caution">
          <span aria-hidden="true">⚠</span>
          <span><strong>Unapproved research model.</strong> Nobody approved version {version.version} of {model?.title ?? version.name} for use. Do not base a decision about a patient on it.</span>
        </p>
      )}
      {state.session && model && !model.available && (
        <p class="banner danger" role="alert">
          <span aria-hidden="true">!</span>
          <span><strong>The model server does not answer.</strong> Images can be read without the model. It is asked again every 15 seconds.</span>
          <button type="button" onClick={() => void app.tryModelAgain()}>Try again now</button>
        </p>
      )}
      {state.failure && (
        <p class="banner danger" role="alert">
          <span aria-hidden="true">!</span>
          <span><strong>{state.failure.message}</strong> Nothing can be shown without the gateway.</span>
          <button type="button" onClick={() => void app.start()}>Try again</button>
        </p>
      )}
    </section>
  );
}
