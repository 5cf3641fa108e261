/**
 * Group commit: callers that arrive while work is under way are served together by the next round.
 *
 * A caller's round always begins after its call, so whatever the caller did before is covered by it.
 */
export class Group<Item, Result> {
  readonly #work: (items: Item[]) => Promise<Result>
  #waiting: { items: Item[]; round: Promise<Result> } | undefined
  #last: Promise<unknown> = Promise.resolve()

  /** `work` gets the items of one round; its result, or its failure, goes to each caller of the round. */
  constructor(work: (items: Item[]) => Promise<Result>) {
    this.#work = work
  }

  run(item: Item): Promise<Result> {
    if (this.#waiting !== undefined) {
      this.#waiting.items.push(item)
      return this.#waiting.round
    }
    const items = [item]
    const round = this.#last.then(() => {
      this.#waiting = undefined
      return this.#work(items)
    })
    this.#waiting = { items, round }
    this.#last = round.catch(() => {})
    return round
  }

  /** Resolves once no round is under way. */
  async settled(): Promise<void> {
    await this.#last
  }
}
