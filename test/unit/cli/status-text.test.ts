import assert from 'node:assert/strict'
import test from 'node:test'
import { describeStatus } from '../../../src/cli/status-text.ts'
import type { FolderStatus, StatusResult } from '../../../src/daemon/control-api.ts'

const GIB = 1024 ** 3
const content = {
  ...{ files: 3, bytes: 3 * GIB, localBytes: GIB, unsafeFiles: 1, unsafeBytes: GIB, plainFiles: 2, unreadable: [] },
  states: [
    { state: 'local', files: 1, bytes: GIB },
    { state: 'replicated 2/2', files: 2, bytes: 2 * GIB },
  ],
}
const folder: FolderStatus = {
  ...{ id: '00', folder: '/me/cloud', mountpoint: '/me/cloud', driver: 'kernel', problem: undefined },
  syncProblem: undefined,
  ...{ files: 3, logicalBytes: 3 * GIB, storedBytes: GIB, journalBytes: 0, content },
}
const status: StatusResult = {
  home: '/me/home',
  pid: 1,
  folders: [folder],
  store: { blocks: 10, bytes: GIB, diskFreeBytes: 50 * GIB },
  network: {
    ...{ id: 'abcdefghijk', kind: 'private', members: 3, removed: false, behind: false, running: true, port: 8080 },
    ...{ addresses: [], connected: 2 },
  },
  replication: {
    replicas: 2,
    isDone: false,
    bytesPerSecond: 2 * 1024 ** 2,
    secondsLeft: 512,
    problems: [],
    lentBytes: 3 * 1024 ** 2,
    offerBytes: 1024 ** 3,
  },
}

test('a status has folders, space, devices and copies at a glance', () => {
  assert.deepEqual(describeStatus(status), [
    '/me/cloud  mounted (kernel)',
    '  files           3',
    '  size            3.0 GiB, stored 1.0 GiB',
    '  in the journal  0 B',
    '  plain           2 files not taken in; see "dfs add"',
    '  local           1 file, 1.0 GiB',
    '  replicated 2/2  2 files, 2.0 GiB',
    '  here            1.0 GiB of 3.0 GiB',
    '',
    'home   /me/home',
    'store  10 blocks, 1.0 GiB; 50.0 GiB free on its disk',
    'network  private abcdefgh, 3 devices, 2 connected',
    'copies  under way: 2.0 MiB/s, 9 min left',
    'lends   3.0 MiB of 1.0 GiB offered to other devices',
  ])
})

test('what is wrong comes first, each thing once', () => {
  const unreadable = [{ path: '/me/cloud/a', why: 'damaged' }]
  const lines = describeStatus({
    ...status,
    folders: [
      { ...folder, content: { ...content, unreadable } },
      { ...folder, folder: '/gone', problem: 'is not there' },
      { ...folder, folder: '/other', syncProblem: '/other: files are gone' },
    ],
    below: { path: '/me/cloud/a', content: { ...content, unreadable } },
    store: { ...status.store, diskFreeBytes: GIB / 2 },
    network: { ...status.network, behind: true },
    replication: { ...status.replication, problems: ['nobody lends'] },
  })
  assert.deepEqual(lines.slice(0, 7), [
    { tone: 'bad', text: 'problem  /gone: is not there' },
    { tone: 'bad', text: 'problem  /other: files are gone' },
    { tone: 'bad', text: 'problem  /me/cloud/a: damaged' },
    { tone: 'bad', text: 'problem  nobody lends' },
    {
      tone: 'warn',
      text: 'note     another device of yours has a newer personal key; this one gets it when they meet',
    },
    { tone: 'warn', text: 'note     the disk of the home has 512 MiB left' },
    '',
  ])
})

test('a removed device says so at once', () => {
  const [first] = describeStatus({ ...status, network: { ...status.network, removed: true } })
  assert.partialDeepStrictEqual(first, { tone: 'bad' })
})
