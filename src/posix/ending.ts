/** Whether a thread ends by a signal: nobody of its process hears any answer then. From /proc, as `program.ts` asks it. */
import { readFileSync } from 'node:fs'

/** linux/sched.h. */
const PF_EXITING = 0x4
/** Places in /proc/TID/stat, counted from behind the name. */
const STAT = { flags: 6, exitCode: 49 } as const
/** The part of a wait status that names the signal. */
const SIGNAL_BITS = 0x7f

/** Signals that end nobody who does not ask for it: CHLD, CONT, STOP, TSTP, TTIN, TTOU, URG, WINCH. */
const HARMLESS = [17, 18, 19, 20, 21, 22, 23, 28].reduce((mask, signal) => mask | (1n << BigInt(signal - 1)), 0n)

/**
 * True if the thread was ended by a signal, and is only waiting for its last requests, or will be as soon as it no longer waits.
 * False for 0, for who is gone and for whom this user may not see.
 */
export function endsBySignal(thread: number): boolean {
  if (thread === 0) return false
  try {
    return wasEnded(thread) || willEnd(thread)
  } catch {
    return false
  }
}

function wasEnded(thread: number): boolean {
  const text = readFileSync(`/proc/${thread}/stat`, 'latin1')
  // The name may hold anything, parentheses too.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const isExiting = (Number(fields[STAT.flags]) & PF_EXITING) !== 0
  return isExiting && (Number(fields[STAT.exitCode]) & SIGNAL_BITS) !== 0
}

function willEnd(thread: number): boolean {
  const text = readFileSync(`/proc/${thread}/status`, 'latin1')
  const masks = new Map(
    [...text.matchAll(/^(\w+):\t([0-9a-f]{16})$/gm)].map(([, name, hex]) => [name, BigInt(`0x${hex}`)]),
  )
  const mask = (name: string) => masks.get(name) ?? 0n
  const pending = mask('SigPnd') | mask('ShdPnd')
  return (pending & ~mask('SigBlk') & ~mask('SigIgn') & ~mask('SigCgt') & ~HARMLESS) !== 0n
}
