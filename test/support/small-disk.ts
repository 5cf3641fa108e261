/** A small ext4 disk of our own: it can be full, and it can lose its power. Needs root. Goes with its place. */
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Place } from '../e2e/support/place.ts'
import { run, runOk, until } from '../e2e/support/process.ts'
import { cutPower } from './syscalls.ts'

export interface DiskOptions {
  mebibytes: number
  /** What `mount -o` takes. */
  mountOptions?: string
}

export class SmallDisk {
  /** Where it is mounted. */
  readonly path: string
  readonly #image: string
  readonly #mountOptions: string

  static async create(place: Place, name: string, { mebibytes, mountOptions }: DiskOptions): Promise<SmallDisk> {
    const disk = new SmallDisk(join(place.root, name), mountOptions)
    mkdirSync(disk.path)
    await runOk('truncate', ['-s', `${mebibytes}M`, disk.#image])
    // Nothing is left to a thread of the kernel's that would work on while something is measured.
    const complete = 'lazy_itable_init=0,lazy_journal_init=0'
    await runOk('mkfs.ext4', ['-q', '-m', '0', '-E', complete, disk.#image])
    await disk.#mount()
    return disk
  }

  private constructor(path: string, mountOptions = 'defaults') {
    this.path = path
    this.#image = `${path}.image`
    this.#mountOptions = `loop,${mountOptions}`
  }

  /** Takes all that is free, to the last byte. */
  async fill(): Promise<void> {
    const { bavail, bsize } = statfsSync(this.path)
    await run('fallocate', ['-l', String(bavail * bsize), this.#filler])
    const fd = openSync(this.#filler, 'a')
    for (const bytes of [1 << 20, 4096, 1]) while (fits(fd, bytes));
    closeSync(fd)
  }

  /** Gives back what `fill` took. */
  makeRoom(): void {
    rmSync(this.#filler)
  }

  /** All that is not on the disk at this moment is lost; every access fails from now on. */
  losePower(): void {
    const fd = openSync(this.path, 'r')
    cutPower(fd)
    closeSync(fd)
  }

  /** Whatever had files open on it must have been killed; a process that is just ending may still hold some. */
  async restorePower(): Promise<void> {
    await until(`${this.path} is unmounted`, async () => (await run('umount', [this.path])).code === 0)
    await this.#mount()
  }

  get #filler(): string {
    return join(this.path, 'filler')
  }

  async #mount(): Promise<void> {
    await runOk('mount', ['-o', this.#mountOptions, this.#image, this.path])
  }
}

function fits(fd: number, bytes: number): boolean {
  try {
    return writeSync(fd, Buffer.alloc(bytes, 1)) > 0
  } catch {
    return false
  }
}
