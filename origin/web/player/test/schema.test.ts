// The types and readers of this library against the JSON Schema that the origin publishes.

import { expect, test } from "vitest";
import published from "../../../../docs/schemas/messages-2.json" with { type: "json" };
import { EVENTS, state } from "../src/events.ts";
import type { Facts } from "../src/shape.ts";

interface Node {
  readonly [name: string]: unknown;
  readonly $ref?: string;
  readonly anyOf?: readonly Node[];
  readonly oneOf?: readonly Node[];
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
}

const definitions = published.$defs as unknown as Readonly<Record<string, Node>>;
const definition = (name: string): Node => definitions[name] ?? {};

/** What a node says once references and `or null` are gone. */
function plain(node: Node): Node {
  if (node.$ref) return plain(definition(node.$ref.replace("#/$defs/", "")));
  const other = node.anyOf?.find((one) => one["type"] !== "null");
  return other ? plain(other) : node;
}

/** A schema's node in this library's words. */
function factsOf(given: Node, except: readonly string[] = []): unknown {
  const node = plain(given);
  if (node.oneOf?.every((one) => "const" in one)) return { kind: "enum", values: node.oneOf.map((one) => one["const"]) };
  const types = [node["type"]].flat().filter((type) => type !== "null");
  if (node["format"] === "date-time") return { kind: "time" };
  if (Array.isArray(node["enum"])) return node["enum"].includes("EUR") ? { kind: "currency" } : { kind: "enum", values: node["enum"] };
  if (types[0] === "array") return { kind: "list", of: factsOf(node["items"] as Node) };
  if (types[0] === "boolean") return { kind: "flag" };
  if (types[0] === "integer") return { kind: "count" };
  if (types[0] === "string") {
    const pattern = String(node["pattern"] ?? "");
    return { kind: pattern.includes("https?") ? "address" : pattern ? "id" : "text" };
  }
  if (types[0] !== "object") return { kind: "any" };
  const fields = Object.entries(node.properties ?? {}).filter(([name]) => !except.includes(name));
  const facts = (wanted: boolean) =>
    Object.fromEntries(fields.filter(([name]) => (node.required ?? []).includes(name) === wanted).map(([name, field]) => [name, factsOf(field)]));
  return { kind: "record", required: facts(true), optional: facts(false) };
}

const variants = definition("EventMessage").oneOf ?? [];
const typeOf = (node: Node) => String(node.properties?.["type"]?.["const"]);

test("every event of the schema is known, and no other", () => {
  expect(variants.map(typeOf).sort()).toEqual(Object.keys(EVENTS).sort());
});

test.each(Object.entries(EVENTS))("%s has the schema's fields", (type, shape) => {
  const node = variants.find((one) => typeOf(one) === type);
  expect(shape.facts satisfies Facts).toEqual(factsOf(node ?? {}, ["type"]));
});

test("the state has the schema's fields", () => {
  expect(state.facts).toEqual(factsOf(definition("StateMessage"), ["v", "kind", "hash"]));
});
