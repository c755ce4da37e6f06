/** Reads a stream line by line, and keeps what a caller has not asked for yet. */
export class Lines {
  private readonly chunks: AsyncIterator<Uint8Array>;
  private readonly decoder = new TextDecoder();
  private pending = "";

  constructor(stream: ReadableStream<Uint8Array>) {
    this.chunks = stream[Symbol.asyncIterator]();
  }

  /** The rest of the next line that begins with this word, or undefined where the stream ends first. */
  async after(word: string): Promise<string | undefined> {
    for (;;) {
      const line = await this.next();
      if (line === undefined) return undefined;
      if (line === word) return "";
      if (line.startsWith(`${word} `)) return line.slice(word.length + 1);
    }
  }

  private async next(): Promise<string | undefined> {
    for (;;) {
      const end = this.pending.indexOf("\n");
      if (end >= 0) {
        const line = this.pending.slice(0, end);
        this.pending = this.pending.slice(end + 1);
        return line;
      }
      const { done, value } = await this.chunks.next();
      if (done === true) return undefined;
      this.pending += this.decoder.decode(value, { stream: true });
    }
  }
}
