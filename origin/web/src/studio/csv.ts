// RFC 4180 in the dialects that spreadsheets write: comma, semicolon or tab, any line ends, a byte order mark.

/** The cells of each row, blank rows left out; each row with its line in the file, from 1. */
export function parseCsv(text: string): { readonly line: number; readonly cells: readonly string[] }[] {
  const source = text.replace(/^\uFEFF/, "");
  const separator = separatorOf(source);
  const rows: { line: number; cells: string[] }[] = [];
  let cells: string[] = [];
  let cell = "";
  let quoted = false;
  let line = 1;
  let begun = 1;
  const endRow = () => {
    cells.push(cell.trim());
    if (cells.some((one) => one !== "")) rows.push({ line: begun, cells });
    cells = [];
    cell = "";
  };
  for (let index = 0; index < source.length; index++) {
    const char = source[index]!;
    if (char === "\n") line += 1;
    if (quoted) {
      if (char !== '"') cell += char;
      else if (source[index + 1] === '"') cell += source[++index];
      else quoted = false;
    } else if (char === '"' && cell.trim() === "") {
      quoted = true;
      cell = "";
    } else if (char === separator) {
      cells.push(cell.trim());
      cell = "";
    } else if (char === "\n") {
      endRow();
      begun = line;
    } else if (char !== "\r") {
      cell += char;
    }
  }
  endRow();
  return rows;
}

/** The one that the first line has most of. */
function separatorOf(source: string): string {
  const head = source.split(/\r?\n/, 1)[0] ?? "";
  const count = (separator: string) => head.split(separator).length;
  return [",", ";", "\t"].reduce((best, next) => (count(next) > count(best) ? next : best));
}
