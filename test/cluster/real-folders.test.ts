/**
 * One folder on three devices, of which two never reach each other and the third lends space, used as people use folders:
 * a git repository, a mail directory, photos, and a big file with small edits. In the end rsync finds no difference.
 * Twenty thousand photos and eight gibibytes; DFS_CLUSTER=short has it in little, in a minute.
 */
import assert from 'node:assert/strict'
import * as fs from 'node:fs/promises'
import path from 'node:path'
import test from 'node:test'
import type { Device } from '../e2e/support/device.ts'
import { pair } from '../e2e/support/device.ts'
import { run, until, within } from '../e2e/support/process.ts'
import { connected } from '../e2e/support/sharing.ts'
import { Random } from '../support/random.ts'
import { program, skipUnless } from '../support/requirements.ts'
import { Cluster, clusterMissing, longClusterMissing } from './support/cluster.ts'

const IS_SHORT = process.env.DFS_CLUSTER === 'short'
const MIB = 1024 * 1024
const PAGE = 4096
const PHOTOS = IS_SHORT ? 200 : 20_000
const PHOTOS_IN_DIRECTORY = 100
const PHOTO_BYTES_MAX = 64 * 1024
const MAILS = IS_SHORT ? 20 : 200
const BIG_MIB = IS_SHORT ? 64 : 8192
const EDITS = 4
const TURNS = IS_SHORT ? 3 : 10
const LENT_BYTES = 100e9
const SOON_MS = 60_000
const LONG_MS = IS_SHORT ? 120_000 : 1_800_000
/** Longer than a chunk: what is cut anew around an edit, and its place in the tree. */
const EDIT_BYTES_MAX = 3 * MIB

const soon = <T>(work: Promise<T>): Promise<T> => within(SOON_MS, work)

/** What a shell script prints in a directory of the folder; undefined if it fails. */
async function said(device: Device, directory: string, script: string, deadlineMs = SOON_MS) {
  const env = { ...device.env, GIT_AUTHOR_NAME: 'a', GIT_AUTHOR_EMAIL: 'a@a', GIT_COMMITTER_NAME: 'a' }
  const options = { cwd: '/', env: { ...env, GIT_COMMITTER_EMAIL: 'a@a' }, deadlineMs }
  const { code, stdout } = await run('sh', ['-euc', `cd "${path.join(device.folder, directory)}"; ${script}`], options)
  return code === 0 ? stdout : undefined
}

async function sees(device: Device, what: string, look: (device: Device) => Promise<boolean>, deadlineMs = SOON_MS) {
  await until(what, () => look(device).catch(() => false), deadlineMs)
}

async function useGit(one: Device, other: Device): Promise<void> {
  await soon(fs.mkdir(path.join(one.folder, 'repository')))
  await said(one, 'repository', 'git init -q -b main; echo 0 > turn; git add .; git commit -qm 0')
  for (let turn = 1; turn <= TURNS; turn++) {
    const [from, to] = turn % 2 === 1 ? [one, other] : [other, one]
    const commit = `echo ${turn} >> turn; echo ${turn} > "file ${turn}"; git add .; git commit -qm ${turn}; git rev-parse HEAD`
    const head = await said(from, 'repository', commit)
    assert(head !== undefined, `the commit of turn ${turn} succeeds`)
    await sees(to, `turn ${turn} is there`, async () => {
      const state = 'git rev-parse HEAD; git status --porcelain; git fsck --full --strict 2>&1'
      return (await said(to, 'repository', state)) === head
    })
  }
  const log = `${Array.from({ length: TURNS + 1 }, (_, i) => TURNS - i).join('\n')}\n`
  for (const device of [one, other]) assert.equal(await said(device, 'repository', 'git log --format=%s'), log)
}

/** Delivered on one, read on the other, answered on the first: see maildir(5). */
async function useMaildir(one: Device, other: Device): Promise<void> {
  const at = (device: Device, ...names: string[]) => path.join(device.folder, 'mail', ...names)
  for (const name of ['', 'tmp', 'new', 'cur']) await soon(fs.mkdir(at(one, name)))
  const names = Array.from({ length: MAILS }, (_, i) => `${1_700_000_000 + i}.host`)
  const flag = async (device: Device, name: string, from: string, to: string) => {
    await sees(device, `${from} is there`, async () => (await soon(fs.stat(at(device, from)))).size > 0)
    await soon(fs.rename(at(device, from), at(device, to)))
    assert.equal(await soon(fs.readFile(at(device, to), 'utf8')), `mail ${name}`)
  }
  const deliver = async () => {
    for (const name of names) {
      await soon(fs.writeFile(at(one, 'tmp', name), `mail ${name}`))
      await soon(fs.rename(at(one, 'tmp', name), at(one, 'new', name)))
    }
  }
  const read = async () => {
    for (const name of names) await flag(other, name, `new/${name}`, `cur/${name}:2,S`)
  }
  const answer = async () => {
    for (const name of names) await flag(one, name, `cur/${name}:2,S`, `cur/${name}:2,RS`)
  }
  await Promise.all([deliver(), read(), answer()])
  for (const device of [one, other]) {
    await sees(device, 'all are answered', async () => {
      const found = [await fs.readdir(at(device, 'tmp')), await fs.readdir(at(device, 'new'))].flat()
      const cur = (await soon(fs.readdir(at(device, 'cur')))).sort()
      return found.length === 0 && cur.join() === names.map((name) => `${name}:2,RS`).join()
    })
  }
}

async function addPhotos(one: Device, other: Device): Promise<void> {
  const random = new Random(1)
  const place = (device: Device, i: number) =>
    path.join(device.folder, 'photos', `${Math.floor(i / PHOTOS_IN_DIRECTORY)}`, `${i}.jpg`)
  for (let i = 0; i < PHOTOS; i++) {
    if (i % PHOTOS_IN_DIRECTORY === 0) await soon(fs.mkdir(path.dirname(place(one, i)), { recursive: true }))
    await soon(fs.writeFile(place(one, i), random.bytes(1 + random.below(PHOTO_BYTES_MAX))))
  }
  const count = async () => (await said(other, 'photos', 'find . -type f | wc -l', LONG_MS))?.trim() === `${PHOTOS}`
  await sees(other, 'all photos are there', count, LONG_MS)
}

/** Gives how many bytes came to the other for each edit. */
async function editBigFile(one: Device, other: Device, carriedBytes: () => Promise<number>): Promise<number> {
  const hashOf = (device: Device) => said(device, '', 'sha256sum big', LONG_MS)
  await said(one, '', `head -c ${BIG_MIB}M /dev/urandom > big`, LONG_MS)
  const isSame = async () => (await hashOf(other)) === (await hashOf(one))
  await sees(other, 'the big file can be read', isSame, LONG_MS)
  const before = await carriedBytes()
  const random = new Random(2)
  const file = await soon(fs.open(path.join(one.folder, 'big'), 'r+'))
  for (let edit = 0; edit < EDITS; edit++) {
    await soon(file.write(random.bytes(PAGE), 0, PAGE, random.below((BIG_MIB * MIB) / PAGE) * PAGE))
  }
  await soon(file.close())
  await sees(other, 'the edits can be read', isSame, LONG_MS)
  return ((await carriedBytes()) - before) / EDITS
}

/** Attributes of directories and symbolic links aside, as far as they are times: those are not kept the same. */
async function differences(one: Device, other: Device): Promise<string> {
  const args = ['-anc', '--delete', '--omit-dir-times', '--omit-link-times', '--out-format=%i %n']
  const { code, stdout, stderr } = await run('rsync', [...args, '--', `${one.folder}/`, `${other.folder}/`], {
    deadlineMs: LONG_MS,
  })
  return code === 0 ? stdout : stderr
}

test('three devices, two of which never meet, use one folder and end with the same', {
  skip: skipUnless(IS_SHORT ? clusterMissing : longClusterMissing, program('rsync'), program('git')),
  timeout: IS_SHORT ? 600_000 : 3 * 3_600_000,
}, async (t) => {
  const cluster = await Cluster.start(t, ['laptop', 'server', 'desktop'], { mtu: 65_000 })
  await cluster.cut(['laptop', 'desktop'])
  const [laptop, server, desktop] = [
    await cluster.host('laptop').newDevice(),
    await cluster.host('server').newDevice({ config: { offerBytes: LENT_BYTES } }),
    await cluster.host('desktop').newDevice(),
  ]
  await laptop.dfsOk(['init', '--name', 'laptop'])
  await laptop.dfsOk(['mount', laptop.folder])
  await pair(laptop, server)
  await server.dfsOk(['mount', server.folder])
  await connected(server)
  await pair(server, desktop)
  await desktop.dfsOk(['mount', desktop.folder])
  await connected(desktop)

  await t.test('a git repository, by turns', () => useGit(laptop, desktop))
  await t.test('a mail directory, by both at once', () => useMaildir(laptop, desktop))
  await t.test(`${PHOTOS} photos`, () => addPhotos(desktop, laptop))
  await t.test(`${BIG_MIB} MiB, of which only what changed travels`, async (t) => {
    const carried = () => cluster.carriedBytes('server', 'desktop')
    const bytes = await editBigFile(laptop, desktop, carried)
    t.diagnostic(`${(bytes / MIB).toFixed(2)} MiB for an edit of ${PAGE} bytes`)
    assert(bytes < EDIT_BYTES_MAX)
  })
  await t.test('rsync finds no difference', async () => {
    for (const other of [server, desktop]) {
      const isEqual = async () => (await differences(laptop, other)) === ''
      await until('all is the same', isEqual, LONG_MS).catch(() => undefined)
      assert.equal(await differences(laptop, other), '')
    }
  })
})
