/**
 * Questions to a person at the terminal, asked beside the results, on standard error. What was typed ahead answers the
 * next question, and who ends the input answers none.
 */
import { createInterface, type Interface } from 'node:readline'
import { DfsError } from '../errors.ts'
import type { AppStreams } from './app.ts'
import { printable } from './output.ts'

export class Questions implements Disposable {
  readonly #streams: AppStreams
  #interface: Interface | undefined
  #lines: AsyncIterator<string> | undefined

  /** Takes nothing of the input before there is a question. */
  constructor(streams: AppStreams) {
    this.#streams = streams
  }

  /** The answer; `fallback` if it is empty. Fails with `aborted` at Ctrl-C and Ctrl-D. */
  async ask(question: string, fallback: string): Promise<string> {
    const { stdin: input, stderr: output } = this.#streams
    this.#interface ??= createInterface({ input, output })
    this.#lines ??= this.#interface[Symbol.asyncIterator]()
    this.#interface.setPrompt(printable(question))
    this.#interface.prompt()
    const { value, done } = await this.#lines.next()
    if (done) throw new DfsError('aborted', 'there was no answer')
    return value.trim() || fallback
  }

  /** Whether the answer is yes; an empty one is `fallback`. */
  async confirm(question: string, fallback: boolean): Promise<boolean> {
    return /^y(es)?$/i.test(await this.ask(`${question} [${fallback ? 'Y/n' : 'y/N'}] `, fallback ? 'y' : 'n'))
  }

  [Symbol.dispose](): void {
    this.#interface?.close()
  }
}
