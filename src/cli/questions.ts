/**
 * Questions to a person at the terminal, asked beside the results, on standard error. What was typed ahead answers the
 * next question, and who ends the input answers none.
 */
import { createInterface, type Interface } from 'node:readline'
import { Writable } from 'node:stream'
import { DfsError } from '../errors.ts'
import type { AppStreams } from './app.ts'
import { printable } from './output.ts'

export class Questions implements Disposable {
  readonly #streams: AppStreams
  #interface: Interface | undefined
  #lines: AsyncIterator<string> | undefined
  /** What is typed is not shown. */
  #isSecret = false

  /** Takes nothing of the input before there is a question. */
  constructor(streams: AppStreams) {
    this.#streams = streams
  }

  /** The answer; `fallback` if it is empty. Fails with `aborted` at Ctrl-C and Ctrl-D. */
  async ask(question: string, fallback: string): Promise<string> {
    return (await this.#next(question)).trim() || fallback
  }

  /** The same, exactly as it is typed, and not shown. */
  async askSecret(question: string): Promise<string> {
    const answering = this.#next(question)
    this.#isSecret = true
    try {
      return await answering
    } finally {
      this.#isSecret = false
      this.#streams.stderr.write('\n')
    }
  }

  async #next(question: string): Promise<string> {
    const { stdin: input } = this.#streams
    // At a terminal, line editing is done here, and so is showing what is typed.
    this.#interface ??= createInterface({ input, output: this.#shown(), terminal: input.isTTY === true })
    this.#lines ??= this.#interface[Symbol.asyncIterator]()
    this.#interface.setPrompt(printable(question))
    this.#interface.prompt()
    const { value, done } = await this.#lines.next()
    if (done) throw new DfsError('aborted', 'there was no answer')
    return value
  }

  #shown(): Writable {
    const { stderr } = this.#streams
    const write = (bytes: Buffer, _: BufferEncoding, done: () => void) => {
      if (!this.#isSecret) stderr.write(bytes)
      done()
    }
    return Object.assign(new Writable({ write }), { columns: stderr.columns })
  }

  /** Whether the answer is yes; an empty one is `fallback`. */
  async confirm(question: string, fallback: boolean): Promise<boolean> {
    return /^y(es)?$/i.test(await this.ask(`${question} [${fallback ? 'Y/n' : 'y/N'}] `, fallback ? 'y' : 'n'))
  }

  [Symbol.dispose](): void {
    this.#interface?.close()
  }
}
