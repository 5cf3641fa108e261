/**
 * Who may have blocks fetched by reading: not the programs that look into every file whether anybody needs it or not, and nobody
 * who is gone.
 *
 * Asked only when a block is to come from another device, so nothing is remembered of a process: its number may be another's the
 * next time, and it may run another program.
 */
import { logger } from '../log.ts'
import { type Program, programOf, SHORT_NAME_BYTES_MAX } from '../posix/program.ts'

const log = logger('vfs')

const NOBODY = 'none'

export class HydrationPolicy {
  readonly #setting: () => string
  readonly #programOf: (pid: number) => Program | undefined
  #text = NOBODY
  #names: readonly string[] = []

  /** `setting`: names of programs, separated by commas, or "none"; asked for every time. */
  constructor(setting: () => string, programOfProcess = programOf) {
    this.#setting = setting
    this.#programOf = programOfProcess
  }

  /** `pid`: the process or thread, 0 if it is not one that can be seen from here: it may, then. */
  mayFetch(pid: number): boolean {
    const names = this.#read()
    if (pid === 0 || names.length === 0) return true
    const program = this.#programOf(pid)
    // Its read-ahead was under way when it ended: who waits for the same pages asks for himself.
    if (program === undefined) return false
    const { file, shortName } = program
    return !names.some((name) => name === file || name.slice(0, SHORT_NAME_BYTES_MAX) === shortName)
  }

  #read(): readonly string[] {
    const text = this.#settingNow()
    if (text === this.#text) return this.#names
    this.#text = text
    const names = text.split(',').map((name) => name.trim())
    this.#names = names.filter((name) => name !== '' && name !== NOBODY)
    return this.#names
  }

  #settingNow(): string {
    try {
      return this.#setting()
    } catch (error) {
      log('the settings cannot be read, those of before count: %o', error)
      return this.#text
    }
  }
}
