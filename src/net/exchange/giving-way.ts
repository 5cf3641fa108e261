/**
 * What goes to other devices without anybody waiting for it gives way to whoever reads here: while readers take much,
 * it is a fraction of what they take; once they rest, nothing holds it up.
 */
import type { Clock } from './clock.ts'

/** How often it is looked what readers have taken, in bytes sent. */
const TURN_BYTES = 1024 * 1024
/** Readers that take less than this share of what is sent feel nothing of it. */
const READERS_SHARE_MIN = 1 / 4
/** Bytes for readers to each byte that is sent. */
const READERS_SHARE = 16
/** The slowest that is sent at, whatever is read: TURN_BYTES in this time. */
const WAIT_MAX_MS = 100
const LOOK_MS = 5
/** So long without reading is a rest. */
const REST_MS = 20

export class GivingWay {
  readonly #clock: Clock
  readonly #read: () => number
  #sent = 0
  /** What had been read when the last turn was over. */
  #readBefore: number

  /** `read`: how many bytes readers have been given so far. */
  constructor(clock: Clock, read: () => number) {
    this.#clock = clock
    this.#read = read
    this.#readBefore = read()
  }

  /** To be awaited before so many bytes are sent, undefined: at once. Ends soon once it is not bulk any more. */
  turn(bytes: number, isBulk: () => boolean): Promise<void> | undefined {
    this.#sent += bytes
    if (this.#sent < TURN_BYTES) return undefined
    const sent = this.#sent
    this.#sent = 0
    const isFelt = this.#read() - this.#readBefore >= sent * READERS_SHARE_MIN
    this.#readBefore = this.#read()
    return isFelt ? this.#untilRead(sent * READERS_SHARE, isBulk) : undefined
  }

  async #untilRead(enough: number, isBulk: () => boolean): Promise<void> {
    const begun = this.#clock.now()
    let lastRead = begun
    let seen = this.#readBefore
    while (isBulk() && seen - this.#readBefore < enough && this.#clock.now() - begun < WAIT_MAX_MS) {
      await new Promise<void>((resolve) => void this.#clock.after(LOOK_MS, resolve))
      if (this.#read() > seen) lastRead = this.#clock.now()
      else if (this.#clock.now() - lastRead >= REST_MS) break
      seen = this.#read()
    }
    this.#readBefore = this.#read()
  }
}
