/** The daemon's memory and descriptors do not grow with what was looked at, nor much with what is open. */
import assert from 'node:assert/strict'
import path from 'node:path'
import { test } from 'node:test'
import { DaemonProcess } from '../../support/daemon-process.ts'
import { holdOpen } from '../../support/hold-open.ts'
import { makeManyStubs } from '../../support/many-stubs.ts'
import { fuseMissing } from '../support/mount.ts'
import { newPlace } from '../support/place.ts'
import { until } from '../support/process.ts'

const RESIDENT_MIB_MAX = 300
const FILES = 12_000
const HANDLES = 3000

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
