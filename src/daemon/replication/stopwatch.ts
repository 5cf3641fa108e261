/** How long it takes to come by the items of streams, without what is done with them meanwhile. */
export class Stopwatch {
  #ms = 0

  get ms(): number {
    return this.#ms
  }

  async *over<T>(items: AsyncIterable<T>): AsyncGenerator<T> {
    let fromMs = performance.now()
    for await (const item of items) {
      this.#ms += performance.now() - fromMs
      yield item
      fromMs = performance.now()
    }
    this.#ms += performance.now() - fromMs
  }
}
