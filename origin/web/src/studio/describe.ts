// Events in a merchandiser's words, for the timeline and for what a screen reader hears.

import type { ShowEvent } from "@vitrine/player";
import { formatPrice } from "../price.ts";

/** What the event does, in a few words; `name` knows products by their ids. */
export function describeEvent(event: ShowEvent, name: (id: string) => string): string {
  switch (event.type) {
    case "product.show":
      return `Show ${event.product.name}, ${formatPrice(event.product.price)}`;
    case "product.update":
      return `${name(event.product.id)}: ${changes(event)}`;
    case "product.hide":
      return `Hide ${name(event.product.id)}`;
    case "product.feature":
      return `Feature ${name(event.product.id)}`;
    case "product.reorder":
      return "Reorder products";
    case "drop.announce":
      return `Countdown: ${event.drop.title}`;
    case "drop.withdraw":
      return "End a countdown";
    case "poll.open":
      return `Poll: ${event.poll.question}`;
    case "poll.tally":
      return "Votes of a poll";
    case "poll.close":
      return "Close a poll";
    case "poll.remove":
      return "Take a poll away";
    case "message.pin":
      return `Pin: ${event.message.text}`;
    case "message.unpin":
      return "Unpin a message";
    case "reaction.burst":
      return "Reactions";
    case "coupon.offer":
      return `Coupon ${event.coupon.code}`;
    case "coupon.withdraw":
      return `Withdraw coupon ${event.coupon.code}`;
    case "custom":
      return event.name;
    case "show.clear":
      return "Take everything off";
    default:
      return (event as { type: string }).type;
  }
}

function changes({ product }: ShowEvent<"product.update">): string {
  const { price, compare_at: before, stock, availability } = product;
  const said = [
    price && formatPrice(price),
    before && `before ${formatPrice(before)}`,
    typeof stock === "number" && `stock ${stock}`,
    availability && availability.replace("_", " "),
  ];
  return said.filter((word) => word).join(", ") || "changed";
}
