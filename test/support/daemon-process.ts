/** What the daemon of a place takes of the machine, as /proc tells it. */
import { readdirSync, readFileSync } from 'node:fs'
import type { Place } from '../e2e/support/place.ts'

export class DaemonProcess {
  readonly pid: number

  /** The place's daemon, which runs. */
  constructor(place: Place) {
    const pid = place.pids().find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('daemon/main'))
    if (pid === undefined) throw new Error('no daemon runs')
    this.pid = pid
  }

  /** Memory in use, in MiB. */
  get residentMiB(): number {
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.pid}/status`, 'latin1'))![1]) / 1024
  }

  get openFiles(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length
  }
}
