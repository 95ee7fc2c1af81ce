import { useEffect, useRef, useState } from "preact/hooks";
import { gateway } from "../api/client.ts";

const kept = new Map<string, Promise<string>>();
const KEPT = 400;

function address(path: string): Promise<string> {
  const found = kept.get(path);
  if (found) return found;
  const made = gateway.blob(path).then((blob) => URL.createObjectURL(blob));
  made.catch(() => kept.delete(path));
  kept.set(path, made);
  const oldest = kept.keys().next().value;
  if (kept.size > KEPT && oldest !== undefined) {
    void kept.get(oldest)?.then(URL.revokeObjectURL);
    kept.delete(oldest);
  }
  return made;
}

/** A small picture of an image, fetched with the key when it comes into sight. */
export function Thumbnail({ caseId, image }: { caseId: string; image: string | null }) {
  const element = useRef<HTMLSpanElement>(null);
  const [source, setSource] = useState("");
  useEffect(() => {
    const target = element.current;
    if (!target || !image) return;
    let gone = false;
    const observer = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      address(`/api/v1/studies/${caseId}/images/${image}/thumbnail`).then((url) => gone || setSource(url)).catch(() => undefined);
    });
    observer.observe(target);
    return () => {
      gone = true;
      observer.disconnect();
    };
  }, [caseId, image]);
  return <span ref={element} class="thumb" aria-hidden="true">{source && <img src={source} alt="" draggable={false} />}</span>;
}
