/** The page's state, and everything that changes it. */

import { gateway, key, patiently } from "./api/client.ts";
import type { Case, CaseSummary, Declared, FeedbackRequest, Model, ModelCard, Session } from "./api/contract.ts";
import { Failure, noSuchAddress, unreachable } from "./api/problems.ts";
import { namesToShow, tooMuch, upload } from "./api/upload.ts";
import { remembered, Unanswered } from "./unanswered.ts";
import { latest, opinionComesFirst } from "./words/reading.ts";
import { counted } from "./words/lists.ts";

/** Something that takes a while, and how far it is. */
export type Work =
  | { kind: "sending"; sent: number; total: number; files: number }
  | { kind: "inferring"; images: number; since: number }
  | { kind: "waiting"; seconds: number; words: string }
  | { kind: "failed"; failure: Failure; again: () => void };

/** A heatmap that is asked for: which finding, by which method. */
export interface Overlay {
  finding: string;
  method: "layer-cam" | "integrated-gradients";
}

export type Dialog = "help" | "card" | "delete" | "samples" | null;

export interface State {
  session: Session | null;
  failure: Failure | null;
  needsKey: boolean;
  keyRefused: boolean;
  models: Model[];
  chosen: string | null;
  readerMode: boolean;
  rows: CaseSummary[] | null;
  total: number;
  cursors: string[];
  next: string | null;
  listFailure: Failure | null;
  study: Case | null;
  loading: boolean;
  studyFailure: Failure | null;
  revealed: boolean;
  image: number;
  frame: number;
  overlay: Overlay | null;
  opacity: number;
  work: Work | null;
  dialog: Dialog;
  card: ModelCard | null;
  cardFailure: Failure | null;
  saving: boolean;
  said: string;
  shortcuts: boolean;
}

const PAGE = 50;
const READER = "radflow-reader-mode";
const SHORTCUTS = "radflow-shortcuts";
const MODEL_AGAIN_MS = 15_000;

export class App {
  state: State = {
    session: null, failure: null, needsKey: false, keyRefused: false, models: [], chosen: null,
    readerMode: localStorage.getItem(READER) === "on",
    rows: null, total: 0, cursors: [], next: null, listFailure: null,
    study: null, loading: false, studyFailure: null, revealed: false, image: 0, frame: 1,
    overlay: null, opacity: 0.7, work: null, dialog: null, card: null, cardFailure: null, saving: false, said: "",
    shortcuts: localStorage.getItem(SHORTCUTS) !== "off",
  };
  private readonly listeners = new Set<() => void>();
  private stopWork: AbortController | null = null;
  private modelsAgain: ReturnType<typeof setTimeout> | undefined;
  private readonly unanswered = new Unanswered();
  private readonly names = new Map<string, string[]>();
  private asked = 0;
  private listed = 0;

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  set(change: Partial<State>): void {
    this.state = { ...this.state, ...change };
    for (const listener of this.listeners) listener();
  }

  /** Puts words into the live region, which a screen reader reads aloud. */
  say(words: string): void {
    this.set({ said: words });
  }

  // --- beginning

  async start(): Promise<void> {
    try {
      const session = await gateway.session();
      this.set({ session, failure: null, needsKey: false, keyRefused: false });
    } catch (error) {
      this.takeFailure(error, (failure) => this.set({ failure }));
      return;
    }
    await Promise.all([this.loadModels(), this.loadList()]);
    await this.openAddressed();
  }

  async useKey(value: string): Promise<void> {
    key.set(value);
    this.set({ keyRefused: false });
    await this.start();
  }

  /** Forgets the key, and with a new beginning all that was fetched with it. */
  signOut(): void {
    key.clear();
    history.replaceState(null, "", "#/");
    location.reload();
  }

  private async loadModels(): Promise<void> {
    clearTimeout(this.modelsAgain);
    try {
      const former = this.state.models;
      const models = (await gateway.models()).models.map((model) => remembered(model, former));
      this.set({ models });
      const back = models.filter((model) => model.available && former.some((was) => was.name === model.name && !was.available));
      if (back.length > 0) void this.askAgain(back.map((model) => model.name));
    } catch (error) {
      this.takeFailure(error, () => undefined);
    }
    clearTimeout(this.modelsAgain);
    if (this.state.models.some((model) => !model.available)) this.modelsAgain = setTimeout(() => void this.loadModels(), MODEL_AGAIN_MS);
  }

  /** Asks models that answer again about what they did not answer for, the open case first. */
  private async askAgain(names: readonly string[]): Promise<void> {
    this.say("The model server answers again.");
    const open = this.state.study?.id;
    const waiting = this.unanswered.take(names).sort((one, other) => Number(other.caseId === open) - Number(one.caseId === open));
    for (const { caseId, declared, failure } of waiting) {
      const { work, study } = this.state;
      if (work?.kind === "failed" && work.failure === failure) this.set({ work: null });
      if (caseId === study?.id && this.state.work === null) await this.ask(declared);
      else await this.askAside(caseId, declared);
    }
  }

  /** Asks about a case while another is read, or something else is waited for. */
  private async askAside(caseId: string, declared: Partial<Declared>): Promise<void> {
    try {
      await gateway.predict(caseId, { declared });
    } catch {
      return; // its row in the worklist says so
    } finally {
      await Promise.all([this.state.study?.id === caseId ? this.load(caseId) : null, this.loadList()]);
    }
  }

  /** Whether a case, or what failed, is asked about again by itself once its model answers. */
  awaits(of: string | Failure): boolean {
    return this.unanswered.awaits(of, this.state.models);
  }

  /** Names of the files that this tab sent for a case, by their place in the upload; the gateway is not told them. */
  namesOf(caseId: string | undefined): string[] {
    return (caseId && this.names.get(caseId)) || [];
  }

  /** The open case's model; of none the one that new cases are sent to. */
  get model(): Model | null {
    return this.state.models.find((model) => model.name === this.state.study?.model) ?? this.newModel;
  }

  /** The model that new cases are sent to: the one that was chosen, else the first that is configured. */
  get newModel(): Model | null {
    return this.state.models.find((model) => model.name === this.state.chosen) ?? this.state.models[0] ?? null;
  }

  tryModelAgain(): Promise<void> {
    this.say("Asking the model server again.");
    return this.loadModels();
  }

  private takeFailure(error: unknown, otherwise: (failure: Failure) => void): void {
    if (error instanceof DOMException && error.name === "AbortError") return;
    const failure = error instanceof Failure ? error : unreachable();
    if (failure.status === 401) {
      this.set({ needsKey: true, keyRefused: key.get() !== null, work: null });
      key.clear();
    } else otherwise(failure);
  }

  // --- worklist

  async loadList(cursors = this.state.cursors): Promise<void> {
    const turn = ++this.listed;
    try {
      const page = await gateway.cases(!this.state.readerMode, PAGE, cursors[cursors.length - 1] ?? null);
      if (turn !== this.listed) return;
      this.set({ rows: page.cases, total: page.total, next: page.next, cursors, listFailure: null });
    } catch (error) {
      this.takeFailure(error, (listFailure) => this.set({ listFailure, rows: this.state.rows ?? [] }));
    }
  }

  nextPage(): Promise<void> {
    return this.state.next ? this.loadList([...this.state.cursors, this.state.next]) : Promise.resolve();
  }

  previousPage(): Promise<void> {
    return this.loadList(this.state.cursors.slice(0, -1));
  }

  async step(by: number): Promise<void> {
    const rows = this.state.rows ?? [];
    const at = rows.findIndex((row) => row.id === this.state.study?.id);
    const row = rows[at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, at + by))];
    if (row && row.id !== this.state.study?.id) await this.open(row.id);
  }

  // --- the open case

  private address(id: string | null): void {
    const hash = id ? `#/case/${id}` : "#/";
    if (location.hash !== hash) history.pushState(null, "", hash);
  }

  async openAddressed(): Promise<void> {
    const id = /^#\/case\/([0-9a-f]{32})$/.exec(location.hash)?.[1];
    if (id && id !== this.state.study?.id) await this.open(id);
    if (id) return;
    this.asked++;
    const studyFailure = ["", "#", "#/"].includes(location.hash) ? null : noSuchAddress();
    this.set({ study: null, overlay: null, loading: false, studyFailure });
  }

  async open(id: string): Promise<void> {
    this.address(id);
    this.set({ loading: true, studyFailure: null, overlay: null, image: 0, frame: 1 });
    await this.load(id);
    const { study } = this.state;
    if (study?.id === id) this.say(`Case ${study.number} is open, ${counted(study.image_list.length, "image")}.`);
  }

  private async load(id: string): Promise<void> {
    const turn = ++this.asked;
    try {
      const study = await this.fetched(id);
      if (turn === this.asked) this.take(study);
    } catch (error) {
      if (turn !== this.asked) return;
      this.takeFailure(error, (studyFailure) => this.set({ studyFailure, study: null }));
      this.set({ loading: false });
    }
  }

  /** In reader mode a case comes without the model's say for as long as an opinion can come before it. */
  private async fetched(id: string): Promise<Case> {
    if (this.state.readerMode) {
      const study = await gateway.case(id, false);
      if (opinionComesFirst(study) && this.state.readerMode) return study;
    }
    return gateway.case(id, true);
  }

  private take(study: Case): void {
    const revealed = !this.state.readerMode || !opinionComesFirst(study);
    this.set({ study, revealed, loading: false, studyFailure: null });
  }

  close(): void {
    this.address(null);
    this.set({ study: null, overlay: null, studyFailure: null });
  }

  showImage(image: number, frame = 1): void {
    this.set({ image, frame });
  }

  toggleOverlay(finding: string): void {
    const { overlay } = this.state;
    if (overlay?.finding === finding) {
      this.set({ overlay: null });
      this.say("Heatmap off.");
    } else this.set({ overlay: { finding, method: overlay?.method ?? "layer-cam" } });
  }

  setReaderMode(on: boolean): void {
    localStorage.setItem(READER, on ? "on" : "off");
    const { study } = this.state;
    const hide = on && study !== null && opinionComesFirst(study);
    this.set({ readerMode: on, overlay: hide ? null : this.state.overlay, revealed: !hide, cursors: [] });
    this.say(on ? "Reader mode on: the model's say is not sent until you gave yours." : "Reader mode off.");
    void this.loadList([]);
    if (study) void this.load(study.id);
  }

  setShortcuts(on: boolean): void {
    localStorage.setItem(SHORTCUTS, on ? "on" : "off");
    this.set({ shortcuts: on });
  }

  async remove(): Promise<void> {
    const { study } = this.state;
    if (!study) return;
    this.set({ dialog: null });
    try {
      await gateway.remove(study.id);
      this.unanswered.drop(study.id);
      this.close();
      this.say(`Case ${study.number} was deleted.`);
    } catch (error) {
      this.takeFailure(error, (failure) => this.set({ work: { kind: "failed", failure, again: () => void this.remove() } }));
    }
    await this.loadList();
  }

  // --- uploads and predictions

  async send(files: File[]): Promise<void> {
    if (files.length === 0) return;
    const { session } = this.state;
    const refused = session && tooMuch(files, session);
    if (refused) {
      this.set({ work: { kind: "failed", failure: refused, again: () => this.stop() } });
      return;
    }
    const total = files.reduce((sum, file) => sum + file.size, 0);
    const sending = (sent: number): void => this.set({ work: { kind: "sending", sent, total, files: files.length } });
    await this.working(() => void this.send(files), async (signal) => {
      this.say(`Sending ${counted(files.length, "file")}.`);
      const names = await namesToShow(files);
      const study = await patiently(() => {
        sending(0);
        return upload(files, names, this.newModel?.name ?? null, (sent) => sending(Math.min(sent, total)), signal);
      }, this.onWait, signal);
      this.names.set(study.id, names);
      await this.show(study);
      if (study.image_list.length > 0) await this.infer(study, {}, signal);
    });
  }

  async sample(): Promise<void> {
    await this.working(() => void this.sample(), async (signal) => {
      this.set({ work: { kind: "inferring", images: 1, since: Date.now() } });
      this.say("Loading a sample case.");
      const study = await patiently(() => gateway.sample(!this.state.readerMode), this.onWait, signal);
      await this.show(study);
      if (study.status === "uploaded") await this.infer(study, {}, signal);
      else this.sayResult();
    });
  }

  async ask(declared: Partial<Declared> = {}): Promise<void> {
    const { study } = this.state;
    if (study) await this.working(() => void this.ask(declared), (signal) => this.infer(study, declared, signal));
  }

  private async infer(study: Case, declared: Partial<Declared>, signal: AbortSignal): Promise<void> {
    this.set({ work: { kind: "inferring", images: study.image_list.length, since: Date.now() } });
    this.unanswered.drop(study.id);
    try {
      await patiently(() => gateway.predict(study.id, { declared }, signal), this.onWait, signal, 3);
    } catch (error) {
      if (error instanceof Failure && error.kind === "unavailable") {
        this.unanswered.add({ caseId: study.id, model: study.model, declared, failure: error });
      }
      throw error;
    } finally {
      await Promise.all([this.state.study?.id === study.id ? this.load(study.id) : null, this.loadList()]);
    }
    this.sayResult();
  }

  private sayResult(): void {
    const prediction = this.state.study ? latest(this.state.study) : null;
    if (!prediction || !this.state.revealed) return;
    const flagged = prediction.findings.filter((finding) => finding.is_finding && finding.flagged);
    if (prediction.withheld) this.say("The model gives no scores for this case; the reason is in the findings panel.");
    else this.say(flagged.length ? `Flagged: ${flagged.map((finding) => finding.name).join(", ")}.` : "Nothing is flagged.");
  }

  private async show(study: Case): Promise<void> {
    this.address(study.id);
    this.asked++;
    this.set({ overlay: null, image: 0, frame: 1 });
    this.take(study);
    await this.loadList([]);
  }

  private readonly onWait = (seconds: number, failure: Failure): void => {
    if (seconds > 0) this.set({ work: { kind: "waiting", seconds, words: failure.message } });
  };

  private async working(again: () => void, does: (signal: AbortSignal) => Promise<void>): Promise<void> {
    this.stopWork?.abort();
    const controller = new AbortController();
    this.stopWork = controller;
    try {
      await does(controller.signal);
      if (this.stopWork === controller) this.set({ work: null });
    } catch (error) {
      if (this.stopWork !== controller) return;
      this.set({ work: null });
      this.takeFailure(error, (failure) => {
        this.set({ work: { kind: "failed", failure, again } });
        if (failure.status === 503 || failure.status === 0) void this.loadModels();
      });
    }
  }

  /** Stops what is being sent or waited for, or takes its failure away. */
  stop(): void {
    this.stopWork?.abort();
    this.stopWork = null;
    this.set({ work: null });
  }

  // --- feedback and the model card

  async give(request: FeedbackRequest): Promise<boolean> {
    const { study } = this.state;
    if (!study || this.state.saving) return false;
    this.set({ saving: true });
    try {
      await gateway.feedback(study.id, request);
      await Promise.all([this.load(study.id), this.loadList()]);
      this.say(request.kind === "opinion" ? "Your opinion is kept. The model's say is shown now." : "Your feedback is kept.");
      this.set({ work: null });
      return true;
    } catch (error) {
      const again = (): void => void this.give(request);
      this.takeFailure(error, (failure) => this.set({ work: { kind: "failed", failure, again } }));
      if (error instanceof Failure && error.status === 409) await this.load(study.id); // said elsewhere meanwhile
      return false;
    } finally {
      this.set({ saving: false });
    }
  }

  async showCard(): Promise<void> {
    const { model } = this;
    this.set({ dialog: "card", card: null, cardFailure: null });
    if (!model) return;
    try {
      this.set({ card: await gateway.card(model.name) });
    } catch (error) {
      this.takeFailure(error, (cardFailure) => this.set({ cardFailure }));
    }
  }
}
