/** What the pages show and do, by their addresses and forms alone: as a browser without scripts has them. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { fuseMissing } from '../support/mount.ts'
import { newPlace, type Place } from '../support/place.ts'
import { type Ending, until } from '../support/process.ts'
import { type Answer, openLink, send, startUi } from '../support/ui.ts'

const HOSTILE = `<img src=x onerror="alert('1')">&lt;`
const TWO_LINES = 'two\nlines \u202egpj.exe'
const NOT_TEXT = Buffer.from('caf\xe9', 'latin1')

interface Visit {
  readonly place: Place
  get(address: string, headers?: Record<string, string>): Promise<Answer>
  /** Sends a form of the page at this address. */
  post(address: string, form: readonly (readonly [string, string])[]): Promise<Answer>
}

/** A page over the place's folder, into which `fill` has put files that were then taken in. */
async function visit(t: Ending, fill: (folder: string) => void): Promise<Visit> {
  const place = newPlace(t)
  await place.dfsOk(['init'])
  fill(place.folder)
  await place.dfsOk(['add', place.folder])
  const { origin, link } = await startUi(t, place)
  const cookie = await openLink(link)
  return {
    place,
    get: (address, headers = {}) => send(origin + address, { headers: { ...headers, cookie } }),
    post: (address, form) =>
      send(origin + address, {
        method: 'POST',
        headers: { cookie, origin, 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams(form.map(([key, value]): [string, string] => [key, value])).toString(),
      }),
  }
}

const files = (place: Place) => `/files${place.folder}`

test('names that hold anything are shown, opened and acted on', async (t) => {
  const { place, get, post } = await visit(t, (folder) => {
    mkdirSync(path.join(folder, HOSTILE))
    writeFileSync(path.join(folder, HOSTILE, 'inner'), 'x')
    writeFileSync(path.join(folder, TWO_LINES), 'x')
    const odd = Buffer.concat([Buffer.from(`${folder}/`), NOT_TEXT])
    mkdirSync(odd)
    writeFileSync(Buffer.concat([odd, Buffer.from('/'), NOT_TEXT]), 'x')
  })
  const { text } = await get(files(place))
  assert.doesNotMatch(text, /<img/)
  assert.ok(text.includes('<bdi>&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;lt;</bdi>'))
  assert.ok(text.includes('<bdi>two\\nlines \\u202egpj.exe</bdi>'))
  assert.ok(text.includes('<bdi>caf\\xe9</bdi>'))

  const addresses = [...text.matchAll(/<a class="bare" href="(\/files[^"]*)"><bdi>/g)].map(([, address]) => address!)
  assert.equal(addresses.length, 3)
  for (const address of addresses) assert.equal((await get(address)).status, 200, address)
  assert.match((await get(addresses[0]!)).text, /<bdi>inner<\/bdi>/)

  const odd = `${files(place)}/caf%E9/caf%E9`
  assert.match((await get(odd)).text, /<h1><bdi>caf\\xe9<\/bdi><\/h1>/)
  const pinned = await post(odd, [
    ['do', 'pin'],
    ['name', '.'],
    ['back', odd],
  ])
  assert.equal(pinned.headers.location, odd)
  assert.match((await get(odd)).text, /1 file here whole.*badge pinned/s)
  assert.match((await get(`${files(place)}?open=caf%25E9`)).text, /caf\\xe9.*caf\\xe9.*pinned/s)
})

test('a large directory comes in pages, directories first, names as people sort', async (t) => {
  const { place, get } = await visit(t, (folder) => {
    for (let i = 0; i < 250; i++) writeFileSync(path.join(folder, `file ${i}`), 'x')
    mkdirSync(path.join(folder, 'zoo'))
  })
  const namesOn = async (query: string) => {
    const { text } = await get(files(place) + query)
    return [...text.matchAll(/<bdi>([^<]*)<\/bdi><\/a><\/span><\/th>/g)].map(([, name]) => name)
  }
  assert.deepEqual((await namesOn('')).slice(0, 4), ['zoo', 'file 0', 'file 1', 'file 2'])
  assert.deepEqual((await namesOn('?page=2')).slice(0, 2), ['file 99', 'file 100'])
  assert.equal((await namesOn('?page=3')).length, 51)
  assert.match((await get(`${files(place)}?page=3`)).text, /201–251 of 251/)
  for (const query of ['?page=0', '?page=-1', '?page=x', '?page=4', '?page=1e99']) {
    assert.match((await get(files(place) + query)).text, query === '?page=4' ? /201–251 of 251/ : /1–100 of 251/, query)
  }
})

test('plain files are shown as such, whatever they are called', async (t) => {
  const { place, get } = await visit(t, (folder) => writeFileSync(path.join(folder, 'taken in'), 'x'))
  writeFileSync(path.join(place.folder, 'plain'), 'x')
  writeFileSync(path.join(place.folder, 'program.f'), 'print *, 1')
  mkdirSync(path.join(place.folder, 'directory.f~'))
  const { text } = await get(files(place))
  const rows = [
    ...text.matchAll(/<bdi>([^<]*)<\/bdi><\/a><\/span><\/th>\s*<td class="state"[^>]*>(?:<span class="badge (\w+))?/g),
  ]
  assert.deepEqual(
    rows.map(([, name, look]) => [name, look]),
    [
      ['directory.f', undefined],
      ['plain', 'plain'],
      ['program.f', 'plain'],
      ['taken in', 'local'],
    ],
  )
})

test('a directory opens in place, and one that is gone is left out', async (t) => {
  const { place, get } = await visit(t, (folder) => {
    mkdirSync(path.join(folder, 'a/b'), { recursive: true })
    writeFileSync(path.join(folder, 'a/b/deep'), 'x')
  })
  const closed = (await get(files(place))).text
  assert.match(closed, /href="[^"]*\?open=a#[^"]*" aria-expanded="false" aria-label="Open a"/)
  const open = (await get(`${files(place)}?open=a&open=a%2Fb&open=gone`)).text
  assert.match(open, /aria-expanded="true" aria-label="Close b"/)
  assert.match(open, /<bdi>deep<\/bdi>/)
  assert.equal((await get(`${files(place)}?open=..%2F..%2Fetc`)).status, 400)
})

test('an earlier version comes back, also of a file that was deleted', async (t) => {
  const { place, get, post } = await visit(t, (folder) => writeFileSync(path.join(folder, 'note'), 'first'))
  const note = `${files(place)}/note`
  assert.match((await get(note)).text, /None is kept/)
  assert.equal((await get(`${files(place)}?name=note`)).headers.location, note)
  assert.equal((await get(`${files(place)}?name=never`)).headers.location, `${files(place)}/never`)
  const never = await get(`${files(place)}/never`)
  assert.equal(never.status, 404)
  assert.match(never.text, /There is no file of this name/)
  assert.equal((await get(`${note}/below`)).status, 404)
  const refused = await post(note, [
    ['do', 'restore'],
    ['at', '20200101T000000.000Z'],
    ['back', note],
  ])
  assert.equal(refused.status, 303)
  assert.match((await get(note)).text, /Restoring note.*failed/s)
})

test('of a file that two devices changed at once, one version is kept', { skip: fuseMissing() }, async (t) => {
  const copy = 'plan (conflict desktop 2026-11-23).txt'
  const { place, get, post } = await visit(t, (folder) => {
    writeFileSync(path.join(folder, 'plan.txt'), 'mine')
    writeFileSync(path.join(folder, copy), 'the other one')
  })
  await place.dfsOk(['mount', place.folder])
  const { text } = await get('/')
  assert.doesNotMatch(text, /id="conflicts"[^>]* hidden/)
  assert.match(text, /<bdi>plan\.txt<\/bdi>.*4 B.*<bdi>plan \(conflict desktop 2026-11-23\)\.txt<\/bdi>.*13 B/s)
  const address = `${files(place)}/${encodeURIComponent(copy).replaceAll(/[()]/g, (char) => (char === '(' ? '%28' : '%29'))}`
  assert.ok(text.includes(`action="${address}"`), text)
  const kept = await post(address, [
    ['do', 'keep'],
    ['back', '/'],
  ])
  assert.equal(kept.headers.location, '/')
  const after = (await get('/')).text
  assert.match(after, /id="conflicts"[^>]* hidden/)
  assert.match(after, /Kept; 1 other version gone to the earlier versions/)
  assert.equal(await place.dfsOk(['cat', path.join(place.folder, 'plan.txt.f')]), 'the other one')
})

test('a damaged stub is shown as such, and does not hide the others', async (t) => {
  const { place, get } = await visit(t, (folder) => {
    for (const name of ['damaged', 'sound']) writeFileSync(path.join(folder, name), 'x')
  })
  const stub = path.join(place.folder, 'damaged.f')
  const bytes = readFileSync(stub)
  writeFileSync(stub, bytes.fill(1, bytes.indexOf('\n') + 1))
  const { text } = await get(files(place))
  assert.match(text, /badge bad.*unreadable/)
  assert.match(text, /badge local/)
  const own = await get(`${files(place)}/damaged`)
  assert.equal(own.status, 200)
  assert.match(own.text, /class="trouble".*of the stub can be read.*Earlier versions/s)
})

test('what cannot be understood does nothing', async (t) => {
  const { place, get, post } = await visit(t, (folder) => writeFileSync(path.join(folder, 'file'), 'x'))
  const address = files(place)
  const back = ['back', address] as const
  assert.equal((await post(address, [back, ['do', 'rm'], ['name', '.']])).status, 400)
  assert.equal((await post(address, [back, ['do', 'toString'], ['name', '.']])).status, 400)
  assert.equal((await post(address, [back, ['do', 'pin']])).status, 400)
  assert.equal((await post(address, [back, ['do', 'pin'], ['name', '../../etc']])).status, 400)
  assert.equal((await post('/elsewhere', [back, ['do', 'pin'], ['name', '.']])).status, 404)
  assert.doesNotMatch((await get(address)).text, /class="job /)
})

test('a page that looks again by itself wakes no daemon', async (t) => {
  const { place, get } = await visit(t, (folder) => writeFileSync(path.join(folder, 'file'), 'x'))
  assert.equal((await get(files(place), { 'x-dfs-refresh': '1' })).status, 200)
  await place.dfs(['daemon', '--stop'])
  const isAlone = () => place.pids().length === 1
  await until('only dfs ui is left', isAlone, 20_000)
  assert.equal((await get(files(place), { 'x-dfs-refresh': '1' })).status, 204)
  assert.equal((await get('/', { 'x-dfs-refresh': '1' })).status, 204)
  assert.ok(isAlone())
  assert.equal((await get(files(place))).status, 200)
})
