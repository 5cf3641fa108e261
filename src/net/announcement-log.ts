/**
 * What this device announces, and when it last did: in memory in that order, and in the datastore across restarts.
 */
import { type Datastore, Key } from 'interface-datastore'

const PREFIX = '/dfs/announced'
/** A time this much later than what counts as due was written by a clock that has been set back since. */
const CLOCK_MS_MAX = 48 * 3_600_000

/** The part of libp2p's datastore that is used here. */
export type KeyValueStore = Pick<Datastore, 'put' | 'delete' | 'query'>

export class AnnouncementLog {
  readonly #store: KeyValueStore
  readonly #never = new Set<string>()
  /** Name to the time of its last announcement in ms since 1970, the earliest first. */
  readonly #times = new Map<string, number>()

  constructor(store: KeyValueStore) {
    this.#store = store
  }

  async load(): Promise<void> {
    const found: [string, number][] = []
    for await (const { key, value } of this.#store.query({ prefix: PREFIX })) {
      found.push([key.baseNamespace(), Number(Buffer.from(value).toString()) || 0])
    }
    for (const [name, timeMs] of found.sort(([, a], [, b]) => a - b)) this.#note(name, timeMs)
  }

  has(name: string): boolean {
    return this.#never.has(name) || this.#times.has(name)
  }

  /** Notes that `name` was announced now, or never (0). */
  async set(name: string, timeMs: number): Promise<void> {
    this.#note(name, timeMs)
    await this.#store.put(keyOf(name), Buffer.from(String(timeMs)))
  }

  async delete(name: string): Promise<void> {
    this.#never.delete(name)
    this.#times.delete(name)
    await this.#store.delete(keyOf(name))
  }

  /** The names not announced since that time, those that never were first. */
  *due(sinceMs: number): Generator<string> {
    yield* this.#never
    for (const [name, timeMs] of this.#times) {
      if (timeMs >= sinceMs && timeMs <= sinceMs + CLOCK_MS_MAX) return
      yield name
    }
  }

  #note(name: string, timeMs: number): void {
    this.#never.delete(name)
    this.#times.delete(name)
    if (timeMs === 0) this.#never.add(name)
    else this.#times.set(name, timeMs)
  }
}

function keyOf(name: string): Key {
  return new Key(`${PREFIX}/${name}`)
}
