/**
 * `config.json`: what a person may set, with one schema. A key names its unit; only what differs from the
 * fallback is stored. Unknown keys and values out of range are refused, never ignored.
 */
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { DfsError } from '../errors.ts'
import { replaceFile } from '../store/small-file.ts'
import { parseByteCount } from './byte-count.ts'
import type { Setting } from './control-api.ts'

interface FieldBase {
  /** Read anew whenever it is used; the others count from the daemon's next start. */
  readonly atOnce?: true
  readonly about: string
}

interface NumberField extends FieldBase {
  readonly type: 'number'
  /** Sizes may be given as people write them: `20GB`. */
  readonly unit?: 'bytes'
  readonly min: number
  readonly max: number
  readonly fallback: number
}

interface TextField extends FieldBase {
  readonly type: 'text'
  readonly choices?: readonly string[]
  readonly fallback: string
}

type Field = NumberField | TextField

const MIB = 1024 * 1024

/** They look into every file they find: thumbnailers, indexers, virus scanners and backup programs. */
const LOCAL_ONLY_PROGRAMS = [
  ...['tumblerd', 'ffmpegthumbnailer', 'gdk-pixbuf-thumbnailer', 'totem-video-thumbnailer', 'evince-thumbnailer'],
  ...['tracker-miner-fs', 'tracker-miner-fs-3', 'tracker-extract', 'tracker-extract-3'],
  ...['localsearch-3', 'localsearch-extractor-3', 'baloo_file', 'baloo_file_extractor', 'recollindex'],
  ...['updatedb', 'updatedb.mlocate', 'updatedb.plocate', 'clamscan', 'clamd', 'minidlnad'],
  ...['restic', 'borg', 'duplicity', 'kopia'],
]

const SCHEMA = {
  deviceName: { type: 'text', atOnce: true, fallback: hostname(), about: 'name of this device, for people' },
  driver: {
    type: 'text',
    atOnce: true,
    choices: ['auto', 'kernel', 'fuse-native'],
    fallback: 'auto',
    about: 'how folders are mounted when --driver does not say',
  },
  dirtyBytesMax: {
    type: 'number',
    min: 8 * MIB,
    max: 16 * 1024 * MIB,
    fallback: 64 * MIB,
    about: 'memory for written data that is not stored yet',
  },
  cacheBytesMax: {
    type: 'number',
    min: 8 * MIB,
    max: 16 * 1024 * MIB,
    fallback: 32 * MIB,
    about: 'memory for opened content that may be read again',
  },
  keepDeletedAfterSeconds: {
    type: 'number',
    min: 0,
    max: 86_400,
    fallback: 10,
    about: 'how long a file must have stood unchanged for its deletion to keep a version',
  },
  sealThreads: {
    type: 'number',
    min: 0,
    max: 64,
    fallback: 0,
    about: 'threads that compress and encrypt; 0: by the number of cores',
  },
  replicas: {
    type: 'number',
    atOnce: true,
    min: 0,
    max: 16,
    fallback: 2,
    about: 'how many other devices hold each block before it counts as safe and may be evicted; 0: nothing is copied',
  },
  localQuotaBytes: {
    type: 'number',
    unit: 'bytes',
    atOnce: true,
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    fallback: 0,
    about:
      'how much own content stays here; beyond it, what was not used for longest is evicted once it is safe; 0: all',
  },
  upBytesPerSecond: {
    type: 'number',
    unit: 'bytes',
    atOnce: true,
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    fallback: 0,
    about: 'how fast own content is copied to other devices; 0: as fast as it goes',
  },
  downBytesPerSecond: {
    type: 'number',
    unit: 'bytes',
    atOnce: true,
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    fallback: 0,
    about: 'how fast `dfs hydrate` and `dfs pin` fetch; 0: as fast as it goes',
  },
  versionDays: {
    type: 'number',
    atOnce: true,
    min: 0,
    max: 36_500,
    fallback: 30,
    about: 'how long older versions of files are kept, in days that dfs runs',
  },
  gcGraceMinutes: {
    type: 'number',
    atOnce: true,
    min: 0,
    max: 60 * 24 * 365,
    fallback: 60,
    about: 'how long a block that nothing needs is kept before `dfs gc` drops it',
  },
  offerBytes: {
    type: 'number',
    unit: 'bytes',
    atOnce: true,
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    fallback: 0,
    about: 'how much is kept here for other devices, who ask for it; 0: nothing new',
  },
  network: {
    type: 'text',
    choices: ['on', 'off'],
    fallback: 'on',
    about: 'whether to speak with other devices at all',
  },
  port: {
    type: 'number',
    min: 0,
    max: 65_535,
    fallback: 8080,
    about: 'TCP port to listen on; if it is not set here and taken, the next free one; 0: any',
  },
  listenHosts: {
    type: 'text',
    fallback: 'all',
    about: 'IP addresses to listen on, separated by commas, or "all"',
  },
  mdns: {
    type: 'text',
    choices: ['on', 'off'],
    fallback: 'on',
    about: 'whether to look for devices on the local network',
  },
  bootstrap: {
    type: 'text',
    fallback: 'none',
    about: 'addresses of devices to begin with (multiaddrs with /p2p/ID), separated by commas, or "none"',
  },
  bitswap: {
    type: 'text',
    choices: ['on', 'off'],
    fallback: 'off',
    about: 'whether any IPFS node may fetch the encrypted blocks by their CIDs',
  },
  fetchTimeoutSeconds: {
    type: 'number',
    min: 1,
    max: 3600,
    fallback: 15,
    about: 'how long reading waits for other devices before it fails',
  },
  localOnlyPrograms: {
    type: 'text',
    atOnce: true,
    fallback: LOCAL_ONLY_PROGRAMS.join(', '),
    about: 'programs for whose reads nothing is fetched from other devices, separated by commas, or "none"',
  },
  idleStopMs: {
    type: 'number',
    min: 0,
    max: 3_600_000,
    fallback: 3_000,
    about: 'how long the daemon stays when nothing is mounted and nobody asks it anything',
  },
} as const satisfies Record<string, Field>

export type ConfigKey = keyof typeof SCHEMA

export type Config = { readonly [K in ConfigKey]: (typeof SCHEMA)[K]['type'] extends 'number' ? number : string }

/** The settings of a home: the file's values over the fallbacks. Fails with `invalid` naming the key and the mend. */
export function readConfig(file: string): Config {
  const stored = readStored(file)
  const values = Object.entries(SCHEMA).map(([key, field]) => [key, stored[key] ?? field.fallback])
  return Object.fromEntries(values) as Config
}

/** Whether the file sets the key, rather than leaving it to the fallback. */
export function isSet(file: string, key: ConfigKey): boolean {
  return readStored(file)[key] !== undefined
}

/** Sets one key from text; `default` takes it out. Gives the new setting. */
export async function setConfig(file: string, key: string, text: string): Promise<Setting> {
  const stored = readStored(file)
  const field = fieldOf(key, 'see "dfs config" for the keys')
  if (text === 'default') delete stored[key]
  else
    stored[key] = checkValue(
      key,
      field,
      field.type === 'number' ? parseNumber(key, field, text) : text,
      'see "dfs config"',
    )
  await writeStored(file, stored)
  return describe(key, stored[key] ?? field.fallback)
}

/** All settings, or one, with what they mean. */
export function listConfig(config: Config, key?: string): Setting[] {
  if (key !== undefined) fieldOf(key, 'see "dfs config" for the keys')
  return (Object.keys(SCHEMA) as ConfigKey[])
    .filter((name) => key === undefined || name === key)
    .map((name) => describe(name, config[name]))
}

/** Whether a change counts for a daemon that works already. Fails with `invalid` for an unknown key. */
export function countsAtOnce(key: string): boolean {
  return fieldOf(key, 'see "dfs config" for the keys').atOnce === true
}

/** Writes a config with nothing set but the device's name. */
export async function createConfig(file: string, deviceName: string | undefined): Promise<void> {
  await writeStored(
    file,
    deviceName === undefined ? {} : { deviceName: checkValue('deviceName', SCHEMA.deviceName, deviceName, '') },
  )
}

function describe(key: string, value: string | number): Setting {
  const { fallback, about } = fieldOf(key, '')
  return { key, value, fallback, about }
}

function readStored(file: string): Record<string, string | number> {
  let stored: unknown
  try {
    stored = JSON.parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw new DfsError('invalid', 'is not readable as JSON', {
      op: 'config',
      subject: file,
      mend: 'mend or remove the file',
      cause,
    })
  }
  if (typeof stored !== 'object' || stored === null || Array.isArray(stored)) {
    throw new DfsError('invalid', 'does not hold a JSON object', {
      op: 'config',
      subject: file,
      mend: 'mend or remove the file',
    })
  }
  const mend = `mend or remove it in ${file}`
  for (const [key, value] of Object.entries(stored)) checkValue(key, fieldOf(key, mend), value, mend)
  return stored as Record<string, string | number>
}

function writeStored(file: string, stored: Record<string, string | number>): Promise<void> {
  return replaceFile(file, Buffer.from(`${JSON.stringify(stored, undefined, 2)}\n`))
}

function fieldOf(key: string, mend: string): Field {
  if (Object.hasOwn(SCHEMA, key)) return SCHEMA[key as ConfigKey]
  throw new DfsError('invalid', `there is no setting "${key}"`, { op: 'config', mend })
}

function parseNumber(key: string, { unit }: NumberField, text: string): number {
  const value = unit === 'bytes' ? parseByteCount(text) : /^\d+$/.test(text) ? Number(text) : undefined
  if (value !== undefined) return value
  throw new DfsError('invalid', `"${key}" takes a whole number, not "${text}"`, {
    op: 'config',
    mend: unit === 'bytes' ? 'give bytes, or a size like 20GB or 512MiB' : 'the unit is in its name',
  })
}

function checkValue(key: string, field: Field, value: unknown, mend: string): string | number {
  if (field.type === 'number') {
    const { min, max } = field
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
    throw new DfsError('invalid', `"${key}" takes a whole number from ${min} to ${max}`, { op: 'config', mend })
  }
  const { choices } = field
  if (typeof value === 'string' && value !== '' && (choices === undefined || choices.includes(value))) return value
  const wanted = choices === undefined ? 'a text' : `one of ${choices.join(', ')}`
  throw new DfsError('invalid', `"${key}" takes ${wanted}`, { op: 'config', mend })
}
