/** A stream in pieces, so that one message and one look into the ledger serve many. */

export interface BatchLimits<T> {
  readonly countMax: number
  /** Together with what an item weighs: a batch ends with the item that reaches it. */
  readonly weightMax?: number
  readonly weigh?: (item: T) => number
}

/** None of the batches is empty. */
export async function* batchesOf<T>(
  items: AsyncIterable<T>,
  { countMax, weightMax = Number.POSITIVE_INFINITY, weigh = () => 0 }: BatchLimits<T>,
): AsyncGenerator<T[]> {
  let batch: T[] = []
  let weight = 0
  for await (const item of items) {
    batch.push(item)
    weight += weigh(item)
    if (batch.length < countMax && weight < weightMax) continue
    yield batch
    batch = []
    weight = 0
  }
  if (batch.length > 0) yield batch
}
