/**
 * Keeps the house as DESIGN draws it: which room may import which, who alone may use what, and the shape of files.
 * Reads the import lines of src/; a rule that stands in the way is changed here, together with the design.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { fileURLToPath } from 'node:url'

const SRC = fileURLToPath(new URL('../../src/', import.meta.url))
const FLOOR = ['dfs', 'errors', 'log', 'bytes', 'posix', 'concurrency']
const PURE = ['dfs', 'errors', 'bytes']

/** The rooms that each room may import besides itself. */
const ARROWS: Record<string, readonly string[]> = {
  dfs: [],
  errors: [],
  log: [],
  bytes: ['dfs', 'errors'],
  concurrency: ['dfs', 'errors'],
  posix: ['dfs', 'errors', 'log', 'bytes', 'concurrency'],
  format: PURE,
  seal: [...FLOOR, 'format'],
  store: [...FLOOR, 'format', 'seal'],
  vfs: [...FLOOR, 'format', 'seal'],
  net: [...FLOOR, 'format', 'seal'],
  sync: [...FLOOR, 'format', 'seal'],
  fuse: [...FLOOR, 'vfs'],
  daemon: [...FLOOR, 'format', 'seal', 'store', 'vfs', 'net', 'sync', 'fuse'],
  cli: FLOOR,
}

/** The one file of another room that everybody in `cli` may import. */
const CONTROL_API = 'daemon/control-api.ts'

/** Packages, by the rooms (or files) that alone may import them. */
const ALONE: Record<string, readonly string[]> = {
  koffi: ['posix/'],
  'fuse-native': ['fuse/fuse-native/'],
  libp2p: ['net/'],
  '@libp2p/': ['net/'],
  level: ['store/'],
  'classic-level': ['store/'],
  piscina: ['seal/'],
  '@napi-rs/blake-hash': ['seal/'],
  '@noble/hashes': ['seal/'],
  '@scure/bip39': ['seal/'],
  commander: ['cli/'],
  'prom-client': ['daemon/metrics/'],
  'cli-progress': ['cli/'],
  debug: ['log.ts'],
}

/** What rooms other than seal/ may take from here: nothing that compresses, encrypts, decrypts or derives keys. */
const FOR_ALL: Record<string, readonly string[]> = {
  'node:crypto': ['createHash', 'randomBytes', 'randomUUID', 'timingSafeEqual'],
  'node:zlib': ['crc32'],
}

/** Rooms that compute and touch nothing of the machine. */
const PURE_ROOMS = ['bytes', 'concurrency', 'format']
const MACHINE = /^node:(fs|net|child_process|worker_threads|http|https|dgram|os)\b/

/** Processes of their own, whose one answer another program reads. */
const ANSWER_ON_STDOUT = ['daemon/doctor-main.ts', 'daemon/force-umount-main.ts']

const LINES_MAX = 320

interface Import {
  readonly from: string
  /** The imported file relative to src/, or the package as written. */
  readonly target: string
  readonly names: string
  readonly isLocal: boolean
  readonly isType: boolean
}

interface Source {
  readonly file: string
  readonly room: string
  readonly text: string
  readonly imports: readonly Import[]
}

const sources = readSources()
const imports = sources.flatMap((source) => source.imports)

test('every room imports only what it may', () => {
  const wrong = imports.filter(({ from, target, isLocal }) => {
    const [room, other] = [roomOf(from), roomOf(target)]
    if (!isLocal || room === other || (room === 'cli' && target === CONTROL_API)) return false
    return !(ARROWS[room] ?? []).includes(other)
  })
  assertNone(wrong.map(arrow))
})

test('every room is one that the design knows', () => {
  assertNone(sources.filter(({ room }) => ARROWS[room] === undefined).map(({ file }) => file))
})

test('imports run in no circle (types within a room aside)', () => {
  const targets = new Map(
    sources.map(({ file, imports }) => [
      file,
      imports.filter((one) => one.isLocal && !one.isType).map((one) => one.target),
    ]),
  )
  const done = new Set<string>()
  const circles: string[] = []
  const visit = (file: string, trail: readonly string[]) => {
    if (trail.includes(file)) circles.push([...trail.slice(trail.indexOf(file)), file].join(' -> '))
    if (done.has(file) || trail.includes(file)) return
    for (const target of targets.get(file) ?? []) visit(target, [...trail, file])
    done.add(file)
  }
  for (const file of targets.keys()) visit(file, [])
  assertNone(circles)
})

test('a package is imported only where its room is', () => {
  const wrong = imports.filter(({ from, target, isLocal }) => {
    if (isLocal) return false
    const owned = Object.keys(ALONE).find(
      (name) => target === name || target.startsWith(name.endsWith('/') ? name : `${name}/`),
    )
    return owned !== undefined && !ALONE[owned]!.some((owner) => from.startsWith(owner))
  })
  assertNone(wrong.map(arrow))
})

test('only seal/ compresses, encrypts, decrypts and derives keys', () => {
  const wrong = imports.filter(({ from, target, names }) => {
    const forAll = FOR_ALL[target]
    if (forAll === undefined || roomOf(from) === 'seal') return false
    const taken = names
      .replaceAll(/[{}\s]/g, '')
      .split(',')
      .filter(Boolean)
    return taken.length === 0 || !taken.every((name) => forAll.includes(name))
  })
  assertNone(wrong.map(({ from, target, names }) => `${from} takes ${names || 'all'} from ${target}`))
})

test('pure rooms touch no files, sockets, processes or threads', () => {
  const wrong = imports.filter(({ from, target }) => PURE_ROOMS.includes(roomOf(from)) && MACHINE.test(target))
  assertNone(wrong.map(arrow))
})

test('only daemon/daemon.ts builds the parts', () => {
  const parts = sources.flatMap(({ room, text }) =>
    FLOOR.includes(room) ? [] : classesWithLifeCycle(text).map((name) => ({ room, name })),
  )
  const wrong = sources
    .filter(({ file }) => file !== 'daemon/daemon.ts')
    .flatMap((source) =>
      parts
        .filter((part) => part.room !== source.room && builds(source, part))
        .map(({ name }) => `${source.file} builds a ${name}`),
    )
  assertNone(wrong)
})

test('only cli/ prints', () => {
  const silent = sources.filter(({ file, room }) => room !== 'cli' && !ANSWER_ON_STDOUT.includes(file))
  assertNone(silent.filter(({ text }) => /^[^*/]*\b(console\.|process\.stdout\b)/m.test(text)).map(({ file }) => file))
})

test(`no file is longer than ${LINES_MAX} lines`, () => {
  const long = sources.map(({ file, text }) => ({ file, lines: text.split('\n').length - 1 }))
  assertNone(long.filter(({ lines }) => lines > LINES_MAX).map(({ file, lines }) => `${file} has ${lines}`))
})

test('a file is kebab-case, named for one thing, and no barrel', () => {
  const wrong = sources.filter(({ file, text }) => {
    const names = file.replace(/\.ts$/, '').split('/')
    return (
      !names.every(
        (name) => /^[a-z0-9]+(-[a-z0-9]+)*$/.test(name) && !/^(utils?|helpers?|misc|common|index)$/.test(name),
      ) || /^export \* from/m.test(text)
    )
  })
  assertNone(wrong.map(({ file }) => file))
})

test('a file opens with what it owns', () => {
  assertNone(sources.filter(({ text }) => !text.startsWith('/**')).map(({ file }) => file))
})

test('exports have names (but for what a worker thread runs), and nothing is left to do', () => {
  const wrong = sources.filter(
    ({ file, text }) =>
      (/^export default/m.test(text) && !file.endsWith('/worker.ts')) || /\b(TODO|FIXME|XXX)\b/.test(text),
  )
  assertNone(wrong.map(({ file }) => file))
})

function assertNone(found: readonly string[]): void {
  assert.equal(found.length, 0, `\n  ${found.join('\n  ')}`)
}

function arrow({ from, target }: Import): string {
  return `${from} -> ${target}`
}

/** The first part of a path in src/: `store` of `store/journal.ts`, `errors` of `errors.ts`. */
function roomOf(file: string): string {
  return file.split('/')[0]!.replace(/\.ts$/, '')
}

function readSources(): Source[] {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
  return files.sort().map((file) => {
    const text = readFileSync(path.join(SRC, file), 'utf8')
    return { file, room: roomOf(file), text, imports: readImports(file, text) }
  })
}

/** Static, side-effect and dynamic imports, re-exports, and `require` of a literal. */
function readImports(from: string, text: string): Import[] {
  const statements = text.matchAll(
    /^(?:import|export)\s+(?<type>type\s+)?(?<names>[^'"`;()]*?)\s*from\s+'(?<specifier>[^']+)'/gm,
  )
  const others = text.matchAll(
    /^import\s+'(?<specifier>[^']+)'|^[^*\n]*?\b(?:import|require)\(\s*'(?<called>[^']+)'\s*\)/gm,
  )
  return [...statements, ...others].map(({ groups = {} }) => {
    const specifier = groups.specifier ?? groups.called!
    const isLocal = specifier.startsWith('.')
    const target = isLocal ? path.posix.join(path.posix.dirname(from), specifier) : specifier
    return { from, target, names: groups.names ?? '', isLocal, isType: groups.type !== undefined }
  })
}

/** Exported classes that are opened or closed: what a composition has to put together and take apart. */
function classesWithLifeCycle(text: string): string[] {
  const classes = text.matchAll(/^export class (?<name>\w+)[\s\S]*?^}/gm)
  return [...classes]
    .filter(([body]) => /^ {2}(static (async )?open|(async )?close)\(/m.test(body))
    .map(({ groups }) => groups!.name!)
}

function builds({ imports, text }: Source, { room, name }: { room: string; name: string }): boolean {
  const imported = imports.some(
    (one) => !one.isType && roomOf(one.target) === room && new RegExp(`\\b${name}\\b`).test(one.names),
  )
  return imported && new RegExp(`\\bnew ${name}\\(|\\b${name}\\.open\\(`).test(text)
}
