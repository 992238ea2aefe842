// Server-sent events out of a fetched body: EventSource can send no token but in the address, where tokens do not belong.

/** Takes text as it comes, in pieces of any size; tells whole events. */
export class EventLines {
  private rest = "";

  constructor(private readonly tell: (name: string, data: string) => void) {}

  push(text: string): void {
    // A line end may be cut between two pieces: its first half waits in `rest`.
    const blocks = (this.rest + text).replaceAll("\r\n", "\n").split("\n\n");
    this.rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const lines = block.split("\n");
      const field = (name: string) => lines.filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).replace(/^ /, ""));
      const data = field("data");
      if (data.length) this.tell(field("event").at(-1) ?? "message", data.join("\n"));
    }
  }
}
