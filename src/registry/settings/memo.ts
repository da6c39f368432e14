/** Work that is done once for each key. What failed is done again: a file may have been mended by then. */
export class Memo<T> {
  readonly #kept = new Map<string, Promise<T>>();

  get(key: string, work: () => Promise<T>): Promise<T> {
    const known = this.#kept.get(key);
    if (known !== undefined) return known;
    const made = work();
    this.#kept.set(key, made);
    made.catch(() => this.#kept.delete(key));
    return made;
  }

  clear(): void {
    this.#kept.clear();
  }
}
