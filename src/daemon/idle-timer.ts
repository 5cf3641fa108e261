/**
 * Ends a daemon that has nothing to do. It counts down while `isIdle` holds; `check` is to be called whenever that
 * may have changed. After the last unmount there is no waiting.
 */
export class IdleTimer {
  readonly #isIdle: () => boolean
  readonly #onIdle: () => void
  #timer: NodeJS.Timeout | undefined
  #delayMs: number

  constructor({ isIdle, onIdle, delayMs }: { isIdle: () => boolean; onIdle: () => void; delayMs: number }) {
    this.#isIdle = isIdle
    this.#onIdle = onIdle
    this.#delayMs = delayMs
  }

  /** From now on being idle ends the daemon after this long. */
  set delayMs(delayMs: number) {
    this.#delayMs = delayMs
    this.check()
  }

  check(): void {
    clearTimeout(this.#timer)
    if (this.#isIdle()) this.#timer = setTimeout(() => this.#isIdle() && this.#onIdle(), this.#delayMs)
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
  }
}
