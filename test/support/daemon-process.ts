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
    return this.#statusMiB('VmRSS')
  }

  /** The most that was in use at a time, in MiB. */
  get peakMiB(): number {
    return this.#statusMiB('VmHWM')
  }

  get openFiles(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length
  }

  #statusMiB(field: string): number {
    const status = readFileSync(`/proc/${this.pid}/status`, 'latin1')
    return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)![1]) / 1024
  }
}
