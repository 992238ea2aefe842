// Shapes of JSON: each says once what is read, and TypeScript's type follows from it. What comes from outside is checked
// before any of it reaches a page: a wrong optional field is left out, a wrong required one makes the whole unreadable.

/** What a shape admits, in the words of JSON Schema; tests hold it against the published one. */
export type Facts =
  | { readonly kind: "text" | "id" | "currency" | "address" | "time" | "count" | "flag" | "any" }
  | { readonly kind: "enum"; readonly values: readonly string[] }
  | { readonly kind: "list"; readonly of: Facts }
  | { readonly kind: "record"; readonly required: Fields; readonly optional: Fields };

type Fields = Readonly<Record<string, Facts>>;

/** Reads a `T`. */
export interface Shape<T> {
  readonly facts: Facts;
  /** The value, or undefined if it is not one. */
  read(value: unknown): T | undefined;
}

export type Of<S> = S extends Shape<infer T> ? T : never;
type Shapes = Readonly<Record<string, Shape<unknown>>>;
type Required<F> = { readonly [K in keyof F]: Of<F[K]> };
type Optional<F> = { readonly [K in keyof F]?: Of<F[K]> };
type Nullable<F> = { readonly [K in keyof F]?: Of<F[K]> | null };
type Flat<T> = { readonly [K in keyof T]: T[K] };

const MAX_TEXT = 500;
const MAX_URL = 2048;

function shape<T>(facts: Facts, read: (value: unknown) => T | undefined): Shape<T> {
  return { facts, read };
}

/** Words for viewers: 1 to 500 characters. */
export const text = shape({ kind: "text" }, (value) =>
  typeof value === "string" && value.length > 0 && value.length <= MAX_TEXT ? value : undefined,
);

/** A name or code of the shop's own. */
export const id = shape({ kind: "id" }, text.read);

/** A whole number from zero up that a double holds exactly. */
export const count = shape({ kind: "count" }, (value) =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined,
);

/** An ISO 4217 code; whether there is such a currency is the origin's to say. */
export const currency = shape({ kind: "currency" }, (value) =>
  typeof value === "string" && /^[A-Z]{3}$/.test(value) ? value : undefined,
);

export const flag = shape({ kind: "flag" }, (value) => (typeof value === "boolean" ? value : undefined));
export const any = shape<unknown>({ kind: "any" }, (value) => value);

/** An instant, RFC 3339. */
export const time = shape({ kind: "time" }, (value) =>
  typeof value === "string" && value.length <= 40 && Number.isFinite(Date.parse(value)) ? value : undefined,
);

/**
 * An address that may stand in `href` or `src`: http, https, or a path on the page's own host. Never anything else
 * (`javascript:`, `data:`, `//host`, a path that a browser would read as another host).
 */
export const address = shape({ kind: "address" }, (value) => {
  if (typeof value !== "string" || value.length === 0 || value.length > MAX_URL) return undefined;
  if (/[\u0000-\u0020\\]/.test(value)) return undefined;
  if (/^\/(?!\/)/.test(value)) return value;
  if (!/^https?:\/\//i.test(value)) return undefined;
  return URL.canParse(value) ? new URL(value).href : undefined;
});

export function oneOf<const V extends string>(...values: V[]): Shape<V> {
  return shape({ kind: "enum", values }, (value) => values.find((known) => known === value));
}

/** A list; entries that cannot be read are left out. */
export function list<T>(of: Shape<T>): Shape<readonly T[]> {
  return shape({ kind: "list", of: of.facts }, (value) =>
    Array.isArray(value) ? value.map((entry) => of.read(entry)).filter((entry) => entry !== undefined) : undefined,
  );
}

/** An object. A `nullable` field may be absent or null: the two mean different things in a change. */
export function record<R extends Shapes, O extends Shapes = {}, N extends Shapes = {}>(
  required: R,
  optional: O = {} as O,
  nullable: N = {} as N,
): Shape<Flat<Required<R> & Optional<O> & Nullable<N>>> {
  const factsOf = (shapes: Shapes) => Object.fromEntries(Object.entries(shapes).map(([name, { facts }]) => [name, facts]));
  const facts: Facts = { kind: "record", required: factsOf(required), optional: factsOf({ ...optional, ...nullable }) };
  return shape(facts, (value) => {
    if (!isRecord(value)) return undefined;
    const read: Record<string, unknown> = {};
    for (const [name, shape] of Object.entries(required)) {
      const field = shape.read(value[name]);
      if (field === undefined) return undefined;
      read[name] = field;
    }
    for (const [name, shape] of Object.entries({ ...optional, ...nullable })) {
      const field = name in nullable && value[name] === null ? null : shape.read(value[name]);
      if (field !== undefined) read[name] = field;
    }
    return read as Flat<Required<R> & Optional<O> & Nullable<N>>;
  });
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
