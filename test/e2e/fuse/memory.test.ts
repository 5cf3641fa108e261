/** The daemon's memory and descriptors do not grow with what was looked at or written, nor much with what is open. */
import assert from 'node:assert/strict'
import { type FileHandle, open } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { DaemonProcess } from '../../support/daemon-process.ts'
import { holdOpen } from '../../support/hold-open.ts'
import { makeManyStubs } from '../../support/many-stubs.ts'
import { Random } from '../../support/random.ts'
import { fuseMissing } from '../support/mount.ts'
import { newPlace } from '../support/place.ts'
import { until, within } from '../support/process.ts'

const RESIDENT_MIB_MAX = 300
const FILES = 12_000
const HANDLES = 3000
const MIB = 1024 * 1024
const WRITTEN_BYTES = 256 * MIB
/** Together more than may be dirty at a time, and in each chunk so many that it is completed from its block. */
const EDITS = 20_000
const EDIT_BYTES = 4096
const WRITE_MS = 120_000

test('walks over many files and many open handles leave memory and descriptors as they were', {
  skip: fuseMissing(),
}, async (t) => {
  const place = newPlace(t)
  await makeManyStubs(place, { large: HANDLES, spread: FILES - HANDLES })
  await place.dfsOk(['mount', place.folder])
  const daemon = new DaemonProcess(place)
  const walk = () => place.sh('find folder -type f -size +1000000')
  await walk()
  const filesOpen = daemon.openFiles
  await walk()
  {
    await using _held = await holdOpen(path.join(place.folder, 'large'), HANDLES)
    assert.ok(daemon.residentMiB < RESIDENT_MIB_MAX, `${daemon.residentMiB} MiB with ${HANDLES} handles`)
    assert.ok(daemon.openFiles < filesOpen + HANDLES / 10, `${daemon.openFiles} descriptors with ${HANDLES} handles`)
  }
  await walk()
  assert.ok(daemon.residentMiB < RESIDENT_MIB_MAX, `${daemon.residentMiB} MiB after all`)
  // Those of the index come and go by themselves.
  await until('descriptors are given back', () => daemon.openFiles <= filesOpen + 10)
  await place.dfsOk(['umount', place.folder])
})

test('a large file, and tens of thousands of edits at random places in it, are written with bounded memory', {
  skip: fuseMissing(),
}, async (t) => {
  const place = newPlace(t)
  await place.dfsOk(['mount', place.folder])
  const daemon = new DaemonProcess(place)
  const random = new Random(1)
  const file = await within(WRITE_MS, open(path.join(place.folder, 'file'), 'w+'), 'opening')
  try {
    await within(WRITE_MS, write(file, WRITTEN_BYTES, random), 'writing')
    assert.ok(daemon.peakMiB < RESIDENT_MIB_MAX, `${daemon.peakMiB} MiB to write it`)
    await within(WRITE_MS, edit(file, EDITS, random), 'editing')
    assert.ok(daemon.peakMiB < RESIDENT_MIB_MAX, `${daemon.peakMiB} MiB to edit it`)
    t.diagnostic(`${Math.round(daemon.peakMiB)} MiB at most`)
  } finally {
    await within(WRITE_MS, file.close(), 'closing')
  }
  await place.dfsOk(['umount', place.folder])
})

async function write(file: FileHandle, bytes: number, random: Random): Promise<void> {
  for (let at = 0; at < bytes; at += MIB) await file.write(random.bytes(MIB), 0, MIB, at)
  await file.sync()
}

async function edit(file: FileHandle, edits: number, random: Random): Promise<void> {
  const bytes = random.bytes(EDIT_BYTES)
  for (let count = 0; count < edits; count++) {
    await file.write(bytes, 0, EDIT_BYTES, EDIT_BYTES * random.below(WRITTEN_BYTES / EDIT_BYTES))
  }
  await file.sync()
}
