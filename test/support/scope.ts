/** What must be undone at the end, for work that is not one `test`: a suite's hooks, a bench run. */
import type { TestContext } from 'node:test'

export class Scope {
  readonly #undo: (() => unknown)[] = []

  /** What helpers that clean up after a test take as their `t`. */
  get context(): TestContext {
    const after = (undo: () => unknown) => void this.#undo.push(undo)
    return { after } as unknown as TestContext
  }

  /** Undoes everything, the last thing first. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const undo of this.#undo.splice(0).reverse()) await undo()
  }
}
