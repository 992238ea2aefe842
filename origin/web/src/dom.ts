// Elements made and lists kept up to date without losing the focus or what is being typed.

export function element<E extends HTMLElement>(selector: string): E {
  const found = document.querySelector<E>(selector);
  if (!found) throw new Error(`the page has no ${selector}`);
  return found;
}

/** An element with its attributes (those that are undefined left out) and children. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string | undefined>> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export function button(text: string, label: string, press: () => void, kind = "small"): HTMLButtonElement {
  const made = make("button", { type: "button", class: kind, "aria-label": label }, text);
  made.addEventListener("click", press);
  return made;
}

export function setText(target: Element, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

/** One entry of a list on the page. */
export interface Row<T> {
  readonly root: HTMLElement;
  update(entry: T, index: number): void;
}

/** Keeps a list's rows: one for each key, made once, in the entries' order. */
export class Rows<T> {
  private readonly rows = new Map<string, Row<T>>();

  constructor(
    private readonly list: HTMLElement,
    private readonly key: (entry: T) => string,
    private readonly create: (entry: T) => Row<T>,
  ) {}

  render(entries: readonly T[]): void {
    const keys = new Set(entries.map(this.key));
    for (const [key, row] of this.rows) {
      if (keys.has(key)) continue;
      row.root.remove();
      this.rows.delete(key);
    }
    entries.forEach((entry, index) => {
      const key = this.key(entry);
      const row = this.rows.get(key) ?? this.create(entry);
      this.rows.set(key, row);
      row.update(entry, index);
      // Moving an element takes its focus away: only what is out of place is moved.
      if (this.list.children[index] !== row.root) this.list.insertBefore(row.root, this.list.children[index] ?? null);
    });
  }
}
