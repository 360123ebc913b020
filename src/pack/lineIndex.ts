/** Lines of a file's bytes: 1-based, ended by "\n" (so also by "\r\n"). */

const NEWLINE = 0x0a;

export class LineIndex {
  /** Byte offset at which each line starts; a file that ends in "\n" has no line after it. */
  readonly starts: Uint32Array;

  constructor(bytes: Uint8Array) {
    let count = 1;
    for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) count += 1;
    if (bytes.length > 0 && bytes[bytes.length - 1] === NEWLINE) count -= 1;
    this.starts = new Uint32Array(count);
    let from = 0;
    for (let line = 1; line < count; line++) {
      from = bytes.indexOf(NEWLINE, from) + 1;
      this.starts[line] = from;
    }
  }

  get count(): number {
    return this.starts.length;
  }

  /** The line that holds the byte at `offset`. */
  lineAt(offset: number): number {
    let low = 0;
    let high = this.starts.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if ((this.starts[middle] as number) <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  }
}
