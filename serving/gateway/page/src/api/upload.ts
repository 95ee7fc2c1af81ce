/** Files from a drop or a dialog, and their way to the gateway with its progress. */

import { authorization } from "./client.ts";
import type { Case, Session } from "./contract.ts";
import { Failure, failureOf, unreachable } from "./problems.ts";
import { bytesWords } from "../words/lists.ts";

const ZIP_STARTS = [0x04034b50, 0x06054b50];

/** All files of a drop, those in folders too, in the order of their paths. */
export async function droppedFiles(transfer: DataTransfer): Promise<File[]> {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  if (entries.length === 0) return [...transfer.files];
  const files = await Promise.all(entries.map(filesOf));
  return files.flat();
}

async function filesOf(entry: FileSystemEntry): Promise<File[]> {
  if (entry.isFile) {
    return [await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject))];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: File[] = [];
  for (;;) {
    // A reader gives at most a hundred entries at a time.
    const part = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (part.length === 0) return found;
    for (const child of part.sort((one, other) => one.name.localeCompare(other.name))) found.push(...(await filesOf(child)));
  }
}

/** A name that says nothing but the kind of file: names often hold a patient's. */
export function neutralName(name: string, number: number): string {
  const ending = /\.(zip|dcm|png|jpe?g|nii|nii\.gz)$/i.exec(name);
  return `file-${number}${ending ? ending[0].toLowerCase() : ""}`;
}

/** Names by which the files can be told on this page; none where an archive is among them, whose files count as well. */
export async function namesToShow(files: readonly File[]): Promise<string[]> {
  const starts = await Promise.all(files.map((file) => file.slice(0, 4).arrayBuffer().catch(() => new ArrayBuffer(0))));
  const zipped = starts.some((start) => start.byteLength === 4 && ZIP_STARTS.includes(new DataView(start).getUint32(0, true)));
  return zipped ? [] : files.map((file) => file.name);
}

/** Why these files would be refused, which is known before they are sent; null where it is not. */
export function tooMuch(files: readonly File[], { max_files, max_bytes }: Session): Failure | null {
  const bytes = files.reduce((sum, file) => sum + file.size, 0);
  const refused = (words: string): Failure => new Failure(413, words, "too-large", "", null);
  if (files.length > max_files) return refused(`${files.length} files were chosen; at most ${max_files} are taken at once.`);
  if (bytes > max_bytes) return refused(`The files have ${bytesWords(bytes)}; at most ${bytesWords(max_bytes)} are taken at once.`);
  return null;
}

/**
 * Sends the files as one case, without asking the model yet.
 *
 * @param names - to tell files by that give no image; they are not sent.
 * @throws Failure as the gateway says; DOMException AbortError where `signal` stopped it.
 */
export function upload(
  files: File[], names: string[], model: string | null, onProgress: (sent: number, total: number) => void, signal: AbortSignal,
): Promise<Case> {
  const form = new FormData();
  form.append("predict", "false");
  if (model) form.append("model", model);
  files.forEach((file, index) => form.append("files", file, neutralName(file.name, index + 1)));
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "/api/v1/studies");
    for (const [name, value] of Object.entries(authorization())) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => onProgress(event.loaded, event.total);
    request.onerror = () => reject(unreachable());
    request.onabort = () => reject(new DOMException("stopped", "AbortError"));
    request.onload = () => {
      if (request.status === 201) resolve(JSON.parse(request.responseText) as Case);
      else reject(failureOf(request.status, request.responseText, (name) => request.getResponseHeader(name), names));
    };
    signal.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}
