import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

interface Props {
  open: boolean;
  title: string;
  onClose: () => void;
  /** Whether Escape and a button close it. */
  closes?: boolean;
  class?: string;
  children: ComponentChildren;
}

/** A dialog of the browser's own: focus stays in it, and goes back when it closes. */
export function Modal({ open, title, onClose, closes = true, class: kind = "", children }: Props) {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = element.current;
    if (!dialog || !open) return;
    const before = document.activeElement as HTMLElement | null;
    dialog.showModal();
    return () => {
      dialog.close();
      before?.focus?.();
    };
  }, [open]);
  if (!open) return null;
  return (
    <dialog ref={element} class={kind} aria-label={title} onCancel={(event) => { event.preventDefault(); if (closes) onClose(); }}>
      <div class="dialog-top">
        <h2>{title}</h2>
        {closes && <button type="button" class="quiet round" aria-label="Close" onClick={onClose}>✕</button>}
      </div>
      {children}
    </dialog>
  );
}
