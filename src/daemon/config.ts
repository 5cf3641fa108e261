/**
 * `config.json`: what a person may set, with one schema (`config-schema.ts`). A key names its unit; only what differs from the
 * fallback is stored. Unknown keys and values out of range are refused, never ignored.
 */
import { existsSync, readFileSync } from 'node:fs'
import { DfsError } from '../errors.ts'
import { replaceFile } from '../store/small-file.ts'
import { parseByteCount } from './byte-count.ts'
import { type Field, type NumberField, SCHEMA } from './config-schema.ts'
import type { Setting } from './control-api.ts'

export type ConfigKey = keyof typeof SCHEMA

/** What keys end with. */
const UNITS = ['Bytes', 'BytesMax', 'BytesPerSecond', 'Days', 'Minutes', 'Seconds']

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

/**
 * The key that a person means: as it is written here, or in words (`local-quota-bytes`), and without its unit where that leaves no
 * doubt (`offer`, `local-quota`). What is meant by nothing stays as it is.
 */
export function configKey(typed: string): string {
  const key = typed.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
  if (Object.hasOwn(SCHEMA, key)) return key
  const meant = Object.keys(SCHEMA).filter((one) => UNITS.some((unit) => one === key + unit))
  return meant.length === 1 ? meant[0]! : typed
}

/** Sets one key from text; `default` takes it out. Gives the new setting. */
export async function setConfig(file: string, typed: string, text: string): Promise<Setting> {
  const key = configKey(typed)
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
export function listConfig(config: Config, typed?: string): Setting[] {
  const key = typed === undefined ? undefined : configKey(typed)
  if (key !== undefined) fieldOf(key, 'see "dfs config" for the keys')
  return (Object.keys(SCHEMA) as ConfigKey[])
    .filter((name) => key === undefined || name === key)
    .map((name) => describe(name, config[name]))
}

/** Whether a change counts for a daemon that works already. Fails with `invalid` for an unknown key. */
export function countsAtOnce(key: string): boolean {
  return fieldOf(configKey(key), 'see "dfs config" for the keys').atOnce === true
}

/** Has a config be there, in which the device is called so; what else was set stays. */
export async function createConfig(file: string, deviceName: string | undefined): Promise<void> {
  const before = existsSync(file) ? readStored(file) : undefined
  if (deviceName === undefined) return before === undefined ? writeStored(file, {}) : undefined
  await writeStored(file, { ...before, deviceName: checkValue('deviceName', SCHEMA.deviceName, deviceName, '') })
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
  const { choices, form } = field
  const isRight = (text: string) => choices === undefined || choices.includes(text) || form?.matches(text) === true
  if (typeof value === 'string' && value !== '' && isRight(value)) return value
  const wanted = choices === undefined ? 'a text' : describeChoices(choices, form?.about)
  throw new DfsError('invalid', `"${key}" takes ${wanted}`, { op: 'config', mend })
}

function describeChoices(choices: readonly string[], form: string | undefined): string {
  return form === undefined ? `one of ${choices.join(', ')}` : [...choices.map((one) => `"${one}"`), form].join(' or ')
}
