/** The image of the open case, its tools, and the heatmap over it. */

import { useEffect, useRef, useState } from "preact/hooks";
import { gateway } from "../api/client.ts";
import type { Image } from "../api/contract.ts";
import { Failure, unreachable } from "../api/problems.ts";
import { FailureNote } from "../FailureNote.tsx";
import type { Part } from "../Page.tsx";
import { latest } from "../words/reading.ts";
import { frameWords, seenFrames, statedFacts } from "../words/seen.ts";
import { Frames } from "./frames.ts";
import { fetchHeatmap } from "./heatmap.ts";
import { OverlayBar, type HeatmapState } from "./OverlayBar.tsx";
import { Stage, type Shown } from "./stage.ts";
import { Strip } from "./Strip.tsx";
import { Toolbar } from "./Toolbar.tsx";

const frames = new Frames(gateway.bytes);

export function Viewer({ app, state }: Part) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const stage = useRef<Stage | null>(null);
  const [shown, setShown] = useState<Shown | null>(null);
  const image = state.study?.image_list[state.image] as Image;
  const caseId = state.study?.id ?? "";
  const limits = useRef({ frame: 1, frames: 1 });
  limits.current = { frame: state.frame, frames: image.pixels.frames };

  useEffect(() => {
    if (!canvas.current) return;
    const made = new Stage(canvas.current, setShown, (by) => {
      const to = Math.min(limits.current.frames, Math.max(1, limits.current.frame + by));
      if (to !== limits.current.frame) app.set({ frame: to });
    });
    stage.current = made;
    return () => made.dispose();
  }, [app]);

  const said = state.study && latest(state.study);
  const looked = frameWords(said, image, state.frame);
  const problem = useFrame(stage, caseId, image, state.frame);
  const heatmap = useHeatmap(stage, { app, state }, image);
  const onKey = (event: KeyboardEvent): void => {
    if (stage.current?.press(event) || pressCase(event, app)) event.preventDefault();
  };
  return (
    <div class="viewer">
      <Toolbar stage={stage.current} shown={shown} image={image} />
      <div class="frame">
        <canvas
          ref={canvas} tabIndex={0} role="application" aria-roledescription="image viewer" onKeyDown={onKey}
          aria-label={`Image ${state.image + 1} of ${state.study?.image_list.length ?? 1}, frame ${state.frame} of ${image.pixels.frames}. ${looked && `${looked}. `}Keys: press question mark.`}
        />
        <Corners state={state} app={app} image={image} shown={shown} />
        {problem === "loading" && <p class="over" role="status">Loading the image…</p>}
        {problem !== "loading" && problem && <div class="over"><FailureNote failure={problem} again={() => app.showImage(state.image, state.frame)} /></div>}
      </div>
      {image.pixels.frames > 1 && (
        <label class="frames">
          Frame {state.frame} of {image.pixels.frames}
          <input type="range" min={1} max={image.pixels.frames} value={state.frame} onInput={(event) => app.set({ frame: event.currentTarget.valueAsNumber })} />
        </label>
      )}
      <OverlayBar app={app} state={state} heatmap={heatmap} seen={said ? seenFrames(said, image) : []} />
      <Strip app={app} state={state} />
    </div>
  );
}

/** Keys of the image that concern the case: another image, and the heatmap. */
function pressCase(event: KeyboardEvent, app: Part["app"]): boolean {
  const { study, image, overlay } = app.state;
  if (!study || event.ctrlKey || event.metaKey || event.altKey) return false;
  if (event.key === "." || event.key === ",") {
    const to = Math.min(study.image_list.length - 1, Math.max(0, image + (event.key === "." ? 1 : -1)));
    if (to !== image) app.showImage(to);
    return true;
  }
  if (event.key.toLowerCase() !== "h") return false;
  const prediction = latest(study);
  const findings = prediction?.withheld ? [] : (prediction?.findings ?? []).filter((finding) => finding.is_finding);
  const named = overlay?.finding ?? (findings.find((finding) => finding.flagged) ?? findings[0])?.name;
  if (named) app.toggleOverlay(named);
  return named !== undefined;
}

/** Brings a frame onto the stage, and fetches its neighbours. */
function useFrame(stage: { current: Stage | null }, caseId: string, image: Image, frame: number): "loading" | Failure | null {
  const [problem, setProblem] = useState<"loading" | Failure | null>("loading");
  const last = useRef("");
  useEffect(() => {
    let gone = false;
    if (last.current !== image.id) stage.current?.clear();
    last.current = image.id;
    const late = setTimeout(() => setProblem("loading"), 150);
    frames.painter(caseId, image, frame).then(
      (painter) => {
        if (gone) return;
        clearTimeout(late);
        setProblem(null);
        stage.current?.show(image, painter);
        for (const beside of [frame + 1, frame - 1]) {
          if (beside >= 1 && beside <= image.pixels.frames) frames.painter(caseId, image, beside).catch(() => undefined);
        }
      },
      (error: unknown) => {
        clearTimeout(late);
        if (!gone) setProblem(error instanceof Failure ? error : new Failure(0, String((error as Error).message), "", "", null));
      },
    );
    return () => {
      gone = true;
      clearTimeout(late);
    };
  }, [stage, caseId, image.id, frame]);
  return problem;
}

/** Brings the heatmap that is asked for onto the stage. */
function useHeatmap(stage: { current: Stage | null }, { state }: Part, image: Image): HeatmapState {
  const { overlay, opacity, frame, study } = state;
  const prediction = study && latest(study);
  const looked = prediction !== null && seenFrames(prediction, image).includes(frame);
  const [heatmap, setHeatmap] = useState<HeatmapState>("loading");
  const [map, setMap] = useState<HTMLCanvasElement | null>(null);
  useEffect(() => {
    setMap(null);
    if (!overlay || !study) return;
    if (!looked) {
      setHeatmap("unseen");
      return;
    }
    let gone = false;
    setHeatmap("loading");
    fetchHeatmap(study.id, image.id, frame, overlay).then(
      (canvas) => {
        if (gone) return;
        setMap(canvas);
        setHeatmap(blank(canvas) ? "empty" : "shown");
      },
      (error: unknown) => !gone && setHeatmap(error instanceof Failure ? error : unreachable()),
    );
    return () => void (gone = true);
  }, [overlay?.finding, overlay?.method, study?.id, image.id, frame, looked]);
  useEffect(() => stage.current?.setOverlay(map, opacity), [map, opacity]);
  return heatmap;
}

function blank(canvas: HTMLCanvasElement): boolean {
  const data = canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
  for (let at = 3; at < data.length; at += 4) if (data[at]) return false;
  return true;
}

/** What is written over the corners of the image. */
function Corners({ state, image, shown }: Part & { image: Image; shown: Shown | null }) {
  const { pixels } = image;
  const stated = statedFacts(state.study?.declared ?? null, image);
  const age = image.age_years === null ? said(stated.age_years) : `${image.age_years === 90 ? "90 or older" : image.age_years} y`;
  const who = [image.modality || said(stated.modality), image.view || said(stated.view), image.sex, age];
  const looked = frameWords(state.study && latest(state.study), image, state.frame);
  const cursor = shown?.cursor;
  return (
    <>
      <p class="corner left upper">
        Case {state.study?.number} · image {state.image + 1} of {state.study?.image_list.length}
        {pixels.frames > 1 && ` · frame ${state.frame} of ${pixels.frames}`}
        {looked && <span class="looked">{looked}</span>}
      </p>
      <p class="corner right upper">{who.filter(Boolean).join(" · ") || "The header does not say what this is"}</p>
      {image.burned_in_text && <p class="corner text-warning"><span aria-hidden="true">⚠</span> There seems to be text in the pixels. It may name the patient.</p>}
      <p class="corner left lower">
        {shown && pixels.samples === 1 && <span class="wl">C {number(shown.window.center)} W {number(shown.window.width)}{pixels.unit && ` ${pixels.unit}`} · </span>}
        {shown && `${(shown.scale * 100).toFixed(0)} %`}
        {shown?.inverted && " · inverted"}
      </p>
      <p class="corner right lower">
        {cursor && `(${cursor.column}, ${cursor.row}) = ${cursor.values.map(number).join(", ")}${pixels.samples === 1 && pixels.unit ? ` ${pixels.unit}` : ""}`}
      </p>
    </>
  );
}

/** What a reader stated, told from what the header says. */
function said(fact: string | undefined): string {
  return fact ? `${fact} (stated)` : "";
}

function number(value: number): string {
  if (Number.isInteger(value) || Math.abs(value) >= 100) return value.toFixed(0);
  return Math.abs(value) >= 1 ? value.toFixed(1) : value.toPrecision(2);
}
