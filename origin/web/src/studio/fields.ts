// Errors at the field that is wrong: the origin names it by its path, the forms' inputs say theirs in `data-field`.

/**
 * Which of `known` the path names: itself, or what it is part of, or what is part of it; null if none. A batch's place is no matter.
 */
export function placeOf(path: string, known: readonly string[]): string | null {
  const plain = path.replace(/^\[\d+\]\.?/, "");
  const within = (inner: string, outer: string) => inner === outer || inner.startsWith(`${outer}.`) || inner.startsWith(`${outer}[`);
  const holders = known.filter((name) => within(plain, name)).sort((a, b) => b.length - a.length);
  return holders[0] ?? known.find((name) => plain !== "" && within(name, plain)) ?? null;
}

/** Marks the input at fault with what is wrong with it, and goes there. Returns whether there is such an input. */
export function markFault(form: HTMLElement, path: string, problem: string): boolean {
  const inputs = [...form.querySelectorAll<HTMLElement>("[data-field]")].filter((input) => input.offsetParent !== null);
  const place = placeOf(path, inputs.map((input) => input.dataset["field"]!));
  const input = inputs.find((input) => input.dataset["field"] === place);
  if (!input) return false;
  const note = document.createElement("span");
  note.className = "field-fault";
  note.id = `fault-${(count += 1)}`;
  note.textContent = problem;
  input.setAttribute("aria-invalid", "true");
  input.setAttribute("aria-describedby", note.id);
  input.insertAdjacentElement("afterend", note);
  input.focus();
  return true;
}

let count = 0;

export function clearFaults(form: HTMLElement): void {
  for (const note of form.querySelectorAll(".field-fault")) note.remove();
  for (const input of form.querySelectorAll("[aria-invalid]")) {
    input.removeAttribute("aria-invalid");
    input.removeAttribute("aria-describedby");
  }
}
