import { useEffect, useState } from "preact/hooks";
import type { Part } from "./Page.tsx";
import { FailureNote } from "./FailureNote.tsx";
import { bytesWords, counted, sentence } from "./words/lists.ts";

const AWAITED = "Read without the model. The case is asked about again as soon as the model server answers.";

/** How far an upload or an inference is, and what became of it when it failed. */
export function Progress({ app, state }: Part) {
  const { work } = state;
  if (!work) return null;
  if (work.kind === "failed") {
    const final = [409, 413, 422].includes(work.failure.status);
    return (
      <div class="progress">
        <FailureNote failure={work.failure} {...(app.awaits(work.failure) ? { then: AWAITED } : {})} {...(final ? {} : { again: work.again })} close={() => app.stop()} />
      </div>
    );
  }
  return (
    <div class="progress">
      {work.kind === "sending" && <Sending sent={work.sent} total={work.total} files={work.files} />}
      {work.kind === "inferring" && <Inferring images={work.images} since={work.since} />}
      {work.kind === "waiting" && (
        <p role="status">{sentence(work.words)} Trying again in <strong>{work.seconds} s</strong>.</p>
      )}
      <button type="button" class="quiet" onClick={() => app.stop()}>Stop</button>
    </div>
  );
}

function Sending({ sent, total, files }: { sent: number; total: number; files: number }) {
  const done = sent >= total;
  return (
    <label>
      {done ? `Sent ${bytesWords(total)}. The gateway reads ${counted(files, "file")}.` : `Sending ${counted(files, "file")}: ${bytesWords(sent)} of ${bytesWords(total)}`}
      <progress max={1} {...(done ? {} : { value: total ? sent / total : 0 })} />
    </label>
  );
}

function Inferring({ images, since }: { images: number; since: number }) {
  const [seconds, setSeconds] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setSeconds(Math.round((Date.now() - since) / 1000)), 500);
    return () => clearInterval(timer);
  }, [since]);
  return (
    <label>
      The model looks at {counted(images, "image")}{seconds >= 2 ? `, ${seconds} s so far` : ""}. You can read meanwhile.
      <progress />
    </label>
  );
}
