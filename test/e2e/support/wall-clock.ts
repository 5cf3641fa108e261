/** The wall clock of a device's processes, moved while they run (libfaketime); what measures durations stays as it is. */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Requirement } from '../../support/requirements.ts'
import type { Ending } from './process.ts'

const LIBRARY = 'faketime/libfaketimeMT.so.1'

export const faketime: Requirement = () =>
  findLibrary() === undefined ? 'needs libfaketime (Debian: apt-get install faketime)' : false

export class WallClock {
  /** For the processes that go by it. */
  readonly env: Readonly<Record<string, string>>
  readonly #file: string

  constructor(t: Ending) {
    const directory = mkdtempSync(path.join(tmpdir(), 'dfs-clock-'))
    t.after(() => rmSync(directory, { recursive: true, force: true }))
    this.#file = path.join(directory, 'offset')
    this.env = {
      LD_PRELOAD: findLibrary()!,
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      FAKETIME_CACHE_DURATION: '1',
      NO_FAKE_STAT: '1',
    }
    this.set(0)
  }

  /** So many days from the machine's, within a second. */
  set(days: number): void {
    writeFileSync(this.#file, `${days < 0 ? '' : '+'}${days}d`)
  }
}

function findLibrary(): string | undefined {
  const places = ['/usr/lib', '/usr/lib64', '/usr/local/lib', ...architectures()]
  return places.map((place) => path.join(place, LIBRARY)).find((file) => existsSync(file))
}

/** Debian's directories for libraries, such as /usr/lib/x86_64-linux-gnu. */
function architectures(): string[] {
  return readdirSync('/usr/lib')
    .filter((name) => name.includes('-linux-gnu'))
    .map((name) => path.join('/usr/lib', name))
}
