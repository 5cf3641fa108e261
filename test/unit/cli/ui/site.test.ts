/** The site over a daemon that is made up. */
import assert from 'node:assert/strict'
import test from 'node:test'
import type { Ask } from '../../../../src/cli/ui/ask.ts'
import { Site, type SiteRequest } from '../../../../src/cli/ui/site.ts'
import type { ContentStates, ListResult, NetworkStatus } from '../../../../src/daemon/control-api.ts'
import { DfsError } from '../../../../src/errors.ts'

/** Wherever a text comes from, it may be this. */
const BAD = `"'><script>alert(1)</script>`
const FOLDER = `/home/${BAD.replaceAll('/', '|')}`

const network: NetworkStatus = {
  id: BAD,
  kind: 'private',
  members: 3,
  removed: true,
  behind: true,
  running: true,
  port: 8080,
  addresses: [BAD],
  connected: 1,
}
const content: ContentStates = {
  files: 3,
  bytes: 30,
  localBytes: 10,
  states: [
    { state: 'replicated 1/2', files: 1, bytes: 10 },
    { state: BAD, files: 1, bytes: 20 },
  ],
  unsafeFiles: 1,
  unsafeBytes: 10,
  plainFiles: 2,
  unreadable: [{ path: BAD, why: BAD }],
}
const listing: ListResult = {
  self: { name: BAD, kind: 'directory', size: 0, mtimeMs: 0 },
  total: 3,
  entries: [
    { name: BAD.replaceAll('/', '|'), kind: 'directory', size: 0, mtimeMs: 1e12 },
    { name: 'x', kind: 'file', size: 1, mtimeMs: 1e12, state: BAD, pinned: true, problem: BAD },
    { name: 'link', kind: 'symlink', size: 0, mtimeMs: Number.NaN },
  ],
}

const ANSWERS: Readonly<Record<string, (params: { path?: string }) => unknown>> = {
  list: ({ path }) =>
    path === undefined
      ? { total: 1, entries: [{ name: FOLDER, kind: 'folder', size: 0, mtimeMs: 0, mountpoint: `/mnt/${BAD}` }] }
      : path.endsWith('/x')
        ? { self: listing.entries[1], localBytes: 0, total: 0, entries: [] }
        : listing,
  devices: () => ({
    network,
    devices: [{ device: BAD, name: BAD, owner: BAD, ownerName: BAD, own: false, self: false, connected: true }],
  }),
  configGet: () => ({ settings: [{ key: 'localQuotaBytes', value: 5, fallback: 0, about: BAD }] }),
  status: () => ({
    folders: [{ folder: FOLDER, problem: undefined, files: 3, logicalBytes: 30, content }],
    store: { blocks: 1, bytes: 2, diskFreeBytes: 3 },
    network,
    replication: { replicas: 2, isDone: false, bytesPerSecond: 5, secondsLeft: 4, problems: [BAD] },
  }),
  history: () => ({ path: BAD, versions: [{ time: BAD, size: 1 }] }),
  hydrate: () => ({ files: 1, bytes: 2, failed: [{ path: BAD, why: BAD }] }),
}

const madeUp = (async (method: string, params: { path?: string }) => {
  const answer = ANSWERS[method]
  if (answer === undefined) throw new DfsError('invalid', BAD)
  return answer(params)
}) as unknown as Ask
const resting = (async () => {
  throw new DfsError('not-running', 'no daemon runs')
}) as unknown as Ask

function ask(site: Site, path: string, more: Partial<SiteRequest> = {}) {
  return site.answer({ path, query: new URLSearchParams(), form: undefined, isAutomatic: false, ...more })
}

const textOf = async (site: Site, path: string, query = '') => {
  const answer = await ask(site, path, { query: new URLSearchParams(query) })
  return answer.kind === 'page' ? answer.text : ''
}

test('no text of a daemon, a disk or another device becomes a part of a page', async () => {
  const site = new Site({ ask: madeUp, askRunning: madeUp })
  const folder = `/files${encodeURI(FOLDER).replaceAll("'", '%27')}`
  const form = new URLSearchParams({ do: 'hydrate', name: '.', back: '/' })
  assert.equal((await ask(site, `${folder}/x`, { form })).kind, 'redirect')
  const failing = new URLSearchParams({ do: 'evict', name: '.', back: '/' })
  assert.equal((await ask(site, `${folder}/x`, { form: failing })).kind, 'redirect')
  const pages = [
    await textOf(site, '/'),
    await textOf(site, folder),
    await textOf(site, folder, `open=${encodeURIComponent(encodeURIComponent(listing.entries[0]!.name))}`),
    await textOf(site, `${folder}/x`),
    await textOf(site, '/files/etc/%3Cscript%3E'),
  ]
  for (const page of pages) {
    assert.match(page, /<\/html>/)
    assert.doesNotMatch(page, /<script>|"'>/)
    assert.match(page, /&lt;script&gt;/)
  }
})

test('a page asks for what is new of a daemon that runs, and of none else', async () => {
  const site = new Site({ ask: madeUp, askRunning: resting })
  assert.equal((await ask(site, '/', { isAutomatic: true })).kind, 'nothing')
  const answer = await ask(site, '/')
  assert.equal(answer.kind === 'page' && answer.status, 503)
})

test('a form leads back to a page of this site, or nowhere', async () => {
  const site = new Site({ ask: madeUp, askRunning: madeUp })
  for (const back of ['//evil', 'http://evil', '/files/\\evil', '/jobs', '/files/x y', '/files/\n', '']) {
    const answer = await ask(site, '/jobs', { form: new URLSearchParams({ back }) })
    assert.equal(answer.kind === 'page' && answer.status, 400, back)
  }
  for (const back of ['/', '/files/a%20b?page=2&open=x%252Fy']) {
    assert.deepEqual(await ask(site, '/jobs', { form: new URLSearchParams({ back }) }), { kind: 'redirect', to: back })
  }
})
