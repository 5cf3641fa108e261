/**
 * How the kernel reads ahead for a mount and how much written data it keeps for it: /sys/class/bdi, which only root
 * may write (Documentation/ABI/testing/sysfs-class-bdi of Linux).
 */
import { writeFileSync } from 'node:fs'

export interface BackingDeviceSettings {
  readonly readAheadBytes: number
  /** Share of the memory for dirty pages that pages of this mount may take, in percent. */
  readonly dirtyPercentMax: number
}

/** `device`: as mountinfo names it, `0:47`. Fails as node:fs does where /sys is not writable. */
export function tuneBackingDevice(device: string, { readAheadBytes, dirtyPercentMax }: BackingDeviceSettings): void {
  const directory = `/sys/class/bdi/${device}`
  writeFileSync(`${directory}/read_ahead_kb`, String(readAheadBytes / 1024))
  writeFileSync(`${directory}/max_ratio`, String(dirtyPercentMax))
}
