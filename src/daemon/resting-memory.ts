/**
 * Gives memory back when a daemon that has worked comes to rest: V8 collects nothing while nothing happens, so that what a walk
 * over a million files took would stay until the next.
 */
import { heapCollector } from '../concurrency/heap.ts'
import { logger } from '../log.ts'
import { giveBackMemory } from '../posix/process.ts'

const log = logger('daemon')
const LOOK_MS = 10_000
/** Of a core, in the time between two looks: less is rest. */
const RESTING_SHARE = 0.02
/** With less than so much more than after the last time there is nothing to be had. */
const GROWN_BYTES_MIN = 16 * 1024 * 1024

export interface RestingMemoryOptions {
  /** Processor time of this process so far, in µs. */
  readonly usedMicroseconds: () => number
  readonly residentBytes: () => number
  readonly giveBack: () => void
}

export class RestingMemory implements Disposable {
  readonly #options: RestingMemoryOptions
  readonly #timer: NodeJS.Timeout
  #usedMicroseconds = 0
  #settledBytes = 0

  constructor(options: RestingMemoryOptions = ofThisProcess()) {
    this.#options = options
    this.#usedMicroseconds = options.usedMicroseconds()
    this.#timer = setInterval(() => this.look(), LOOK_MS).unref()
  }

  /** To be called every LOOK_MS. */
  look(): void {
    const { usedMicroseconds, residentBytes, giveBack } = this.#options
    const used = usedMicroseconds()
    const share = (used - this.#usedMicroseconds) / (LOOK_MS * 1000)
    this.#usedMicroseconds = used
    const before = residentBytes()
    if (share > RESTING_SHARE || before < this.#settledBytes + GROWN_BYTES_MIN) return
    giveBack()
    this.#settledBytes = residentBytes()
    this.#usedMicroseconds = usedMicroseconds()
    log('at rest: %d MiB, %d before', this.#settledBytes >> 20, before >> 20)
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}

function ofThisProcess(): RestingMemoryOptions {
  const collect = heapCollector()
  return {
    usedMicroseconds: () => {
      const { user, system } = process.cpuUsage()
      return user + system
    },
    residentBytes: () => process.memoryUsage.rss(),
    giveBack: () => {
      // Without compaction the few objects that stay keep most pages (a million files walked and forgotten: 350 MiB).
      collect('compact')
      giveBackMemory()
    },
  }
}
