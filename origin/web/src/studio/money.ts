// Prices as merchandisers write them, `49.90`, and as events carry them, `4990` minor units.

import type { Price } from "@vitrine/player";
import { minorDigits } from "../price.ts";

/** The price that `text` names; null if it names none. A decimal point or comma; no thousands separators. */
export function parsePrice(text: string, currency: string): Price | null {
  const match = /^(\d{1,12})(?:[.,](\d+))?$/.exec(text.trim());
  if (!match || !/^[A-Z]{3}$/.test(currency)) return null;
  const digits = minorDigits(currency);
  const fraction = match[2] ?? "";
  if (fraction.length > digits && /[1-9]/.test(fraction.slice(digits))) return null;
  return { amount: Number(match[1] + fraction.slice(0, digits).padEnd(digits, "0")), currency };
}

/** As it is typed: `{amount: 4990, currency: "EUR"}` → `49.90`. */
export function plainPrice({ amount, currency }: Price): string {
  return (amount / 10 ** minorDigits(currency)).toFixed(minorDigits(currency));
}
