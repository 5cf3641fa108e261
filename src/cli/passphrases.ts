/** Passphrases as the commands get them: from a file, or typed at the terminal, unseen. They go to the daemon alone. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { hasPassphrase, isHome } from '../daemon/control-api.ts'
import { DfsError, kindOf } from '../errors.ts'
import { fromNodeError } from '../posix/errno.ts'
import type { AppStreams } from './app.ts'
import { formatError } from './output.ts'

/** How often somebody at a terminal may try. */
const TRIES = 3
const BYTES_MAX = 4096

export class Passphrases {
  readonly #streams: AppStreams
  readonly #mayAsk: boolean
  #file: string | undefined
  /** What the file said; or what was typed, and was right. */
  #known: string | undefined

  /** `mayAsk`: for commands that a person has just given. */
  constructor(streams: AppStreams, { mayAsk = true, file = streams.env.DFS_PASSPHRASE_FILE } = {}) {
    this.#streams = streams
    this.#mayAsk = mayAsk
    this.#file = file || undefined
  }

  /** Of the option, which goes before what the environment says. */
  set file(file: string) {
    this.#file = file
  }

  /** Of the file, if one was named: absolute. */
  get path(): string | undefined {
    return this.#file === undefined ? undefined : path.resolve(this.#file)
  }

  /** Whether somebody is there to be asked. */
  get canAsk(): boolean {
    return this.#mayAsk && this.#streams.stdin.isTTY === true
  }

  /** The same file, and nobody is asked. */
  unasked(): Passphrases {
    return new Passphrases(this.#streams, { mayAsk: false, file: this.#file })
  }

  /**
   * Runs `work` with what a home's keys are under; again, up to three times in all, if it was typed and `work` fails with `wrong-key`.
   * What was right is not asked for again. Fails with `needs-confirmation` if there is neither a file nor a terminal.
   */
  async withPresent<T>(home: string, work: (passphrase: string) => Promise<T>): Promise<T> {
    const known = this.#read()
    if (known !== undefined) return await work(known)
    if (!this.canAsk) {
      throw new DfsError('needs-confirmation', 'the keys are under a passphrase', {
        subject: home,
        mend: 'give it at a terminal, or with --passphrase-file',
      })
    }
    for (let tries = 1; ; tries++) {
      try {
        const typed = await this.#ask('Passphrase: ')
        const result = await work(typed)
        this.#known = typed
        return result
      } catch (error) {
        if (kindOf(error) !== 'wrong-key' || tries === TRIES) throw error
        this.#streams.stderr.write(`${formatError(error)}\n`)
      }
    }
  }

  /** What the keys of a home that is to be made are to be under; undefined if it is there, or no passphrase is wanted. Asks only if told to. */
  async forNewHome(home: string, { ask }: { ask: boolean }): Promise<string | undefined> {
    if (isHome(home) || hasPassphrase(home)) return undefined
    const inFile = this.#read()
    if (inFile !== undefined || !ask || !this.canAsk) return inFile
    return (await this.#askTwice('Passphrase for the keys on this disk (empty: none): ')) || undefined
  }

  /** A new one: out of that file, or typed twice. Fails with `needs-confirmation` if there is neither, `invalid` if it is empty. */
  async chosen(file: string | undefined): Promise<string> {
    if (file !== undefined) return readPassphrase(file)
    if (!this.canAsk) {
      throw new DfsError('needs-confirmation', 'a new passphrase is typed at a terminal', {
        mend: 'or is in a file that --new-passphrase-file names',
      })
    }
    return (await this.#askTwice('New passphrase: ')) || isEmpty('the passphrase')
  }

  /** Once: what is read may be a pipe. */
  #read(): string | undefined {
    if (this.#file !== undefined) this.#known ??= readPassphrase(this.#file)
    return this.#known
  }

  /** Most commands ask nothing, and start without the code for it. */
  async #questions() {
    const { Questions } = await import('./questions.ts')
    return new Questions(this.#streams)
  }

  async #ask(question: string): Promise<string> {
    using questions = await this.#questions()
    return (await questions.askSecret(question)) || isEmpty('the passphrase')
  }

  async #askTwice(question: string): Promise<string> {
    using questions = await this.#questions()
    for (;;) {
      const first = await questions.askSecret(question)
      if (first === '' || first === (await questions.askSecret('Once more: '))) return first
      this.#streams.stderr.write('They differ.\n')
    }
  }
}

/** A file's text without the end of its last line. */
function readPassphrase(file: string): string {
  let bytes: Buffer
  try {
    bytes = readFileSync(file)
  } catch (error) {
    throw fromNodeError(error, 'read the passphrase', file)
  }
  const text = bytes.toString().replace(/\r?\n$/, '')
  if (
    bytes.length > BYTES_MAX ||
    /[\0\r\n]/.test(text) ||
    !Buffer.from(text).equals(bytes.subarray(0, Buffer.byteLength(text)))
  ) {
    throw new DfsError('invalid', 'holds no passphrase: that is one line of text', {
      op: 'read the passphrase',
      subject: file,
    })
  }
  return text || isEmpty(file)
}

function isEmpty(what: string): never {
  throw new DfsError('invalid', `${what} is empty`, { op: 'read the passphrase' })
}
